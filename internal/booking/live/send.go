package live

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"boxoffice/internal/jobs"
	"boxoffice/internal/peers"
)

// How frames are sent to many viewers. A round serves all viewers in parts, and pauses
// between the parts to leave CPU time for purchases.
const (
	lookEvery    = time.Second            // how often closed connections are looked for
	aliveEvery   = 15 * time.Second       // maximum silence, so that proxies keep the connection open
	writeTimeout = 10 * time.Second       // a viewer who takes longer to read is disconnected
	partSize     = 64                     // viewers served without a pause
	restFactor   = 2                      // how many times as long as the work before it a pause takes
	roundMost    = 350 * time.Millisecond // pauses are shortened where a round would take longer
	sendBuffer   = 64 << 10               // bytes buffered in the kernel for a slow viewer
	greeting     = "retry: 2000\n\n"      // ms until a viewer reconnects
)

// watcher is a viewer's connection, taken over from net/http, where it would cost two
// goroutines and three buffers. Here it needs none: the feed's goroutine writes to all
// viewers and never waits for one.
type watcher struct {
	conn net.Conn
	raw  syscall.RawConn // nil: cannot write without waiting, so each write gets a goroutine
	seq  int64           // version last sent; only for the feed's goroutine
	busy atomic.Bool     // a goroutine writes what the socket did not take at once
	gone atomic.Bool

	patience time.Duration // with a viewer who does not read
}

// admit takes over the connection of a client who has joined a feed, and sends what a
// viewer at version seq needs. An error means that nothing was written. A client who
// does not become a viewer leaves the feed, even after a panic.
//
// The answer ends with the connection (RFC 9112, section 6.3, rule 8), so that
// the same bytes do for HTTP/1.0, which nginx speaks by default, and HTTP/1.1.
func (fs *Feeds) admit(f *feed, w http.ResponseWriter, r *http.Request, seq int64) error {
	added := false
	defer func() {
		if !added {
			fs.leave(f, 1)
		}
	}()
	text, at := f.since(seq)
	conn, _, err := http.NewResponseController(w).Hijack()
	switch {
	case errors.Is(err, http.ErrNotSupported):
		f.relay(w, r, at, append([]byte(greeting), text...), &added)
		return nil
	case err != nil:
		return fmt.Errorf("live feed: %w", err)
	}
	defer func() {
		if !added {
			_ = conn.Close()
		}
	}()
	one := f.watcher(peers.Bare(conn), at)
	h := w.Header()
	h.Set("Connection", "close")
	h.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	var head bytes.Buffer
	head.WriteString("HTTP/1.1 200 OK\r\n")
	_ = h.Write(&head) // writing to a buffer cannot fail
	head.WriteString("\r\n" + greeting)
	one.push(head.Bytes(), text)
	added = f.add(one)
	return nil
}

func (f *feed) watcher(conn net.Conn, seq int64) *watcher {
	w := &watcher{conn: conn, seq: seq, patience: f.patience}
	if c, ok := conn.(syscall.Conn); ok {
		w.raw, _ = c.SyscallConn() // nil with an error
	}
	if c, ok := conn.(interface{ SetWriteBuffer(bytes int) error }); ok {
		_ = c.SetWriteBuffer(sendBuffer) // works without it, too
	}
	return w
}

// relay serves a viewer whose connection cannot be taken over, as in HTTP/2, until the
// viewer leaves.
func (f *feed) relay(w http.ResponseWriter, r *http.Request, at int64, text []byte, added *bool) {
	in, out := net.Pipe()
	defer context.AfterFunc(r.Context(), func() { _ = in.Close() })()
	w.WriteHeader(http.StatusOK)
	one := f.watcher(out, at)
	if *added = f.add(one); !*added {
		return
	}
	defer func() {
		_ = in.Close()
		one.gone.Store(true)
		f.wake()
	}()
	rc, buf := http.NewResponseController(w), make([]byte, 4<<10)
	for {
		_ = rc.SetWriteDeadline(time.Now().Add(f.patience)) // not every writer supports deadlines
		_, err := w.Write(text)
		if err = errors.Join(err, rc.Flush()); err != nil {
			return
		}
		n, err := in.Read(buf)
		if err != nil {
			return
		}
		text = buf[:n]
	}
}

// add adds a viewer to the feed, which then closes the connection and has the viewer
// leave at the end; false when the feed is over.
func (f *feed) add(w *watcher) bool {
	defer f.wake()
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.over {
		f.watchers = append(f.watchers, w) // even if gone: the next round removes it
	}
	return !f.over
}

// wake has the feed check whether a viewer is behind.
func (f *feed) wake() {
	select {
	case f.poke <- struct{}{}:
	default:
	}
}

// push writes and waits for it, up to the viewer's deadline.
func (w *watcher) push(texts ...[]byte) {
	defer peers.Sends(w.conn)() // a viewer that does not read gives way to newcomers
	_ = w.conn.SetWriteDeadline(time.Now().Add(w.patience))
	all := net.Buffers(texts)
	if _, err := all.WriteTo(w.conn); err != nil {
		w.gone.Store(true)
	}
	_ = w.conn.SetWriteDeadline(time.Time{})
}

