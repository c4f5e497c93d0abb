package peers

import (
	"net"
	"net/http"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// A connection that was taken over waits while it says that it sends.
func TestSendersGiveWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Conn{since: time.Now()}
		c.Conn = &tracked{conn: c}
		time.Sleep(time.Hour)
		done, began := Sends(c), time.Now()
		if time.Sleep(stalled); !c.waitsSince(time.Now()).Equal(began) {
			t.Errorf("it waits since %v, not %v", c.waitsSince(time.Now()), began)
		}
		done()
		if !c.waitsSince(time.Now()).IsZero() || c.giveWay(began) {
			t.Error("it waits although it is done")
		}
		in, out := net.Pipe()
		Sends(in)() // it is of no Set
		_ = in.Close()
		_ = out.Close()
	})
}

// proxied is the connections of a server's clients, of which 192.0.2.1 is a proxy.
type proxied struct{ Set }

func newProxied(most, each int) *proxied {
	return &proxied{Set{Most: most, Each: each, Exempt: func(a netip.Addr) bool { return a.As4()[3] == proxy }}}
}

const proxy = 1

// ending is a connection that knows whether it was closed.
type ending struct {
	net.Conn
	closed bool
}

func (e *ending) Close() error { e.closed = true; return nil }

// comes lets a connection in, if there is room, which waits for its request.
func (p *proxied) comes(from byte) (c *Conn, end *ending, refusal string) {
	end = &ending{}
	c = &Conn{Conn: end, since: time.Now(), Peer: netip.AddrFrom4([4]byte{192, 0, 2, from})}
	c.quiet = c.since
	return c, end, p.enter(c)
}

// Connections of a proxy that are between two requests, or whose answer nobody
// reads, make room for newcomers, who may come through it, too: the one that has
// waited longest first, and none that was opened or used just now.
func TestProxiesGiveWay(t *testing.T) {
	for name, newcomer := range map[string]byte{"to its own": proxy, "to others": 2} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newProxied(3, 1)
				idle, idleEnd, _ := p.comes(proxy)
				slow, slowEnd, _ := p.comes(proxy)
				works, worksEnd, _ := p.comes(proxy)
				for _, c := range []*Conn{idle, slow, works} {
					c.goesOn(0)
				}
				time.Sleep(time.Minute)
				slow.sends(time.Now())
				time.Sleep(time.Second)
				idle.state(http.StateIdle)
				if _, _, refusal := p.comes(newcomer); refusal != fullForAll {
					t.Errorf("one that was used just now gave way: %q", refusal)
				}
				time.Sleep(2 * time.Second)
				next, nextEnd, refusal := p.comes(newcomer)
				if next.goesOn(0); refusal != "" || !slowEnd.closed || idleEnd.closed {
					t.Errorf("the slow reader did not give way: %q", refusal)
				}
				time.Sleep(2 * time.Second)
				if _, _, refusal := p.comes(3); refusal != "" || !idleEnd.closed {
					t.Errorf("the idle one did not give way: %q", refusal)
				}
				if worksEnd.closed || nextEnd.closed {
					t.Error("one that works on a request gave way")
				}
			})
		})
	}
}

// A proxy loses no connection while a client's waits.
func TestProxiesGiveWayLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProxied(3, 3)
		_, first, _ := p.comes(proxy)
		_, second, _ := p.comes(proxy)
		time.Sleep(time.Minute)
		_, last, _ := p.comes(2)
		for from := byte(3); from < 8; from++ {
			_, next, refusal := p.comes(from)
			if refusal != "" || !last.closed {
				t.Fatalf("the client's did not give way: %q", refusal)
			}
			last = next
		}
		if first.closed || second.closed {
			t.Error("the proxy's gave way")
		}
	})
}

// A connection that gives way between the hand-over and net/http's first look at it
// hands on nothing: the request is not begun.
func TestHandedOverConnectionsGiveWay(t *testing.T) {
	for _, gives := range []bool{false, true} {
		here, there := net.Pipe()
		c := newConn(here, &Set{})
		if !c.HandOver([]byte("GET / HTTP/1.1\r\n")) {
			t.Fatal("it is closed")
		}
		if since := c.waitsSince(time.Now()); since.IsZero() || gives && !c.giveWay(since) {
			t.Error("it does not wait")
		}
		if n, err := c.Read(make([]byte, 100)); (err != nil) != gives || (n > 0) == gives || !c.waitsSince(time.Now()).IsZero() {
			t.Errorf("gives way %v: read %d bytes, %v", gives, n, err)
		}
		_ = c.Close()
		_ = there.Close()
	}
}
