package live

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/patience"
	"boxoffice/internal/peers"
)

// pair is both ends of a connection.
func pair(t *testing.T) (here, there net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if there, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if here, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = here.Close(), there.Close() })
	return here, there
}

// A viewer who does not read gives way to new connections long before the timeout.
func TestSlowViewerGivesWay(t *testing.T) {
	if testing.Short() {
		t.Skip("a write has to wait for some seconds")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d, srv := &peers.Set{Most: 1, Each: 1}, &http.Server{ReadHeaderTimeout: time.Minute}
	d.Attach(srv)
	through, accepted := d.Listener(l), make(chan net.Conn)
	go func() {
		for {
			c, err := through.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	dial := func() {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	dial()
	here := <-accepted
	srv.ConnState(here, http.StateActive)
	srv.ConnState(here, http.StateHijacked)
	w := (&feed{patience: time.Hour}).watcher(peers.Bare(here), 1)
	go w.push([]byte(strings.Repeat("x", 64<<20)))
	for end := time.After(patience.Long); ; dial() {
		select {
		case c := <-accepted:
			_ = c.Close()
			return
		case <-end:
			t.Fatal("no newcomer got in")
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Nobody waits for a viewer who does not read, who is disconnected in the end. The
// other viewers still get everything.
func TestSlowViewer(t *testing.T) {
	fs := New(Config{})
	f := &feed{eventID: "e", viewers: 2, end: func() {}, poke: make(chan struct{}, 1), patience: 50 * time.Millisecond}
	fs.byID["e"] = f
	slowHere, slowThere := pair(t)
	fastHere, fastThere := pair(t)
	slow, fast := f.watcher(slowHere, 1), f.watcher(fastHere, 1)
	f.add(slow)
	f.add(fast)
	large := []byte(strings.Repeat("x", 64<<20))
	f.send(slow, large)
	if !slow.busy.Load() {
		t.Fatal("64 MiB were taken at once")
	}
	fast.patience = time.Minute
	f.send(fast, large)
	if n, err := io.CopyN(io.Discard, fastThere, int64(len(large))); err != nil {
		t.Fatalf("got %d bytes: %v", n, err)
	}
	f.pushing.Wait()
	fs.sweep(f)
	if len(f.watchers) != 1 || f.watchers[0] != fast || f.viewers != 1 || fast.busy.Load() || fast.gone.Load() {
		t.Fatalf("%d viewers are left: slow gone %v, fast gone %v", len(f.watchers), slow.gone.Load(), fast.gone.Load())
	}
	if n, err := io.Copy(io.Discard, slowThere); err != nil || n >= int64(len(large)) {
		t.Errorf("the slow viewer got %d bytes, %v", n, err)
	}
	_ = fastThere.Close()
	f.look(t.Context(), false)
	for !fast.gone.Load() { // until the close has arrived
		f.look(t.Context(), false)
	}
	fs.sweep(f)
	if len(f.watchers) != 0 || fs.byID["e"] != nil {
		t.Error("a feed goes on for nobody")
	}
}

// hall is a View that the test changes.
type hall struct {
	mu      sync.Mutex
	seq     int64
	status  []byte
	changed chan struct{}
}

func newHall(seats int) *hall {
	return &hall{seq: 1, status: bytes.Repeat([]byte{bookingapi.SeatFree}, seats), changed: make(chan struct{})}
}

func (h *hall) EventID() string { return "e" }

func (h *hall) Read(show func(seq, eventVersion int64, status []byte)) <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	show(h.seq, 1, h.status)
	return h.changed
}

// set changes a seat, with an entry of its own.
func (h *hall) set(seat int, state byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seq++
	h.status[seat] = state
	close(h.changed)
	h.changed = make(chan struct{})
}

// feedsOf are feeds that show a hall.
func feedsOf(h *hall) *Feeds {
	return New(Config{View: func(context.Context, string) (View, error) { return h, nil }, Catch: func(feed func() error) error { return feed() }})
}

// A viewer at a version between two frames, from a read of the seats or from another
// node, may have seen a state that no frame reverts, so it gets a snapshot.
func TestInBetween(t *testing.T) {
	h := newHall(5)
	f := &feed{eventID: "e"}
	f.take(h)
	h.set(0, bookingapi.SeatHeld)
	h.set(0, bookingapi.SeatFree)
	f.take(h)
	h.set(1, bookingapi.SeatHeld)
	f.take(h)
	for seq, want := range map[int64]string{
		-1: "event: snapshot\nid: 4\n",
		0:  "event: snapshot\nid: 4\n",
		1:  "event: seats\nid: 3\n",
		2:  "event: snapshot\nid: 4\n",
		3:  "event: seats\nid: 4\n",
		4:  "",
		5:  "",
	} {
		text, at := f.since(seq)
		if !strings.HasPrefix(string(text), want) || (want == "") != (text == nil) || at != max(seq, 4) || seq == 1 && strings.Count(string(text), "event:") != 2 {
			t.Errorf("a viewer at %d gets %q and is at %d", seq, text, at)
		}
	}
}