// run follows the event's seat view until the last viewer has left. The view
// may be another one each time: views are dropped and filled anew.
func (fs *Feeds) run(ctx context.Context, f *feed) {
	defer fs.dismiss(f) // after a panic, too: the viewers reconnect to a new feed
	_ = fs.cfg.Catch(func() error {
		fs.serve(ctx, f)
		return nil
	})
}

// serve is run without the clean-up.
func (fs *Feeds) serve(ctx context.Context, f *feed) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	alive := time.Now()
	for ctx.Err() == nil {
		var changed <-chan struct{}
		start := time.Now()
		v, err := fs.cfg.View(ctx, f.eventID) // also marks the view as used
		if err == nil {
			changed = f.take(v)
		}
		if f.tell(ctx, v) {
			alive = start
		}
		fs.sweep(f)
		if !rest(ctx, gatherFor-time.Since(start)) {
			return
		}
		select {
		case <-changed:
		case <-f.poke:
		case <-look.C:
			quiet := time.Since(alive) >= aliveEvery
			f.look(ctx, quiet)
			if quiet {
				alive = time.Now()
			}
			fs.sweep(f)
		case <-ctx.Done():
		}
	}
}

// rest sleeps, and reports false when ctx ends before d is over.
func rest(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// tell sends all viewers what they lack, and reports whether any lacked something.
// Changes during the round are sent to viewers whose turn is yet to come, so that they
// are late by at most one round instead of two.
func (f *feed) tell(ctx context.Context, v View) (told bool) {
	taken := time.Now()
	from, at := int64(-2), int64(0)
	var text []byte // for viewers at version from, which are nearly all
	f.each(ctx, func(w *watcher) bool {
		if v != nil && time.Since(taken) >= gatherFor {
			f.take(v)
			taken, from = time.Now(), -2
		}
		if w.seq >= f.seq || w.busy.Load() {
			return false
		}
		if w.seq != from {
			from = w.seq
			text, at = f.since(from)
		}
		w.seq = at
		f.send(w, text)
		told = true
		return true
	})
	return told
}

// look finds the viewers who have left, and sends a keep-alive line after a silence.
func (f *feed) look(ctx context.Context, quiet bool) {
	f.each(ctx, func(w *watcher) bool {
		switch {
		case w.busy.Load():
			return false
		case f.probe.left(w):
			w.gone.Store(true)
		case quiet:
			f.send(w, []byte(":\n\n"))
		}
		return true
	})
}

// send writes as much to a viewer as the socket takes. A goroutine writes the rest, so
// that the other viewers need not wait.
func (f *feed) send(w *watcher, text []byte) {
	n, err := f.probe.write(w, text)
	switch {
	case err != nil:
		w.gone.Store(true)
	case n < len(text):
		w.busy.Store(true)
		f.pushing.Go(func() {
			if err := jobs.Catch(func() error { w.push(text[n:]); return nil }); err != nil {
				w.gone.Store(true)
			}
			w.busy.Store(false)
			f.wake()
		})
	}
}

// each calls do for all viewers, in parts with pauses between them. do reports whether
// there was anything to do.
func (f *feed) each(ctx context.Context, do func(*watcher) bool) {
	var owed time.Duration
	for i := 0; ; i += partSize {
		f.mu.Lock()
		n := len(f.watchers)
		part := f.watchers[min(i, n):min(i+partSize, n)]
		f.mu.Unlock()
		start, did := time.Now(), false
		for _, w := range part {
			if !w.gone.Load() && do(w) {
				did = true
			}
		}
		if i+partSize >= n || ctx.Err() != nil {
			return
		}
		if !did {
			continue
		}
		took := time.Since(start)
		owed += min(restFactor*took, roundMost*partSize/time.Duration(n)-took)
		if owed > time.Millisecond { // timers are not more precise
			slept := time.Now()
			rest(ctx, owed)
			owed -= time.Since(slept)
		}
	}
}

// sweep closes the connections of viewers who have left.
func (fs *Feeds) sweep(f *feed) {
	if gone := f.gone(); len(gone) > 0 {
		fs.letGo(f, gone)
	}
}

// gone removes and returns the viewers who have left.
func (f *feed) gone() (list []*watcher) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watchers = slices.DeleteFunc(f.watchers, func(w *watcher) bool {
		gone := w.gone.Load() && !w.busy.Load()
		if gone {
			list = append(list, w)
		}
		return gone
	})
	return list
}

func (fs *Feeds) letGo(f *feed, list []*watcher) {
	defer fs.leave(f, len(list))
	for _, w := range list {
		_ = w.conn.Close()
	}
}

// dismiss ends the feed and disconnects its viewers. Clients who are just joining find
// it over; later ones join a new feed.
func (fs *Feeds) dismiss(f *feed) {
	fs.mu.Lock()
	fs.remove(f)
	fs.mu.Unlock()
	fs.letGo(f, f.finish())
	f.pushing.Wait()
}

// finish stops admitting viewers, and removes and returns all of them.
func (f *feed) finish() []*watcher {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.watchers
	f.over, f.watchers = true, nil
	return all
}
