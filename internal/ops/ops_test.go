package ops

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"boxoffice/internal/jobs"
	"boxoffice/internal/patience"
)

// Metrics and profiles have an address of their own: one that was asked for, or
// none; else the usual one, or a free port when somebody else has that.
func TestOperators(t *testing.T) {
	serve := func(addr string) (string, error) {
		log, reg := slog.New(slog.DiscardHandler), prometheus.NewRegistry()
		reg.MustRegister(collectors.NewGoCollector())
		in, err := jobs.New(log, reg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(in.Stop)
		var out bytes.Buffer
		err = Serve(in, addr, reg, &out, log)
		url, _ := strings.CutPrefix(strings.TrimSpace(out.String()), "metrics and profiles on ")
		return url, err
	}
	first, err := serve("") // whoever has the usual address by now
	if err != nil {
		t.Fatal(err)
	}
	second, err := serve("")
	if err != nil || second == first || second == "http://"+defaultAddr {
		t.Errorf("a second node: %s beside %s, %v", second, first, err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close() //nolint:errcheck // a test's
	if url, err := serve(taken.Addr().String()); err == nil || !strings.Contains(err.Error(), "--ops-addr") {
		t.Errorf("an address that is taken: %s %v", url, err)
	}
	get := func(path, host string) (int, string, http.Header) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, second+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if host != "" {
			r.Host = host
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close() //nolint:errcheck // it was read
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(body), res.Header
	}
	if status, body, h := get("/metrics", ""); status != 200 || !strings.Contains(body, "go_goroutines") || h.Get("Cache-Control") != "no-store" {
		t.Errorf("metrics: %d %v", status, h)
	}
	if status, body, _ := get("/debug/pprof/goroutine?debug=1", ""); status != 200 || !strings.Contains(body, "goroutine profile") {
		t.Errorf("profiles: %d", status)
	}
	if status, _, _ := get("/metrics", "evil.example"); status != http.StatusMisdirectedRequest {
		t.Errorf("a name of another site: %d", status)
	}
}

// served starts the operators' server, and returns its address.
func served(t *testing.T, reg *prometheus.Registry, log *slog.Logger) (addr string) {
	t.Helper()
	in, err := jobs.New(log, reg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(in.Stop)
	var out bytes.Buffer
	if err := Serve(in, "127.0.0.1:0", reg, &out, log); err != nil {
		t.Fatal(err)
	}
	addr, _ = strings.CutPrefix(strings.TrimSpace(out.String()), "metrics and profiles on http://")
	return addr
}

// Idle connections of operators are few, and keep nobody out.
func TestOperatorsAreFew(t *testing.T) {
	log, reg := slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	addr := served(t, reg, log)
	var idle []*bufio.Reader
	for range mostConnections + 5 {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		_ = c.SetDeadline(time.Now().Add(patience.Long)) // it would wait for ever
		in := bufio.NewReader(c)
		if _, err := io.WriteString(c, "GET /debug/pprof/cmdline HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%d %v", res.StatusCode, err)
		}
		idle = append(idle, in)
	}
	ended := make(chan error, len(idle))
	for _, c := range idle {
		go func() {
			_, err := c.ReadByte()
			ended <- err
		}()
	}
	for range 5 { // nearly always the oldest, but which of them wait already is the server's to know
		if err := <-ended; !errors.Is(err, io.EOF) {
			t.Errorf("a connection that is one too many: %v", err)
		}
	}
}

// Requests that announce a body and do not send it keep no operator out.
func TestOperatorsGetIn(t *testing.T) {
	log, reg := slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	answered := make(chan struct{}, 1000)
	reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "served"}, func() float64 { answered <- struct{}{}; return 0 }))
	addr := served(t, reg, log)
	for range mostConnections {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if _, err := io.WriteString(c, "GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		<-answered
	}
	for i := 0; ; i++ { // the last of those may still be worked on
		res, err := http.Get("http://" + addr + "/metrics")
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		if i == 100 {
			t.Fatalf("the next one is answered %v, %v", res, err)
		}
	}
}
