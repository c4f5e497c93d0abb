package sqldb

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// errShut is what connections get while PostgreSQL does not answer.
var errShut = errors.New("the database does not answer")

// gate stands between a node and PostgreSQL's network address. While the watch
// finds the server dead or frozen the gate is shut: connections that are open
// are closed, so that nobody waits on them, and new ones are refused at once.
type gate struct {
	dialer net.Dialer

	mu      sync.Mutex
	closed  bool
	conns   map[*gated]struct{}
	watcher *pgx.Conn // the watch's own, which the gate lets through
}

func newGate() *gate {
	return &gate{dialer: net.Dialer{KeepAlive: 5 * time.Second}, conns: map[*gated]struct{}{}}
}

// gated is a connection that the gate knows of.
type gated struct {
	net.Conn
	gate *gate
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
		return nil, err
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

// probe is the watch's connection; only the watch uses it.
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
