package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/net/netutil"

	"boxoffice/internal/jobs"
)

// socketName is the Unix socket in the embedded folder, for its owner only, over
// which a server takes commands while it has the database. One connection is one
// command: a line of JSON there, lines of JSON back, the last of which says how
// it ended.
const socketName = "boxoffice.sock"

// asked is the line that asks for a command.
type asked struct {
	Name    string          `json:"name"`
	Command json.RawMessage `json:"command"`
}

// told is a line that comes back: output, or the end.
type told struct {
	Out    []byte `json:"out,omitempty"`
	End    bool   `json:"end,omitempty"`
	Status int    `json:"status,omitempty"`
	Flag   string `json:"flag,omitempty"` // that the error is about
	Error  string `json:"error,omitempty"`
}

// errNobody says that no server takes commands for a folder.
var errNobody = errors.New("no server takes commands here")

// send has the server on a folder carry out a command.
func send(ctx context.Context, dir, name string, c command, out io.Writer) error {
	raw, err := json.Marshal(c)
	if err != nil {
		return err
	}
	path, done, err := socketPath(dir)
	if err != nil {
		return err
	}
	defer done()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return errNobody
	}
	if err != nil {
		return fmt.Errorf("ask the server on %s: %w", dir, err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if err := json.NewEncoder(conn).Encode(asked{name, raw}); err != nil {
		return fmt.Errorf("ask the server on %s: %w", dir, err)
	}
	for from := json.NewDecoder(conn); ; {
		var t told
		if err := from.Decode(&t); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("the server on %s has not said how the command ended: %w", dir, err)
		}
		if _, err := out.Write(t.Out); err != nil {
			return err
		}
		if t.End {
			return remote(t)
		}
	}
}

// remote is the error of a command that another process has carried out.
func remote(t told) error {
	if t.Status == 0 {
		return nil
	}
	return exit{t.Status, t.Flag, errors.New(t.Error)}
}

// socket takes commands for a folder.
type socket struct {
	p        *Parts
	log      *slog.Logger
	commands map[string]func() command // that it takes, by name
	l        net.Listener
	path     string
}

// listenFor opens the socket of a folder that this process has. What a crash
// left there goes.
func listenFor(dir string, p *Parts, log *slog.Logger) (*socket, error) {
	real := filepath.Join(dir, socketName)
	if err := os.Remove(real); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("socket for commands: %w", err)
	}
	path, done, err := socketPath(dir)
	if err != nil {
		return nil, fmt.Errorf("socket for commands: %w", err)
	}
	defer done()
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("socket for commands: %w", err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // the path may be a detour
	if err := os.Chmod(real, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("socket for commands: %w", err), l.Close())
	}
	return &socket{p, log, commands, l, real}, nil
}

const (
	mostCommands  = 8                    // at once; others wait
	askWithin     = 2 * time.Second      // is heard of again, until it is said which one: files come with it
	readWithin    = 10 * time.Second     // reads what it is told
	lastWithin    = 2 * time.Second      // reads the rest of it, once the server shuts down
	shortestPause = 5 * time.Millisecond // after a connection could not be accepted: twice as long each time,
	longestPause  = time.Second          // up to this
)

// run serves until ctx ends, and waits for the commands under way. While the
// process has no descriptors left it tries again, so that commands are taken as
// soon as it has.
func (s *socket) run(ctx context.Context) error {
	l := netutil.LimitListener(s.l, mostCommands)
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	var running sync.WaitGroup
	defer running.Wait()
	for pause := shortestPause; ; {
		conn, err := l.Accept()
		if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
			if err == nil {
				_ = conn.Close()
			}
			return nil
		}
		if err != nil {
			if pause == shortestPause {
				s.log.Warn("the socket for commands accepts no connections just now", "error", err)
			}
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(pause):
			}
			pause = min(2*pause, longestPause)
			continue
		}
		pause = shortestPause
		running.Go(func() {
			if err := s.serve(ctx, conn); err != nil {
				s.log.Warn("a command got no answer", "error", err)
			}
		})
	}
}

func (s *socket) close() {
	_ = s.l.Close()
	_ = os.Remove(s.path) // another one takes it away when it starts
}

