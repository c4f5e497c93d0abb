// Package sqldbtest gives tests and benchmarks their databases: SQLite in a temporary
// folder, or private PostgreSQL servers on free ports. The program does not use it.
package sqldbtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"boxoffice/internal/brokertest"
	"boxoffice/internal/patience"
)

// Server is a private PostgreSQL server in a temporary folder.
type Server struct {
	Port int
	Dir  string // temporary, removed when this process ends; the cluster is in data/

	bin      string
	cred     *syscall.Credential // PostgreSQL refuses to run as root
	settings []string
	cmd      *exec.Cmd
	done     chan struct{}
	sweeper  *exec.Cmd
}

// SuperUser is the only role of these servers; it needs no password.
const SuperUser = "boxoffice"

// Fast are settings for tests of logic, which need no durability.
var Fast = []string{"fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=64MB"}

// Durable are the settings for tests of durability: a commit is on disk before it is
// acknowledged.
var Durable = []string{"fsync=on", "synchronous_commit=on", "shared_buffers=256MB", "max_wal_size=4GB"}

// Start initializes and starts a server with settings NAME=VALUE beside the
// defaults. Stop ends it; it also ends with this process.
func Start(settings ...string) (*Server, error) { return StartIn("", settings...) }

// StartIn is Start in a temporary folder within dir.
func StartIn(dir string, settings ...string) (*Server, error) {
	s, err := newServer(dir, settings)
	if err != nil {
		return nil, err
	}
	out, err := s.Command(context.Background(), "initdb", "-D", s.Data(), "-U", SuperUser, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync").CombinedOutput()
	if err != nil {
		s.Stop()
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	if err := s.Up(); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// newServer makes the folder, and starts the process that removes it.
func newServer(within string, settings []string) (*Server, error) {
	bin, err := binDir()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(within, "boxoffice-postgres-")
	if err != nil {
		return nil, err
	}
	s := &Server{Dir: dir, bin: bin, settings: settings}
	// The folder is also removed when this process is killed, since that closes the pipe
	// to the sweeper.
	s.sweeper = exec.Command("sh", "-c", `read -r _; sleep 2; rm -rf "$0"`, dir)
	s.sweeper.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if _, err := s.sweeper.StdinPipe(); err != nil {
		return nil, err
	}
	if err := s.sweeper.Start(); err != nil {
		return nil, err
	}
	if os.Getuid() == 0 {
		if err := s.becomeUser(); err != nil {
			return nil, err
		}
	}
	s.Port, err = brokertest.FreePort()
	return s, err
}

// Data is the cluster's folder.
func (s *Server) Data() string { return filepath.Join(s.Dir, "data") }

// Up starts the server, for the first time or again, and waits until it answers.
func (s *Server) Up() error {
	args := []string{"-D", s.Data(), "-p", strconv.Itoa(s.Port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=" + s.Dir, "-c", "max_connections=200"}
	for _, set := range s.settings {
		args = append(args, "-c", set)
	}
	deadline := time.Now().Add(patience.Long)
	for {
		s.cmd = s.Command(context.Background(), "postgres", args...)
		log, err := os.OpenFile(filepath.Join(s.Dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		s.cmd.Stderr = log
		if err := s.cmd.Start(); err != nil {
			return err
		}
		_ = log.Close()
		done := make(chan struct{})
		s.done = done
		go func(cmd *exec.Cmd) {
			_ = cmd.Wait() // its log says how it ended
			close(done)
		}(s.cmd)
		for {
			if s.answers() {
				return nil
			}
			if time.Now().After(deadline) {
				text, _ := os.ReadFile(filepath.Join(s.Dir, "log"))
				return fmt.Errorf("PostgreSQL does not start: %s", text)
			}
			select {
			case <-done: // processes of one that was killed may be in its way for a moment
			case <-time.After(20 * time.Millisecond):
				continue
			}
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (s *Server) answers() bool {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return false
	}
	return c.Close(ctx) == nil
}

// Kill ends all processes of the server at once, as a power cut would.
func (s *Server) Kill() {
	_ = s.cmd.Process.Signal(syscall.SIGCONT)
	_ = s.cmd.Process.Kill()
	<-s.done
}

// Running reports whether the server's main process runs.
func (s *Server) Running() bool {
	select {
	case <-s.done:
		return false
	default:
		return true
	}
}

// Signal sends a signal to the server and all its processes.
func (s *Server) Signal(sig os.Signal) error {
	out, err := exec.Command("pgrep", "-P", strconv.Itoa(s.cmd.Process.Pid)).Output()
	if err != nil {
		return fmt.Errorf("processes of PostgreSQL: %w", err)
	}
	var pid int
	for rest := string(out); rest != ""; {
		n, err := fmt.Sscan(rest, &pid)
		if n != 1 || err != nil {
			break
		}
		if p, err := os.FindProcess(pid); err == nil {
			_ = p.Signal(sig)
		}
		rest = rest[len(strconv.Itoa(pid))+1:]
	}
	return s.cmd.Process.Signal(sig)
}

// Stop ends the server and removes its folder.
func (s *Server) Stop() {
	if s.cmd != nil && s.cmd.Process != nil {
		_ = s.cmd.Process.Signal(syscall.SIGCONT)
		_ = s.cmd.Process.Signal(syscall.SIGQUIT) // at once
		<-s.done
	}
	if s.sweeper != nil {
		_ = s.sweeper.Process.Kill()
		_ = s.sweeper.Wait()
	}
	_ = os.RemoveAll(s.Dir)
}

// URL returns the URL of a database of the server.
func (s *Server) URL(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User(SuperUser), Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)), Path: database, RawQuery: "sslmode=disable"}
	return u.String()
}

// CreateDatabase creates a database as a copy of another (template1 for an empty one),
// and returns its URL.
func (s *Server) CreateDatabase(ctx context.Context, name, template string) (string, error) {
	c, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return "", err
	}
	defer c.Close(ctx)
	_, err = c.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()+" TEMPLATE "+pgx.Identifier{template}.Sanitize())
	return s.URL(name), err
}

// Standby starts a streaming standby of the server, which must allow replication.
func (s *Server) Standby(name string) (*Server, error) {
	b, err := newServer("", s.settings)
	if err != nil {
		return nil, err
	}
	b.settings = append(append([]string(nil), s.settings...), "cluster_name="+name)
	out, err := b.Command(context.Background(), "pg_basebackup", "-R", "-c", "fast", "-D", b.Data(),
		"-d", "host=127.0.0.1 port="+strconv.Itoa(s.Port)+" user="+SuperUser+" application_name="+name).CombinedOutput()
	if err != nil {
		b.Stop()
		return nil, fmt.Errorf("pg_basebackup: %w\n%s", err, out)
	}
	if err := os.Chmod(b.Data(), 0o700); err != nil {
		return nil, err
	}
	if err := b.Up(); err != nil {
		b.Stop()
		return nil, err
	}
	return b, nil
}

// Command returns a command that runs a program of PostgreSQL as the server's user in the
// server's folder.
func (s *Server) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, name), args...)
	cmd.Dir = s.Dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.cred, Pdeathsig: syscall.SIGKILL}
	return cmd
}

// PID returns the id of the server's main process; the others are its children.
func (s *Server) PID() int { return s.cmd.Process.Pid }

func binDir() (string, error) {
	if dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin"); len(dirs) > 0 {
		return dirs[len(dirs)-1], nil
	}
	if p, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(p), nil
	}
	return "", errors.New("PostgreSQL's server is missing: run scripts/setup.sh")
}

// becomeUser finds an account that PostgreSQL may run as, and gives it the folder.
func (s *Server) becomeUser() error {
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, _ := strconv.ParseUint(u.Uid, 10, 32)
		gid, _ := strconv.ParseUint(u.Gid, 10, 32)
		s.cred = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		return os.Chown(s.Dir, int(uid), int(gid))
	}
	return errors.New("there is neither a user postgres nor nobody to run PostgreSQL as")
}
