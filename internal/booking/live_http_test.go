package booking

import (
	"boxoffice/internal/errs"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// All viewers get every change, however many parts a round has.
func TestLiveRounds(t *testing.T) {
	w := newWorld(t)
	ev := w.event()
	url := w.liveServer(t).URL + "/events/" + ev + "/live"
	viewers := make([]*viewer, 150)
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

// A node that shuts down ends its feeds, and starts no new ones.
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

// HTTP/1.0, which proxies use, gets the same bytes, and HEAD requests end.
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

// bare is a ResponseWriter whose connection cannot be taken over.
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
