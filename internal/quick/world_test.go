package quick

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/peers"
)

// wire is one end of a connection in memory, whose two directions end each for
// itself as a socket's do.
type wire struct {
	in, out net.Conn
	from    byte // the last part of the client's address
}

func wires() (*wire, *wire) {
	a, b := net.Pipe()
	c, d := net.Pipe()
	return &wire{in: a, out: c}, &wire{in: d, out: b}
}

func (w *wire) Read(p []byte) (int, error)  { return w.in.Read(p) }
func (w *wire) Write(p []byte) (int, error) { return w.out.Write(p) }
func (w *wire) CloseWrite() error           { return w.out.Close() }
func (w *wire) Close() error                { return errors.Join(w.in.Close(), w.out.Close()) }
func (w *wire) LocalAddr() net.Addr         { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 80} }
func (w *wire) RemoteAddr() net.Addr        { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, w.from), Port: 999} }
func (w *wire) SetDeadline(t time.Time) error {
	_ = w.SetReadDeadline(t)
	return w.SetWriteDeadline(t)
}
func (w *wire) SetReadDeadline(t time.Time) error {
	_ = w.in.SetReadDeadline(t) // a pipe's fails once the other side has said all
	return nil
}
func (w *wire) SetWriteDeadline(t time.Time) error { return w.out.SetWriteDeadline(t) }

// wireListener accepts what is sent to it.
type wireListener struct {
	conns chan net.Conn
	ended chan struct{}
	once  sync.Once
}

func (l *wireListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.ended:
		return nil, net.ErrClosed
	}
}

func (l *wireListener) Close() error   { l.once.Do(func() { close(l.ended) }); return nil }
func (l *wireListener) Addr() net.Addr { return &net.TCPAddr{} }

// stage is a server whose handler echoes what it saw, with a door or without,
// in memory. It must be made in a bubble of synctest.
type stage struct {
	*http.Server
	door     *Door // nil: none
	set      peers.Set
	listener *wireListener
	hold     chan struct{} // not nil: /echo/held waits for it
	clients  byte

	mu    sync.Mutex
	seen  []string
	short int // requests that were answered on the fast path
}

// the server's limits of time
const (
	headTime  = 10 * time.Second
	readTime  = 30 * time.Second
	writeTime = 60 * time.Second
	idleTime  = 2 * time.Minute
)

func newStage(withDoor bool) *stage {
	s := &stage{listener: &wireListener{conns: make(chan net.Conn), ended: make(chan struct{})}, hold: make(chan struct{})}
	s.Server = &http.Server{
		Handler: s, ReadHeaderTimeout: headTime, ReadTimeout: readTime, WriteTimeout: writeTime, IdleTimeout: idleTime,
		MaxHeaderBytes: 16 << 10, ErrorLog: log.New(io.Discard, "", 0),
	}
	if !withDoor {
		s.set.Attach(s.Server) // it does no more than wrap bodies
		go s.Serve(s.listener) //nolint:errcheck // ends with the test
		return s
	}
	s.door = &Door{Answer: s.answer}
	s.door.Attach(s.Server, &s.set)
	s.door.Add(operation("POST", "/echo"), operation("GET", "/echo/{id}"))
	go s.door.Serve(s.listener) //nolint:errcheck // ends with the test
	return s
}

func operation(method, path string) *Operation {
	o := &Operation{}
	o.describe(huma.Operation{Method: method, Path: path})
	return o
}

// connect is a client's end of a new connection.
func (s *stage) connect() *wire {
	client, server := wires()
	s.clients++
	server.from = s.clients
	s.listener.conns <- server
	return client
}

func (s *stage) saw(text string, short bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, text)
	if short {
		s.short++
	}
}

var seenHeaders = []string{"Authorization", "Cookie", "Sec-Fetch-Site", "If-Match", "Idempotency-Key", "X-Request-Id", "If-None-Match", "X-Forwarded-For", "Origin", "Accept-Encoding", "Content-Type"}

// echo is what an operation answers, and what it saw.
func echo(method, path, query string, headers []string, body []byte) string {
	return fmt.Sprintf("%s %q %q %q %q", method, path, query, headers, body)
}

