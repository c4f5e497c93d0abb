package booking

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/patience"
)

// viewer reads a live feed and keeps the state of the seats.
type viewer struct {
	t      *testing.T
	res    *http.Response
	in     *bufio.Scanner
	seq    int64
	status []byte
	names  []string // of the messages so far
}

func watch(t *testing.T, url, last string) *viewer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	v := &viewer{t: t, res: res, in: bufio.NewScanner(res.Body)}
	v.in.Buffer(nil, 1<<20)
	t.Cleanup(func() { _ = res.Body.Close() })
	return v
}

// read takes one message.
func (v *viewer) read() {
	v.t.Helper()
	name, id := "", ""
	for v.in.Scan() {
		field, value, _ := strings.Cut(v.in.Text(), ": ")
		switch field {
		case "event":
			name = value
		case "id":
			id = value
		case "data":
			v.apply(name, id, value)
			return
		}
	}
	v.t.Fatal("the feed ended")
}

func (v *viewer) apply(name, id, data string) {
	v.t.Helper()
	v.names = append(v.names, name)
	var body struct {
		Seq     int64   `json:"seq"`
		Version int64   `json:"event_version"`
		Free    []int32 `json:"free"`
		Held    []int32 `json:"held"`
		Sold    []int32 `json:"sold"`
		Status  string  `json:"status"`
	}
	if err := json.Unmarshal([]byte(data), &body); err != nil || fmt.Sprint(body.Seq) != id || body.Version < 1 {
		v.t.Fatalf("id %s: %s: %v", id, data, err)
	}
	v.seq = body.Seq
	if name == "snapshot" {
		v.status = []byte(body.Status)
		return
	}
	for mark, list := range map[byte][]int32{seatFree: body.Free, seatHeld: body.Held, seatSold: body.Sold} {
		for _, n := range list {
			v.status[n] = mark
		}
	}
}

func (v *viewer) until(seq int64) {
	v.t.Helper()
	for v.seq < seq {
		v.read()
	}
}

func (w *world) liveServer(t *testing.T) *httptest.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /events/{id}/live", func(rw http.ResponseWriter, r *http.Request) {
		if err := w.s.Live(rw, r); err != nil {
			http.Error(rw, err.Error(), http.StatusTeapot)
		}
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv
}

func TestLive(t *testing.T) {
	w := newWorld(t)
	ev := w.event()
	url := w.liveServer(t).URL + "/events/" + ev + "/live"
	first := watch(t, url, "")
	first.read()
	if first.seq != 1 || first.names[0] != "snapshot" || string(first.status) != strings.Repeat(".", len(w.plan.Seats)) {
		t.Fatalf("%+v", first)
	}
	b := w.hold(ev, "u1", "A-A-1", "A-A-2")
	if b, err := w.pay(b); err != nil {
		t.Fatal(err)
	} else {
		first.until(b.Seq)
	}
	held := w.hold(ev, "u2", "B-A-1")
	first.until(held.Seq)
	const want = "ss..........h........"
	if string(first.status) != want {
		t.Errorf("%s", first.status)
	}
	// Who comes back gets what they missed; who was away too long, or names what
	// never was, gets all.
	back := watch(t, url, "1")
	back.status = []byte(strings.Repeat(".", len(w.plan.Seats)))
	back.until(held.Seq)
	if string(back.status) != want || back.names[0] != "seats" {
		t.Errorf("%s %v", back.status, back.names)
	}
	lost := watch(t, url+"?after=999", "")
	lost.read()
	if string(lost.status) != want || lost.names[0] != "snapshot" {
		t.Errorf("%s %v", lost.status, lost.names)
	}
	if h := first.res.Header; h.Get("Content-Type") != "text/event-stream" || !strings.Contains(h.Get("Cache-Control"), "no-store") {
		t.Errorf("%v", h)
	}
}

func TestLiveRefuses(t *testing.T) {
	w := newWorld(t)
	srv := w.liveServer(t)
	draft := w.event(func(s *bookingapi.Sale) { s.Status = eventapi.Draft })
	open := w.event()
	for _, path := range []string{"/events/0000000000000000/live", "/events/" + draft + "/live", "/events/" + open + "/live?after=-1", "/events/" + open + "/live?after=x"} {
		res, err := http.Get(srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusTeapot {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
}

// All viewers who watch while seats change end up with the same state.
func TestLiveAgrees(t *testing.T) {
	w := newWorld(t)
	ev := w.event(func(s *bookingapi.Sale) { s.LimitPerCustomer = 100 })
	url := w.liveServer(t).URL + "/events/" + ev + "/live"
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for n := range 3 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
				}
				seat := w.plan.Seats[(5*n+i)%16].Label
				b, err := w.s.Hold(t.Context(), fan("u"+strconv.Itoa(n)), "", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Seats: []string{seat}}})
				if err != nil {
					continue
				}
				if i%3 == 0 {
					_, _ = w.s.Cancel(t.Context(), fan("u"+strconv.Itoa(n)), bookingapi.Cancellation{BookingID: b.ID})
				}
			}
		})
	}
	var viewers []*viewer
	for range 5 {
		viewers = append(viewers, watch(t, url, ""))
		time.Sleep(100 * time.Millisecond)
	}
	close(stop)
	wg.Wait()
	v, err := w.s.views.get(t.Context(), ev)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range viewers {
		o.until(v.seq)
		if string(o.status) != string(v.status) {
			t.Errorf("saw %s, is %s", o.status, v.status)
		}
		_ = o.res.Body.Close()
	}
	patience.Until(t, "no feed runs when nobody watches", func() bool { return w.s.feeds.Running() == 0 })
}
