package rush

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// script is a feed of four seats, of which one is held at each version. Spoil
// may change or drop what a connection is told; connections count from 1.
type script struct {
	go4   chan struct{} // closed: versions 2 to 5 are told
	conns atomic.Int64
	back  atomic.Int64 // who came back with a version
	spoil func(conn int64, seq int, text string) string
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/events/E/seats":
		fmt.Fprint(w, `{"seq":5,"status":"hhhh"}`)
	case "/events/E/live":
		s.live(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (s *script) live(w http.ResponseWriter, r *http.Request) {
	conn, rc := s.conns.Add(1), http.NewResponseController(w)
	tell := func(seq int, text string) {
		fmt.Fprint(w, s.spoil(conn, seq, text))
		_ = rc.Flush()
	}
	at, err := strconv.Atoi(r.Header.Get("Last-Event-ID"))
	if err == nil {
		s.back.Add(1)
	} else {
		at = 1
		tell(1, "retry: 2000\n\n:\n\nevent: snapshot\nid: 1\ndata: {\"seq\":1,\"event_version\":1,\"status\":\"....\"}\n\n")
	}
	<-s.go4
	for seq := at + 1; seq <= 5; seq++ {
		tell(seq, fmt.Sprintf("event: seats\nid: %d\ndata: {\"seq\":%d,\"event_version\":1,\"held\":[%d]}\n\n", seq, seq, seq-2))
	}
	<-r.Context().Done()
}

// What viewers are told wrong is found, by comparing them with each other and
// with the seats at the end.
func TestViewersCheck(t *testing.T) {
	const back = 2*breakOne + 1 // the first connection of somebody who came back: it does not break off again
	for name, c := range map[string]struct {
		spoil func(conn int64, seq int, text string) string
		want  string
	}{
		"nothing": {func(_ int64, _ int, text string) string { return text }, ""},
		"a frame is dropped for one": {func(conn int64, seq int, text string) string {
			if conn == back && seq == 4 {
				return ""
			}
			return text
		}, "do not see the s"}, // the same seats as others, or the seats as they are
		"a frame is dropped for all": {func(_ int64, seq int, text string) string {
			if seq == 3 {
				return ""
			}
			return text
		}, "do not see the seats as they are at version 5"},
		"the last frame is dropped": {func(conn int64, seq int, text string) string {
			if conn == back && seq == 5 {
				return ""
			}
			return text
		}, "1 viewers do not see the seats as they are at version 5"},
		"back": {func(_ int64, seq int, text string) string {
			if seq == 4 {
				return strings.ReplaceAll(text, "4", "2")
			}
			return text
		}, "goes back from version 3 to 2"},
		"another seat": {func(conn int64, seq int, text string) string {
			if conn == back && seq == 4 {
				return strings.Replace(text, "[2]", "[3]", 1)
			}
			return text
		}, "do not see the s"},
		"a seat beyond": {func(_ int64, _ int, text string) string { return strings.Replace(text, "[3]", "[4]", 1) }, "a frame names seat 4 of 4"},
		"garbage":       {func(_ int64, seq int, text string) string { return strings.Replace(text, "id: 3", "id: 4", 1) }, "not as it should be"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &script{spoil: c.spoil, go4: make(chan struct{})}
			srv := httptest.NewServer(s)
			defer srv.Close()
			a, err := newAudience("E", []string{srv.URL}, 2*breakOne)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(c.want, "1 viewers") {
				a.patience = 3 * time.Second
			}
			if err := a.open(t.Context()); err != nil {
				t.Fatal(err)
			}
			defer a.close()
			a.answered("E0001", 4)
			close(s.go4)
			cl, err := newClient([]string{srv.URL})
			if err != nil {
				t.Fatal(err)
			}
			call := cl.call()
			defer call.done()
			if err := a.settle(t.Context(), call); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(a.fault, c.want) || c.want == "" && a.fault != "" {
				t.Errorf("found %q, want %q", a.fault, c.want)
			}
			if c.want != "" {
				return
			}
			if s.back.Load() != 2 || a.resumes.Load() != 2 || a.errors.Load() != 0 {
				t.Errorf("%d came back with a version, %d resumes, %d errors", s.back.Load(), a.resumes.Load(), a.errors.Load())
			}
			// Of frame 4, all but those who were away.
			if n := a.delay.count(); n < 2*breakOne-2 || a.delay.max() <= 0 {
				t.Errorf("%d delays, the longest %v", n, a.delay.max())
			}
		})
	}
}

// A feed that is refused is no audience.
func TestViewersRefused(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	a, err := newAudience("E", []string{srv.URL}, 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.open(t.Context()); err == nil || !strings.Contains(err.Error(), "404") {
		t.Fatal(err)
	}
}
