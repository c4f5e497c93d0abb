package quick

import (
	"bufio"
	"net"
	"net/http"
	"net/netip"
	"testing"
)

// peers is a listener with a door, of which each connection is handed on.
func peers(t *testing.T, most, each int, exempt func(netip.Addr) bool) (addr string, accepted chan net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &Door{}
	d.Peers.Most, d.Peers.Each, d.Peers.Exempt = most, each, exempt
	accepted = make(chan net.Conn)
	go func() {
		through := d.Listener(l)
		for {
			c, err := through.Accept()
			if err != nil {
				close(accepted)
				return
			}
			accepted <- c
		}
	}()
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String(), accepted
}

func connect(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func refused(t *testing.T, c net.Conn) int {
	t.Helper()
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.Header.Get("Retry-After") == "" || !res.Close {
		t.Errorf("%v", res.Header)
	}
	return res.StatusCode
}

// One address has so many connections, and all have so many, until some close.
func TestPeers(t *testing.T) {
	for name, c := range map[string]struct {
		most, each int
		exempt     func(netip.Addr) bool
		want       int
	}{
		"each":   {10, 2, nil, 429},
		"all":    {2, 10, nil, 503},
		"exempt": {2, 1, netip.Addr.IsLoopback, 503},
	} {
		t.Run(name, func(t *testing.T) {
			addr, accepted := peers(t, c.most, c.each, c.exempt)
			var here []net.Conn
			for range 2 {
				connect(t, addr)
				here = append(here, <-accepted)
			}
			if got := refused(t, connect(t, addr)); got != c.want {
				t.Errorf("the third: %d", got)
			}
			closed := make(chan struct{})
			if !OnClose(here[0], func() { close(closed) }) {
				t.Fatal("nobody knows when it is closed")
			}
			_ = Bare(here[0]).Close() // as who has taken it over
			<-closed
			_ = here[0].Close() // counts once
			connect(t, addr)
			<-accepted
			if got := refused(t, connect(t, addr)); got != c.want {
				t.Errorf("the one after: %d", got)
			}
			again := make(chan struct{})
			OnClose(here[0], func() { close(again) })
			<-again
		})
	}
}

func TestNetwork(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::", "::1": "::",
	} {
		if got := Network(netip.MustParseAddr(addr)).String(); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
}
