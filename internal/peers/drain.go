package peers

import (
	"context"
	"time"
)

const (
	// farewell is how long a connection that waits for its client may delay a
	// shutdown.
	farewell = 2 * time.Second
	// lastCall is how long before the end of a shutdown connections are closed whose
	// clients are still sending a request or reading slowly.
	lastCall = 2 * time.Second
	// dropEach is the interval between checks during a shutdown.
	dropEach = 100 * time.Millisecond
)

// Shutdown runs end, which shuts down the server, and meanwhile closes connections
// that delay it. Clients that send nothing, or do not read their answers, get a
// moment only; those that are still sending a request or reading slowly get until
// shortly before ctx ends.
func (p *Set) Shutdown(ctx context.Context, end func(context.Context) error) error {
	until, stop := context.WithCancel(ctx)
	dropped := make(chan struct{})
	go func() {
		defer close(dropped)
		p.dropSilent(until)
	}()
	defer func() { stop(); <-dropped }()
	return end(ctx)
}

// CloseIdle closes the connections that are idle between two requests and have not
// been handed over.
func (p *Set) CloseIdle() {
	for _, c := range p.kept() {
		if c.rests() {
			_ = c.Close()
		}
	}
}

// dropSilent closes connections that wait for their client, until ctx ends.
func (p *Set) dropSilent(ctx context.Context) {
	began := time.Now()
	end, ends := ctx.Deadline()
	tick := time.NewTicker(dropEach)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := time.Now()
		last := ends && end.Sub(now) <= lastCall
		for _, c := range p.kept() {
			c.dropSilent(began, now, last)
		}
	}
}

// dropSilent closes the connection if it has waited for its client for some time
// since the shutdown began: for the next byte or, if last is set, for the rest of
// the request.
func (c *Conn) dropSilent(began, now time.Time, last bool) {
	c.mu.Lock()
	since, patience := c.quiet, farewell
	switch {
	case since.IsZero():
		since = c.writesSince()
	case !last && since.Before(c.heard):
		since = c.heard
	}
	if last {
		patience = dropEach
	}
	if since.Before(began) && !since.IsZero() {
		since = began
	}
	silent := !since.IsZero() && now.Sub(since) >= patience
	c.closed = c.closed || silent
	c.mu.Unlock()
	if silent {
		_ = c.Close()
	}
}

// keep registers a connection until it is dropped.
func (p *Set) keep(c *Conn) {
	p.openMu.Lock()
	defer p.openMu.Unlock()
	if p.open == nil {
		p.open = map[*Conn]struct{}{}
	}
	p.open[c] = struct{}{}
}

func (p *Set) drop(c *Conn) {
	p.openMu.Lock()
	defer p.openMu.Unlock()
	delete(p.open, c)
}

// kept returns the open connections.
func (p *Set) kept() []*Conn {
	p.openMu.Lock()
	defer p.openMu.Unlock()
	list := make([]*Conn, 0, len(p.open))
	for c := range p.open {
		list = append(list, c)
	}
	return list
}
