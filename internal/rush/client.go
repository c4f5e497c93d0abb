package rush

import (
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/valyala/fasthttp"
)

// client speaks HTTP over connections that stay open. It is fasthttp's, which
// leaves most of a small machine to the server.
type client struct {
	host *fasthttp.HostClient
	base string
}

func newClient(target string, conns int) (*client, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, fmt.Errorf("target: %w", err)
	}
	return &client{base: target, host: &fasthttp.HostClient{
		Addr: u.Host, MaxConns: conns, MaxIdleConnDuration: time.Minute, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second,
		MaxConnWaitTimeout: 30 * time.Second, NoDefaultUserAgentHeader: true, DisableHeaderNamesNormalizing: true, DisablePathNormalizing: true,
		RetryIfErr: func(*fasthttp.Request, int, error) (bool, bool) { return false, false }, // what is sent twice is sent twice on purpose
	}}, nil
}

// call is one request after the other, on whatever connection is free.
type call struct {
	client *client
	req    *fasthttp.Request
	res    *fasthttp.Response
}

func (c *client) call() *call {
	return &call{c, fasthttp.AcquireRequest(), fasthttp.AcquireResponse()}
}

func (c *call) done() {
	fasthttp.ReleaseRequest(c.req)
	fasthttp.ReleaseResponse(c.res)
}

// send sends a request and answers the status and the body, which is valid
// until the next one.
func (c *call) send(method, path, token, key string, body []byte) (int, []byte, error) {
	c.req.Reset()
	c.res.Reset()
	c.req.SetRequestURI(path)
	c.req.Header.SetMethod(method)
	c.req.Header.SetHost(c.client.host.Addr)
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
	if err := c.client.host.Do(c.req, c.res); err != nil {
		return 0, nil, err
	}
	return c.res.StatusCode(), c.res.Body(), nil
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
