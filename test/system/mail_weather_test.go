package system

import (
	"net/http"
	"net/textproto"
	"os"
	"strings"
	"testing"
	"time"

	"boxoffice/internal/brokertest"
	"boxoffice/internal/caller"
)

// station is a node with a mail server, and some weather between or at them.
type station struct {
	name   string
	m      *mailServer
	path   *brokertest.Path
	copies bool // the weather may hide that the server has taken a mail
	bad    func()
	good   func() // nil: mails must get through the weather

	s      *server
	ada    *client
	event  string
	bought []string
	slow   time.Duration // the longest purchase
}

// opens starts the node, whose buyer has got one mail.
func (st *station) opens(t *testing.T) {
	t.Helper()
	data := storage(t)
	organizer := accounts(t, data, 1, caller.Organizer)[0]
	st.s = serve(t, data, "--smtp-url", st.m.urlAt(st.path.Addr))
	st.event = st.s.as(organizer).event(t, "theatre", 200)
	st.ada = buyer(t, st.s, st.m, "ada@example.org", "en", `your code is ([0-9A-Z-]+)`)
}

// sells makes purchases.
func (st *station) sells(t *testing.T, n int) {
	t.Helper()
	for range n {
		began := time.Now()
		st.bought = append(st.bought, st.ada.buy(t, st.event))
		st.slow = max(st.slow, time.Since(began))
	}
}

// dialogue is how many bytes a mail server answers on a new connection before it takes the
// content of a mail.
func dialogue(t *testing.T, addr string) (bytes int) {
	t.Helper()
	conn, err := textproto.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	name, err := os.Hostname()
	if err != nil || !strings.Contains(name, ".") {
		name = "hall.example" // of the sender's address
	}
	for _, line := range []string{"", "EHLO " + name, "MAIL FROM:<tickets@hall.example> BODY=8BITMIME", "RCPT TO:<ada@example.org>", "DATA"} {
		if line != "" {
			if err := conn.PrintfLine("%s", line); err != nil {
				t.Fatal(err)
			}
		}
		for {
			answer, err := conn.ReadLine()
			if err != nil {
				t.Fatal(err)
			}
			bytes += len(answer) + len("\r\n")
			if answer[3] == ' ' {
				break
			}
		}
	}
	return bytes
}

// The network to the mail server fails in each way that networks do, its disk is full, and
// it is killed. Purchases go on, every mail arrives afterwards, and none twice, but for
// the ones whose last answer was lost: those have the same Message-ID.
func TestMailsInBadWeather(t *testing.T) {
	onceOnly(t)
	proxy := brokertest.StartToxiproxy(t)
	through := func(name string, m *mailServer) *station {
		return &station{name: name, m: m, path: proxy.To(name, m.addr)}
	}
	plain := func(name string) *station { return through(name, newMailServerIn(t, t.TempDir(), "")) }
	refused, restarted, latency := plain("refused"), plain("restarted"), plain("latency")
	up, down, hole := plain("cut-up"), plain("cut-down"), through("black-hole", newMailServer(t))
	refused.bad, refused.good = refused.path.Refuse, refused.path.Clear
	restarted.bad, restarted.good = restarted.m.kill, restarted.m.start
	latency.bad = func() { latency.path.Delay(2500 * time.Millisecond) } // an answer takes five seconds
	up.bad, up.good = func() { up.path.CutUp(5000) }, up.path.Clear
	said := dialogue(t, down.m.addr)
	down.bad, down.good = func() { down.path.CutDown(said + 2) }, down.path.Clear // in the answer to the content
	down.copies = true
	hole.bad, hole.good = hole.path.Swallow, hole.path.Clear
	list := []*station{hole, refused, restarted, latency, up, down} // hole first: nodes trust its server from their start on
	if disk, err := brokertest.Mount(t, 16); err == nil {
		full := through("disk-full", newMailServerIn(t, disk.Dir, ""))
		full.bad, full.good = disk.Fill, disk.Empty
		list = append(list, full)
	}
	for _, st := range list {
		st.opens(t)
		st.sells(t, 1)
		st.m.wait("ada@example.org", "Your tickets for Test Night .*"+st.bought[0])
	}
	for _, st := range list {
		st.bad()
	}
	for _, st := range list {
		st.sells(t, 2)
	}
	time.Sleep(3 * time.Second) // until attempts have failed
	for _, st := range list {
		st.sells(t, 1)
		if n := len(st.m.letters("ada@example.org")); n > 2 && !st.copies {
			t.Errorf("%s: %d mails have come through: the test does not test", st.name, n)
		}
		if ready, err := http.Get(st.s.url + "/readyz"); err != nil || ready.StatusCode != http.StatusOK {
			t.Errorf("%s: not ready: %v %v", st.name, ready, err)
		} else {
			_ = ready.Body.Close()
		}
		if st.good != nil {
			st.good()
		}
	}
	for _, st := range list {
		began := time.Now()
		for _, reference := range st.bought {
			st.m.wait("ada@example.org", "Your tickets for Test Night .*"+reference)
		}
		t.Logf("%s: purchases took %v at most; all mails were there %v later", st.name, st.slow.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
		if st.slow > 20*time.Second { // one that waited for its mail would take half a minute
			t.Errorf("%s: a purchase took %v", st.name, st.slow)
		}
	}
	for _, st := range list {
		st.s.stop()
		seen, letters := map[string]int{}, st.m.letters("ada@example.org")
		for _, l := range letters {
			seen[l.id]++
		}
		if st.copies && len(letters) == len(seen) {
			t.Errorf("%s: no mail was sent again: the test does not test", st.name)
		}
		if len(seen) != 1+len(st.bought) { // and the code
			t.Errorf("%s: %d different mails for %d purchases", st.name, len(seen), len(st.bought))
		}
		for id, n := range seen {
			if n > 1 && !st.copies {
				t.Errorf("%s: the mail %s has come %d times", st.name, id, n)
			}
		}
	}
}
