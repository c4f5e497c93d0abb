package natsbus_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"boxoffice/internal/brokertest"
	"boxoffice/internal/bus"
	"boxoffice/internal/bus/bustest"
	"boxoffice/internal/bus/natsbus/natstest"
	"boxoffice/internal/sqldb/sqldbtest"
)

// safetyNet is how long a message may wait at most, however the network is: nodes look
// into the database now and then.
const safetyNet = 5 * time.Second

// takesAWhile lets such tests run at the same time, and once in a long run.
func takesAWhile(t *testing.T) {
	t.Helper()
	if testing.Short() || sqldbtest.OnPostgres(t) {
		t.Skip("takes a while, and is the same on both databases")
	}
	t.Parallel()
}

// worlds are two databases that share the servers at some URL. In the first, the node that
// consumes looks into the database now and then; in the second it never does.
type worlds struct{ careful, trusting *bustest.World }

func newWorlds(t *testing.T, url string) worlds {
	ws := worlds{bustest.Start(t, on(url)), bustest.Start(t, on(url))}
	ws.careful.Node(bus.Config{Outboxes: []bus.Outbox{ws.careful.Another()}, Poll: 50 * time.Millisecond, PollConnected: time.Second}, ws.careful.Consumer("a", nil))
	ws.trusting.Node(elsewhere(ws.trusting), ws.trusting.Consumer("a", nil))
	producer(ws.careful)
	producer(ws.trusting)
	return ws
}

// in sends messages while some weather is bad. The careful node consumes each soon; the
// trusting one has everything once the weather is good again.
func (ws worlds) in(t *testing.T, name string, bad, good func()) {
	t.Helper()
	for _, w := range []*bustest.World{ws.careful, ws.trusting} {
		w.Send("x", 3)
		w.Empty()
	}
	began := time.Now()
	bad()
	var longest time.Duration
	for i := range 3 {
		sent := time.Now()
		for _, w := range []*bustest.World{ws.careful, ws.trusting} {
			w.Send("x", 2)
			w.Send(fmt.Sprintf("%s %d", name, i), 1)
		}
		if d := time.Since(sent); d > time.Second {
			t.Errorf("%s: changes took %v", name, d)
		}
		ws.careful.Empty()
		longest = max(longest, time.Since(sent))
		time.Sleep(300 * time.Millisecond) // until the next thing breaks
	}
	lasted := time.Since(began)
	good()
	began = time.Now()
	ws.trusting.Empty()
	t.Logf("%s for %v: messages took %v at most; the rest was made up for after %v", name, lasted.Round(time.Millisecond), longest.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	if longest > safetyNet {
		t.Errorf("%s: a message took %v", name, longest)
	}
}

// complete checks that everything was consumed once and in order.
func (ws worlds) complete() {
	ws.careful.Complete("a")
	ws.trusting.Complete("a")
}

// The network to the server fails in each way that networks do. Nothing is lost, nothing
// is consumed twice, and nothing waits for longer than the safety net's pause.
func TestBadNetwork(t *testing.T) {
	takesAWhile(t)
	path := brokertest.StartToxiproxy(t).To("nats", strings.TrimPrefix(natstest.Start(t).URL, "nats://"))
	ws := newWorlds(t, "nats://"+path.Addr)
	for _, weather := range []struct {
		name string
		bad  func()
	}{
		{"refused", path.Refuse},
		{"black hole", path.Swallow},
		{"5 s of latency", func() { path.Delay(5 * time.Second) }},
		{"cut in what is sent", func() { path.CutUp(1500) }},
		{"cut in what is received", func() { path.CutDown(2500) }},
		{"1 kB/s", func() { path.Throttle(1000) }},
	} {
		ws.in(t, weather.name, weather.bad, path.Clear)
	}
	ws.complete()
}

// The server's disk is full, so that it ends its work. Somebody makes room, and starts it
// again.
func TestDiskFull(t *testing.T) {
	takesAWhile(t)
	disk := brokertest.SmallDisk(t, 48)
	server := natstest.StartIn(t, disk.Dir)
	ws := newWorlds(t, server.URL)
	c := connect(t, server.URL, "another")
	publish := func(n int) error {
		return c.Publish(t.Context(), []bus.Message{{Topic: "things", ID: fmt.Sprint(n), Body: fmt.Appendf(nil, "%q", strings.Repeat("x", 10_000))}})
	}
	until(t, "the server works", func() bool { return publish(0) == nil })
	ws.in(t, "disk full", func() {
		disk.Fill()
		n := 0
		until(t, "it takes no more", func() bool { n++; return publish(n) != nil })
	}, func() {
		disk.Empty()
		server.Kill()
		server.Again()
	})
	ws.complete()
}

// asking connects to servers, as an operator would.
func asking(t *testing.T, urls string) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(urls)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// settled waits until each stream has its three replicas, all up to date.
func settled(t *testing.T, urls string) {
	t.Helper()
	js := asking(t, urls)
	until(t, "all streams have three replicas", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		n := 0
		list := js.ListStreams(ctx)
		for info := range list.Info() {
			if info.Cluster == nil || len(info.Cluster.Replicas) != 2 {
				return false
			}
			for _, r := range info.Cluster.Replicas {
				if !r.Current || r.Offline {
					return false
				}
			}
			n++
		}
		return list.Err() == nil && n >= 2
	})
}

