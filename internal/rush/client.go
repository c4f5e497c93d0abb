package rush

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/sync/errgroup"
)

// client speaks HTTP to the nodes over connections that stay open. It is
// fasthttp's, which leaves most of a small machine to the servers.
type client struct {
	nodes []*fasthttp.HostClient
	next  atomic.Int64 // of which node the next call is a guest

	requests    atomic.Int64 // that have come to an end
	again       atomic.Int64 // requests that were sent once more
	unavailable atomic.Int64 // answers of 503
}

func newClient(targets []string, conns int) (*client, error) {
	c := &client{}
	for _, target := range targets {
		u, err := url.Parse(target)
		if err != nil {
			return nil, fmt.Errorf("target: %w", err)
		}
		c.nodes = append(c.nodes, &fasthttp.HostClient{
			Addr: u.Host, MaxConns: conns, MaxIdleConnDuration: time.Minute, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second,
			MaxConnWaitTimeout: 30 * time.Second, NoDefaultUserAgentHeader: true, DisableHeaderNamesNormalizing: true, DisablePathNormalizing: true,
			RetryIfErr: func(*fasthttp.Request, int, error) (bool, bool) { return false, false }, // what is sent twice is sent twice on purpose
		})
	}
	return c, nil
}

// call is one request after the other, to one node as long as it answers.
type call struct {
	client *client
	node   int
	req    *fasthttp.Request
	res    *fasthttp.Response
}

func (c *client) call() *call {
	return &call{c, int(c.next.Add(1)) % len(c.nodes), fasthttp.AcquireRequest(), fasthttp.AcquireResponse()}
}

func (c *call) done() {
	fasthttp.ReleaseRequest(c.req)
	fasthttp.ReleaseResponse(c.res)
}

const (
	maxTries    = 8
	maxPatience = time.Second // how much of Retry-After a fan waits
)

// send sends a request and answers the status and the body, which is valid
// until the next one. A request that gets no answer, or 503, is sent again to
// the next node, as a browser behind a load balancer would have it; that is
// safe, since every request here is a read, has a key or takes no harm.
func (c *call) send(method, path, token, key string, body []byte) (int, []byte, error) {
	defer c.client.requests.Add(1)
	var err error
	for try := 1; ; try++ {
		if err = c.once(method, path, token, key, body); err == nil && c.res.StatusCode() != fasthttp.StatusServiceUnavailable {
			return c.res.StatusCode(), c.res.Body(), nil
		}
		if err == nil {
			c.client.unavailable.Add(1)
		}
		if try == maxTries || errors.Is(err, fasthttp.ErrTimeout) {
			break
		}
		c.client.again.Add(1)
		c.node = (c.node + 1) % len(c.client.nodes)
		if try%len(c.client.nodes) == 0 { // all have been asked
			time.Sleep(c.retryAfter(err))
		}
	}
	if err != nil {
		return 0, nil, err
	}
	return c.res.StatusCode(), c.res.Body(), nil
}

// retryAfter is how long to wait before a request is sent again (RFC 9110,
// section 10.2.3, in seconds).
func (c *call) retryAfter(err error) time.Duration {
	if err != nil {
		return maxPatience / 4
	}
	s, convErr := strconv.Atoi(string(c.res.Header.Peek("Retry-After")))
	if convErr != nil {
		return maxPatience / 4
	}
	return min(time.Duration(s)*time.Second, maxPatience)
}

func (c *call) once(method, path, token, key string, body []byte) error {
	node := c.client.nodes[c.node]
	c.req.Reset()
	c.res.Reset()
	c.req.SetRequestURI(path)
	c.req.Header.SetMethod(method)
	c.req.Header.SetHost(node.Addr)
	if token != "" {
		c.req.Header.Set("Authorization", "Bearer "+token)
	}
	if key != "" {
		c.req.Header.Set("Idempotency-Key", key)
	}
	if body != nil {
		c.req.Header.Set("Content-Type", "application/json")
		c.req.SetBodyRaw(body)
	}
	return node.Do(c.req, c.res)
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
	return json.Unmarshal(body, v)
}

// post sends v and reads a JSON answer of the wanted status.
func (c *call) post(path, token string, want int, v, out any) error {
	raw, err := json.Marshal(v)
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
	return json.Unmarshal(body, out)
}

// Ceiling is how many requests a second this load generator sends to a server
// that does nothing, over so many connections, for a while.
func Ceiling(target string, conns int, d time.Duration) (float64, error) {
	c, err := newClient([]string{target}, conns)
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
