package rush

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// counted counts what comes over a connection.
type counted struct {
	net.Conn
	read *atomic.Int64
}

func (c counted) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.read.Add(int64(n))
	return n, err
}

// browser is a client like a new device's browser, which takes compressed answers, and counts
// what comes over the wire.
func browser() (*http.Client, *atomic.Int64) {
	read := &atomic.Int64{}
	d := net.Dialer{}
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := d.DialContext(ctx, network, addr)
		return counted{conn, read}, err
	}}}, read
}

// coldSync measures what a new device reads, before anybody has scanned: the first one alone,
// then all gates at the same time.
func (e *evening) coldSync(ctx context.Context) error {
	r := &e.report
	first, read := browser()
	defer first.CloseIdleConnections()
	began := time.Now()
	if err := e.fetch(ctx, first, e.gates[0], "/door/list"); err != nil {
		return err
	}
	r.ListMs, r.ListBytes = ms(time.Since(began)), read.Load()
	began = time.Now()
	if err := e.fetch(ctx, first, e.gates[0], "/door", "/events/"+e.hall.event+"/plan?drawn=false", "/door/scans"); err != nil {
		return err
	}
	r.SyncMs, r.SyncBytes = round1(r.ListMs+ms(time.Since(began))), read.Load()
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	for _, g := range e.gates {
		group.Go(func() error {
			cl, _ := browser()
			defer cl.CloseIdleConnections()
			began := time.Now()
			err := e.fetch(ctx, cl, g, "/door", "/door/list", "/events/"+e.hall.event+"/plan?drawn=false", "/door/scans")
			mu.Lock()
			defer mu.Unlock()
			r.SyncAll = max(r.SyncAll, ms(time.Since(began)))
			return err
		})
	}
	return group.Wait()
}

func (e *evening) fetch(ctx context.Context, cl *http.Client, g *gate, paths ...string) error {
	for _, path := range paths {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.house.opts.Target[0]+path, nil)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+g.link.token)
		res, err := cl.Do(req)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if err == nil && res.StatusCode != http.StatusOK {
			err = fmt.Errorf("GET %s: status %d", path, res.StatusCode)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