// Three servers that are a cluster lose one of them, its disk, two, and all with their
// disks. With one missing the stream goes on; otherwise the database makes up for it.
func TestCluster(t *testing.T) {
	takesAWhile(t)
	list := natstest.Cluster(t, 3)
	var urls []string
	for _, s := range list {
		urls = append(urls, s.URL)
	}
	all := strings.Join(urls, ",")
	ws := newWorlds(t, all)
	for i, s := range list { // one of them leads the stream
		ws.in(t, fmt.Sprintf("server %d is killed", i), s.Kill, func() {})
		ws.in(t, fmt.Sprintf("server %d comes back without its disk", i), func() { s.Wipe(); s.Again() }, func() {})
		settled(t, all)
	}
	two := func(do func(*natstest.Server)) func() {
		return func() { do(list[1]); do(list[2]) }
	}
	ws.in(t, "two servers are killed", two((*natstest.Server).Kill), two((*natstest.Server).Again))
	ws.in(t, "two servers freeze", two((*natstest.Server).Freeze), two((*natstest.Server).Thaw))
	ws.in(t, "all are killed, and lose their disks", func() {
		for _, s := range list {
			s.Kill()
			s.Wipe()
		}
	}, func() {
		for _, s := range list {
			s.Again()
		}
	})
	ws.complete()
}

// A cluster of two does with one replica. When a third server comes, the stream gets
// three by itself, and then does without one server.
func TestClusterGrows(t *testing.T) {
	takesAWhile(t)
	list := natstest.Cluster(t, 2)
	var urls []string
	for _, s := range list {
		urls = append(urls, s.URL)
	}
	all := strings.Join(urls, ",")
	ws := newWorlds(t, all)
	ws.in(t, "the third server comes", list[2].Again, func() {})
	settled(t, all)
	ws.in(t, "the first server is killed", list[0].Kill, func() {}) // it had the only replica of one of the two
	ws.complete()
}

// Nobody waits for a network that takes everything and brings nothing, neither while that
// is not known yet nor while the servers are dialled again and again.
func TestNobodyWaits(t *testing.T) {
	path := brokertest.StartToxiproxy(t).To("nats", strings.TrimPrefix(natstest.Start(t).URL, "nats://"))
	c := connect(t, "nats://"+path.Addr, "one")
	until(t, "it connects", c.Connected)
	path.Refuse()
	until(t, "the node notices", func() bool { return !c.Connected() })
	path.Swallow()
	path.Accept()
	rounds := 0
	for end := time.Now().Add(2 * connectTime); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if c.Connected() {
			t.Fatal("it is connected through a black hole")
		}
		c.Signals().Publish("seats", []byte("x"))
		c.Runs().Publish(bus.Run{EventID: "event", First: 1, Last: 1, Body: []byte("x")})
		rounds++
	}
	if rounds < 100 { // somebody who waits makes two or three
		t.Errorf("somebody waited: %d rounds in %v", rounds, 2*connectTime)
	}
	path.Clear()
	until(t, "it connects again", c.Connected)
}

const connectTime = 2 * time.Second // for one attempt
