package peers

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"boxoffice/internal/patience"
)

// peers is a listener of a Set, of which each connection is handed on.
func peers(t *testing.T, most, each int, exempt func(netip.Addr) bool) (addr string, accepted chan net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &Set{Most: most, Each: each, Exempt: exempt}
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

// works makes a connection one that works on a request.
func works(c net.Conn) { c.(*Conn).goesOn(0) }

// One address has so many connections, and all have so many, until some close:
// those that work on requests do not give way.
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
				works(here[len(here)-1])
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
			works(<-accepted)
			if got := refused(t, connect(t, addr)); got != c.want {
				t.Errorf("the one after: %d", got)
			}
			again := make(chan struct{})
			OnClose(here[0], func() { close(again) })
			<-again
		})
	}
}

// from connects from an address of this machine.
func from(t *testing.T, local, addr string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(local)}}
	c, err := d.Dial("tcp", addr)
	if err != nil {
		t.Skip("this machine has one loopback address only:", err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// ended reports whether a connection was closed at the other end; it waits for that.
func ended(c net.Conn) bool {
	_, err := c.Read(make([]byte, 1))
	return err != nil
}

// When four addresses hold all connections, a newcomer gets in: the address with
// the most loses the connection that has waited longest.
func TestNewcomersGetIn(t *testing.T) {
	addr, accepted := peers(t, 9, 4, nil)
	var clients, servers []net.Conn
	for i := range 9 { // of .1 to .4 two each, and one more of .2
		local := "127.0.0." + string("123412342"[i])
		clients = append(clients, from(t, local, addr))
		servers = append(servers, <-accepted)
	}
	works(servers[1]) // the oldest of .2
	from(t, "127.0.0.5", addr)
	works(<-accepted)
	if !ended(clients[5]) {
		t.Error("the one that has waited longest is open")
	}
	for _, c := range servers {
		works(c)
	}
	if got := refused(t, from(t, "127.0.0.6", addr)); got != 503 {
		t.Errorf("when all work: %d", got)
	}
}

// entered is the other end of a connection that was let in.
func entered(t *testing.T, accepted chan net.Conn) net.Conn {
	t.Helper()
	select {
	case c := <-accepted:
		return c
	case <-time.After(patience.Long):
		t.Fatal("the newcomer did not get in")
		return nil
	}
}

// watches makes a connection a live feed.
func watches(c net.Conn) {
	c.(*Conn).state(http.StateActive)
	c.(*Conn).state(http.StateHijacked)
}

// However many clients hold connections that do not wait, live feeds or requests
// that are worked on, a newcomer gets in as long as one connection waits.
func TestNewcomersFindTheOneThatWaits(t *testing.T) {
	for name, busy := range map[string]func(net.Conn){"feeds": watches, "requests": works} {
		t.Run(name, func(t *testing.T) {
			const clients, each = 40, 3
			addr, accepted := peers(t, clients*each+1, each, nil)
			for range each {
				for i := range clients {
					from(t, fmt.Sprintf("127.0.3.%d", i+1), addr)
					busy(entered(t, accepted))
				}
			}
			waits := from(t, "127.0.4.1", addr)
			entered(t, accepted)
			for i := range 60 {
				next := from(t, fmt.Sprintf("127.0.5.%d", i+1), addr)
				here := entered(t, accepted)
				if local := here.RemoteAddr().String(); local != next.LocalAddr().String() {
					t.Fatalf("%s came, not the newcomer", local)
				}
				if !ended(waits) {
					t.Fatal("the one that waits is open")
				}
				waits = next
			}
		})
	}
}

// When live feeds and requests take everything, the client with the most feeds
// loses its oldest, but not to one who has as many connections.
func TestFeedsGiveWay(t *testing.T) {
	addr, accepted := peers(t, 5, 4, nil)
	var clients []net.Conn
	for i := range 5 { // of .1 one that works and three feeds, of .2 one feed
		clients = append(clients, from(t, "127.0.0."+string("11211"[i]), addr))
		if c := entered(t, accepted); i == 0 {
			works(c)
		} else {
			watches(c)
		}
	}
	for _, want := range []int{1, 3} { // of .1
		from(t, "127.0.0.3", addr)
		works(entered(t, accepted))
		if !ended(clients[want]) {
			t.Errorf("feed %d is open", want)
		}
	}
	if got := refused(t, from(t, "127.0.0.3", addr)); got != 503 {
		t.Errorf("one who has as many: %d", got)
	}
	from(t, "127.0.0.4", addr)
	works(entered(t, accepted))
	last := from(t, "127.0.0.5", addr)
	here := entered(t, accepted)
	if !ended(clients[2]) || !ended(clients[4]) {
		t.Error("the last feeds are open")
	}
	_ = here.Close()
	if !ended(last) {
		t.Error("the newcomer is open")
	}
	from(t, "127.0.0.6", addr)
	works(entered(t, accepted))
	if got := refused(t, from(t, "127.0.0.7", addr)); got != 503 {
		t.Errorf("when all work: %d", got)
	}
}

// A client that has all it may have makes room by its own oldest connection.
func TestOwnOldestGivesWay(t *testing.T) {
	addr, accepted := peers(t, 10, 2, nil)
	first, second := connect(t, addr), connect(t, addr)
	<-accepted
	kept := <-accepted
	connect(t, addr)
	<-accepted
	if !ended(first) {
		t.Error("the oldest is open")
	}
	works(kept)
	if _, err := kept.Write([]byte("x")); err != nil || ended(second) {
		t.Errorf("another one was closed: %v", err)
	}
}

// A connection that gives way while a request arrives answers nothing of it: the
// client sends it again.
func TestNoRequestOnAClosedConnection(t *testing.T) {
	addr, accepted := peers(t, 10, 1, nil)
	a := connect(t, addr)
	here := <-accepted
	if _, err := a.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	connect(t, addr)
	<-accepted
	if n, err := here.Read(make([]byte, 4096)); err == nil {
		t.Errorf("read %d bytes", n)
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

// A connection that closes holds no lock of its own while its Set counts it out: that
// looks at connections under its lock.
func TestClosingWaitsForNobody(t *testing.T) {
	for _, how := range []func(*Conn){
		func(c *Conn) { _ = c.Close() },
		func(c *Conn) { c.Working(); _ = Bare(c).Close() },
	} {
		addr, accepted := peers(t, 10, 10, nil)
		connect(t, addr)
		c := (<-accepted).(*Conn)
		p := c.set
		p.mu.Lock() // as if a newcomer looked for a connection to give way
		closed := make(chan struct{})
		go func() {
			how(c)
			close(closed)
		}()
		free := func() (and bool) { // and closed
			if c.mu.TryLock() {
				and = c.closed
				c.mu.Unlock()
			}
			return and
		}
		for asked := time.Now(); !free(); time.Sleep(time.Millisecond) {
			if time.Since(asked) > patience.Long {
				t.Fatal("a connection that closes keeps its lock while it waits for that of its Set")
			}
		}
		p.mu.Unlock()
		<-closed
	}
}

// Of two clients whose feeds take everything none takes the other's when they
// would only have changed places.
func TestFeedsTakeNoTurns(t *testing.T) {
	addr, accepted := peers(t, 5, 5, nil)
	var clients []net.Conn
	for i := range 5 { // three of .1, two of .2
		clients = append(clients, from(t, "127.0.0."+string("11122"[i]), addr))
		watches(entered(t, accepted))
	}
	if got := refused(t, from(t, "127.0.0.2", addr)); got != 503 {
		t.Errorf("one who has one less: %d", got)
	}
	from(t, "127.0.0.3", addr)
	works(entered(t, accepted))
	if !ended(clients[0]) {
		t.Error("a newcomer finds no room")
	}
}
