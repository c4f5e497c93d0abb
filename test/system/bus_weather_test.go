package system

import (
	"strings"
	"testing"
	"time"

	"boxoffice/internal/brokertest"
	"boxoffice/internal/bus/natsbus/natstest"
	"boxoffice/internal/caller"
	"boxoffice/internal/patience"
)

// The network between two nodes and NATS fails in each way that networks do. Purchases go
// on, the other node shows within seconds what is sold, and every buyer is told once.
func TestNATSInBadWeather(t *testing.T) {
	_, data := durable(t)
	path := brokertest.StartToxiproxy(t).To("nats", strings.TrimPrefix(natstest.Start(t).URL, "nats://"))
	m := newMailServerIn(t, t.TempDir(), "")
	node := func() *server { return serve(t, data, "--nats-url", "nats://"+path.Addr, "--smtp-url", m.url()) }
	one, two := node(), node()
	const seats = 200
	organizer := accounts(t, data, 1, caller.Organizer)[0]
	event := one.as(organizer).event(t, "theatre", seats, "limit_per_customer", 100)
	fan, other := buyer(t, one, m, "ada@example.org", "en", `your code is ([0-9A-Z-]+)`), two.as(organizer)
	var bought []string
	all := other.must(t, 200, "GET", "/events/"+event, nil).body["available_seats"].(float64)
	purchase := func() (took, shown time.Duration) {
		t.Helper()
		began := time.Now()
		bought = append(bought, fan.buy(t, event))
		took = time.Since(began)
		for end := time.Now().Add(patience.Long); ; time.Sleep(10 * time.Millisecond) {
			if left := other.must(t, 200, "GET", "/events/"+event, nil).body["available_seats"].(float64); left == all-float64(len(bought)) {
				return took, time.Since(began)
			}
			if time.Now().After(end) {
				t.Fatal("the other node does not show it")
			}
		}
	}
	purchase()
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
		weather.bad()
		var slow, late time.Duration
		for range 3 {
			took, shown := purchase()
			slow, late = max(slow, took), max(late, shown)
			time.Sleep(300 * time.Millisecond) // until the next thing breaks
		}
		path.Clear()
		t.Logf("%s: purchases took %v at most, and were shown after %v at most", weather.name, slow.Round(time.Millisecond), late.Round(time.Millisecond))
		if slow > 5*time.Second {
			t.Errorf("%s: purchases took %v", weather.name, slow) // they waited for the bus
		}
	}
	for _, reference := range bought {
		m.wait("ada@example.org", "Your tickets for Test Night .*"+reference)
	}
	one.stop()
	two.stop()
	if n := len(m.letters("ada@example.org")); n != 1+len(bought) { // and the code
		t.Errorf("%d mails about %d purchases", n, len(bought))
	}
}
