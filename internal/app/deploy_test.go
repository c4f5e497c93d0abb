package app

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"boxoffice/internal/brokertest"
	"boxoffice/internal/caller"
	"boxoffice/internal/patience"
	"boxoffice/internal/settings"
	"boxoffice/internal/userapi"
	"boxoffice/test/proxies"
)

// certificate writes a certificate for tickets.example: DIR/site.crt, .key, .pem.
func certificate(t *testing.T) (dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	site := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"tickets.example"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, site, site, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert, private := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
	dir = t.TempDir()
	for name, text := range map[string][]byte{"site.crt": cert, "site.key": private, "site.pem": append(cert, private...)} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// example is a file of deploy/, with what belongs to a machine replaced: pairs of
// old and new. Each must be there.
func example(t *testing.T, name string, pairs ...string) string {
	t.Helper()
	raw, err := os.ReadFile("../../deploy/" + name)
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("%s has no %q", name, pairs[i])
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	return text
}

// site is a node behind a server of deploy/.
type site struct {
	*ways
	name     string
	tls      string // address of the server
	plain    string // its address without TLS; "" when it was not asked for one
	cached   string // pattern of what its cache keeps
	requests int
}

// sites start the servers, by name of the example.
var sites = map[string]func(t *testing.T, s *site, certs string){
	"nginx.conf": func(t *testing.T, s *site, certs string) {
		s.plain = brokertest.FreeAddr(t)
		const cache = "/var/lib/nginx/boxoffice"
		if info, err := os.Stat(filepath.Dir(cache)); err != nil || !info.IsDir() { // nginx makes the last folder only
			t.Errorf("nginx cannot make %s: %v", cache, err)
		}
		config := example(t, "nginx.conf", "proxy_cache_path "+cache+" ", "proxy_cache_path DIR/cache ", "127.0.0.1:8080", s.addr, "listen [::]:80;", "", "listen [::]:443 ssl http2;", "",
			"listen 80;", "listen "+s.plain+";", "listen 443 ssl http2;", "listen ADDR ssl http2;", "/etc/ssl/tickets.example", certs+"/site")
		s.tls = proxies.Start(t, "nginx", `pid DIR/pid; events { worker_connections 512; }
http { access_log off; client_body_temp_path DIR/b; proxy_temp_path DIR/p; fastcgi_temp_path DIR/f; uwsgi_temp_path DIR/u; scgi_temp_path DIR/s;
`+config+"}").Addr
		s.cached = "/e/EVENT/gala"
	},
	"haproxy.cfg": func(t *testing.T, s *site, certs string) {
		s.plain = brokertest.FreeAddr(t)
		s.tls = proxies.Start(t, "haproxy", example(t, "haproxy.cfg", "127.0.0.1:8080", s.addr, "bind :80\n", "bind "+s.plain+"\n", "bind :443 ", "bind ADDR ",
			"/etc/ssl/tickets.example.pem", certs+"/site.pem", "maxconn 20000", "maxconn 200")).Addr
		s.cached = "/events/EVENT/plan"
	},
	"Caddyfile": func(t *testing.T, s *site, certs string) {
		host, port, _ := net.SplitHostPort(s.addr)
		cache := proxies.Start(t, "varnishd", example(t, "varnish.vcl", `"127.0.0.1"`, `"`+host+`"`, `"8080"`, `"`+port+`"`))
		// Without the certificates that it would get by itself, and its other ports.
		s.tls = proxies.Start(t, "caddy", "{\n\tadmin off\n\tauto_https off\n}\n"+
			example(t, "Caddyfile", "127.0.0.1:8080", cache.Addr, "tickets.example {", "https://tickets.example:PORT {\n\ttls "+certs+"/site.crt "+certs+"/site.key")).Addr
		s.cached = "/e/EVENT/gala"
	},
}

// TestDeploy buys, watches and looks through each server of deploy/.
func TestDeploy(t *testing.T) {
	if testing.Short() {
		t.Skip("needs nginx, Caddy, HAProxy and Varnish")
	}
	certs := certificate(t)
	for name, start := range sites {
		t.Run(name, func(t *testing.T) {
			s := &site{name: name, ways: newWays(t, func(s *settings.Server) {
				s.Addr, s.PublicURL = "127.0.0.1:0", "https://tickets.example"
				if name == "Caddyfile" { // and Varnish behind it
					s.Proxies = []string{"127.0.0.1/32"}
				}
			})}
			s.door.Router().Get("/client", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, caller.ClientFrom(r.Context())) })
			start(t, s, certs)
			organizer, fan := s.account(t, caller.Organizer), s.account(t, caller.Customer)
			event := s.must(t, organizer, "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
			s.clients(t)
			s.watches(t, event, func() { s.buys(t, fan, event) })
			s.caches(t, event)
			if s.plain != "" {
				if res := s.do(t, "", userapi.Fan{}, "GET", "http://"+s.plain+"/", ""); res.status != 301 || !strings.HasPrefix(res.header.Get("Location"), "https://") {
					t.Errorf("without TLS: %d %v", res.status, res.header)
				}
			}
		})
	}
}