// answer is the fast path; requests with the key "decline" it does not like.
func (s *stage) answer(q *Request, out []byte) ([]byte, bool) {
	if q.Get("Idempotency-Key") == "decline" {
		return nil, false
	}
	headers := make([]string, 0, len(seenHeaders))
	for _, name := range seenHeaders {
		headers = append(headers, q.Get(name))
	}
	text := echo(q.Method, q.Path, q.Query, headers, q.Body)
	s.saw(text, true)
	if q.PathID == "held" {
		<-s.hold
	}
	return fmt.Appendf(out, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nContent-Type: text/plain\r\n\r\n%s", len(text), text), true
}

// ServeHTTP is net/http's side.
func (s *stage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h["Date"] = nil
	h.Set("Content-Type", "text/plain")
	switch r.URL.Path {
	case "/unread": // some of the body, or none
		_, _ = io.CopyN(io.Discard, r.Body, int64(len(r.URL.RawQuery)))
		s.saw("unread", false)
		return
	case "/stream":
		s.saw("stream", false)
		for range 3 {
			_, _ = w.Write([]byte("on and on\n"))
			_ = http.NewResponseController(w).Flush()
		}
		return
	case "/abort":
		s.saw("abort", false)
		panic(http.ErrAbortHandler)
	case "/upgrade":
		conn, buf, err := http.NewResponseController(w).Hijack()
		if err != nil {
			s.saw(err.Error(), false)
			return
		}
		defer conn.Close()
		_ = conn.SetReadDeadline(time.Now().Add(time.Hour))
		from := io.Reader(buf)
		if r.URL.RawQuery == "conn" { // past what net/http has
			from = io.MultiReader(io.LimitReader(buf, int64(buf.Reader.Buffered())), conn)
		}
		rest, _ := io.ReadAll(from)
		s.saw(fmt.Sprintf("upgraded %q", rest), false)
		fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\n\r\n%s", rest)
		return
	case "/echo/held":
		defer func() { <-s.hold }()
	}
	body, err := io.ReadAll(r.Body)
	headers := make([]string, 0, len(seenHeaders))
	for _, name := range seenHeaders {
		headers = append(headers, r.Header.Get(name))
	}
	text := echo(r.Method, r.URL.Path, r.URL.RawQuery, headers, body)
	if err != nil {
		s.saw("cut off "+text, false)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.saw(text, false)
	h.Set("Content-Length", fmt.Sprint(len(text)))
	_, _ = io.WriteString(w, text)
}

// piece is what a client sends at once, and how long it waits then: less than
// nothing is not at all, and nothing is until the server has nothing left to do.
type piece struct {
	text string
	wait time.Duration
}

// how a client ends
const (
	halfClose = iota
	leaveOpen // until the server has enough
	hangUp    // without looking at answers
)

// talk sends pieces over a connection of its own, and tells what came back and
// what the handlers saw. It runs in a bubble, so that time costs nothing.
func talk(t *testing.T, withDoor bool, pieces []piece, end int) (out string, seen []string, short int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(withDoor)
		c := s.connect()
		if end == leaveOpen { // a server that does not end it hangs
			_ = c.SetReadDeadline(time.Now().Add(24 * 365 * time.Hour))
		}
		done := make(chan error)
		go func() {
			b, err := io.ReadAll(c)
			out = string(b)
			done <- err
		}()
		for _, p := range pieces {
			if _, err := c.Write([]byte(p.text)); err != nil {
				break // the server has enough
			}
			if p.wait >= 0 {
				time.Sleep(p.wait)
				synctest.Wait()
			}
		}
		switch end {
		case halfClose:
			_ = c.CloseWrite()
		case hangUp:
			synctest.Wait()
			_ = c.Close()
		}
		if err := <-done; errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("the server has forgotten the connection")
		}
		_ = c.Close()
		synctest.Wait()
		shut := s.Shutdown
		if withDoor {
			shut = s.door.Shutdown
		}
		if err := shut(t.Context()); err != nil {
			t.Error(err)
		}
		seen, short = s.seen, s.short
	})
	if i := strings.Index(out, "\r\nDate: "); i >= 0 { // net/http's own answers
		out = dateless(out)
	}
	return out, seen, short
}

// dateless is text without lines that say the date.
func dateless(text string) string {
	var b strings.Builder
	lines := bufio.NewScanner(strings.NewReader(text))
	lines.Buffer(nil, 1<<20)
	lines.Split(func(data []byte, eof bool) (int, []byte, error) {
		if i := strings.IndexByte(string(data), '\n'); i >= 0 {
			return i + 1, data[:i+1], nil
		}
		if eof && len(data) > 0 {
			return len(data), data, nil
		}
		return 0, nil, nil
	})
	for lines.Scan() {
		if !strings.HasPrefix(lines.Text(), "Date: ") {
			b.WriteString(lines.Text())
		}
	}
	return b.String()
}

// piecesOf is the size of the pieces in which peers.Conn writes, and stalled how long
// one may take.
const (
	piecesOf = 64 << 10
	stalled  = 3 * time.Second
)
