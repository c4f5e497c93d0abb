package sqldb

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
)

// errShut is the error of connections while PostgreSQL does not answer.
var errShut = errors.New("the database does not answer")

// gate is between a node and PostgreSQL's network address. While the watch finds the
// server dead or frozen, the gate is shut: open connections are closed, so that nobody
// waits on them, and new ones are refused at once.
type gate struct {
	dialer net.Dialer

	mu      sync.Mutex
	closed  bool
	conns   map[*gated]struct{}
	watcher *pgx.Conn // the watch's connection, which is always let through
}

func newGate() *gate {
	return &gate{dialer: net.Dialer{KeepAlive: 5 * time.Second}, conns: map[*gated]struct{}{}}
}

// gated is a connection that the gate can close.
type gated struct {
	net.Conn
	gate *gate
}

// lost marks an error of a connection to a database, to tell it from those of other
// connections and files, which may be the same values.
type lost struct{ error }

func (e lost) Unwrap() error { return e.error }

// lostBy marks what ended a connection, or why there was none. Nobody is to blame for a
// caller who does not want to wait any more.
func lostBy(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return lost{err}
}

// wire is what pgx reads messages from, and writes them to.
type wire struct {
	io.Reader
	io.Writer
}

func (w wire) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	return n, lostBy(err)
}

func (w wire) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	return n, lostBy(err)
}

// marked makes the errors of a configuration's connections recognizable.
func marked(c *pgx.ConnConfig) {
	c.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		both := wire{r, w}
		return pgproto3.NewFrontend(both, both)
	}
}

func (c *gated) Close() error {
	c.gate.mu.Lock()
	delete(c.gate.conns, c)
	c.gate.mu.Unlock()
	return c.Conn.Close()
}

func (g *gate) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	g.mu.Lock()
	closed := g.closed
	g.mu.Unlock()
	if closed {
		return nil, errShut
	}
	conn, err := g.dialer.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err // pgx makes it a ConnectError
	}
	c := &gated{conn, g}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		_ = conn.Close()
		return nil, errShut
	}
	g.conns[c] = struct{}{}
	return c, nil
}

// shut closes the gate and reports whether it was open.
func (g *gate) shut() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	was := g.closed
	g.closed = true
	for c := range g.conns {
		_ = c.Conn.Close()
		delete(g.conns, c)
	}
	return !was
}

// open opens the gate and reports whether it was shut.
func (g *gate) open() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	was := g.closed
	g.closed = false
	return was
}

// probe returns the watch's connection; only the watch uses it.
func (g *gate) probe(ctx context.Context, base *pgx.ConnConfig) (*pgx.Conn, error) {
	if g.watcher != nil {
		return g.watcher, nil
	}
	c := base.Copy()
	c.ConnectTimeout = dialPatience
	c.RuntimeParams["application_name"] = "boxoffice watch"
	conn, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		return nil, onOneLine(err)
	}
	g.watcher = conn
	return conn, nil
}

func (g *gate) dropProbe() {
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_ = g.watcher.Close(ctx)
	g.watcher = nil
}
