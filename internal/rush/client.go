package rush

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"boxoffice/internal/codec"
)

// client makes HTTP requests to the nodes over persistent connections.
type client struct {
	nodes []*node
	next  atomic.Int64 // of which node the next call is a guest

	requests    atomic.Int64 // finished requests
	again       atomic.Int64 // repeated requests
	unavailable atomic.Int64 // answers of 503
}

func newClient(targets []string) (*client, error) {
	c := &client{}
	for _, target := range targets {
		u, err := url.Parse(target)
		if err != nil {
			return nil, fmt.Errorf("target: %w", err)
		}
		c.nodes = append(c.nodes, &node{addr: u.Host})
	}
	return c, nil
}

// call makes one request after another, to one node as long as it answers.
type call struct {
	client *client
	node   int
	conn   *conn // nil: none yet
	to     *node // of conn
	res    response
}

func (c *client) call() *call { return &call{client: c, node: int(c.next.Add(1)) % len(c.nodes)} }

// done returns the connection for use by others.
func (c *call) done() {
	if c.conn != nil {
		c.to.put(c.conn)
		c.conn = nil
	}
}

const (
	maxTries    = 8
	maxPatience = time.Second // how much of Retry-After a fan waits
)

// send sends a request and returns status and body; the body is valid until the next
// request. A request without an answer, or with 503, is repeated at the next node,
// as behind a load balancer. That is safe, since every request here is a read, has a
// key or is idempotent.
func (c *call) send(method, path, token, key string, body []byte) (int, []byte, error) {
	defer c.client.requests.Add(1)
	var err error
	for try := 1; ; try++ {
		if err = c.once(method, path, token, key, body); err == nil && c.res.status != 503 {
			return c.res.status, c.res.body, nil
		}
		if err == nil {
			c.client.unavailable.Add(1)
		}
		if try == maxTries || errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		c.client.again.Add(1)
		c.node = (c.node + 1) % len(c.client.nodes)
		if try%len(c.client.nodes) == 0 { // all nodes have been asked
			time.Sleep(c.retryAfter(err))
		}
	}
	if err != nil {
		return 0, nil, err
	}
	return c.res.status, c.res.body, nil
}

// retryAfter returns how long to wait before a request is repeated (RFC 9110,
// section 10.2.3, in seconds).
func (c *call) retryAfter(err error) time.Duration {
	if err != nil {
		return maxPatience / 4
	}
	s, convErr := strconv.Atoi(c.res.retryAfter)
	if convErr != nil {
		return maxPatience / 4
	}
	return min(time.Duration(s)*time.Second, maxPatience)
}

func (c *call) once(method, path, token, key string, body []byte) (err error) {
	to := c.client.nodes[c.node]
	if c.conn != nil && c.to != to {
		c.done()
	}
	if c.conn == nil {
		if c.conn, err = to.get(); err != nil {
			return err
		}
		c.to = to
	}
	err = c.conn.do(to.addr, method, path, token, key, body, &c.res)
	if err != nil || c.res.last {
		_ = c.conn.Close()
		c.conn = nil
	}
	return err
}

// get reads a JSON answer of status 200 into v.
func (c *call) get(path, token string, v any) error {
	status, body, err := c.send("GET", path, token, "", nil)
	if err != nil {
		return err
	}
	if status != 200 {
		return fmt.Errorf("GET %s: status %d: %.200s", path, status, body)
	}
	return codec.ReadKnown(body, v)
}

// post sends v and reads a JSON answer of the wanted status.
func (c *call) post(path, token string, want int, v, out any) error {
	raw, err := codec.Marshal(v)
	if err != nil {
		return err
	}
	status, body, err := c.send("POST", path, token, "", raw)
	if err != nil {
		return err
	}
	if status != want {
		return fmt.Errorf("POST %s: status %d: %.300s", path, status, body)
	}
	return codec.ReadKnown(body, out)
}

// Ceiling measures how many requests a second this load generator can send to a
// server that does nothing, over the given number of connections.
func Ceiling(target string, conns int, d time.Duration) (float64, error) {
	c, err := newClient([]string{target})
	if err != nil {
		return 0, err
	}
	var g errgroup.Group
	end := time.Now().Add(d)
	body := []byte(`{"event_id":"0123456789abcdef","seats":["A-1","A-2"]}`)
	for range conns {
		g.Go(func() error {
			call := c.call()
			defer call.done()
			for time.Now().Before(end) {
				if _, _, err := call.send("POST", "/bookings", "token", "key", body); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err = g.Wait()
	return float64(c.requests.Load()) / d.Seconds(), err
}
