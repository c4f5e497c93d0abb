package gateway

import (
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// forwardedBy is a gateway behind proxies of 10.0.0.0/8.
func forwardedBy() *Gateway {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	return &Gateway{cfg: Config{Log: slog.New(slog.DiscardHandler), TrustedProxies: proxies}, hops: newHops(proxies)}
}

// The lines of X-Forwarded-For are one list, of which empty members mean nothing.
func TestForwardedLines(t *testing.T) {
	proxied, local := forwardedBy(), &Gateway{cfg: Config{LoopbackProxy: true}, hops: newHops(nil)}
	for _, c := range []struct {
		lines []string
		want  string
	}{
		{[]string{"", "192.0.2.7"}, "192.0.2.7"},
		{[]string{"", "", " , "}, ""},
		{[]string{"192.0.2.7", ""}, "192.0.2.7"},
		{[]string{"192.0.2.7, ,", ","}, "192.0.2.7"},
		{[]string{"198.51.100.1", "192.0.2.7"}, "192.0.2.7"},
		{[]string{"192.0.2.7:4711"}, "192.0.2.7"},
		{[]string{"[2001:db8::7]:80"}, "2001:db8::7"},
		{[]string{"[2001:db8::7]"}, "2001:db8::7"},
		{[]string{"[::ffff:192.0.2.7]"}, "192.0.2.7"},
		{[]string{"192.0.2.7%eth0"}, "192.0.2.7"},
		{[]string{"198.51.100.1, nobody"}, ""},
		{[]string{"198.51.100.1, 0.0.0.0"}, ""},
	} {
		for g, peer := range map[*Gateway]string{proxied: "10.0.0.1", local: "127.0.0.1"} {
			want := c.want
			if want == "" {
				want = peer
			}
			if got := g.client(netip.MustParseAddr(peer), c.lines...).String(); got != want {
				t.Errorf("%q from %s: %s, want %s", c.lines, peer, got, want)
			}
		}
	}
	if got := proxied.client(netip.MustParseAddr("10.0.0.1"), "192.0.2.7, 10.0.0.9", "", "10.0.0.8"); got.String() != "192.0.2.7" {
		t.Errorf("behind three proxies: %s", got)
	}
	if got := proxied.client(netip.MustParseAddr("10.0.0.1"), "192.0.2.7"+strings.Repeat(", 10.0.0.9", maxHops-1)+", 10.0.0.8"); got.String() != "10.0.0.9" {
		t.Errorf("behind more proxies than are followed: %s", got)
	}
}

// FuzzClient compares with the list as RFC 9110 joins it, read from its right end.
func FuzzClient(f *testing.F) {
	for _, seed := range []string{"", "192.0.2.7", "\n192.0.2.7", "192.0.2.7\n\n10.0.0.3", "a,,\n ,10.1.1.1", "[::1]:1\n::ffff:10.0.0.1", "fe80::1%eth0", "10.0.0.3,10.0.0.4", "nobody,10.0.0.4"} {
		f.Add(seed)
	}
	g, peer := forwardedBy(), netip.MustParseAddr("10.0.0.1")
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Split(text, "\n")
		want := peer
		members := strings.FieldsFunc(strings.Join(lines, ","), func(r rune) bool { return r == ',' })
		members = slices.DeleteFunc(members, func(m string) bool { return strings.TrimSpace(m) == "" })
		members = members[max(0, len(members)-maxHops):]
		for i := len(members) - 1; i >= 0; i-- {
			addr, ok := parseHop(strings.TrimSpace(members[i]))
			if !ok {
				break
			}
			if !g.trusted(addr) || i == 0 {
				want = addr
				break
			}
		}
		got := g.client(peer, lines...)
		if got != want {
			t.Errorf("%q: %s, want %s", lines, got, want)
		}
		if got.Is4In6() || got.Zone() != "" {
			t.Errorf("%q: %s is not in its plain form", lines, got)
		}
	})
}
