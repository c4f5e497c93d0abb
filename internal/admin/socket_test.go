package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"boxoffice/internal/codec"
	"boxoffice/internal/settings"
)

// scarce is a listener of a process that has no descriptors left until a time.
type scarce struct {
	until    time.Time
	conns    chan net.Conn
	accepted atomic.Int64
	ended    chan struct{}
	once     sync.Once
}

func newScarce(until time.Time) *scarce {
	return &scarce{until: until, conns: make(chan net.Conn, 2*mostCommands), ended: make(chan struct{})}
}

func (l *scarce) Accept() (net.Conn, error) {
	if time.Now().Before(l.until) {
		return nil, &net.OpError{Op: "accept", Net: "unix", Err: syscall.EMFILE}
	}
	select {
	case c := <-l.conns:
		l.accepted.Add(1)
		return c, nil
	case <-l.ended:
		return nil, net.ErrClosed
	}
}

func (l *scarce) Close() error   { l.once.Do(func() { close(l.ended) }); return nil }
func (l *scarce) Addr() net.Addr { return &net.UnixAddr{} }

// connect is a client's end of a new connection.
func (l *scarce) connect() net.Conn {
	client, server := net.Pipe()
	l.conns <- server
	return client
}

// commandsFrom takes commands from a listener until the test ends.
func commandsFrom(t *testing.T, known Commands[int], l net.Listener) {
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- NewServer(known, 0, slog.New(slog.DiscardHandler)).Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// Commands are taken within a second of when there are descriptors again, however
// long there were none.
func TestCommandsAfterAShortage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const shortage = 10*time.Minute + 300*time.Millisecond
		began := time.Now()
		l := newScarce(began.Add(shortage))
		commandsFrom(t, nil, l)
		c := l.connect()
		defer c.Close()
		_ = c.SetDeadline(began.Add(time.Hour)) // it would wait for ever
		var answer reply
		if err := json.NewEncoder(c).Encode(request{Name: "unheard of"}); err != nil {
			t.Fatal(err)
		}
		if err := json.NewDecoder(c).Decode(&answer); err != nil || !strings.Contains(answer.Error, "unheard of") {
			t.Errorf("%+v %v", answer, err)
		}
		if took := time.Since(began) - shortage; took > longestPause {
			t.Errorf("it took %v", took)
		}
	})
}

// A command that comes with large files takes its time to arrive, and is carried out
// all the same; one that does not go on is not waited for.
func TestCommandsArriveSlowly(t *testing.T) {
	for name, goesOn := range map[string]bool{"goes on": true, "stops": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newScarce(time.Time{})
				commandsFrom(t, nil, l)
				c := l.connect()
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(time.Hour))
				for _, part := range []string{`{"command":"`, "a file", "a file", "a file", `","name":"unheard of"}`} {
					if _, err := io.WriteString(c, part); err != nil {
						t.Fatal(err)
					}
					if !goesOn {
						break
					}
					time.Sleep(askWithin - time.Second)
				}
				began := time.Now()
				var answer reply
				err := json.NewDecoder(c).Decode(&answer)
				switch {
				case goesOn && (err != nil || !strings.Contains(answer.Error, "unheard of")):
					t.Errorf("%+v %v", answer, err)
				case !goesOn && (err != io.EOF || time.Since(began) != askWithin):
					t.Errorf("after %v: %+v %v", time.Since(began), answer, err)
				}
			})
		})
	}
}

// Who connects and asks for nothing keeps others waiting for two seconds only, and
// takes a few descriptors.
func TestCommandsAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newScarce(time.Time{})
		commandsFrom(t, nil, l)
		for range mostCommands + 1 {
			c := l.connect()
			defer c.Close()
		}
		synctest.Wait()
		if got := l.accepted.Load(); got != mostCommands {
			t.Errorf("%d at once", got)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if got := l.accepted.Load(); got != mostCommands+1 {
			t.Errorf("%d later", got)
		}
	})
}

// A client that asks for nothing holds no shutdown. One that reads nothing, or line by
// line as slowly as it may, holds it for a moment only, however much it is told.
func TestWhoReadsNothingHoldsNoShutdown(t *testing.T) {
	const lines = 1000
	known := Commands[int]{"chatty": func() Command[int] { n := chatty(lines); return &n }}
	for name, pause := range map[string]time.Duration{"asks for nothing": 0, "reads nothing": 0, "reads slowly": readWithin - time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newScarce(time.Time{})
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				ended := make(chan error, 1)
				go func() { ended <- NewServer(known, 0, slog.New(slog.DiscardHandler)).Serve(ctx, l) }()
				c := l.connect()
				defer c.Close()
				most := time.Duration(0)
				if name != "asks for nothing" {
					most = lastWithin
					if err := json.NewEncoder(c).Encode(request{Name: "chatty", Command: codec.Raw("0")}); err != nil {
						t.Fatal(err)
					}
				}
				var reads sync.WaitGroup
				if pause > 0 {
					reads.Go(func() {
						for from := json.NewDecoder(c); ; time.Sleep(pause) {
							var line reply
							if err := from.Decode(&line); err != nil {
								return
							}
						}
					})
				}
				time.Sleep(time.Second)
				began := time.Now()
				stop()
				select {
				case err := <-ended:
					if took := time.Since(began); took > most || err != nil {
						t.Errorf("it took %v: %v", took, err)
					}
				case <-time.After(time.Hour):
					t.Error("the shutdown waits")
				}
				_ = c.Close()
				reads.Wait()
			})
		})
	}
}

// chatty says so many lines, whatever becomes of them.
type chatty int

func (n *chatty) UnmarshalJSON([]byte) error { return nil }

func (n *chatty) Do(_ context.Context, _ int, out io.Writer) error {
	for i := range int(*n) {
		fmt.Fprintln(out, i)
	}
	return nil
}

// A command whose asker has gone is given up; one that panics ends nothing else;
// one that is not known says so, and an error names the flag that it is about.
func TestSocket(t *testing.T) {
	gone := make(chan struct{})
	dir := t.TempDir()
	l, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	known := Commands[int]{"test": func() Command[int] { return &testCommand{gone: gone} }}
	commandsFrom(t, known, l)
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan error, 1)
	begun, say := io.Pipe()
	go func() { asked <- send(ctx, dir, "test", &testCommand{Wait: true}, say) }()
	if _, err := begun.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-asked; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	select {
	case <-gone:
	case <-time.After(2 * time.Minute):
		t.Fatal("the command goes on without anybody who asks")
	}
	if err := send(t.Context(), dir, "test", &testCommand{Fails: true}, io.Discard); settings.FlagOf(err) != "--event" || settings.ExitStatus(err) != 2 {
		t.Errorf("a flag at fault: %v", err)
	}
	for name, want := range map[string]string{"test": "panic", "none": "another version"} {
		if err := send(t.Context(), dir, name, &testCommand{}, io.Discard); settings.ExitStatus(err) != 1 || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type testCommand struct {
	Wait  bool
	Fails bool
	gone  chan struct{}
}

func (c *testCommand) Do(ctx context.Context, _ int, out io.Writer) error {
	switch {
	case c.Fails:
		return settings.BadFlag("--event", "there is no such event")
	case !c.Wait:
		panic("oh")
	}
	fmt.Fprint(out, "x")
	<-ctx.Done()
	close(c.gone)
	return ctx.Err()
}
