package gateway

import (
	"boxoffice/internal/peers"
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

// watched is a door with a live feed that takes its connections over.
func watched(t *testing.T, most, each int) (addr string, taken chan net.Conn) {
	d := newDoor(t, func(c *Config) { c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	d.viewers.most, d.viewers.each = most, each
	taken = make(chan net.Conn, 1)
	d.Stream(&huma.Operation{OperationID: "watch", Method: http.MethodGet, Path: "/things/live", Responses: map[string]*huma.Response{}},
		func(w http.ResponseWriter, r *http.Request) error {
			c, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_, err = c.Write([]byte("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"))
				taken <- peers.Bare(c)
			}
			return err
		})
	return d.listen(t), taken
}

// watches asks for the live feed as a client behind a proxy.
func watches(t *testing.T, addr, client string) (int, *bufio.Reader) {
	t.Helper()
	c := dial(t, addr)
	if _, err := fmt.Fprintf(c, "GET /things/live HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: %s\r\n\r\n", client); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK && res.Header.Get("Retry-After") == "" {
		t.Errorf("%d without Retry-After", res.StatusCode)
	}
	return res.StatusCode, c.in
}

// A live feed counts for its client until its connection is closed, whoever does
// that, and wherever the client comes from.
func TestViewers(t *testing.T) {
	addr, taken := watched(t, 4, 2)
	watch := func(client string) (int, net.Conn) {
		t.Helper()
		status, _ := watches(t, addr, client)
		if status != http.StatusOK {
			return status, nil
		}
		return status, <-taken
	}
	var first net.Conn
	for _, c := range []struct {
		client string
		want   int
	}{
		{"192.0.2.1", 200}, {"192.0.2.1", 200}, {"192.0.2.1", 429},
		{"2001:db8::1", 200}, {"2001:db8::2", 200}, {"2001:db8::3", 503}, // all that there may be
	} {
		status, conn := watch(c.client)
		if status != c.want {
			t.Errorf("%s: %d, want %d", c.client, status, c.want)
		}
		if first == nil {
			first = conn
		}
	}
	_ = first.Close()
	if status, _ := watch("2001:db8::4"); status != 429 {
		t.Errorf("the third of one network: %d", status)
	}
	if status, _ := watch("192.0.2.1"); status != 200 {
		t.Errorf("after one has gone: %d", status)
	}
}

// When there are as many live feeds as there may be, the client with the most
// loses its oldest, until all have the same.
func TestViewersShare(t *testing.T) {
	addr, taken := watched(t, 4, 3)
	var feeds []*bufio.Reader
	for _, c := range []struct {
		client      string
		want, loses int // loses: the feed that ends; -1: none
	}{
		{"192.0.2.1", 200, -1}, {"192.0.2.1", 200, -1}, {"192.0.2.2", 200, -1}, {"192.0.2.1", 200, -1},
		{"192.0.2.3", 200, 0}, {"192.0.2.2", 503, -1}, {"192.0.2.4", 200, 1}, {"192.0.2.1", 503, -1}, {"192.0.2.5", 503, -1},
	} {
		status, in := watches(t, addr, c.client)
		if status != c.want {
			t.Fatalf("%s: %d, want %d", c.client, status, c.want)
		}
		if status != http.StatusOK {
			continue
		}
		<-taken
		if feeds = append(feeds, in); c.loses < 0 {
			continue
		}
		if _, err := feeds[c.loses].ReadByte(); err == nil {
			t.Errorf("feed %d goes on", c.loses)
		}
	}
}

// What is shared out leaves some descriptors for the work itself.
func TestReserve(t *testing.T) {
	for descriptors, want := range map[int][4]int{
		0: {}, 256: {192, 48, 168, 32}, 1024: {768, 192, 672, 96}, 20_000: {19_488, 4_872, 17_052, 2_436},
	} {
		g := &Gateway{}
		g.shareOut(descriptors)
		if got := [4]int{g.peers.Most, g.peers.Each, g.viewers.most, g.viewers.each}; got != want {
			t.Errorf("%d: %v, want %v", descriptors, got, want)
		}
	}
}

// A live feed whose handler panics counts no longer, whether it has taken the
// connection over or not, and its connection is closed.
func TestViewersAfterAPanic(t *testing.T) {
	d := newDoor(t)
	d.viewers.most, d.viewers.each = 1, 1
	d.Stream(&huma.Operation{OperationID: "watch", Method: http.MethodGet, Path: "/things/live", Responses: map[string]*huma.Response{}},
		func(w http.ResponseWriter, r *http.Request) error {
			if r.Header.Get("Take") != "" {
				if _, _, err := http.NewResponseController(w).Hijack(); err != nil {
					return err
				}
			}
			panic("a fault")
		})
	addr := d.listen(t)
	for _, header := range []string{"", "Take: 1\r\n", ""} {
		c := dial(t, addr)
		if _, err := fmt.Fprintf(c, "GET /things/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n", header); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(c.in, nil)
		switch {
		case header != "":
			if err == nil {
				t.Errorf("an answer after the connection was taken over: %d", res.StatusCode)
			}
		case err != nil:
			t.Error(err)
		case res.StatusCode != http.StatusInternalServerError:
			t.Errorf("%d", res.StatusCode)
		}
	}
}
