package quick

import (
	"context"
	"net/http"
	"sync"
	"time"
)

const (
	// farewell is how long a connection that waits for its client, to send or to
	// take something, holds a shutdown.
	farewell = 2 * time.Second
	// lastCall is how long before the end of a shutdown the connections end whose
	// clients still send their requests, or take their answers slowly.
	lastCall = 2 * time.Second
	// dropEach is how often connections are looked at during a shutdown.
	dropEach = 100 * time.Millisecond
)

// Drain makes connections end with their next answer.
func (d *Door) Drain() { d.draining.Store(true) }

// Shutdown ends a server that the door is attached to, once the requests under
// way are answered, or ctx ends. Clients that send nothing, or do not take their
// answers, are waited for a moment only; those that still send their requests, or
// take their answers slowly, until shortly before ctx ends.
func (d *Door) Shutdown(ctx context.Context, s *http.Server) error {
	d.Drain()
	until, stop := context.WithCancel(ctx)
	var dropping sync.WaitGroup
	dropping.Go(func() { d.dropSilent(until) })
	defer dropping.Wait()
	defer stop()
	if err := s.Shutdown(ctx); err != nil {
		return err
	}
	return d.wait(ctx)
}

// wait waits until no request is under way, once the server is shut down.
func (d *Door) wait(ctx context.Context) error {
	for d.busy.Load() > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Millisecond):
		}
	}
	return nil
}

// dropSilent closes connections that wait for their client, until ctx ends.
func (d *Door) dropSilent(ctx context.Context) {
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
		for _, c := range d.kept() {
			c.dropSilent(began, now, last)
		}
	}
}

// dropSilent closes the connection if it has waited for its client for some time
// since a shutdown began: for the next byte or, at the last call, for the rest of
// the request.
func (c *conn) dropSilent(began, now time.Time, last bool) {
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
		_ = c.Conn.Close()
	}
}

// keep remembers a connection until it is dropped.
func (d *Door) keep(c *conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open == nil {
		d.open = map[*conn]struct{}{}
	}
	d.open[c] = struct{}{}
}

func (d *Door) drop(c *conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.open, c)
}

// kept is the connections that the server has.
func (d *Door) kept() []*conn {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := make([]*conn, 0, len(d.open))
	for c := range d.open {
		list = append(list, c)
	}
	return list
}
