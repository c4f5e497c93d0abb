package quick

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const held = "GET /echo/held HTTP/1.1\r\nHost: x\r\n\r\n"

// client reads answers, one by one.
type client struct {
	*wire
	in *bufio.Reader
}

func (s *stage) client() *client {
	return newClient(s.connect())
}

func newClient(w *wire) *client { return &client{w, bufio.NewReader(w)} }

func (c *client) ask(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

// answered reads an answer, and says whether it ends the connection.
func (c *client) answered(t *testing.T) (last bool) {
	t.Helper()
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(res.Body); err != nil || res.StatusCode != http.StatusOK {
		t.Fatal(res.Status, err)
	}
	return res.Close
}

// over fails unless the server has ended the connection, with nothing more said.
func (c *client) over(t *testing.T) {
	t.Helper()
	if b, err := io.ReadAll(c.in); err != nil || len(b) > 0 {
		t.Errorf("%q, %v", b, err)
	}
	_ = c.Close()
}

// shut ends a server, and says how long that took.
func (s *stage) shut(ctx context.Context) (time.Duration, error) {
	start := time.Now()
	err := s.door.Shutdown(ctx)
	return time.Since(start), err
}

// bubble runs a test with a server that has a door.
func bubble(t *testing.T, test func(t *testing.T, s *stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(true)
		defer s.listener.Close()
		test(t, s)
		synctest.Wait()
		if n := s.door.own.Load(); n != 0 {
			t.Errorf("%d connections are still open", n)
		}
	})
}

// A connection on which nothing is under way is closed at once, whatever it was
// used for. One that is new gets its five seconds, as from net/http alone, if all
// that it had were short ones.
func TestShutdownClosesIdleConnections(t *testing.T) {
	for _, c := range []struct {
		name, before string
		age, most    time.Duration
	}{
		{"short", get, 6 * time.Second, time.Second},
		{"long", page, 0, time.Second},
		{"mixed", page + get, 0, time.Second},
		{"new", get, 0, 7 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *stage) {
				one := s.client()
				one.ask(t, c.before)
				for range strings.Count(c.before, "HTTP") {
					one.answered(t)
				}
				synctest.Wait()
				time.Sleep(c.age)
				if took, err := s.shut(t.Context()); err != nil || took > c.most {
					t.Errorf("%v, %v", took, err)
				}
				one.over(t)
			})
		})
	}
}

// A request that is under way when the server is shut down is answered, whole,
// and waited for; whether net/http takes its connection to be new, idle, or knows.
func TestShutdownWaitsForAnswers(t *testing.T) {
	for name, before := range map[string][]string{"new": nil, "after a short one": {get}, "after a long one": {page}, "long": {"long"}} {
		for _, age := range []time.Duration{0, 10 * time.Second} {
			t.Run(name+", "+age.String(), func(t *testing.T) {
				bubble(t, func(t *testing.T, s *stage) {
					one, request := s.client(), held
					for _, text := range before {
						if text == "long" {
							request = strings.Replace(held, "Host", "TE: trailers\r\nHost", 1)
							continue
						}
						one.ask(t, text)
						one.answered(t)
					}
					time.Sleep(age / 2)
					one.ask(t, request)
					time.Sleep(age / 2)
					synctest.Wait()
					done := make(chan error)
					go func() { _, err := s.shut(context.Background()); done <- err }()
					time.Sleep(20 * time.Second)
					select {
					case <-done:
						t.Fatal("nobody waits for the answer")
					default:
					}
					close(s.hold)
					one.answered(t)
					one.over(t)
					if err := <-done; err != nil {
						t.Error(err)
					}
				})
			})
		}
	}
}

// Who waits for requests under way does not do so for ever.
func TestWaitEnds(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		one := s.client()
		one.ask(t, held)
		time.Sleep(10 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if took, err := s.shut(ctx); !errors.Is(err, context.DeadlineExceeded) || took != 10*time.Second {
			t.Errorf("%v, %v", took, err)
		}
		close(s.hold)
		one.answered(t)
		one.over(t)
	})
}

// A server that drains ends connections with their next answers, and says so.
func TestDrain(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		idle, busy, mixed := s.client(), s.client(), s.client()
		idle.ask(t, get)
		idle.answered(t)
		mixed.ask(t, page+get)
		mixed.answered(t)
		if mixed.answered(t) {
			t.Error("not yet")
		}
		busy.ask(t, held)
		synctest.Wait()
		s.door.Drain()
		close(s.hold)
		busy.answered(t)
		for _, one := range []*client{idle, busy, mixed} {
			one.ask(t, post)
			if !one.answered(t) {
				t.Error("the answer does not say that the connection ends")
			}
			one.over(t)
		}
		if took, err := s.shut(t.Context()); err != nil || took > time.Second {
			t.Errorf("%v, %v", took, err)
		}
	})
}

// What comes on a connection just when it is closed is not begun.
func TestClosedConnectionTakesNothing(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		client, server := wires()
		read := 0
		s.listener.conns <- readThen{server, func() {
			if read++; read == 2 {
				s.set.CloseIdle()
			}
		}}
		one := newClient(client)
		one.ask(t, get)
		one.answered(t)
		one.ask(t, get)
		one.over(t)
		if s.short != 1 {
			t.Errorf("%d were answered", s.short)
		}
	})
}

// readThen is a connection that does something when it has been read.
type readThen struct {
	net.Conn
	then func()
}

func (r readThen) Read(p []byte) (int, error) {
	defer r.then()
	return r.Conn.Read(p)
}

