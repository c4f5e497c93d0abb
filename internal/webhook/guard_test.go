package webhook

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"boxoffice/internal/errs"
	"boxoffice/internal/webhookapi"
)

// Only public addresses may be connected to; in a demo, this machine's own too.
func TestAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"93.184.216.34": "both", "8.8.8.8": "both", "2606:2800:220:1::1": "both", "::ffff:8.8.8.8": "both",
		"127.0.0.1": "local", "127.9.9.9": "local", "::1": "local", "::ffff:127.0.0.1": "local",
		"0.0.0.0": "", "10.0.0.1": "", "172.16.0.1": "", "172.31.255.255": "", "192.168.1.1": "", "169.254.169.254": "", "100.64.0.1": "", "100.127.255.255": "",
		"192.0.0.8": "", "192.0.2.1": "", "198.18.0.1": "", "198.19.255.255": "", "198.51.100.1": "", "203.0.113.1": "", "224.0.0.1": "", "239.255.255.255": "",
		"240.0.0.1": "", "255.255.255.255": "", "192.88.99.1": "",
		"::": "", "fe80::1": "", "fc00::1": "", "fd12::1": "", "ff02::1": "", "fec0::1": "", "2001:db8::1": "", "2001::1": "", "2002:7f00:1::": "", "2002:a00:1::1": "",
		"64:ff9b::7f00:1": "", "64:ff9b:1::1": "", "100::1": "", "::7f00:1": "", "::ffff:10.0.0.1": "", "::ffff:169.254.169.254": "", "fd00:ec2::254": "",
		"fe80::1%eth0": "", "::1%lo": "", "2606:2800:220:1::1%eth0": "",
	} {
		a := netip.MustParseAddr(address)
		public, local := guard{}.allows(a), guard{local: true}.allows(a)
		if public != (want == "both") || local != (want != "") {
			t.Errorf("%s: public %v, local %v, want %q", address, public, local, want)
		}
	}
	for _, bad := range []string{"", "127.0.0.1", "example.org:80", "[::1]"} {
		if (guard{local: true}).control("tcp", bad, nil) == nil {
			t.Errorf("%q may be connected to", bad)
		}
	}
}

// URLs are checked when they are entered.
func TestURLs(t *testing.T) {
	for url, want := range map[string]string{
		"https://example.org": "", "https://example.org:8443/a/b?c=d": "", " https://example.org/x ": "", "https://93.184.216.34/": "", "https://[2606:2800:220:1::1]:443/": "",
		"http://example.org": "not-https", "ftp://example.org": "not-https", "example.org/hooks": "not-a-url", "//example.org": "not-https", "https://": "not-a-url", "https:example.org": "not-a-url", "": "not-a-url",
		"https://:443/": "not-a-url", "https://example.org:0/": "not-a-url", "https://example.org:99999/": "not-a-url", "https://exa mple.org/": "not-a-url", "https://exämple.org/": "not-a-url", "https://example.org/\u202egro": "not-a-url", "https://example.org/a\nb": "not-a-url",
		"https://user:pw@example.org/": "url-with-user", "https://example.org/#part": "url-with-fragment",
		"https://127.0.0.1/": "private-address", "https://[::1]/": "private-address", "https://169.254.169.254/latest/meta-data": "private-address", "https://10.1.2.3:9200/": "private-address", "https://localhost/": "private-address", "https://LOCALHOST./": "private-address", "https://a.localhost/": "private-address", "https://[::ffff:10.0.0.1]/": "private-address",
		"https://example.org/" + strings.Repeat("x", 500): "too-long",
	} {
		_, err := guard{}.checkURL(url)
		code := ""
		if e := errs.Of(err); e != nil {
			code = e.Fields[0].Code
		}
		if code != want {
			t.Errorf("%q: %q, want %q", url, code, want)
		}
	}
	for url, good := range map[string]bool{"http://127.0.0.1:9000/x": true, "http://localhost:9000": true, "http://10.0.0.1/": false, "https://169.254.169.254/": false, "ftp://127.0.0.1/": false} {
		if _, err := (guard{local: true}).checkURL(url); (err == nil) != good {
			t.Errorf("%s in a demo: %v", url, err)
		}
	}
}

