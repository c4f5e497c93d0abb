package app

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"

	"boxoffice/internal/caller"
	"boxoffice/internal/demo"
	"boxoffice/internal/settings"
	"boxoffice/internal/userapi"
)

// A demo does not touch a database that is not a demo's.
func TestDemoOnly(t *testing.T) {
	h := newHouse(t)
	if err := demo.CheckDatabase(t.Context(), h.DB); err != nil {
		t.Errorf("an empty database: %v", err)
	}
	h.account(t, caller.Customer)
	if err := demo.Fill(t.Context(), h.forDemo(), io.Discard); settings.ExitStatus(err) != 2 || !strings.Contains(err.Error(), "not a demo's (1 account, 0 events)") {
		t.Errorf("somebody's database: %v", err)
	}
	own := newHouse(t)
	for range 2 {
		var out bytes.Buffer
		if err := demo.Fill(context.WithoutCancel(t.Context()), own.forDemo(), &out); err != nil || !strings.Contains(out.String(), settings.DemoOrganizer) {
			t.Fatalf("a demo's own database: %v %s", err, out.String())
		}
	}
}

// docs/operations.md has each metric by its name, and no other.
func TestDocumentedMetrics(t *testing.T) {
	h := newHouse(t)
	descriptions := make(chan *prometheus.Desc, 1000)
	h.Metrics.Describe(descriptions)
	close(descriptions)
	var have []string
	name := regexp.MustCompile(`fqName: "(boxoffice_[a-z_]+)"`)
	for d := range descriptions {
		if m := name.FindStringSubmatch(d.String()); m != nil {
			have = append(have, m[1])
		}
	}
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, m := range regexp.MustCompile("`(boxoffice_[a-z_]+)").FindAllStringSubmatch(string(text), -1) {
		documented = append(documented, m[1])
	}
	slices.Sort(have)
	slices.Sort(documented)
	have = slices.Compact(have)
	for _, m := range have {
		if !slices.Contains(documented, m) {
			t.Errorf("docs/operations.md has no row for %s", m)
		}
	}
	for _, m := range documented {
		if !slices.Contains(have, m) {
			t.Errorf("docs/operations.md has a row for %s, which there is not", m)
		}
	}
}

// README.md says how many operations the API has.
func TestDocumentedOperations(t *testing.T) {
	h := newHouse(t)
	n := 0
	for _, item := range h.door.API().OpenAPI().Paths {
		for _, op := range []*huma.Operation{item.Get, item.Put, item.Post, item.Delete, item.Patch} {
			if op != nil {
				n++
			}
		}
	}
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("| API | %d operations", n); !strings.Contains(string(text), want) {
		t.Errorf("README.md does not say %q", want)
	}
}

// What cannot be listened on is told with the flag and what to do.
func TestTakenAddress(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := settings.Server{Storage: settings.Storage{Data: t.TempDir()}, Addr: l.Addr().String(), OpsAddr: "127.0.0.1:0", Loopback: 1}
	if err := Serve(t.Context(), s, io.Discard, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "--addr: another process listens on "+s.Addr) {
		t.Errorf("%v", err)
	}
	s.OpsAddr, s.Addr = s.Addr, "127.0.0.1:0"
	if err := Serve(t.Context(), s, io.Discard, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "--ops-addr: another process listens on "+s.OpsAddr) {
		t.Errorf("%v", err)
	}
}

// A list of proxies that is everybody is warned of.
func TestEverybodyIsNoProxy(t *testing.T) {
	for _, c := range []struct {
		network string
		warns   bool
	}{{"0.0.0.0/0", true}, {"::/0", true}, {"10.0.0.0/8", false}} {
		h := newHouse(t)
		h.Metrics = prometheus.NewRegistry() // of a second front door
		g, err := h.faces(&settings.Server{Addr: "127.0.0.1:0", Proxies: []string{c.network}, Loopback: 1}, "", true, nil, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if told := strings.Contains(strings.Join(g.Warnings(), " "), "--trusted-proxies is "+c.network); told != c.warns {
			t.Errorf("%s: %q", c.network, g.Warnings())
		}
	}
}

// Behind a proxy that nobody has named all clients are one: that is said.
func TestProxyWarning(t *testing.T) {
	for _, c := range []struct {
		addr, url string
		proxies   []string
		warned    bool
	}{
		{"0.0.0.0:8080", "https://tickets.example", nil, true},
		{"0.0.0.0:8080", "https://tickets.example", []string{"10.0.0.0/8"}, false},
		{"127.0.0.1:8080", "https://tickets.example", nil, false}, // a proxy on this machine is trusted
	} {
		h := newHouse(t, func(s *settings.Server) { s.Addr, s.PublicURL, s.Proxies = c.addr, c.url, c.proxies })
		w := h.ask(t, userapi.Fan{}, "GET", "/readyz", "")
		if warned := strings.Contains(w.Body.String(), "--trusted-proxies"); w.Code != 200 || warned != c.warned {
			t.Errorf("%s, %s behind %q: %s", c.addr, c.url, c.proxies, w.Body)
		}
	}
}

// Mails that nobody gets are warned of, but for a demo's.
func TestMailWarning(t *testing.T) {
	for name, c := range map[string]struct {
		settings settings.Server
		warned   bool
	}{
		"files":  {settings.Server{}, true},
		"a demo": {settings.Server{Demo: true}, false},
		"SMTP":   {settings.Server{SMTPURL: "smtp://127.0.0.1:1?from=a@example.org"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			c.settings.Data = t.TempDir()
			ready := fetched(t, serving(t, c.settings)+"/readyz")
			if warned := strings.Contains(ready, "warning: --smtp-url is missing"); warned != c.warned {
				t.Error(ready)
			}
		})
	}
}
