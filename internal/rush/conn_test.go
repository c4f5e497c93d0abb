package rush

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// The client understands what servers say, and its connections stay open.
func TestClient(t *testing.T) {
	long := strings.Repeat("seat ", 20_000)
	conns := map[string]bool{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conns[r.RemoteAddr] = true // one call, so one at a time
		switch r.URL.Path {
		case "/echo":
			body, _ := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s %s %s %s %s", r.Method, r.Host, r.Header.Get("Authorization"), r.Header.Get("Idempotency-Key"), body)
		case "/long":
			fmt.Fprint(w, long[:len(long)/2])
			w.(http.Flusher).Flush()
			fmt.Fprint(w, long[len(long)/2:])
		case "/sized":
			w.Header().Set("Content-Length", fmt.Sprint(len(long)))
			fmt.Fprint(w, long)
		case "/early":
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusCreated)
			fmt.Fprint(w, "after")
		case "/empty":
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	defer srv.Close()
	c, err := newClient([]string{srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	host := strings.TrimPrefix(srv.URL, "http://")
	for range 3 {
		call := c.call()
		for _, want := range []struct {
			method, path, body, answer string
			status                     int
		}{
			{"POST", "/echo", "{}", "POST " + host + " Bearer t k {}", 200},
			{"GET", "/long", "", long, 200},
			{"GET", "/empty", "", "", 204},
			{"GET", "/sized", "", long, 200},
			{"GET", "/early", "", "after", 201},
			{"DELETE", "/echo", "", "DELETE " + host + " Bearer t k ", 200},
		} {
			var body []byte
			if want.body != "" {
				body = []byte(want.body)
			}
			status, raw, err := call.send(want.method, want.path, "t", "k", body)
			if err != nil || status != want.status || string(raw) != want.answer {
				t.Errorf("%s %s: %d, %v, %.100q", want.method, want.path, status, err, raw)
			}
		}
		call.done()
	}
	if len(conns) != 1 {
		t.Errorf("there were %d connections", len(conns))
	}
}

// A request that is answered 503, or not at all, goes to another node.
func TestClientTriesAgain(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for answer := range 3 {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = http.ReadRequest(bufio.NewReader(c))
			if answer == 1 {
				fmt.Fprint(c, "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 0\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbusy")
			}
			if answer == 2 { // its end is the connection's
				fmt.Fprint(c, "HTTP/1.1 200 OK\r\n\r\nat last")
			}
			_ = c.Close()
		}
	}()
	c, err := newClient([]string{"http://" + l.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	call := c.call()
	defer call.done()
	status, body, err := call.send("GET", "/", "", "", nil)
	if err != nil || status != 200 || string(body) != "at last" || c.again.Load() != 2 || c.unavailable.Load() != 1 {
		t.Errorf("%d %q %v, %d again, %d unavailable", status, body, err, c.again.Load(), c.unavailable.Load())
	}
}