// names answers look-ups with addresses that a test sets.
type names struct {
	conn  net.PacketConn
	a     atomic.Pointer[[]string]
	asked atomic.Int64
}

func newNames(t *testing.T) *names {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	n := &names{conn: conn}
	go func() {
		buf := make([]byte, 1500)
		for {
			size, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if out := n.answer(buf[:size]); out != nil {
				_, _ = conn.WriteTo(out, from)
			}
		}
	}()
	return n
}

func (n *names) are(list ...string) { n.a.Store(&list) }

func (n *names) answer(query []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(query) != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	n.asked.Add(1)
	out := dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true, Authoritative: true}, Questions: m.Questions}
	for _, text := range *n.a.Load() {
		a := netip.MustParseAddr(text)
		h := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}
		switch {
		case q.Type == dnsmessage.TypeA && a.Is4():
			out.Answers = append(out.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AResource{A: a.As4()}})
		case q.Type == dnsmessage.TypeAAAA && a.Is6():
			out.Answers = append(out.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AAAAResource{AAAA: a.As16()}})
		}
	}
	raw, err := out.Pack()
	if err != nil {
		return nil
	}
	return raw
}

func (n *names) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", n.conn.LocalAddr().String())
	}}
}

// A name that leads into a private network leads nowhere, whatever it led to before: what
// counts is the address of each connection.
func TestNamesThatLeadInside(t *testing.T) {
	var inside atomic.Int64
	secret := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { inside.Add(1) }))
	defer secret.Close()
	port := secret.URL[strings.LastIndex(secret.URL, ":"):]
	dns := newNames(t)
	s := newSender(newTransport(guard{}, dns.resolver()), time.Now)
	for _, list := range [][]string{{"127.0.0.1"}, {"::1"}, {"127.0.0.1", "::1"}, {"10.0.0.1", "192.168.0.1"}, {"169.254.169.254"}, {"::ffff:127.0.0.1"}, {"fd00:ec2::254"}} {
		dns.are(list...)
		for _, scheme := range []string{"https", "http"} {
			if o := s.send(t.Context(), scheme+"://rebind.example"+port+"/", []string{newSecret()}, "msg_1", "{}"); o.failure != webhookapi.Forbidden || o.status != 0 || o.answer != "" {
				t.Errorf("%v: %+v", list, o)
			}
		}
	}
	for _, url := range []string{"https://127.0.0.1" + port, "http://[::1]" + port, "https://localhost" + port} {
		if o := s.send(t.Context(), url, []string{newSecret()}, "msg_1", "{}"); o.failure != webhookapi.Forbidden {
			t.Errorf("%s: %+v", url, o)
		}
	}
	if inside.Load() > 0 || dns.asked.Load() == 0 {
		t.Errorf("%d requests reached the inside after %d look-ups", inside.Load(), dns.asked.Load())
	}

	// The name of a demo's receiver, which may be this machine, is rebound to another network.
	transport := newTransport(guard{local: true}, dns.resolver())
	s = newSender(transport, time.Now)
	dns.are("127.0.0.1")
	if o := s.send(t.Context(), "http://rebind.example"+port+"/", []string{newSecret()}, "msg_1", "{}"); !o.ok() || inside.Load() != 1 {
		t.Errorf("%+v", o)
	}
	transport.CloseIdleConnections()
	dns.are("169.254.169.254")
	if o := s.send(t.Context(), "http://rebind.example"+port+"/", []string{newSecret()}, "msg_1", "{}"); o.failure != webhookapi.Forbidden {
		t.Errorf("%+v", o)
	}
}

// A proxy in the environment is not used: behind it, nobody would see where requests go.
func TestNoProxy(t *testing.T) {
	if newTransport(guard{}, nil).Proxy != nil {
		t.Error("requests go through a proxy")
	}
}
