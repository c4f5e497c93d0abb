package quick

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// crowded bounds a server's connections, each of which is another client's.
// newcomer is one more client; it says what that is answered.
func crowded(s *stage, most int) (newcomer func() (refusal string)) {
	s.set.Most, s.set.Each = most, most
	return func() string {
		one := s.client()
		defer one.Close()
		defer synctest.Wait()
		_ = one.SetReadDeadline(time.Now().Add(50 * time.Millisecond)) // when it got in
		refusal, _ := io.ReadAll(one.in)
		return string(refusal)
	}
}

// A client that does not read its answer keeps its connection from newcomers for
// some seconds only, whichever way it is answered. One that reads slowly keeps
// it, and so does one that waits for an answer.
func TestSlowReadersGiveWay(t *testing.T) {
	const large = "GET /large HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, c := range map[string]struct {
		asks  string
		reads int // bytes in each two seconds
		open  bool
	}{
		"the fast path": {get, 0, false}, "the fast path, pipelined": {get + get + get, 0, false}, "after a long one": {page + get, 0, false},
		"the ordinary path": {page, 0, false}, "a large one": {large, 0, false}, "a large one, begun": {large, 100, false},
		"slowly": {large, piecesOf, true}, "not answered yet": {held, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *stage) {
				defer close(s.hold)
				newcomer, small := crowded(s, 1), s.Handler
				s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path != "/large" {
						small.ServeHTTP(w, r)
						return
					}
					_, _ = w.Write(make([]byte, 100*piecesOf))
				})
				one := s.client()
				one.ask(t, c.asks)
				for range 5 {
					time.Sleep(2 * time.Second)
					if _, err := io.ReadFull(one.in, make([]byte, c.reads)); err != nil {
						t.Fatal(err)
					}
				}
				if refusal := newcomer(); (refusal != "") != c.open {
					t.Errorf("the newcomer is answered %q", refusal)
				}
				_ = one.Close()
			})
		})
	}
}

// A write that has begun just now is none that waits.
func TestWritesAreGivenSomeSeconds(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		newcomer, one := crowded(s, 1), s.client()
		time.Sleep(5 * time.Second)
		one.ask(t, get)
		if time.Sleep(stalled - time.Millisecond); !strings.HasPrefix(newcomer(), "HTTP/1.1 503 ") {
			t.Error("it gave way before its time")
		}
		if time.Sleep(time.Millisecond); newcomer() != "" {
			t.Error("it did not give way")
		}
		one.over(t)
	})
}