// TakeCommand carries out the command that comes over a connection, as one to the
// socket of the embedded folder, and closes it.
func (n *Node) TakeCommand(ctx context.Context, conn net.Conn) error {
	return (&socket{p: n.Parts, log: n.log, commands: commands}).serve(ctx, conn)
}

// asker reads what a client asks for, however long that takes, while it goes on: an
// import is sent with its files.
type asker struct {
	conn     net.Conn
	shutdown context.Context
}

func (a asker) Read(b []byte) (int, error) {
	_ = a.conn.SetReadDeadline(time.Now().Add(askWithin))
	if a.shutdown.Err() != nil { // its deadline may be the one that was replaced
		return 0, a.shutdown.Err()
	}
	return a.conn.Read(b)
}

// serve carries out one command. It ends with the connection: nothing more is done
// for a client that has given up.
func (s *socket) serve(shutdown context.Context, conn net.Conn) error {
	defer conn.Close()
	ctx, cancel := context.WithCancel(shutdown)
	defer cancel()
	var a asked
	asking := context.AfterFunc(shutdown, func() { _ = conn.SetReadDeadline(time.Now()) }) // a client that has not asked by then is not waited for
	err := json.NewDecoder(asker{conn, shutdown}).Decode(&a)
	if !asking() {
		return nil
	}
	if err != nil {
		return err
	}
	_ = conn.SetReadDeadline(time.Time{})
	go func() {
		_, _ = io.Copy(io.Discard, conn) // until it is closed, by them or by us
		cancel()
	}()
	lines := &lineWriter{conn: conn, to: json.NewEncoder(conn)}
	defer context.AfterFunc(shutdown, lines.last)()
	err = jobs.Catch(func() error { return s.carryOut(ctx, a, lines) })
	var p *jobs.Panic
	if errors.As(err, &p) {
		s.log.Error("a command has failed", "command", a.Name, "error", err, "stack", p.Stack)
	}
	end := told{End: true}
	if err != nil {
		end.Status, end.Flag, end.Error = ExitStatus(err), FlagOf(err), err.Error()
	}
	return lines.send(end)
}

func (s *socket) carryOut(ctx context.Context, a asked, out io.Writer) error {
	fresh, ok := s.commands[a.Name]
	if !ok {
		return fmt.Errorf("the server is another version of boxoffice: it has no command %q", a.Name)
	}
	c := fresh()
	from := json.NewDecoder(bytes.NewReader(a.Command))
	from.DisallowUnknownFields()
	if err := from.Decode(c); err != nil {
		return fmt.Errorf("the server is another version of boxoffice: %w", err)
	}
	s.log.Info("command", "name", a.Name)
	return c.do(ctx, s.p, out)
}

// lineWriter sends output as lines of JSON. A client that does not read them has given
// up. Once the server shuts down, all of them together are waited for no longer than
// lastWithin.
type lineWriter struct {
	conn net.Conn
	to   *json.Encoder

	mu    sync.Mutex
	until time.Time // the last line must be read; the zero value while the server runs
}

func (w *lineWriter) Write(b []byte) (int, error) { return len(b), w.send(told{Out: b}) }

// last says that the server shuts down.
func (w *lineWriter) last() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.until = time.Now().Add(lastWithin)
	_ = w.conn.SetWriteDeadline(w.until) // of the line that is under way
}

func (w *lineWriter) send(t told) error {
	w.mu.Lock()
	until := time.Now().Add(readWithin)
	if !w.until.IsZero() {
		until = w.until
	}
	_ = w.conn.SetWriteDeadline(until)
	w.mu.Unlock()
	err := w.to.Encode(t)
	if err != nil {
		_ = w.conn.Close() // so that the command ends, and no other line is waited for
	}
	return err
}

// longestPath is what fits into the address of a Unix socket (sun_path), on all
// systems.
const longestPath = 103

// socketPath is the address of a folder's socket. Where the path is too long for
// one, Linux has a detour by the folder's descriptor, which done closes.
func socketPath(dir string) (path string, done func(), err error) {
	path = filepath.Join(dir, socketName)
	if len(path) <= longestPath {
		return path, func() {}, nil
	}
	if runtime.GOOS != "linux" {
		return "", nil, fmt.Errorf("the path %s is too long for a socket", path)
	}
	f, err := os.Open(dir)
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", f.Fd(), socketName), func() { _ = f.Close() }, nil
}
