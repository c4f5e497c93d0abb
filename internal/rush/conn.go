package rush

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"strconv"
	"sync"
	"time"
)

// answerTime is how long a fan waits for an answer. The connection's deadline is
// moved rarely, so the wait may be up to twice as long.
const answerTime = 30 * time.Second

// node is a server, and the idle connections to it.
type node struct {
	addr string
	mu   sync.Mutex
	idle []*conn
}

// conn is a persistent HTTP/1.1 connection (RFC 9112). It supports only what fans
// need, one request at a time, because CPU used by the client is missing for the
// servers on the same machine.
type conn struct {
	net.Conn
	in       *bufio.Reader
	out      []byte
	deadline time.Time
}

func (n *node) get() (*conn, error) {
	n.mu.Lock()
	if last := len(n.idle) - 1; last >= 0 {
		c := n.idle[last]
		n.idle = n.idle[:last]
		n.mu.Unlock()
		return c, nil
	}
	n.mu.Unlock()
	c, err := net.DialTimeout("tcp", n.addr, answerTime)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, in: bufio.NewReader(c)}, nil
}

func (n *node) put(c *conn) {
	n.mu.Lock()
	n.idle = append(n.idle, c)
	n.mu.Unlock()
}

// forget closes the idle connections, which may have ended with the server.
func (n *node) forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.idle {
		_ = c.Close()
	}
	n.idle = nil
}

// response is an answer; its memory is reused for the next one.
type response struct {
	status     int
	retryAfter string // the header
	body       []byte
	last       bool // the connection closes after it
}

// do sends a request and reads its answer. After an error the connection cannot be
// used any more.
func (c *conn) do(host, method, path, token, key string, body []byte, res *response) error {
	if now := time.Now(); c.deadline.Sub(now) < answerTime {
		c.deadline = now.Add(2 * answerTime)
		if err := c.SetDeadline(c.deadline); err != nil {
			return err
		}
	}
	b := append(append(append(append(append(c.out[:0], method...), ' '), path...), " HTTP/1.1\r\nHost: "...), host...)
	if token != "" {
		b = append(append(b, "\r\nAuthorization: Bearer "...), token...)
	}
	if key != "" {
		b = append(append(b, "\r\nIdempotency-Key: "...), key...)
	}
	if body != nil {
		b = strconv.AppendInt(append(b, "\r\nContent-Type: application/json\r\nContent-Length: "...), int64(len(body)), 10)
	}
	c.out = append(append(b, "\r\n\r\n"...), body...)
	if _, err := c.Write(c.out); err != nil {
		return err
	}
	for {
		if err := c.read(res); err != nil {
			return fmt.Errorf("%s %s: %w", method, path, err)
		}
		if res.status >= 200 { // 1xx come before the answer
			return nil
		}
	}
}

var errNotHTTP = errors.New("the answer is not HTTP/1.1")

// read reads one answer.
func (c *conn) read(res *response) error {
	line, err := c.line()
	if err != nil {
		return err
	}
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return errNotHTTP
	}
	if res.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return errNotHTTP
	}
	res.body, res.retryAfter, res.last = res.body[:0], "", false
	size, chunked := int64(-1), false
	for {
		if line, err = c.line(); err != nil {
			return err
		}
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case is(name, "content-length"):
			if size, err = strconv.ParseInt(string(value), 10, 64); err != nil || size < 0 {
				return errNotHTTP
			}
		case is(name, "transfer-encoding"):
			chunked = is(value, "chunked")
		case is(name, "connection"):
			res.last = is(value, "close")
		case is(name, "retry-after"):
			res.retryAfter = string(value)
		}
	}
	return c.readBody(res, size, chunked)
}

// is compares case-insensitively; lower must be lower case.
func is(b []byte, lower string) bool {
	return len(b) == len(lower) && bytes.EqualFold(b, []byte(lower))
}

// line reads a line of the head without its line end; it is valid until the next
// read.
func (c *conn) line() ([]byte, error) {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	return bytes.TrimRight(line, "\r\n"), nil
}

// readBody reads a body (RFC 9112, section 6.3) of the given size, or chunked, or up
// to the end of the connection.
func (c *conn) readBody(res *response, size int64, chunked bool) error {
	switch {
	case res.status < 200 || res.status == 204 || res.status == 304:
		return nil
	case chunked:
		in := httputil.NewChunkedReader(c.in)
		body, err := appendAll(res.body, in)
		res.body = body
		if err != nil {
			return err
		}
		for { // trailers, and the empty line after them
			line, err := c.line()
			if err != nil || len(line) == 0 {
				return err
			}
		}
	case size < 0:
		res.last = true
		body, err := appendAll(res.body, c.in)
		res.body = body
		return err
	case int64(cap(res.body)) < size:
		res.body = make([]byte, size, size+size/4)
	default:
		res.body = res.body[:size]
	}
	_, err := io.ReadFull(c.in, res.body)
	return err
}

func appendAll(b []byte, in io.Reader) ([]byte, error) {
	for {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := in.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case err == io.EOF:
			return b, nil
		case err != nil:
			return b, err
		}
	}
}
