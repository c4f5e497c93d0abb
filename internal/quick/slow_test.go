package quick

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
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
		if is == http.StateNew {
			enter(nc.(*conn))
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
