package quick

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// crowded is a server whose door counts its connections, each as another
// client's. newcomer is one more client's; it says what that is answered.
func crowded(s *stage, most int) (newcomer func() (refusal string)) {
	p, n := &s.door.Peers, byte(0)
	p.Most, p.Each = most, most
	enter := func(c *conn) string {
		n++
		c.peer = netip.AddrFrom4([4]byte{192, 0, 2, n})
		return p.enter(c)
	}
	state := s.ConnState
	s.ConnState = func(nc net.Conn, is http.ConnState) {
		switch is {
		case http.StateNew:
			enter(nc.(*conn))
		case http.StateClosed:
			p.leave(nc.(*conn))
		}
		state(nc, is)
	}
	return func() string {
		c := &conn{since: time.Now()}
		c.quiet = c.since
		refusal := enter(c)
		p.leave(c)
		return refusal
	}
}

// A client that does not read its answer keeps its connection from newcomers for
// some seconds only, whichever way it is answered. One that reads slowly keeps
// it, and so does one that waits for an answer.
func TestSlowReadersGiveWay(t *testing.T) {
	const large = "GET /large HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, c := range map[string]struct {
		asks  string
		reads int // bytes in each two seconds
		open  bool
	}{
		"the short way": {get, 0, false}, "the short way, pipelined": {get + get + get, 0, false}, "after a long one": {page + get, 0, false},
		"the long way": {page, 0, false}, "a large one": {large, 0, false}, "a large one, begun": {large, 100, false},
		"slowly": {large, pieceSize, true}, "not answered yet": {held, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *stage) {
				defer close(s.hold)
				newcomer, small := crowded(s, 1), s.Handler
				s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path != "/large" {
						small.ServeHTTP(w, r)
						return
					}
					_, _ = w.Write(make([]byte, 100*pieceSize))
				})
				one := s.client()
				one.ask(t, c.asks)
				for range 5 {
					time.Sleep(2 * time.Second)
					if _, err := io.ReadFull(one.in, make([]byte, c.reads)); err != nil {
						t.Fatal(err)
					}
				}
				if refusal := newcomer(); (refusal != "") != c.open {
					t.Errorf("the newcomer is answered %q", refusal)
				}
				_ = one.Close()
			})
		})
	}
}

// A write that has begun just now is none that waits.
func TestWritesAreGivenSomeSeconds(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		newcomer, one := crowded(s, 1), s.client()
		time.Sleep(5 * time.Second)
		one.ask(t, get)
		if time.Sleep(stalled - time.Millisecond); newcomer() != fullForAll {
			t.Error("it gave way before its time")
		}
		if time.Sleep(time.Millisecond); newcomer() != "" {
			t.Error("it did not give way")
		}
		one.over(t)
	})
}

// A connection that was taken over waits while it says that it sends.
func TestSendersGiveWay(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage) {
		c := &conn{since: time.Now()}
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
		in := s.connect()
		Sends(in)() // came through no door
		_ = in.Close()
	})
}

// proxied is the connections of a door's clients, of which 192.0.2.1 is a proxy.
type proxied struct{ Peers }

func newProxied(most, each int) *proxied {
	return &proxied{Peers{Most: most, Each: each, Exempt: func(a netip.Addr) bool { return a.As4()[3] == proxy }}}
}

const proxy = 1

// ending is a connection that knows whether it was closed.
type ending struct {
	net.Conn
	closed bool
}

func (e *ending) Close() error { e.closed = true; return nil }

// comes lets a connection in, if there is room, which waits for its request.
func (p *proxied) comes(from byte) (c *conn, end *ending, refusal string) {
	end = &ending{}
	c = &conn{Conn: end, since: time.Now(), peer: netip.AddrFrom4([4]byte{192, 0, 2, from})}
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
				for _, c := range []*conn{idle, slow, works} {
					c.goesOn(0)
				}
				time.Sleep(time.Minute)
				slow.sends(time.Now())
				time.Sleep(time.Second)
				idle.waitsForNext()
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
