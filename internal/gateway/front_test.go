package gateway

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/limit"
	"boxoffice/internal/route"
)

// withConfig is a door with more of a configuration.
func withConfig(t *testing.T, change func(*Config)) *Gateway {
	t.Helper()
	cfg := newDoor(t).cfg
	cfg.Metrics = nil
	change(&cfg)
	g := New(cfg)
	huma.Register(g.API(), huma.Operation{OperationID: "read", Method: http.MethodGet, Path: "/things"}, func(ctx context.Context, _ *struct{}) (*struct {
		ETag string `header:"ETag"`
		Body string
	}, error) {
		return &struct {
			ETag string `header:"ETag"`
			Body string
		}{`"7"`, caller.ClientFrom(ctx)}, nil
	})
	for _, path := range []string{"/bookings", "/payments", "/users/login"} {
		huma.Register(g.API(), huma.Operation{OperationID: path, Method: http.MethodPost, Path: path}, func(context.Context, *struct{}) (*struct{}, error) { return nil, nil })
	}
	return g
}

func ask(g *Gateway, method, target, from string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	r.RemoteAddr = from + ":999"
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	g.Handler().ServeHTTP(w, r)
	return w
}

func TestClientAddress(t *testing.T) {
	g := withConfig(t, func(c *Config) {
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	})
	for _, c := range []struct{ peer, forwarded, want string }{
		{"192.0.2.1", "", "192.0.2.1"},
		{"192.0.2.1", "198.51.100.9", "192.0.2.1"}, // it is no proxy of ours
		{"10.0.0.1", "198.51.100.9", "198.51.100.9"},
		{"10.0.0.1", "203.0.113.5, 198.51.100.9, 10.0.0.2", "198.51.100.9"},
		{"10.0.0.1", "198.51.100.9, unknown", "10.0.0.1"},
		{"10.0.0.1", "", "10.0.0.1"},
		{"[fd00::1]", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
		{"[::ffff:192.0.2.1]", "", "192.0.2.1"},
	} {
		header := []string{}
		if c.forwarded != "" {
			header = []string{"X-Forwarded-For", c.forwarded}
		}
		if got := ask(g, "GET", "/things", c.peer, header...); strings.TrimSpace(got.Body.String()) != `"`+c.want+`"` {
			t.Errorf("%+v: %s", c, got.Body)
		}
	}
}

// On a loopback address a proxy on this machine is believed as to the last hop,
// and nobody else.
func TestLoopbackProxy(t *testing.T) {
	g := withConfig(t, func(c *Config) { c.LoopbackProxy = true })
	for _, c := range []struct{ peer, forwarded, want string }{
		{"127.0.0.1", "198.51.100.9", "198.51.100.9"},
		{"127.0.0.1", "203.0.113.5, 127.0.0.1, 198.51.100.9", "198.51.100.9"},
		{"127.0.0.1", "198.51.100.9, nobody", "127.0.0.1"},
		{"[::1]", "203.0.113.5,2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
		{"[::1]", "::ffff:192.0.2.7", "192.0.2.7"},
		{"192.0.2.1", "198.51.100.9", "192.0.2.1"},
	} {
		if got := ask(g, "GET", "/things", c.peer, "X-Forwarded-For", c.forwarded); strings.TrimSpace(got.Body.String()) != `"`+c.want+`"` {
			t.Errorf("%+v: %s", c, got.Body)
		}
	}
	if got := ask(g, "GET", "/things", "127.0.0.1", "X-Forwarded-For", "203.0.113.5", "X-Forwarded-For", "198.51.100.9"); strings.TrimSpace(got.Body.String()) != `"198.51.100.9"` {
		t.Errorf("two lines: %s", got.Body)
	}
}

// A proxy that is not trusted is told of once, in the log and at /readyz.
func TestStrangeProxy(t *testing.T) {
	var log bytes.Buffer
	g := withConfig(t, func(c *Config) {
		c.Log = slog.New(slog.NewTextHandler(&log, nil))
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	})
	ask(g, "GET", "/things", "10.0.0.1", "X-Forwarded-For", "192.0.2.1")
	if ready := ask(g, "GET", "/readyz", "192.0.2.1"); ready.Body.String() != "ready\n" || log.Len() > 0 {
		t.Errorf("warned of a trusted one: %s %s", ready.Body, &log)
	}
	for range 3 {
		ask(g, "GET", "/things", "172.16.0.1", "X-Forwarded-For", "192.0.2.1")
	}
	ready := ask(g, "GET", "/readyz", "192.0.2.1")
	if ready.Code != 200 || !strings.Contains(ready.Body.String(), "warning: X-Forwarded-For came from 172.16.0.1") || strings.Count(log.String(), "level=WARN") != 1 {
		t.Errorf("%d %s, log %s", ready.Code, ready.Body, &log)
	}
}

// A rehearsal's clients on the machine itself may ask more often, if that is said.
func TestLoopbackFactor(t *testing.T) {
	now := time.Now()
	g := withConfig(t, func(c *Config) {
		c.Limits = DefaultLimits(1, limit.NewMemory(func() time.Time { return now }))
		c.Limits.LoopbackFactor = 3
	})
	for from, want := range map[string]int{"127.0.0.1": 24, "192.0.2.1": 8} {
		passed := 0
		for range 30 {
			if ask(g, "GET", "/things", from).Code == 200 {
				passed++
			}
		}
		if passed != want {
			t.Errorf("from %s %d passed, not %d", from, passed, want)
		}
	}
}

func TestRateLimits(t *testing.T) {
	now := time.Now()
	g := withConfig(t, func(c *Config) {
		c.Limits = DefaultLimits(1, limit.NewMemory(func() time.Time { return now }))
	})
	g.Page(http.MethodPost, "/enter", route.Entry, func(http.ResponseWriter, *http.Request) error { return nil })
	crowd := func(method, path, from string, header ...string) (passed int, last *httptest.ResponseRecorder) {
		t.Helper()
		var wg sync.WaitGroup
		var ok atomic.Int32
		for range 50 {
			wg.Go(func() {
				switch w := ask(g, method, path, from, header...); w.Code {
				case 200, 204:
					ok.Add(1)
				case 429:
				default:
					t.Errorf("%d %s", w.Code, w.Body)
				}
			})
		}
		wg.Wait()
		return int(ok.Load()), ask(g, method, path, from, header...)
	}
	n, last := crowd("GET", "/things", "192.0.2.1")
	if n != 8 || last.Code != 429 || last.Header().Get("Retry-After") != "1" || !strings.Contains(last.Body.String(), "too-many-requests") {
		t.Errorf("%d passed; %d %v %s", n, last.Code, last.Header(), last.Body)
	}
	if h := last.Header(); h.Get("RateLimit-Policy") != `"address";q=8;w=4` || h.Get("RateLimit") != `"address";r=0;t=4` {
		t.Errorf("%v", h)
	}
	if n, _ := crowd("GET", "/things", "192.0.2.1", "Authorization", "Bearer good"); n != 4 {
		t.Errorf("an account: %d passed", n)
	}
	if n, _ := crowd("GET", "/things", "192.0.2.2", "Authorization", "Bearer good"); n != 0 {
		t.Errorf("the same account from elsewhere: %d passed", n)
	}
	if n, _ := crowd("POST", "/enter", "192.0.2.3"); n != 30 {
		t.Errorf("log-ins: %d passed", n)
	}
	if w := ask(g, "GET", "/healthz", "192.0.2.1"); w.Code != 200 || w.Header().Get("RateLimit") != "" {
		t.Errorf("healthz: %d", w.Code)
	}
	if w := ask(g, "GET", "/readyz", "192.0.2.1"); w.Code != 200 || w.Header().Get("RateLimit") != `"probe";r=7;t=1` {
		t.Errorf("readyz, counted apart: %d %v", w.Code, w.Header())
	}
	for _, path := range []string{"/docs", "/openapi.json", "/openapi-3.0.yaml", "/problems/not-found"} {
		if w := ask(g, "GET", path, "192.0.2.1"); w.Code != 429 {
			t.Errorf("%s is not counted: %d", path, w.Code)
		}
	}
	if n, _ := crowd("GET", "/things", "127.0.0.1"); n != 8 {
		t.Errorf("on this machine: %d passed", n)
	}
	// Guessing tokens is counted, too.
	bad := 0
	for range 50 {
		if ask(g, "GET", "/things", "192.0.2.4", "Authorization", "Bearer guess").Code == 401 {
			bad++
		}
	}
	if bad != 8 {
		t.Errorf("%d guesses of tokens were answered", bad)
	}
	now = now.Add(4 * time.Second)
	if n, _ := crowd("GET", "/things", "192.0.2.1"); n != 8 {
		t.Errorf("later: %d passed", n)
	}
}

// Which limit a route counts against, by what it declares and who asks.
func TestEntries(t *testing.T) {
	who, client := caller.Caller{}, 0
	g := withConfig(t, func(c *Config) {
		c.Limits = DefaultLimits(1, limit.NewMemory(time.Now))
		c.Authenticate = func(context.Context, string) (caller.Caller, error) { return who, nil }
	})
	for path, traits := range map[string]route.Traits{"/enter": route.Entry, "/visit": route.Visitors, "/form": 0} {
		g.Page(http.MethodPost, path, traits, func(http.ResponseWriter, *http.Request) error { return nil })
	}
	for _, c := range []struct {
		path                     string
		nobody, visitor, account string
	}{
		{"/enter", "entry", "entry", "entry"},
		{"/visit", "entry", "account", "account"}, // makes a visitor of nobody
		{"/form", "address", "account", "account"},
		{"/bookings", "address", "account", "account"},
		{"/nowhere", "address", "account", "account"},
	} {
		for _, one := range []struct {
			caller.Caller
			want string
		}{{caller.Caller{}, c.nobody}, {caller.Caller{UserID: "v", Role: caller.Guest}, c.visitor}, {caller.Caller{UserID: "u", Role: caller.Customer, Verified: true}, c.account}} {
			header := []string{}
			if who = one.Caller; who.SignedIn() {
				header = []string{"Authorization", "Bearer x"}
			}
			client++
			if got := ask(g, http.MethodPost, c.path, fmt.Sprintf("192.0.2.%d", client), header...).Header().Get("RateLimit-Policy"); !strings.HasPrefix(got, `"`+one.want+`"`) {
				t.Errorf("%s as %q: %s, want %s", c.path, who.Role, got, one.want)
			}
		}
	}
}

// Whatever checks a secret or mails is counted by account for people who are known,
// since many may share a client address, and by client address for all others:
// anybody can make accounts.
func TestEntriesOfAccounts(t *testing.T) {
	who := caller.Caller{}
	g := withConfig(t, func(c *Config) {
		c.Limits = DefaultLimits(100, limit.NewMemory(time.Now))
		c.Authenticate = func(context.Context, string) (caller.Caller, error) { return who, nil }
	})
	g.Page(http.MethodPost, "/enter", route.Entry, func(http.ResponseWriter, *http.Request) error { return nil })
	passed := func(one caller.Caller, client string) (n int) {
		who = one
		for ask(g, "POST", "/enter", client, "Authorization", "Bearer x").Code != 429 {
			if n++; n > 100 {
				t.Fatalf("%s is not limited", one.UserID)
			}
		}
		return n
	}
	for _, c := range []struct {
		caller.Caller
		client string
		want   int
	}{
		{caller.Caller{UserID: "a", Role: caller.Customer, Verified: true}, "192.0.2.1", 30},
		{caller.Caller{UserID: "b", Role: caller.Customer, Verified: true}, "192.0.2.1", 30},
		{caller.Caller{UserID: "a", Role: caller.Customer, Verified: true}, "192.0.2.2", 0},
		{caller.Caller{UserID: "c", Role: caller.Customer}, "192.0.2.1", 30},
		{caller.Caller{UserID: "d", Role: caller.Customer}, "192.0.2.1", 0},
		{caller.Caller{UserID: "d", Role: caller.Customer}, "192.0.2.3", 30},
	} {
		if got := passed(c.Caller, c.client); got != c.want {
			t.Errorf("%s from %s: %d passed, want %d", c.UserID, c.client, got, c.want)
		}
	}
}

func TestPressure(t *testing.T) {
	waiting := 0
	g := withConfig(t, func(c *Config) { c.Pressure = func() (int, int) { return waiting, 100 } })
	for path, traits := range map[string]route.Traits{"/hold": route.Holds, "/pay": 0} {
		g.Page(http.MethodPost, path, traits, func(http.ResponseWriter, *http.Request) error { return nil })
	}
	waiting = 60
	w := ask(g, "POST", "/hold", "192.0.2.1")
	if w.Code != 503 || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "/problems/busy") {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	for _, path := range []string{"/pay", "/nowhere"} {
		if w := ask(g, "POST", path, "192.0.2.1"); w.Code == 503 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	waiting = 59
	if w := ask(g, "POST", "/bookings", "192.0.2.1"); w.Code != 204 {
		t.Errorf("%d", w.Code)
	}
}

func TestCrossOrigin(t *testing.T) {
	g := withConfig(t, func(c *Config) { c.Origins = []string{"https://shop.example"} })
	w := ask(g, "OPTIONS", "/things", "192.0.2.1", "Origin", "https://shop.example", "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "authorization,if-none-match,traceparent")
	h := w.Header()
	if w.Code != 204 || h.Get("Access-Control-Allow-Origin") != "https://shop.example" || h.Get("Access-Control-Allow-Credentials") != "" || h.Get("Access-Control-Max-Age") != "7200" {
		t.Errorf("%d %v", w.Code, h)
	}
	if h := ask(g, "GET", "/things", "192.0.2.1", "Origin", "https://shop.example").Header(); !strings.Contains(strings.ToLower(h.Get("Access-Control-Expose-Headers")), "etag") || !strings.Contains(h.Get("Vary"), "Origin") {
		t.Errorf("%v", h)
	}
	if h := ask(g, "GET", "/things", "192.0.2.1", "Origin", "https://evil.example").Header(); h.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%v", h)
	}
	plain := withConfig(t, func(*Config) {})
	if w := ask(plain, "OPTIONS", "/things", "192.0.2.1"); w.Code != 204 || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

func TestConditional(t *testing.T) {
	g := withConfig(t, func(*Config) {})
	for tag, code := range map[string]int{"": 200, `"7"`: 304, `W/"7"`: 304, `"6", "7"`: 304, "*": 304, `"6"`: 200, "7": 200} {
		for _, method := range []string{"GET", "HEAD"} {
			w := ask(g, method, "/things", "192.0.2.1", "If-None-Match", tag)
			if w.Code != code || w.Header().Get("ETag") != `"7"` || code == 304 && w.Body.Len() > 0 {
				t.Errorf("%s with %q: %d %q", method, tag, w.Code, w.Body)
			}
		}
	}
}

// Several header lines are one list (RFC 9110, section 5.3).
func TestConditionalInLines(t *testing.T) {
	g := withConfig(t, func(*Config) {})
	for code, tags := range map[int][]string{304: {`"6"`, `"7"`}, 200: {`"5"`, `"6"`}} {
		r := httptest.NewRequest("GET", "/things", nil)
		r.Header["If-None-Match"] = tags
		w := httptest.NewRecorder()
		g.Handler().ServeHTTP(w, r)
		if w.Code != code {
			t.Errorf("%q: %d", tags, w.Code)
		}
	}
}

// So are those of If-Match.
func TestIfMatchInLines(t *testing.T) {
	g, got := withConfig(t, func(*Config) {}), ""
	huma.Register(g.API(), huma.Operation{OperationID: "tag", Method: http.MethodPut, Path: "/tagged", Summary: "Tag"},
		func(_ context.Context, in *struct {
			IfMatch string `header:"If-Match"`
		}) (*struct{}, error) {
			got = in.IfMatch
			return nil, nil
		})
	r := httptest.NewRequest("PUT", "/tagged", nil)
	r.Header["If-Match"] = []string{`"6"`, `"7"`}
	w := httptest.NewRecorder()
	g.Handler().ServeHTTP(w, r)
	if m, err := errs.ParseIfMatch(got, "thing"); w.Code != http.StatusNoContent || err != nil || !strings.Contains(got, `"6"`) || !strings.Contains(got, `"7"`) {
		t.Errorf("%d %q: %v %v", w.Code, got, m, err)
	}
}

func TestSecurityHeaders(t *testing.T) {
	g := withConfig(t, func(c *Config) { c.PublicURL = "https://tickets.example" })
	h := ask(g, "GET", "/things", "192.0.2.1").Header()
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Strict-Transport-Security": "max-age=31536000"} {
		if h.Get(name) != want {
			t.Errorf("%s is %q", name, h.Get(name))
		}
	}
}

// A stream outlives the time limit of requests, knows who asks, and ends when
// the node drains.
func TestStreams(t *testing.T) {
	g := withConfig(t, func(*Config) {})
	g.Stream(&huma.Operation{OperationID: "live", Method: http.MethodGet, Path: "/things/live"}, func(w http.ResponseWriter, r *http.Request) error {
		if r.URL.RawQuery != "" {
			return errs.Missing("thing")
		}
		if _, limited := r.Context().Deadline(); limited {
			t.Error("a stream has a time limit")
		}
		_, _ = w.Write([]byte("hello " + caller.From(r.Context()).UserID + "\n"))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		_, _ = w.Write([]byte("bye\n"))
		return nil
	})
	srv := httptest.NewServer(g.Handler())
	defer srv.Close()
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/things/live", nil)
	req.Header.Set("Authorization", "Bearer good")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	in := bufio.NewReader(res.Body)
	if line, err := in.ReadString('\n'); err != nil || line != "hello u1\n" {
		t.Fatal(line, err)
	}
	g.Drain()
	if line, err := in.ReadString('\n'); err != nil || line != "bye\n" {
		t.Fatal(line, err)
	}
	if w := ask(g, "GET", "/things/live?x", "192.0.2.1"); w.Code != 404 || !strings.Contains(w.Body.String(), "/problems/not-found") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