// A client that does not read its answers is let go.
func TestAnswersThatNobodyReads(t *testing.T) {
	for _, before := range []string{"", get, page, get + page, page + get} {
		bubble(t, func(t *testing.T, s *stage) {
			one := s.client()
			if before != "" {
				one.ask(t, before)
			}
			for range strings.Count(before, "HTTP") {
				one.answered(t)
			}
			time.Sleep(5 * time.Second)
			one.ask(t, get)
			synctest.Wait()
			if want := strings.Count(before, "HTTP") + 1; len(s.seen) != want {
				t.Errorf("%q: %d of %d requests were answered", before, len(s.seen), want)
			}
			time.Sleep(idleTime + time.Second)
			one.over(t) // on either side: own does not count connections that were handed over
			synctest.Wait()
			if s.door.own.Load() != 0 {
				t.Error("somebody still waits")
			}
		})
	}
}

// An operation that panics breaks its connection off, as net/http does, and
// leaves nothing behind.
func TestPanic(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		answer := s.door.Answer
		s.door.Answer = func(q *Request, out []byte) ([]byte, bool) {
			if q.Method == http.MethodPost {
				panic("help")
			}
			return answer(q, out)
		}
		one := s.client()
		one.ask(t, get+post)
		one.answered(t)
		one.over(t)
		if took, err := s.shut(t.Context()); err != nil || took > time.Second {
			t.Errorf("%v, %v", took, err)
		}
	})
}

// A handler's own deadlines are as it sets them.
func TestDeadlinesOfHandlers(t *testing.T) {
	for _, before := range []string{"", get, page, page + get} {
		bubble(t, func(t *testing.T, s *stage) {
			long := s.Handler
			s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodPost {
					long.ServeHTTP(w, r)
					return
				}
				start := time.Now()
				if err := http.NewResponseController(w).SetReadDeadline(start.Add(time.Second)); err != nil {
					t.Error(err)
				}
				if _, err := io.ReadAll(r.Body); err == nil || time.Since(start) != time.Second {
					t.Errorf("%v after %v", err, time.Since(start))
				}
			})
			one := s.client()
			for i := range strings.Count(before, "HTTP") {
				if i == 0 {
					one.ask(t, before)
				}
				one.answered(t)
			}
			time.Sleep(5 * time.Second)
			one.ask(t, "POST /form HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n")
			one.answered(t)
			one.over(t)
		})
	}
}

// Who waits for an answer hears that its client has gone, unless that has asked
// for more first: then it wants to be answered.
func TestClientsThatLeave(t *testing.T) {
	for _, c := range []struct {
		text, more string
		left       bool
	}{{page, "", true}, {get + page, "", true}, {page, get, false}, {page, page, false}, {get + page, get + get, false}, {page, "x", false}} {
		for _, withDoor := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(withDoor)
				defer s.listener.Close()
				long, left := s.Handler, false
				s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/page" && !left {
						<-s.hold
						left = r.Context().Err() != nil
					}
					long.ServeHTTP(w, r)
				})
				one := s.client()
				go io.Copy(io.Discard, one.in) //nolint:errcheck // it ends with the connection
				one.ask(t, c.text)
				synctest.Wait()
				go func() {
					if c.more != "" {
						_, _ = io.WriteString(one, c.more)
					}
					_ = one.CloseWrite()
				}()
				synctest.Wait()
				s.hold <- struct{}{}
				close(s.hold)
				synctest.Wait()
				if left != c.left || len(s.seen) != strings.Count(c.text+c.more, "HTTP") {
					t.Errorf("%q, %q, door %v: left %v, saw %q", c.text, c.more, withDoor, left, s.seen)
				}
				_ = one.Close()
			})
		}
	}
}

// A connection that was handed over has no deadline left from the fast path, and
// nothing on it is answered there any more.
func TestHandOver(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		s.WriteTimeout, s.ReadTimeout = 0, 0
		one := s.client()
		one.ask(t, get)
		one.answered(t)
		time.Sleep(idleTime - time.Second)
		one.ask(t, strings.Replace(held, "Host", "TE: trailers\r\nHost", 1))
		time.Sleep(time.Hour)
		close(s.hold)
		one.answered(t)
		for range 3 {
			one.ask(t, get)
			one.answered(t)
		}
		if s.short != 1 {
			t.Errorf("%d were answered on the fast path", s.short)
		}
		_ = one.Close()
	})
}

// A listener that fails for a moment, as without descriptors, ends nothing; one that
// fails for good ends the server.
func TestListenersThatFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{}
		server := &http.Server{Handler: s, ReadHeaderTimeout: headTime, IdleTimeout: idleTime, ErrorLog: log.New(io.Discard, "", 0)}
		s.door = &Door{Answer: s.answer}
		s.door.Attach(server, &s.set)
		s.door.Add(operation("GET", "/echo/{id}"))
		fails := &failing{&wireListener{conns: make(chan net.Conn), ended: make(chan struct{})}, make(chan error)}
		ended := make(chan error)
		go func() { ended <- s.door.Serve(fails) }()
		for range 3 {
			fails.errs <- passing{}
		}
		client, conn := wires()
		fails.conns <- conn
		one := newClient(client)
		one.ask(t, get+page)
		one.answered(t)
		one.answered(t)
		_ = one.Close()
		fails.errs <- io.ErrUnexpectedEOF
		if err := <-ended; !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Error(err)
		}
	})
}

type failing struct {
	*wireListener
	errs chan error
}

func (f *failing) Accept() (net.Conn, error) {
	select {
	case err := <-f.errs:
		return nil, err
	case c := <-f.conns:
		return c, nil
	case <-f.ended:
		return nil, net.ErrClosed
	}
}

// passing is an error that passes.
type passing struct{}

func (passing) Error() string   { return "too many open files" }
func (passing) Timeout() bool   { return false }
func (passing) Temporary() bool { return true }
