package natsbus_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"boxoffice/internal/bus"
	"boxoffice/internal/bus/bustest"
	"boxoffice/internal/bus/natsbus"
	"boxoffice/internal/bus/natsbus/natstest"
	"boxoffice/internal/patience"
)

// connect connects a node on a database to servers, until the test ends.
func connect(t *testing.T, url, database string) *natsbus.Conn {
	t.Helper()
	c, err := natsbus.Open(natsbus.Config{URL: url, Secret: []byte(database), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// on opens connections to a server.
func on(url string) bustest.Open {
	return func(t *testing.T, database string) bus.Transport { return connect(t, url, database) }
}

// until waits for something.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	patience.Until(t, what, done)
}

func TestBus(t *testing.T) {
	s := natstest.Start(t)
	bustest.Run(t, on(s.URL))
}

// producer runs a node that publishes what Send sends, and consumes nothing. elsewhere
// is the configuration of a node that never looks at the outbox by itself.
func producer(w *bustest.World) {
	w.Node(bus.Config{First: time.Hour, Longest: time.Hour}, w.Consumer("b", func(*bus.Message) error { return errors.New("not on this node") }))
}

func elsewhere(w *bustest.World) bus.Config {
	return bus.Config{Outboxes: []bus.Outbox{w.Another()}, Poll: time.Hour, PollConnected: time.Hour}
}

// The server is killed, and comes back as it was, or without what it had stored.
// Everything is consumed once, although the consumer never looks at the outbox by
// itself: what is still in the outbox is published again.
func TestServerComesBack(t *testing.T) {
	for _, wiped := range []bool{false, true} {
		t.Run(fmt.Sprintf("wiped=%v", wiped), func(t *testing.T) {
			s := natstest.Start(t)
			w := bustest.Start(t, on(s.URL))
			w.Node(elsewhere(w), w.Consumer("a", nil))
			producer(w)
			for range 3 {
				w.Send("x", 5)
				w.Send("y", 5)
				s.Kill()
				w.Send("x", 5)
				if wiped {
					s.Wipe()
				}
				s.Again()
				w.Send("z", 5)
			}
			w.Empty()
			w.Complete("a")
		})
	}
}

// While the server is away, nodes consume from the outboxes, and no slower than
// without it.
func TestServerIsAway(t *testing.T) {
	s := natstest.Start(t)
	w := bustest.Start(t, on(s.URL))
	cfg := elsewhere(w)
	cfg.Poll = 5 * time.Millisecond
	cfg.Transport = connect(t, s.URL, w.Name)
	w.Node(cfg, w.Consumer("a", nil))
	producer(w)
	w.Send("x", 5)
	w.Empty()
	s.Kill()
	until(t, "the node notices", func() bool { return !cfg.Transport.Connected() })
	// The loop that waits for its next look in an hour is woken by one more message.
	for _, o := range cfg.Outboxes {
		o.Bell().Ring()
	}
	w.Send("x", 20)
	w.Empty()
	w.Complete("a")
}

// A stream that an operator deletes is made again, and filled.
func TestStreamIsDeleted(t *testing.T) {
	s := natstest.Start(t)
	w := bustest.Start(t, on(s.URL))
	w.Node(elsewhere(w), w.Consumer("a", nil))
	producer(w)
	w.Send("x", 5)
	w.Empty()
	nc, err := nats.Connect(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	for name := range js.StreamNames(t.Context()).Name() {
		if err := js.DeleteStream(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	w.Send("x", 5)
	w.Empty()
	w.Complete("a")
}

// heard collects signals.
type heard struct {
	mu   sync.Mutex
	list []string
}

func (h *heard) take(body []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list = append(h.list, string(body))
}

func (h *heard) has(text string) func() bool {
	return func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, s := range h.list {
			if s == text {
				return true
			}
		}
		return false
	}
}

// Signals reach the other nodes on the database: not the sender, not other subjects,
// not nodes on other databases. What somebody else publishes is ignored.
func TestSignals(t *testing.T) {
	s := natstest.Start(t)
	mine, other, stranger := connect(t, s.URL, "one"), connect(t, s.URL, "one"), connect(t, s.URL, "two")
	var here, there, elsewhere, beside heard
	for c, h := range map[*natsbus.Conn]*heard{mine: &here, other: &there, stranger: &elsewhere} {
		if err := c.Signals().Subscribe("seats", h.take); err != nil {
			t.Fatal(err)
		}
	}
	if err := other.Signals().Subscribe("others", beside.take); err != nil {
		t.Fatal(err)
	}
	send := func(text string) {
		t.Helper()
		until(t, text+" arrives", func() bool {
			mine.Signals().Publish("seats", []byte(text))
			time.Sleep(5 * time.Millisecond)
			return there.has(text)()
		})
	}
	send("one")
	// A forger who sees a genuine signal cannot change it.
	nc, err := nats.Connect(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	seen := make(chan *nats.Msg, 1)
	if _, err := nc.Subscribe("boxoffice.>", func(m *nats.Msg) {
		select {
		case seen <- m:
		default:
		}
	}); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	send("two")
	m := <-seen
	forged := append(append([]byte{}, m.Data[:len(m.Data)-3]...), "six"...)
	if err := errors.Join(nc.Publish(m.Subject, forged), nc.Publish(m.Subject, []byte("short")), nc.Flush()); err != nil {
		t.Fatal(err)
	}
	send("three")
	if there.has("six")() || len(here.list)+len(elsewhere.list)+len(beside.list) != 0 {
		t.Errorf("forged, or misdirected: %q %q %q %q", there.list, here.list, elsewhere.list, beside.list)
	}
	// They are lost while the server is away, and flow again afterwards.
	s.Kill()
	until(t, "the node notices", func() bool { return !mine.Connected() })
	mine.Signals().Publish("seats", []byte("lost"))
	s.Again()
	until(t, "the nodes come back", func() bool { return mine.Connected() && other.Connected() })
	send("four")
	if there.has("lost")() {
		t.Error("a signal was kept")
	}
}

// ledgers collects the names of runs, and what they carry.
type ledgers struct {
	mu   sync.Mutex
	list []string
}

func (l *ledgers) take(r bus.Run) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, r.ID()+" "+string(r.Body))
}

func (l *ledgers) has(r bus.Run) func() bool {
	return func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return slices.Contains(l.list, r.ID()+" "+string(r.Body))
	}
}

// Runs reach the other nodes at once, and those who receive from the stream also from
// shortly before, after a restart of the server, too. A run that is published again is
// stored once. What nobody wants or somebody else publishes is left out. A wiped server
// loses what it had, and carries on.
func TestRuns(t *testing.T) {
	s := natstest.Start(t)
	mine, other, stranger := connect(t, s.URL, "one").Runs(), connect(t, s.URL, "one").Runs(), connect(t, s.URL, "two").Runs()
	until(t, "they connect", func() bool { return mine.Connected() && other.Connected() && stranger.Connected() })
	all := func(string, int64) bool { return true }
	var here, there, elsewhere, kept ledgers
	for c, l := range map[natsbus.Runs]*ledgers{mine: &here, other: &there, stranger: &elsewhere} {
		if err := c.Subscribe(func(event string, last int64) bool { return event != "unwanted" }, l.take); err != nil {
			t.Fatal(err)
		}
	}
	receive := func(l *ledgers, wants func(string, int64) bool) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); other.Receive(ctx, wants, l.take) }()
		t.Cleanup(func() { cancel(); <-ended })
	}
	receive(&kept, all)
	seq := int64(0)
	send := func(eventID string) bus.Run {
		seq += 3
		r := bus.Run{EventID: eventID, First: seq, Last: seq + 2, Body: []byte(fmt.Sprintf("{\"seq\":%d}\n", seq))}
		mine.Publish(r)
		return r
	}
	arrives := func() bus.Run {
		t.Helper()
		var last bus.Run
		until(t, "a run arrives", func() bool {
			last = send("ev")
			time.Sleep(5 * time.Millisecond)
			return there.has(last)() && kept.has(last)()
		})
		return last
	}
	arrives()
	unwanted := send("unwanted")
	again := arrives()
	mine.Publish(again)
	// A forger sees runs, but cannot change them.
	nc, err := nats.Connect(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	seen := make(chan *nats.Msg, 1)
	if _, err := nc.Subscribe("boxoffice.>", func(m *nats.Msg) {
		select {
		case seen <- m:
		default:
		}
	}); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	send("ev")
	m := <-seen
	for _, name := range []string{"ev:900-900", "ev:x", "other:900-900", ""} {
		forged := nats.NewMsg(m.Subject)
		forged.Header, forged.Data = nats.Header{"Boxoffice-Mac": m.Header["Boxoffice-Mac"], nats.MsgIdHdr: {name}}, []byte("forged")
		if err := nc.PublishMsg(forged); err != nil {
			t.Fatal(err)
		}
	}
	last := arrives()
	count := func(l *ledgers, r bus.Run) (n int) {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, text := range l.list {
			if strings.Contains(text, "forged") {
				t.Error("a forged run was taken")
			}
			if text == r.ID()+" "+string(r.Body) {
				n++
			}
		}
		return n
	}
	if there.has(unwanted)() || !kept.has(unwanted)() || count(&there, again) != 2 || count(&kept, again) != 1 || len(here.list)+len(elsewhere.list) != 0 {
		t.Errorf("%v %v; repeated: %d and %d; %q %q", there.has(unwanted)(), kept.has(unwanted)(), count(&there, again), count(&kept, again), here.list, elsewhere.list)
	}
	back := func() {
		t.Helper()
		until(t, "they come back", func() bool { return mine.Connected() && other.Connected() })
	}
	s.Kill()
	until(t, "the nodes notice", func() bool { return !mine.Connected() && !other.Connected() })
	send("ev") // lost
	s.Again()
	back()
	var late ledgers
	receive(&late, all)
	until(t, "the stream still has the last run", late.has(last))
	arrives()
	s.Kill()
	s.Wipe()
	s.Again()
	back()
	arrives()
}

