package gateway

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestRequestIDAndHeaders(t *testing.T) {
	d := newDoor(t)
	for given, kept := range map[string]bool{"": false, "short": false, "abc-DEF_123": true, "has space": false, strings.Repeat("a", 65): false, "new\nline12": false} {
		res := d.send(t, "GET", "/things/a", "", "X-Request-Id", given)
		if got := res.Header().Get("X-Request-Id"); got == "" || (got == given) != kept {
			t.Errorf("%q: %q", given, got)
		}
		if res.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Error("no security headers")
		}
	}
}

func TestCallerAndHead(t *testing.T) {
	d := newDoor(t)
	res := d.send(t, "POST", "/bookings", `{"event_id":"e&<"}`, "Authorization", "Bearer good")
	if got := strings.TrimSpace(res.Body.String()); got != `{"caller":"u1","got":{"event_id":"e&<"}}` {
		t.Errorf("answer %s", got)
	}
	if res := d.send(t, "HEAD", "/things/a", ""); res.Code != http.StatusOK || res.Header().Get("Content-Type") != "application/json" {
		t.Errorf("HEAD: %d %v", res.Code, res.Header())
	}
	if res := d.send(t, "DELETE", "/things/a", ""); res.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("Allow: %v", res.Header())
	}
}

func TestLargeBodies(t *testing.T) {
	d := newDoor(t)
	body := `{"event_id":"` + strings.Repeat("x", 1<<20) + `"}`
	large := strings.Replace(body, "event_id", "title", 1)
	if res := plans(t).send(t, "POST", "/events/plans", large, "Authorization", "Bearer organizer"); res.Code != http.StatusOK {
		t.Errorf("plans: %s", res.problem())
	}
	for _, known := range []bool{true, false} { // Content-Length, or in chunks
		r := httptest.NewRequest("POST", "/bookings", strings.NewReader(body))
		if !known {
			r.ContentLength = -1
		}
		w := httptest.NewRecorder()
		d.Handler().ServeHTTP(w, r)
		if w.Code != http.StatusRequestEntityTooLarge || w.Header().Get("Connection") != "close" {
			t.Errorf("known length %v: %d %s", known, w.Code, w.Body)
		}
	}
	r := httptest.NewRequest("POST", "/bookings", strings.NewReader(`{"event_id":"e"}`))
	r.ContentLength = -1
	w := httptest.NewRecorder()
	if d.Handler().ServeHTTP(w, r); w.Code != http.StatusCreated {
		t.Errorf("in chunks: %d %s", w.Code, w.Body)
	}
}

func TestProbesDocsAndMetrics(t *testing.T) {
	d := newDoor(t)
	notReady, asked := errors.New("no database"), 0
	d.cfg.Ready = func(context.Context) error { asked++; return notReady }
	if res := d.send(t, "GET", "/readyz", ""); res.problem() != "503 not-ready" {
		t.Errorf("readyz: %s", res.problem())
	}
	notReady = nil
	if res := d.send(t, "GET", "/readyz", ""); res.problem() != "503 not-ready" || asked != 1 {
		t.Errorf("readyz: %s, and the database was asked %d times in a moment", res.problem(), asked)
	}
	d.ready.at = time.Time{}
	if res := d.send(t, "GET", "/readyz", ""); res.Code != http.StatusOK {
		t.Errorf("readyz: %s", res.problem())
	}
	d.Drain()
	if res := d.send(t, "GET", "/readyz", ""); res.problem() != "503 shutting-down" {
		t.Errorf("readyz: %s", res.problem())
	}
	if res := d.send(t, "GET", "/healthz", ""); res.Code != http.StatusOK {
		t.Errorf("healthz: %s", res.problem())
	}
	if res := d.send(t, "GET", "/docs", ""); res.Code != http.StatusOK || !strings.Contains(res.Body.String(), "Hold &lt;seats&gt;") || strings.Contains(res.Body.String(), "<script") {
		t.Errorf("docs: %d %s", res.Code, res.Body)
	}
	if res := d.send(t, "GET", "/problems/too-large", ""); res.Code != http.StatusOK {
		t.Errorf("problem: %d", res.Code)
	}
	if res := d.send(t, "GET", "/metrics", ""); res.Code != http.StatusNotFound { // they have an address of their own
		t.Errorf("metrics: %s", res.Body)
	}
	if n := d.figure(t, "boxoffice_http_request_seconds", "method", "GET", "route", "/docs", "status", "2xx"); n != 1 {
		t.Errorf("/docs was counted %v times", n)
	}
}

