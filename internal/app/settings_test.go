package app

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"

	"boxoffice/internal/caller"
)

// Settings of a wrong form are refused, with what would be right.
func TestSettings(t *testing.T) {
	for _, c := range []struct {
		change func(*Serve)
		says   string // "": it is right
	}{
		{func(*Serve) {}, ""},
		{func(s *Serve) { s.Addr = ":8080" }, ""},
		{func(s *Serve) { s.Addr = "[::1]:0" }, ""},
		{func(s *Serve) { s.Addr = "8080" }, "127.0.0.1:8080 is this machine only"},
		{func(s *Serve) { s.Addr = "localhost" }, "--addr: \"localhost\" is not HOST:PORT"},
		{func(s *Serve) { s.Addr = "localhost:http0" }, "--addr"},
		{func(s *Serve) { s.OpsAddr = "9090" }, "--ops-addr"},
		{func(s *Serve) { s.PublicURL = "https://tickets.example.org" }, ""},
		{func(s *Serve) { s.PublicURL = "https://tickets.example.org:8443/" }, ""},
		{func(s *Serve) { s.PublicURL = "tickets.example.org" }, "did you mean https://tickets.example.org?"},
		{func(s *Serve) { s.PublicURL = "ftp://tickets.example.org" }, "such as https://"},
		{func(s *Serve) { s.PublicURL = "https:///x" }, "such as https://"},
		{func(s *Serve) { s.PublicURL = "https://tickets.example.org/shop" }, "did you mean https://tickets.example.org?"},
		{func(s *Serve) { s.PublicURL = "https://u:p@tickets.example.org" }, "did you mean https://tickets.example.org?"},
		{func(s *Serve) { s.PublicURL = "http://0.0.0.0:8080" }, "nobody can reach"},
		{func(s *Serve) { s.Origins = []string{"*", "https://a.example", "http://localhost:3000"} }, ""},
		{func(s *Serve) { s.Origins = []string{"a.example"} }, "did you mean https://a.example?"},
		{func(s *Serve) { s.Origins = []string{"https://a.example/"} }, "did you mean https://a.example?"},
		{func(s *Serve) { s.Origins = []string{"https://A.example:443"} }, "did you mean https://a.example?"},
		{func(s *Serve) { s.Origins = []string{"https://*.example"} }, "nor * for all"},
		{func(s *Serve) { s.Proxies = []string{"10.0.0.0/8", "2001:db8::/32", "192.0.2.7/32"} }, ""},
		{func(s *Serve) { s.Proxies = []string{"10.0.0.1"} }, "did you mean 10.0.0.1/32?"},
		{func(s *Serve) { s.Proxies = []string{"10.0.0.1/8"} }, "did you mean 10.0.0.0/8 or 10.0.0.1/32?"},
		{func(s *Serve) { s.Proxies = []string{"proxy"} }, "such as 10.0.0.0/8"},
		{func(s *Serve) { s.RateLimit = -1 }, "--rate-limit"},
		{func(s *Serve) { s.Loopback = 0 }, "--loopback-factor: 0 is not between 1"},
		{func(s *Serve) { s.Demo, s.Addr = true, "0.0.0.0:80" }, "loopback"},
	} {
		s := Serve{Addr: "127.0.0.1:8080", Loopback: 1}
		c.change(&s)
		err := s.check()
		if (err == nil) != (c.says == "") || err != nil && (ExitStatus(err) != 2 || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%+v: %v", s, err)
		}
	}
}

// Links begin with what the server was told, or with the one address that it
// listens on, and never with that of all networks.
func TestLinksNeedAnAddress(t *testing.T) {
	for _, c := range []struct{ public, listens, want string }{
		{"https://tickets.example.org/", "0.0.0.0:80", "https://tickets.example.org"},
		{"", "127.0.0.1:8080", "http://127.0.0.1:8080"},
		{"", "0.0.0.0:8080", ""},
		{"", "[::]:8080", ""},
	} {
		at, err := net.ResolveTCPAddr("tcp", c.listens)
		if err != nil {
			t.Fatal(err)
		}
		if got := (&Serve{PublicURL: c.public}).base(at); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
	if got := inMails(""); !strings.Contains(got, "--public-url") {
		t.Errorf("without an address mails say %q", got)
	}
}

// A demo does not touch a database that is not a demo's.
func TestDemoOnly(t *testing.T) {
	h := newHouse(t)
	if err := h.demoOnly(t.Context()); err != nil {
		t.Errorf("an empty database: %v", err)
	}
	h.account(t, caller.Customer)
	if err := h.demo(t.Context(), io.Discard); ExitStatus(err) != 2 || !strings.Contains(err.Error(), "not a demo's (1 account, 0 events)") {
		t.Errorf("somebody's database: %v", err)
	}
	demo := newHouse(t)
	for range 2 {
		var out bytes.Buffer
		if err := demo.demo(context.WithoutCancel(t.Context()), &out); err != nil || !strings.Contains(out.String(), demoOrganizer) {
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
	s := Serve{Storage: Storage{Data: t.TempDir()}, Addr: l.Addr().String(), OpsAddr: "127.0.0.1:0", Loopback: 1}
	if err := s.Run(t.Context(), io.Discard, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "--addr: another process listens on "+s.Addr) {
		t.Errorf("%v", err)
	}
	s.OpsAddr = s.Addr
	if err := s.Run(t.Context(), io.Discard, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "--ops-addr: another process listens on "+s.Addr) {
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
		g, err := h.front(&Serve{Addr: "127.0.0.1:0", Proxies: []string{c.network}, Loopback: 1}, "", http.NotFoundHandler(), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if told := strings.Contains(strings.Join(g.Warnings(), " "), "--trusted-proxies is "+c.network); told != c.warns {
			t.Errorf("%s: %q", c.network, g.Warnings())
		}
	}
}