// A run larger than the server takes holds up nobody.
func TestRunTooLarge(t *testing.T) {
	s := natstest.Start(t)
	mine, other := connect(t, s.URL, "one").Runs(), connect(t, s.URL, "one").Runs()
	var there ledgers
	if err := other.Subscribe(func(string, int64) bool { return true }, there.take); err != nil {
		t.Fatal(err)
	}
	until(t, "a small run arrives after a large one", func() bool {
		mine.Publish(bus.Run{EventID: "ev", First: 1, Last: 1, Body: make([]byte, 2<<20)})
		small := bus.Run{EventID: "ev", First: 2, Last: 2, Body: []byte("x")}
		mine.Publish(small)
		time.Sleep(5 * time.Millisecond)
		return there.has(small)()
	})
}

// A frozen server holds nobody up, and is found out.
func TestFrozenServer(t *testing.T) {
	s := natstest.Start(t)
	c := connect(t, s.URL, "one")
	until(t, "it connects", c.Connected)
	s.Freeze()
	defer s.Thaw()
	// More than the connection takes is written until it is given up; nobody waits for that.
	var longest time.Duration
	until(t, "the node notices", func() bool {
		began := time.Now()
		connected := c.Connected()
		c.Signals().Publish("seats", make([]byte, 64<<10))
		c.Runs().Publish(bus.Run{EventID: "ev", First: 1, Last: 1, Body: make([]byte, 64<<10)})
		longest = max(longest, time.Since(began))
		return !connected
	})
	if longest > time.Second {
		t.Errorf("the sender waits: %v", longest)
	}
}

