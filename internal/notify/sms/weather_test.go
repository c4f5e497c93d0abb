package sms_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"boxoffice/internal/brokertest"
	"boxoffice/internal/notify/sms"
	"boxoffice/internal/notify/sms/smstest"
)

// The network to the provider fails in each way that networks do. Attempts end in time, and
// afterwards the message is taken once, also where its answer was lost.
func TestBadNetwork(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a while")
	}
	proxy := brokertest.StartToxiproxy(t)
	for _, weather := range []struct {
		name  string
		bad   func(*brokertest.Path)
		kinds string // of the failed attempt
		taken int    // messages, by then
	}{
		{"refused", (*brokertest.Path).Refuse, "all wait", 0},
		{"black-hole", (*brokertest.Path).Swallow, "again", 0},
		{"cut-in-the-request", func(p *brokertest.Path) { p.CutUp(400) }, "again", 0},
		{"cut-in-the-answer", func(p *brokertest.Path) { p.CutDown(30) }, "again", 1},
		{"latency", func(p *brokertest.Path) { p.Delay(2500 * time.Millisecond) }, "taken", 1}, // an answer takes five seconds
	} {
		t.Run(weather.name, func(t *testing.T) {
			r := smstest.New(t)
			path := proxy.To(weather.name, strings.TrimPrefix(r.URL, "http://"))
			c := client("http://" + path.Addr)
			defer c.Close()
			if _, err := c.Send(t.Context(), &sms.Message{To: "+4915123456780", Text: "before"}); err != nil { // so that a connection is open
				t.Fatal(err)
			}
			if weather.kinds == "all wait" {
				c.Close() // nothing is sent then
			}
			weather.bad(path)
			m := message()
			ctx, cancel := context.WithTimeout(t.Context(), sms.SendTime)
			if weather.name == "black-hole" {
				cancel()
				ctx, cancel = context.WithTimeout(t.Context(), 2*time.Second)
			}
			defer cancel()
			_, err := c.Send(ctx, m)
			if got := kind(err); got != weather.kinds || len(r.Messages()) != 1+weather.taken {
				t.Errorf("%s, %v; %d messages", got, err, len(r.Messages()))
			}
			path.Clear()
			for m.Tried = err != nil && kind(err) == "again"; err != nil; m.Tried = true {
				if _, err = c.Send(t.Context(), m); err != nil && t.Context().Err() != nil {
					t.Fatal(err)
				}
			}
			if n := len(r.Messages()); n != 2 {
				t.Errorf("%d messages were taken", n)
			}
		})
	}
}