// request makes a request for a path of the site, or of an address.
func (s *site) request(t *testing.T, as userapi.Fan, method, path, body string) *http.Request {
	t.Helper()
	url := path
	if strings.HasPrefix(path, "/") {
		url = "https://tickets.example" + path
	}
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	s.requests++
	r.Header.Set("X-Request-Id", fmt.Sprintf("request-%d", s.requests))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if as.Token != "" {
		r.Header.Set("Authorization", "Bearer "+as.Token)
	}
	return r
}

// from is a client at a loopback address of its own; "" for any.
func (s *site) from(t *testing.T, addr string) *http.Transport {
	t.Helper()
	dial := &net.Dialer{}
	if addr != "" {
		dial.LocalAddr = &net.TCPAddr{IP: net.ParseIP(addr)}
	}
	tr := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: "tickets.example"}, //nolint:gosec // a test's own certificate
		DialContext: func(ctx context.Context, network, to string) (net.Conn, error) {
			if strings.HasPrefix(to, "tickets.example:") {
				to = s.tls
			}
			return dial.DialContext(ctx, network, to)
		}}
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

func (s *site) do(t *testing.T, from string, as userapi.Fan, method, path, body string, header ...string) answer {
	t.Helper()
	r := s.request(t, as, method, path, body)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := s.from(t, from).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // it was read
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(raw), res.Header.Get("X-Request-Id") == r.Header.Get("X-Request-Id")}
}

// clients: the node knows who asks, and nobody can pass for somebody else.
func (s *site) clients(t *testing.T) {
	t.Helper()
	for _, addr := range []string{"127.0.0.9", "127.0.0.10"} {
		for _, claim := range []string{"", "203.0.113.7", "203.0.113.7, 127.0.0.1"} {
			var header []string
			if claim != "" {
				header = []string{"X-Forwarded-For", claim}
			}
			if got := s.do(t, addr, userapi.Fan{}, "GET", "/client", "", header...); got.body != addr {
				t.Errorf("%s, who says %q, is %q", addr, claim, got.body)
			}
		}
	}
	if list := s.door.Warnings(); len(list) > 0 {
		t.Errorf("warnings: %q", list)
	}
}

// buys: a purchase through the server.
func (s *site) buys(t *testing.T, fan userapi.Fan, event string) {
	t.Helper()
	var doc struct{ ID, Status string }
	ask := func(want int, method, path, body string) {
		t.Helper()
		got := s.do(t, "", fan, method, path, body)
		if err := json.Unmarshal([]byte(got.body), &doc); err != nil || got.status != want || !got.own {
			t.Fatalf("%s %s: %d %s", method, path, got.status, got.body)
		}
	}
	ask(201, "POST", "/bookings", `{"event_id":"`+event+`","quantity":1}`)
	booking := doc.ID
	ask(201, "POST", "/payments", `{"booking_id":"`+booking+`","method":"tok_ok"}`)
	if ask(200, "GET", "/bookings/"+booking, ""); doc.Status != "booked" {
		t.Errorf("the booking is %s", doc.Status)
	}
}

// watches: a live feed tells at once what happens.
func (s *site) watches(t *testing.T, event string, happens func()) {
	t.Helper()
	res, err := s.from(t, "").RoundTrip(s.request(t, userapi.Fan{}, "GET", "/events/"+event+"/live", ""))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // it is broken off
	if kind := res.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Fatalf("a feed of %s: %d", kind, res.StatusCode)
	}
	guard := time.AfterFunc(patience.Long, func() { _ = res.Body.Close() })
	defer guard.Stop()
	lines := bufio.NewScanner(res.Body)
	next := func(want string) {
		t.Helper()
		for lines.Scan() {
			if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				if name != want {
					t.Fatalf("the feed says %q, not %q", name, want)
				}
				return
			}
		}
		t.Fatalf("the feed never says %q: %v", want, lines.Err())
	}
	next("snapshot")
	happens()
	next("seats")
}

// caches: what everybody looks at comes out of the cache, compressed or not.
func (s *site) caches(t *testing.T, event string) {
	t.Helper()
	path := strings.ReplaceAll(s.cached, "EVENT", event)
	for _, coding := range []string{"identity", "gzip"} {
		kept := false
		for range 50 {
			got := s.do(t, "", userapi.Fan{}, "GET", path, "", "Accept-Encoding", coding)
			zipped := strings.HasPrefix(got.body, "\x1f\x8b")
			if got.status != 200 || zipped && coding == "identity" || !zipped && coding == "gzip" && s.name != "haproxy.cfg" { // which gives what it has to all
				t.Fatalf("%s, %s: %d %v", path, coding, got.status, got.header)
			}
			if kept = !got.own; kept {
				break
			}
		}
		if !kept {
			t.Errorf("%s (%s) never comes out of the cache", path, coding)
		}
	}
}
