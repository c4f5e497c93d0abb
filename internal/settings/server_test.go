package settings

import (
	"net"
	"slices"
	"strings"
	"testing"
)

// Settings of a wrong form are refused, with what would be right.
func TestSettings(t *testing.T) {
	for _, c := range []struct {
		change func(*Server)
		says   string // "": it is right
	}{
		{func(*Server) {}, ""},
		{func(s *Server) { s.Addr = ":8080" }, ""},
		{func(s *Server) { s.Addr = "[::1]:0" }, ""},
		{func(s *Server) { s.Addr = "8080" }, "127.0.0.1:8080 is this machine only"},
		{func(s *Server) { s.Addr = "localhost" }, "--addr: \"localhost\" is not HOST:PORT"},
		{func(s *Server) { s.Addr = "localhost:http0" }, "--addr"},
		{func(s *Server) { s.OpsAddr = "9090" }, "--ops-addr"},
		{func(s *Server) { s.PublicURL = "https://tickets.example.org" }, ""},
		{func(s *Server) { s.PublicURL = "https://tickets.example.org:8443/" }, ""},
		{func(s *Server) { s.PublicURL = "tickets.example.org" }, "did you mean https://tickets.example.org?"},
		{func(s *Server) { s.PublicURL = "ftp://tickets.example.org" }, "such as https://"},
		{func(s *Server) { s.PublicURL = "https:///x" }, "such as https://"},
		{func(s *Server) { s.PublicURL = "https://tickets.example.org/shop" }, "did you mean https://tickets.example.org?"},
		{func(s *Server) { s.PublicURL = "https://u:p@tickets.example.org" }, "did you mean https://tickets.example.org?"},
		{func(s *Server) { s.PublicURL = "http://0.0.0.0:8080" }, "nobody can reach"},
		{func(s *Server) { s.PublicURL = "https://tickets.example.org:443" }, ""},
		{func(s *Server) { s.PublicURL = "https://my_host:8443" }, ""},
		{func(s *Server) { s.PublicURL = "https://bücher.example" }, ""},
		{func(s *Server) { s.PublicURL = "https://tickets.example.org:0" }, "has port 0: ports are from 1 to 65535"},
		{func(s *Server) { s.PublicURL = "https://tickets.example.org:65536/" }, "has port 65536"},
		{func(s *Server) { s.PublicURL = "https://tickets.example.org:" }, "without a port"},
		{func(s *Server) { s.PublicURL = "https://tickets.example.org:http" }, "such as https://"},
		{func(s *Server) { s.PublicURL = "https://b\u202eücher.example" }, "no valid internationalized domain name"},
		{func(s *Server) { s.Origins = []string{"*", "https://a.example", "http://localhost:3000"} }, ""},
		{func(s *Server) { s.Origins = []string{"a.example"} }, "did you mean https://a.example?"},
		{func(s *Server) { s.Origins = []string{"https://a.example/"} }, "did you mean https://a.example?"},
		{func(s *Server) { s.Origins = []string{"https://A.example:443"} }, "did you mean https://a.example?"},
		{func(s *Server) { s.Origins = []string{"https://bücher.example", "https://bücher.example:8443"} }, ""},
		{func(s *Server) { s.Origins = []string{"https://bücher.example/"} }, "did you mean https://xn--bcher-kva.example?"},
		{func(s *Server) { s.Origins = []string{"https://a.example:70000"} }, "has port 70000"},
		{func(s *Server) { s.Origins = []string{"https://a.example:0443"} }, "did you mean https://a.example?"},
		{func(s *Server) { s.Origins = []string{"https://*.example"} }, "nor * for all"},
		{func(s *Server) { s.Proxies = []string{"10.0.0.0/8", "2001:db8::/32", "192.0.2.7/32"} }, ""},
		{func(s *Server) { s.Proxies = []string{"10.0.0.1"} }, "did you mean 10.0.0.1/32?"},
		{func(s *Server) { s.Proxies = []string{"10.0.0.1/8"} }, "did you mean 10.0.0.0/8 or 10.0.0.1/32?"},
		{func(s *Server) { s.Proxies = []string{"proxy"} }, "such as 10.0.0.0/8"},
		{func(s *Server) { s.RateLimit = -1 }, "--rate-limit"},
		{func(s *Server) { s.Loopback = 0 }, "--loopback-factor: 0 is not between 1"},
		{func(s *Server) { s.NATSURL = "nats://a:4222,tls://u:p@b.example" }, ""},
		{func(s *Server) { s.NATSURL = "nats://a:4222,b:4222" }, "--nats-url: an address is not one of a NATS server"},
		{func(s *Server) { s.NATSURL = "http://a:4222" }, "such as nats://nats1:4222"},
		{func(s *Server) { s.NATSCreds = "server_test.go" }, "--nats-creds goes with --nats-url"},
		{func(s *Server) { s.NATSURL, s.NATSCA, s.NATSCreds = "nats://a", "server_test.go", "server_test.go" }, ""},
		{func(s *Server) { s.NATSURL, s.NATSCA = "nats://a", "missing.pem" }, "--nats-ca: open missing.pem"},
		{func(s *Server) { s.Demo, s.Addr = true, "0.0.0.0:80" }, "loopback"},
	} {
		s := Server{Addr: "127.0.0.1:8080", Loopback: 1}
		c.change(&s)
		err := s.Check()
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
		{"https://tickets.example.org:443", "0.0.0.0:80", "https://tickets.example.org"},
		{"http://Tickets.example.org:0080/", "0.0.0.0:80", "http://tickets.example.org"},
		{"http://[2001:DB8::1]:8080", "0.0.0.0:80", "http://[2001:db8::1]:8080"},
		{"https://Bücher.example:8443/", "0.0.0.0:80", "https://xn--bcher-kva.example:8443"},
		{"", "127.0.0.1:8080", "http://127.0.0.1:8080"},
		{"", "0.0.0.0:8080", ""},
		{"", "[::]:8080", ""},
	} {
		at, err := net.ResolveTCPAddr("tcp", c.listens)
		if err != nil {
			t.Fatal(err)
		}
		if got := (&Server{PublicURL: c.public}).Base(at); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
	if got := LinksInMails(""); !strings.Contains(got, "--public-url") {
		t.Errorf("without an address mails say %q", got)
	}
}

// Hosts are compared as browsers send them: in lower case and A-labels.
func TestHostsAreCompared(t *testing.T) {
	s := Server{PublicURL: "https://Bücher.example:443/", Origins: []string{"*", "https://straße.example", "http://BÜCHER.example:80", "http://localhost:3000"}}
	if got := s.PublicHost(); got != "xn--bcher-kva.example" {
		t.Errorf("the host is %q", got)
	}
	want := []string{"*", "https://xn--strae-oqa.example", "http://xn--bcher-kva.example", "http://localhost:3000"}
	if got := s.AllowedOrigins(); !slices.Equal(got, want) {
		t.Errorf("origins are %q", got)
	}
	if got := (&Server{}).PublicHost(); got != "" {
		t.Errorf("no address has host %q", got)
	}
}