// What tells of the API is made and compressed once, and has a name of its own.
func TestDocuments(t *testing.T) {
	d := newDoor(t)
	d.Complete()
	for _, path := range []string{"/docs", "/openapi.json", "/openapi.yaml", "/openapi-3.0.json", "/openapi-3.0.yaml"} {
		plain, zipped := d.send(t, "GET", path, ""), d.send(t, "GET", path, "", "Accept-Encoding", "br, gzip")
		tag, other := plain.Header().Get("ETag"), zipped.Header().Get("ETag")
		if plain.Code != 200 || tag == "" || other == tag || zipped.Header().Get("Content-Encoding") != "gzip" || zipped.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: %d %v %v", path, plain.Code, plain.Header(), zipped.Header())
		}
		z, err := gzip.NewReader(zipped.Body)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(z); err != nil || string(text) != plain.Body.String() {
			t.Errorf("%s: %v, other bytes", path, err)
		}
		if res := d.send(t, "GET", path, "", "Accept-Encoding", "gzip", "If-None-Match", other); res.Code != http.StatusNotModified || res.Body.Len() > 0 {
			t.Errorf("%s: %d", path, res.Code)
		}
		if n := testing.AllocsPerRun(20, func() { d.send(t, "GET", path, "") }); n > 200 {
			t.Errorf("%s: %v allocations", path, n)
		}
	}
}

// A demo's passwords are printed: a page of another site that has its own name
// point here gets nothing.
func TestOnlyHosts(t *testing.T) {
	g := withConfig(t, func(c *Config) { c.Hosts = []string{"tickets.example"} })
	for host, want := range map[string]int{
		"localhost": 200, "localhost:8080": 200, "127.0.0.1:8080": 200, "[::1]:8080": 200, "[::1]": 200, "Tickets.Example": 200, "tickets.example.": 200, "shop.localhost:1": 200,
		"evil.example": 421, "evil.example:8080": 421, "192.0.2.1": 421, "localhost.evil.example": 421, "": 421, "127.0.0.1.evil.example": 421,
	} {
		r := httptest.NewRequest("GET", "/things", nil)
		r.Host = host
		w := httptest.NewRecorder()
		g.Handler().ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%q: %d, want %d", host, w.Code, want)
		}
		for _, probe := range []string{"/healthz", "/readyz"} {
			r := httptest.NewRequest("GET", probe, nil)
			r.Host = host
			w := httptest.NewRecorder()
			g.Handler().ServeHTTP(w, r)
			if w.Code != 200 {
				t.Errorf("%s of %q: %d", probe, host, w.Code)
			}
		}
	}
}

func TestOpenAPI(t *testing.T) {
	d := newDoor(t)
	res := d.send(t, "GET", "/openapi.json", "")
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			Responses map[string]struct {
				Content map[string]struct{ Schema map[string]string }
			}
		}
		Components struct {
			Schemas         map[string]struct{ Properties map[string]any }
			SecuritySchemes map[string]struct{ Scheme string }
		}
	}
	if err := json.Unmarshal(res.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1") || doc.Components.SecuritySchemes["session"].Scheme != "bearer" {
		t.Errorf("%s %v", doc.OpenAPI, doc.Components.SecuritySchemes)
	}
	problem := doc.Paths["/bookings"]["post"].Responses["409"].Content["application/problem+json"].Schema["$ref"]
	if problem != "#/components/schemas/Problem" || doc.Components.Schemas["Problem"].Properties["fields"] == nil {
		t.Errorf("a 409 is a %q of %v", problem, doc.Components.Schemas["Problem"])
	}
	if strings.Contains(res.Body.String(), "$schema") {
		t.Error("bodies have links to schemas")
	}
}

// A server that is asked to end answers what it has taken on.
func TestServerDrains(t *testing.T) {
	d := newDoor(t)
	started, end := make(chan struct{}), make(chan struct{})
	d.do = func(context.Context) error { close(started); <-end; return nil }
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go d.Serve(l) //nolint:errcheck // ends with the test
	answered := make(chan string, 1)
	go func() {
		res, err := http.Post("http://"+l.Addr().String()+"/bookings", "application/json", strings.NewReader(`{"event_id":"e"}`))
		if err != nil {
			answered <- err.Error()
			return
		}
		res.Body.Close()
		answered <- res.Status
	}()
	<-started
	d.Drain()
	down := make(chan error, 1)
	go func() { down <- d.Shutdown(context.Background()) }()
	close(end)
	if got := <-answered; got != "201 Created" {
		t.Error(got)
	}
	if err := <-down; err != nil {
		t.Error(err)
	}
}
