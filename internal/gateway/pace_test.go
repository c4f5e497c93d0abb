package gateway

import (
	"boxoffice/internal/peers"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	for _, c := range []struct {
		n, rate int64
		want    time.Duration
	}{{0, bodyRate, bodyGrace}, {maxBody, bodyRate, 21 * time.Second}, {maxPlanBody, planRate, 133 * time.Second}} {
		if got := pace(c.n, c.rate); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// trickle is a connection and a body in one, of which so many bytes come each
// second, by a clock of its own, until the deadline.
type trickle struct {
	now, deadline time.Time
	each          int
	read          int
}

func (s *trickle) Read(b []byte) (int, error) {
	n := min(len(b), s.each)
	s.now = s.now.Add(time.Duration(n) * time.Second / time.Duration(s.each))
	if !s.deadline.IsZero() && s.now.After(s.deadline) {
		return 0, os.ErrDeadlineExceeded
	}
	for i := range n {
		b[i] = ' '
	}
	s.read += n
	return n, nil
}
func (s *trickle) Close() error                       { return nil }
func (s *trickle) SetReadDeadline(t time.Time) error  { s.deadline = t; return nil }
func (s *trickle) SetWriteDeadline(t time.Time) error { return nil }

// A body that trickles is given up soon, small ones and large ones; one that
// keeps the pace is read to its limit.
func TestSlowBodies(t *testing.T) {
	d := plans(t)
	for _, c := range []struct {
		method, path string
		each         int // bytes a second
		want         int
		least, most  int // bytes that are read
	}{
		{"POST", "/events/plans", 1, 400, 1, 10}, {"POST", "/events/plans", 2 * planRate, 413, maxPlanBody, maxPlanBody + 1},
		{"POST", "/events/plans", planRate / 2, 400, 1, planRate * 10},
	} {
		body := &trickle{now: time.Now(), each: c.each}
		r := plan(c.method, c.path, "organizer", nil)
		r.Body, r.ContentLength = body, -1
		r = r.WithContext(peers.WithServing(r.Context(), body))
		w := httptest.NewRecorder()
		d.Handler().ServeHTTP(w, r)
		if w.Code != c.want || body.read < c.least || body.read > c.most || c.want == 400 && !strings.Contains(w.Body.String(), "/problems/body-too-slow") || w.Header().Get("Connection") != "close" {
			t.Errorf("%+v: %d, %d bytes, %s", c, w.Code, body.read, w.Body)
		}
	}
}

// The deadline of a body is set on its connection, on both ways: the server and the
// door know it.
func TestBodiesHaveADeadline(t *testing.T) {
	d := plans(t)
	asked := make(chan bool, 1)
	d.Router().Post("/forms", func(w http.ResponseWriter, r *http.Request) {
		asked <- peers.ServingOf(r.Context()) != nil
	})
	c := dial(t, d.listen(t))
	if _, err := fmt.Fprint(c, "POST /forms HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if !<-asked {
		t.Error("nobody knows the connection")
	}
	if d.server.ReadTimeout != bodyStart {
		t.Errorf("%v", d.server.ReadTimeout)
	}
}
