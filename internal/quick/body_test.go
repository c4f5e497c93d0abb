package quick

import (
	"io"
	"net/http"
	"testing"
	"time"
)

// An answer that does not depend on the body is sent while the body has not come,
// and ends the connection.
func TestAnswersDoNotWaitForBodies(t *testing.T) {
	const length = "Content-Length: "
	for name, asks := range map[string]string{
		"announced":  announced,
		"in part":    announced + "1234",
		"large":      "POST /unread HTTP/1.1\r\nHost: x\r\n" + length + "8000000\r\n\r\n1234",
		"rather":     "POST /unread HTTP/1.1\r\nHost: x\r\n" + length + "100000\r\n\r\n1234",
		"chunked":    chunked,
		"chunks":     chunked + "4\r\nabcd\r\n",
		"of a GET":   "GET /unread HTTP/1.1\r\nHost: x\r\n" + length + "9\r\n\r\n",
		"read a bit": "POST /unread?12 HTTP/1.1\r\nHost: x\r\n" + length + "9\r\n\r\n123",
		"expected":   "POST /unread HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n" + length + "9\r\n\r\n",
		"short way":  "POST /echo HTTP/1.1\r\nHost: x\r\n" + length + "9\r\n\r\n",
	} {
		for _, before := range []string{"", get, page} {
			t.Run(name, func(t *testing.T) {
				bubble(t, func(t *testing.T, s *stage) {
					long := s.Handler
					s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						if r.URL.Path == "/echo" {
							r.URL.Path = "/unread"
						}
						long.ServeHTTP(w, r)
					})
					one := s.client()
					if before != "" {
						one.ask(t, before)
						one.answered(t)
					}
					start := time.Now()
					one.ask(t, asks)
					if last := one.answered(t); !last || time.Since(start) > 2*time.Second {
						t.Errorf("last %v, after %v", last, time.Since(start))
					}
					one.over(t)
					if took := time.Since(start); took > 5*time.Second {
						t.Errorf("it ends after %v", took)
					}
					time.Sleep(time.Second) // net/http lingers
				})
			})
		}
	}
}

// A client whose body comes with its head, or at once, keeps its connection when
// nobody wants the body.
func TestUnwantedBodiesKeepTheirConnections(t *testing.T) {
	for _, pause := range []time.Duration{0, 50 * time.Millisecond} {
		bubble(t, func(t *testing.T, s *stage) {
			one := s.client()
			for range 3 {
				one.ask(t, "POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\n123")
				time.Sleep(pause)
				if _, err := io.WriteString(one, "456"+get); err != nil {
					t.Fatal(err)
				}
				for range 2 {
					if one.answered(t) {
						t.Error("the connection ends")
					}
				}
			}
			_ = one.Close()
		})
	}
}
