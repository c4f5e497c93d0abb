package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/net/netutil"

	"boxoffice/internal/codec"
	"boxoffice/internal/jobs"
	"boxoffice/internal/settings"
)

// Server accepts commands.
type Server[S any] struct {
	commands Commands[S]
	services S
	log      *slog.Logger
}

// NewServer makes a server for commands that use services.
func NewServer[S any](commands Commands[S], services S, log *slog.Logger) *Server[S] {
	return &Server[S]{commands, services, log}
}

// Listen opens the socket of a folder that this process uses. It removes a socket
// left by a crashed process.
func Listen(dir string) (net.Listener, error) {
	real := filepath.Join(dir, SocketName)
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
	l.(*net.UnixListener).SetUnlinkOnClose(false) // the path may go through a descriptor
	if err := os.Chmod(real, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("socket for commands: %w", err), l.Close())
	}
	return removing{l, real}, nil
}

// removing is a socket whose file is removed when it is closed.
type removing struct {
	net.Listener
	path string
}

func (r removing) Close() error {
	err := r.Listener.Close()
	if err == nil {
		_ = os.Remove(r.path) // if that fails, the next process removes it
	}
	return err
}

const (
	mostCommands  = 8                    // at once; others wait
	askWithin     = 2 * time.Second      // between two reads of a command, which may contain files
	readWithin    = 10 * time.Second     // for the client to read a line of output
	lastWithin    = 2 * time.Second      // for the client to read the rest, once the server shuts down
	shortestPause = 5 * time.Millisecond // after a connection could not be accepted; doubled each time,
	longestPause  = time.Second          // up to this
)

// Serve takes commands from a listener until ctx ends or the listener is closed, and
// waits for the commands under way. While the process has no descriptors left it keeps
// trying, so that commands are taken as soon as it has some again.
func (s *Server[S]) Serve(ctx context.Context, from net.Listener) error {
	l := netutil.LimitListener(from, mostCommands)
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
			if err := s.Take(ctx, conn); err != nil {
				s.log.Warn("a command got no answer", "error", err)
			}
		})
	}
}

// requestReader reads a command for as long as data keeps arriving: an import is
// sent with its files.
type requestReader struct {
	conn     net.Conn
	shutdown context.Context
}

func (r requestReader) Read(b []byte) (int, error) {
	_ = r.conn.SetReadDeadline(time.Now().Add(askWithin))
	if r.shutdown.Err() != nil { // the deadline set at shutdown may just have been replaced
		return 0, r.shutdown.Err()
	}
	return r.conn.Read(b)
}

// Take runs the command that arrives over a connection, and closes the connection.
// The command is cancelled if the client closes its end.
func (s *Server[S]) Take(shutdown context.Context, conn net.Conn) error {
	defer conn.Close()
	ctx, cancel := context.WithCancel(shutdown)
	defer cancel()
	var asked request
	reading := context.AfterFunc(shutdown, func() { _ = conn.SetReadDeadline(time.Now()) }) // do not wait for a client that has not sent its request by now
	err := codec.NewDecoder(requestReader{conn, shutdown}).Decode(&asked)
	if !reading() {
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
	lines := &lineWriter{conn: conn}
	defer context.AfterFunc(shutdown, lines.last)()
	err = jobs.Catch(func() error { return s.carryOut(ctx, asked, lines) })
	var p *jobs.Panic
	if errors.As(err, &p) {
		s.log.Error("a command has failed", "command", asked.Name, "error", err, "stack", p.Stack)
	}
	end := reply{End: true}
	if err != nil {
		end.Status, end.Flag, end.Error = settings.ExitStatus(err), settings.FlagOf(err), err.Error()
	}
	return lines.send(end)
}

func (s *Server[S]) carryOut(ctx context.Context, asked request, out io.Writer) error {
	fresh, ok := s.commands[asked.Name]
	if !ok {
		return fmt.Errorf("the server is another version of boxoffice: it has no command %q", asked.Name)
	}
	c := fresh()
	if err := codec.Read(asked.Command, c); err != nil {
		return fmt.Errorf("the server is another version of boxoffice: %w", err)
	}
	s.log.Info("command", "name", asked.Name)
	return c.Do(ctx, s.services, out)
}

// lineWriter sends output as lines of JSON. A client that does not read them in time
// counts as gone. Once the server shuts down, the client has lastWithin for all
// remaining lines.
type lineWriter struct {
	conn net.Conn

	mu    sync.Mutex
	until time.Time // when the last line must have been read; zero while the server runs
}

func (w *lineWriter) Write(b []byte) (int, error) { return len(b), w.send(reply{Out: b}) }

// last starts the time limit for the remaining lines, because the server shuts down.
func (w *lineWriter) last() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.until = time.Now().Add(lastWithin)
	_ = w.conn.SetWriteDeadline(w.until) // for the line under way
}

func (w *lineWriter) send(r reply) error {
	w.mu.Lock()
	until := time.Now().Add(readWithin)
	if !w.until.IsZero() {
		until = w.until
	}
	_ = w.conn.SetWriteDeadline(until)
	w.mu.Unlock()
	err := codec.Write(w.conn, r)
	if err != nil {
		_ = w.conn.Close() // so that the command ends, and sends no other line
	}
	return err
}