// certified makes a certificate authority, and a certificate of it for this machine.
func certified(t *testing.T) (ca, cert, key string) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, kind string, raw []byte) string {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw}), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	authority := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	own := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: authority.NotBefore, NotAfter: authority.NotAfter,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	for name, c := range map[string]*x509.Certificate{"ca.pem": authority, "cert.pem": own} {
		raw, err := x509.CreateCertificate(rand.Reader, c, authority, private.Public(), private)
		if err != nil {
			t.Fatal(err)
		}
		write(name, "CERTIFICATE", raw)
	}
	raw, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), write("key.pem", "EC PRIVATE KEY", raw)
}

// With TLS, a server is trusted if its certificate is signed by the authority that was
// given, and not otherwise.
func TestTLS(t *testing.T) {
	ca, cert, key := certified(t)
	s := natstest.Start(t, fmt.Sprintf("tls { cert_file: %q, key_file: %q }", cert, key))
	secure := strings.Replace(s.URL, "nats://", "tls://", 1)
	open := func(url, ca string) *natsbus.Conn {
		t.Helper()
		c, err := natsbus.Open(natsbus.Config{URL: url, CA: ca, Secret: []byte("one"), Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
	right, unknown := open(secure, ca), open(secure, "")
	until(t, "it connects", right.Connected)
	if unknown.Connected() {
		t.Error("a server of an unknown authority is trusted")
	}
}

// A node starts without the server, and with a server that refuses it.
func TestStartsWithoutServer(t *testing.T) {
	s := natstest.Start(t, `authorization { user: u, password: secret }`)
	s.Kill()
	right := strings.Replace(s.URL, "nats://", "nats://u:secret@", 1)
	c := connect(t, right, "one")
	wrong := connect(t, s.URL, "one")
	if c.Connected() || wrong.Connected() {
		t.Error("connected to nothing")
	}
	if err := c.Publish(t.Context(), []bus.Message{{Topic: "things", ID: "1", Body: []byte("{}")}}); err == nil {
		t.Error("published to nothing")
	}
	s.Again()
	until(t, "it connects", c.Connected)
	if err := c.Publish(t.Context(), []bus.Message{{Topic: "things", ID: "1", Body: []byte("{}")}}); err != nil {
		t.Error(err)
	}
	if wrong.Connected() {
		t.Error("connected without a password")
	}
	for name, cfg := range map[string]natsbus.Config{
		"a file that is not there": {URL: s.URL, CA: "missing.pem"},
		"no address":               {URL: "nats://u:s3cret%zz@h"},
	} {
		cfg.Log = slog.New(slog.DiscardHandler)
		if c, err := natsbus.Open(cfg); err == nil {
			c.Close()
			t.Errorf("%s is taken", name)
		} else if strings.Contains(err.Error(), "s3cret") {
			t.Error(err)
		}
	}
}
