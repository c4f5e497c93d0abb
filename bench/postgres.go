package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// postgres is a private server in a temporary folder.
type postgres struct {
	bin, dir string
	port     int
	cred     *syscall.Credential // PostgreSQL refuses to run as root
	cmd      *exec.Cmd
}

// The textbook way to sell a seat: lock it, look, sell it, note the booking.
const schema = `
CREATE TABLE seats (id BIGINT PRIMARY KEY, status TEXT NOT NULL DEFAULT 'free', user_id BIGINT);
CREATE TABLE bookings (id BIGSERIAL PRIMARY KEY, seat_id BIGINT NOT NULL REFERENCES seats (id), user_id BIGINT NOT NULL, created_at TIMESTAMPTZ NOT NULL DEFAULT now());
INSERT INTO seats (id) SELECT generate_series(1, 20000);
VACUUM ANALYZE seats;
`

const textbook = `\set seat random(1, 20000)
\set user random(1, 10000)
BEGIN;
SELECT status FROM seats WHERE id = :seat FOR UPDATE;
UPDATE seats SET status = 'sold', user_id = :user WHERE id = :seat;
INSERT INTO bookings (seat_id, user_id) VALUES (:seat, :user);
COMMIT;
`

func binDir() (string, error) {
	if dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin"); len(dirs) > 0 {
		return dirs[len(dirs)-1], nil
	}
	if p, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(p), nil
	}
	return "", errors.New("PostgreSQL's server is missing: run scripts/setup.sh")
}

// startPostgres initializes and starts a server with its default durability:
// fsync and synchronous_commit on.
func startPostgres(ctx context.Context) (*postgres, error) {
	bin, err := binDir()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "boxoffice-bench-pg-")
	if err != nil {
		return nil, err
	}
	p := &postgres{bin: bin, dir: dir}
	if os.Getuid() == 0 {
		if err := p.becomeUser(); err != nil {
			return nil, err
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p.port = l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	if out, err := p.command(ctx, "initdb", "-D", data, "-U", "bench", "-A", "trust", "--no-sync").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	p.cmd = p.command(context.Background(), "postgres", "-D", data, "-p", strconv.Itoa(p.port), "-c", "listen_addresses=127.0.0.1",
		"-c", "unix_socket_directories="+dir, "-c", "shared_buffers=256MB", "-c", "max_wal_size=2GB", "-c", "fsync=on", "-c", "synchronous_commit=on")
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	for range 100 {
		if p.command(ctx, "psql", p.args("-c", "SELECT 1")...).Run() == nil {
			return p, p.prepare(ctx)
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil, errors.New("PostgreSQL does not start")
}

// becomeUser finds an account that PostgreSQL may run as, and gives it the folder.
func (p *postgres) becomeUser() error {
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		p.cred = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		return os.Chown(p.dir, uid, gid)
	}
	return errors.New("there is neither a user postgres nor nobody to run PostgreSQL as")
}

func (p *postgres) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(p.bin, name), args...)
	cmd.Dir = p.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.cred, Pdeathsig: syscall.SIGKILL}
	return cmd
}

func (p *postgres) args(more ...string) []string {
	return append([]string{"-h", "127.0.0.1", "-p", strconv.Itoa(p.port), "-U", "bench", "-d", "postgres"}, more...)
}

func (p *postgres) prepare(ctx context.Context) error {
	for _, s := range strings.Split(strings.TrimSpace(schema), "\n") {
		if out, err := p.command(ctx, "psql", p.args("-v", "ON_ERROR_STOP=1", "-q", "-c", s)...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", s, err, out)
		}
	}
	return os.WriteFile(filepath.Join(p.dir, "textbook.sql"), []byte(textbook), 0o644)
}

var tps = regexp.MustCompile(`(?m)^tps = ([0-9.]+)`)

// run measures the textbook transaction with a number of clients, per second.
// The protocol is pgbench's: simple, its default, or prepared.
func (p *postgres) run(ctx context.Context, protocol string, clients int, d time.Duration) (float64, error) {
	out, err := p.command(ctx, "pgbench", "-h", "127.0.0.1", "-p", strconv.Itoa(p.port), "-U", "bench", "-n", "-M", protocol,
		"-f", filepath.Join(p.dir, "textbook.sql"), "-c", strconv.Itoa(clients), "-j", "2", "-T", strconv.Itoa(int(d.Seconds())), "postgres").CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("pgbench: %w\n%s", err, out)
	}
	m := tps.FindSubmatch(out)
	if m == nil {
		return 0, fmt.Errorf("pgbench says no tps:\n%s", out)
	}
	return strconv.ParseFloat(string(m[1]), 64)
}

// stop ends the server by its process id and removes its folder.
func (p *postgres) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGINT) // fast shutdown
	_ = p.cmd.Wait()
	_ = os.RemoveAll(p.dir)
}
