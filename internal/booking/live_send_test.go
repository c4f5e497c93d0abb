package booking

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/errs"
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

// Who does not read gives way to newcomers long before they are let go.
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
	for end := time.After(time.Minute); ; dial() {
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

// Who does not read is not waited for, and is let go in the end; what the others
// are sent arrives whole all the same.
func TestSlowViewer(t *testing.T) {
	fs := newFeeds(nil, nil)
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
	for !fast.gone.Load() { // the end has to travel
		f.look(t.Context(), false)
	}
	fs.sweep(f)
	if len(f.watchers) != 0 || fs.byID["e"] != nil {
		t.Error("a feed goes on for nobody")
	}
}

// Who is between two versions that were told, by a read of the seats or from
// another node, may have seen what no frame takes back: they get all.
func TestLiveInBetween(t *testing.T) {
	w := newWorld(t)
	ev := w.event()
	v, err := w.s.views.get(t.Context(), ev)
	if err != nil {
		t.Fatal(err)
	}
	f := &feed{eventID: ev}
	f.take(v)
	b := w.hold(ev, "u1", "A-A-1")
	if _, err := w.s.Cancel(t.Context(), fan("u1"), bookingapi.Cancellation{BookingID: b.ID}); err != nil {
		t.Fatal(err)
	}
	f.take(v)
	w.hold(ev, "u1", "A-A-2")
	f.take(v)
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
			t.Errorf("who has %d gets %q and is at %d", seq, text, at)
		}
	}
}

// Everybody is told, in however many parts a round goes.
func TestLiveRounds(t *testing.T) {
	w := newWorld(t)
	ev := w.event()
	url := w.liveServer(t).URL + "/events/" + ev + "/live"
	viewers := make([]*viewer, 2*livePart+10)
	for i := range viewers {
		viewers[i] = watch(t, url, "")
		viewers[i].read()
	}
	seq := w.hold(ev, "u1", "A-A-1").Seq
	for _, v := range viewers {
		v.until(seq)
		if v.status[0] != seatHeld || len(v.names) != 2 {
			t.Fatalf("%s %v", v.status, v.names)
		}
	}
}

// A node that shuts down ends the feeds, and begins none.
func TestEndLive(t *testing.T) {
	w := newWorld(t)
	ev := w.event()
	srv := w.liveServer(t)
	v := watch(t, srv.URL+"/events/"+ev+"/live", "")
	v.read()
	w.s.EndLive()
	if v.in.Scan(); v.in.Scan() || v.in.Err() != nil { // the empty line after the snapshot
		t.Errorf("goes on with %q, %v", v.in.Text(), v.in.Err())
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.SetPathValue("id", ev)
	if err := w.s.Live(httptest.NewRecorder(), r); errs.KindOf(err) != errs.Unavailable {
		t.Errorf("error is %v", err)
	}
}

// HTTP/1.0, as proxies speak it, gets the same bytes, and HEAD an end.
func TestLiveOldHTTP(t *testing.T) {
	w := newWorld(t)
	ev := w.event()
	srv := w.liveServer(t)
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /events/"+ev+"/live HTTP/1.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for one := make([]byte, 1); !strings.Contains(got.String(), "\"}\n\n"); {
		if _, err := conn.Read(one); err != nil {
			t.Fatal(got.String(), err)
		}
		got.Write(one)
	}
	head, body, _ := strings.Cut(got.String(), "\r\n\r\n")
	if !strings.Contains(head, "Connection: close") || strings.Contains(head, "Transfer-Encoding") || !strings.HasPrefix(body, "retry: 2000\n\nevent: snapshot\nid: 1\ndata: {") {
		t.Errorf("%s", got.String())
	}
	res, err := http.Head(srv.URL + "/events/" + ev + "/live")
	if err != nil || res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("%v, %v", res, err)
	}
}

// bare is a writer whose connection cannot be taken over.
type bare struct{ http.ResponseWriter }

func (b bare) Flush() { b.ResponseWriter.(http.Flusher).Flush() }

func TestLiveRelayed(t *testing.T) {
	w := newWorld(t)
	ev := w.event()
	ended := make(chan error, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		r.SetPathValue("id", ev)
		ended <- w.s.Live(bare{rw}, r)
	}))
	t.Cleanup(srv.Close)
	v := watch(t, srv.URL, "")
	v.until(w.hold(ev, "u1", "A-A-1").Seq)
	if v.status[0] != seatHeld {
		t.Errorf("%s", v.status)
	}
	_ = v.res.Body.Close()
	if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
