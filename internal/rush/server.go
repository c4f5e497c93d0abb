package rush

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// server is a node that rush has started.
type server struct {
	cmd  *exec.Cmd
	url  string
	ops  string // where its metrics are
	log  tail
	done chan struct{}
}

// tail keeps the end of a process's output.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, b...)
	if len(t.buf) > 8192 {
		t.buf = append([]byte(nil), t.buf[len(t.buf)-4096:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.buf))
}

// startServer runs "serve" of this program and waits until it is ready.
func startServer(ctx context.Context, addr, ops string, args []string) (*server, error) {
	return launch(ctx, append([]string{"serve", "--addr", addr, "--ops-addr", ops, "--loopback-factor", "1000"}, args...))
}

// launch runs a command of this program that serves, and waits until it is ready.
func launch(ctx context.Context, args []string) (*server, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("start server: %w", err)
	}
	s := &server{cmd: exec.Command(exe, args...), done: make(chan struct{})}
	s.cmd.Stderr = &s.log
	s.cmd.Env = bare(os.Environ())
	killWithParent(s.cmd)
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start server: %w", err)
	}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start server: %w", err)
	}
	ready := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if url, ok := strings.CutPrefix(lines.Text(), "metrics and profiles on "); ok {
				s.ops = url // known before it is ready
			}
			if url, ok := strings.CutPrefix(lines.Text(), "listening on "); ok {
				ready <- url
			}
		}
		_ = s.cmd.Wait() // its log shows how it ended
		close(s.done)
	}()
	select {
	case s.url = <-ready:
		return s, nil
	case <-s.done:
		return nil, fmt.Errorf("the server ended at once: %s", s.log.String())
	case <-ctx.Done():
		s.kill()
		return nil, ctx.Err()
	case <-time.After(30 * time.Second):
		s.kill()
		return nil, fmt.Errorf("the server is not ready after 30 s: %s", s.log.String())
	}
}

// bare returns an environment without this program's variables, which are meant for
// the rehearsal or for another server.
func bare(environ []string) []string {
	return slices.DeleteFunc(environ, func(v string) bool { return strings.HasPrefix(v, "BOXOFFICE_") })
}

func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	<-s.done
}

// stop lets the server drain.
func (s *server) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop server: %w", err)
	}
	select {
	case <-s.done:
		return nil
	case <-time.After(40 * time.Second):
		s.kill()
		return errors.New("the server did not stop within 40 s")
	}
}

// start starts the servers, side by side.
func (r *rehearsal) start(ctx context.Context) error {
	r.servers = make([]*server, r.opts.Nodes)
	var g errgroup.Group
	for i := range r.servers {
		g.Go(func() (err error) {
			r.servers[i], err = startServer(ctx, "127.0.0.1:0", "127.0.0.1:0", r.flags())
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, s := range r.servers {
		r.opts.Target = append(r.opts.Target, s.url)
	}
	return nil
}

// again kills a server, or lets it drain, and starts it again at the same addresses.
func (r *rehearsal) again(ctx context.Context, i int, kill bool) (err error) {
	old := r.servers[i]
	if kill {
		old.kill()
	} else if err := old.stop(); err != nil {
		return err
	}
	r.servers[i], err = startServer(ctx, strings.TrimPrefix(old.url, "http://"), strings.TrimPrefix(old.ops, "http://"), r.flags())
	if err != nil {
		r.servers[i] = old
	}
	return err
}

// flags are those of the servers that this starts.
func (r *rehearsal) flags() []string {
	flags := slices.Clone(r.db.Flags)
	for _, u := range r.opts.NatsURL {
		flags = append(flags, "--nats-url", u)
	}
	payments := "sandbox"
	if r.gateway != nil {
		payments = r.gateway.flag()
	}
	flags = append(flags, "--payments", payments)
	if r.mails != nil {
		flags = append(flags, "--smtp-url", r.mails.url())
	}
	return flags
}

// stop lets the servers drain.
func (r *rehearsal) stop() error {
	var g errgroup.Group
	for _, s := range r.servers {
		g.Go(s.stop)
	}
	return g.Wait()
}

func (r *rehearsal) kill() {
	for _, s := range r.servers {
		if s != nil {
			s.kill()
		}
	}
}
