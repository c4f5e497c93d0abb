package brokertest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"sync"
	"testing"
	"time"

	"boxoffice/internal/patience"
)

// Toxiproxy is Shopify's proxy, whose network can be made to fail.
type Toxiproxy struct {
	t   testing.TB
	api string
}

var toxiproxy = sync.OnceValues(func() (string, error) {
	return Program("github.com/Shopify/toxiproxy/v2/cmd/server")
})

// StartToxiproxy starts one. It ends with the test.
func StartToxiproxy(t testing.TB) *Toxiproxy {
	t.Helper()
	program, err := toxiproxy()
	if err != nil {
		t.Fatal(err) // a test that needs a proxy is never skipped
	}
	addr := FreeAddr(t)
	host, port, _ := net.SplitHostPort(addr)
	cmd := exec.Command(program, "-host", host, "-port", port)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	x := &Toxiproxy{t: t, api: "http://" + addr}
	for end := time.Now().Add(patience.Long); ; time.Sleep(10 * time.Millisecond) {
		res, err := http.Get(x.api + "/version")
		if err == nil {
			_ = res.Body.Close()
			return x
		}
		select {
		case <-ended:
			t.Fatalf("toxiproxy has ended: %s", said.String())
		default:
		}
		if time.Now().After(end) {
			t.Fatalf("toxiproxy does not answer: %v", err)
		}
	}
}

// call calls Toxiproxy's API.
func (x *Toxiproxy) call(method, path string, body any) map[string]any {
	x.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		x.t.Fatal(err)
	}
	req, err := http.NewRequest(method, x.api+path, bytes.NewReader(raw))
	if err != nil {
		x.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		x.t.Fatal(err)
	}
	defer res.Body.Close()
	said, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= 300 {
		x.t.Fatalf("toxiproxy: %s %s: %d %s %v", method, path, res.StatusCode, said, err)
	}
	var out map[string]any
	if len(said) > 0 {
		if err := json.Unmarshal(said, &out); err != nil {
			x.t.Fatalf("toxiproxy: %s %s: %v", method, path, err)
		}
	}
	return out
}

// Path is a way through the proxy to a server.
type Path struct {
	x    *Toxiproxy
	name string
	// Addr is where it begins. It stays the same.
	Addr string
}

// To makes a path to the address of a server.
func (x *Toxiproxy) To(name, addr string) *Path {
	x.t.Helper()
	made := x.call("POST", "/proxies", map[string]any{"name": name, "listen": "127.0.0.1:0", "upstream": addr, "enabled": true})
	return &Path{x: x, name: name, Addr: made["listen"].(string)}
}

// Refuse ends all connections and takes no new ones.
func (p *Path) Refuse() {
	p.x.t.Helper()
	p.x.call("POST", "/proxies/"+p.name, map[string]any{"enabled": false})
}

// Accept takes connections again.
func (p *Path) Accept() {
	p.x.t.Helper()
	p.x.call("POST", "/proxies/"+p.name, map[string]any{"enabled": true})
}

// Swallow takes connections and all that is sent, and brings nothing through. Connections
// that hang in it end with Clear.
func (p *Path) Swallow() { p.toxic("timeout", map[string]any{"timeout": 0}) }

// Delay makes everything arrive later by d, in each direction.
func (p *Path) Delay(d time.Duration) {
	p.toxic("latency", map[string]any{"latency": d.Milliseconds()})
}

// Cut ends each connection once so many bytes have passed in one direction, in the middle
// of whatever is said.
func (p *Path) Cut(bytes int) { p.toxic("limit_data", map[string]any{"bytes": bytes}) }

// Throttle lets so many bytes pass in a second.
func (p *Path) Throttle(bytes int) {
	p.toxic("bandwidth", map[string]any{"rate": max(1, bytes/1000)})
}

// CutUp is Cut for what is sent to the server only; CutDown for its answers.
func (p *Path) CutUp(bytes int) { p.one("limit_data", "upstream", map[string]any{"bytes": bytes}) }

// CutDown ends each connection in the middle of what the server answers.
func (p *Path) CutDown(bytes int) { p.one("limit_data", "downstream", map[string]any{"bytes": bytes}) }

func (p *Path) toxic(kind string, attributes map[string]any) {
	p.x.t.Helper()
	p.one(kind, "upstream", attributes)
	p.one(kind, "downstream", attributes)
}

func (p *Path) one(kind, stream string, attributes map[string]any) {
	p.x.t.Helper()
	p.x.call("POST", "/proxies/"+p.name+"/toxics", map[string]any{"name": kind + "-" + stream, "type": kind, "stream": stream, "toxicity": 1.0, "attributes": attributes})
}

// Clear ends bad weather.
func (p *Path) Clear() {
	p.x.t.Helper()
	list, _ := p.x.call("GET", "/proxies/"+p.name, nil)["toxics"].([]any)
	for _, one := range list {
		p.x.call("DELETE", fmt.Sprintf("/proxies/%s/toxics/%v", p.name, one.(map[string]any)["name"]), nil)
	}
	p.Accept()
}
