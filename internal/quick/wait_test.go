package quick

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// long requests, and such as announce more than they send
const (
	chunked   = "POST /unread HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
	announced = "POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
)

var longHead = "GET /page HTTP/1.1\r\nHost: x\r\nX-A: " + strings.Repeat("a", 5000)

// unfinished is requests that lack something, at which the server would wait for their
// client.
var unfinished = map[string]string{
	"a body that no handler reads": announced,
	"a GET with a body":            "GET /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
	"a body that is read":          "POST /page HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1234",
	"for the fast path":            "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n1234",
	"chunked, read":                "POST /page HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n",
	"chunked, not read":            chunked,
	"a long line of a chunk":       chunked + "1;" + strings.Repeat("x", 4093),
	"to be closed":                 "POST /unread HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 9\r\n\r\n",
	"to be closed, chunked":        "POST /unread HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n",
	"HTTP/1.0":                     "POST /unread HTTP/1.0\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
	"to go on":                     "POST /page HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
	"half a head":                  "GET /page HTTP/1.1\r\nHost: x\r\nX-A: a",
	"half a long head":             longHead,
	"a head but for one byte":      "GET /page HTTP/1.1\r\nHost: x\r\nX-A: " + strings.Repeat("a", 4095-len("GET /page HTTP/1.1\r\nHost: x\r\nX-A: ")),
	"half a head of HTTP/1.0":      "GET /page HTTP/1.0\r\nX-A: a",
	"after a long one":             "GET /page HTTP/1.1\r\nHost: x\r\nTE: a\r\n\r\n" + longHead,
}

// A client of which the server still needs something keeps its connection from
// nobody, whatever that is, and whichever handler has the request.
func TestUnfinishedRequestsGiveWay(t *testing.T) {
	for name, asks := range unfinished {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *stage) {
				newcomer, one := crowded(s, 1), s.client()
				go func() { _, _ = io.Copy(io.Discard, one.in) }() // it takes its answer, if any
				one.ask(t, asks)
				time.Sleep(patience + time.Millisecond) // the server has it now
				if refusal := newcomer(); refusal != "" {
					t.Errorf("the newcomer is answered %q", refusal)
				}
				_ = one.Close()
			})
		})
	}
}

// A request that has come whole is worked on, and keeps its connection.
func TestFinishedRequestsKeepTheirConnections(t *testing.T) {
	const post = "POST /echo/held HTTP/1.1\r\nHost: x\r\n"
	for name, pieces := range map[string][]string{
		"short": {held}, "long": {"GET /echo/held HTTP/1.1\r\nHost: x\r\nX-A: " + strings.Repeat("a", 5000), "\r\n\r\n"},
		"a body":   {post + "Content-Length: 4\r\n\r\n12", "34"},
		"chunked":  {post + "Transfer-Encoding: chunked\r\n\r\n4\r\nab", "cd\r\n0\r\n\r\n"},
		"closed":   {post + "Connection: close\r\nContent-Length: 4\r\n\r\n", "1234"},
		"to go on": {post + "Expect: 100-continue\r\nContent-Length: 4\r\n\r\n", "1234"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *stage) {
				defer close(s.hold)
				newcomer, one := crowded(s, 1), s.client()
				go func() { _, _ = io.Copy(io.Discard, one.in) }()
				for _, piece := range pieces {
					one.ask(t, piece)
					time.Sleep(time.Second)
				}
				if !strings.HasPrefix(newcomer(), "HTTP/1.1 503 ") {
					t.Error("it gave way")
				}
				_ = one.Close()
			})
		})
	}
}

// A request that comes byte by byte has waited since its beginning, so that it does
// not outlast those that wait for less.
func TestDripsAreOld(t *testing.T) {
	for name, asks := range map[string]string{
		"a body":  "POST /page HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n",
		"chunked": "POST /page HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n", "a long head": longHead,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *stage) {
				newcomer := crowded(s, 2)
				drips := s.client()
				drips.ask(t, asks)
				time.Sleep(time.Second)
				idle := s.client()
				for range 3 {
					time.Sleep(time.Second)
					drips.ask(t, "x")
				}
				synctest.Wait()
				if refusal := newcomer(); refusal != "" {
					t.Errorf("the newcomer is answered %q", refusal)
				}
				if _, err := io.WriteString(drips, "x"); err == nil {
					t.Error("the one that drips is open")
				}
				idle.ask(t, get)
				idle.answered(t)
				_ = idle.Close()
			})
		})
	}
}

// A client that does not send what it has begun, or does not take its answers, holds a
// shutdown for some seconds only.
func TestSilentClientsHoldNoShutdown(t *testing.T) {
	asks := map[string]string{"nothing": "", "no answer taken, short": get + get, "no answer taken, long": page}
	for name, text := range unfinished {
		asks[name] = text
	}
	for name, text := range asks {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *stage) {
				one := s.client()
				if _, silent := unfinished[name]; silent {
					go func() { _, _ = io.Copy(io.Discard, one.in) }()
				}
				one.ask(t, text)
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				if took, err := s.shut(ctx); took > 3*time.Second || err != nil {
					t.Errorf("%v, %v", took, err)
				}
				_ = one.Close()
			})
		})
	}
}

// Who takes an answer slowly gets as much of it as the time of the shutdown allows, and
// makes it no failure.
func TestSlowReadersHoldNoShutdown(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		s.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 100*piecesOf)) })
		one, pieces := s.client(), make(chan int)
		one.ask(t, page)
		go func() {
			n := 0
			for piece := make([]byte, piecesOf); ; n++ {
				time.Sleep(time.Second)
				if _, err := io.ReadFull(one.in, piece); err != nil {
					pieces <- n
					return
				}
			}
		}()
		synctest.Wait() // net/http has the request: it takes none while it shuts down
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if took, err := s.shut(ctx); took > 20*time.Second || err != nil {
			t.Errorf("%v, %v", took, err)
		}
		if n := <-pieces; n < 15 {
			t.Errorf("it has got %d pieces", n)
		}
		_ = one.Close()
	})
}

// A client that still sends its request holds a shutdown until it is answered, or the
// time of the shutdown is nearly over. That is no failure.
func TestSteadySendersHoldTheShutdown(t *testing.T) {
	for name, c := range map[string]struct {
		length   int
		chunked  bool
		answered bool
	}{
		"a body": {length: 10, answered: true}, "chunked": {length: 10, chunked: true, answered: true}, "too long a body": {length: 100},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *stage) {
				one, framing, each, end := s.client(), fmt.Sprintf("Content-Length: %d", c.length), "x", ""
				if c.chunked {
					framing, each, end = "Transfer-Encoding: chunked", "1\r\nx\r\n", "0\r\n\r\n"
				}
				one.ask(t, "POST /page HTTP/1.1\r\nHost: x\r\n"+framing+"\r\n\r\n")
				go func() {
					for range c.length {
						time.Sleep(time.Second)
						if _, err := io.WriteString(one, each); err != nil {
							return
						}
					}
					_, _ = io.WriteString(one, end)
				}()
				answered := make(chan error, 1)
				go func() {
					_, err := http.ReadResponse(one.in, nil)
					_, _ = io.Copy(io.Discard, one.in) // until the server ends it
					answered <- err
				}()
				synctest.Wait() // net/http has the request: it takes none while it shuts down
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				if took, err := s.shut(ctx); took > 20*time.Second || err != nil {
					t.Errorf("%v, %v", took, err)
				}
				if err := <-answered; c.answered != (err == nil) {
					t.Errorf("answered: %v", err)
				}
				_ = one.Close()
				time.Sleep(time.Second) // the client notices
			})
		})
	}
}
