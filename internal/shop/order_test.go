package shop

import (
	"testing"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/userapi"
)

// What an order is called, whether it has tickets, and what is on its way back,
// by booking and payment.
func TestOrderStates(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	paid := func(status paymentapi.Status, refunded int64) *paymentapi.Payment {
		return &paymentapi.Payment{Status: status, Amount: 200, Refunded: refunded, Currency: "EUR"}
	}
	for _, c := range []struct {
		name     string
		status   bookingapi.Status
		kind     string
		amount   int64
		left     time.Duration // of the hold
		payment  *paymentapi.Payment
		event    eventapi.Status
		state    string
		tickets  bool
		due      int64
		upcoming bool
	}{
		{"held", bookingapi.Pending, bookingapi.Sold, 200, time.Minute, nil, "on_sale", "held", false, 0, true},
		{"lapsed", bookingapi.Pending, bookingapi.Sold, 200, -time.Minute, nil, "on_sale", "expired", false, 0, false},
		{"declined", bookingapi.Pending, bookingapi.Sold, 200, time.Minute, paid("failed", 0), "on_sale", "held", false, 0, true},
		{"under way", bookingapi.Pending, bookingapi.Sold, 200, time.Minute, paid("pending", 0), "on_sale", "paying", false, 0, true},
		{"paid late", bookingapi.Expired, bookingapi.Sold, 200, 0, paid("authorized", 0), "on_sale", "paying", false, 0, false},
		{"given up", bookingapi.Pending, bookingapi.Sold, 200, time.Minute, paid("voiding", 0), "on_sale", "paying", false, 0, true},
		{"given up, and over", bookingapi.Pending, bookingapi.Sold, 200, -time.Minute, paid("returning", 0), "on_sale", "paying", false, 0, false},
		{"given up, and expired", bookingapi.Expired, bookingapi.Sold, 200, 0, paid("voiding", 0), "on_sale", "expired", false, 0, false},
		{"money not taken yet", bookingapi.Booked, bookingapi.Sold, 200, 0, paid("authorized", 0), "on_sale", "booked", false, 0, true},
		{"paid", bookingapi.Booked, bookingapi.Sold, 200, 0, paid("captured", 0), "on_sale", "booked", true, 0, true},
		{"half given back", bookingapi.Booked, bookingapi.Sold, 100, 0, paid("captured", 0), "on_sale", "booked", true, 100, true},
		{"half refunded", bookingapi.Booked, bookingapi.Sold, 100, 0, paid("captured", 100), "on_sale", "booked", true, 0, true},
		{"the seat that cost something was given back", bookingapi.Booked, bookingapi.Sold, 0, 0, paid("refunded", 200), "on_sale", "booked", true, 0, true},
		{"given up while it is undone", bookingapi.Booked, bookingapi.Sold, 200, 0, &paymentapi.Payment{Status: paymentapi.Refunded, History: []paymentapi.Step{{Status: paymentapi.Returning}}, Amount: 200, Refunded: 200}, "on_sale", "booked", false, 0, true},
		{"over", bookingapi.Booked, bookingapi.Sold, 200, 0, paid("captured", 0), "past", "over", true, 0, false},
		{"cancelled", bookingapi.Cancelled, bookingapi.Sold, 200, 0, paid("captured", 0), "on_sale", "cancelled", false, 200, false},
		{"cancelled after a lost dispute", bookingapi.Cancelled, bookingapi.Sold, 200, 0, &paymentapi.Payment{Status: paymentapi.Captured, Amount: 200, Disputed: 200, History: paid("captured", 0).History}, "on_sale", "cancelled", false, 0, false},
		{"refunded", bookingapi.Cancelled, bookingapi.Sold, 200, 0, paid("refunded", 200), "cancelled", "refunded", false, 0, false},
		{"released", bookingapi.Cancelled, bookingapi.Sold, 200, 0, nil, "on_sale", "cancelled", false, 0, false},
		{"given away", bookingapi.Booked, bookingapi.Complimentary, 0, 0, nil, "on_sale", "booked", true, 0, true},
		{"kept back", bookingapi.Booked, bookingapi.Block, 0, 0, nil, "on_sale", "booked", false, 0, true},
	} {
		o := Order{Payment: c.payment, Event: eventapi.Event{Status: c.event}}
		o.Status, o.Kind, o.Amount = c.status, c.kind, c.amount
		if c.status == bookingapi.Booked {
			o.Left = c.amount
		}
		if c.status == bookingapi.Pending {
			o.ExpiresAt = now.Add(c.left).UnixMicro()
		}
		if s, k, d, u := o.State(now), o.Ticketed(), o.Due(), o.Upcoming(now); s != c.state || k != c.tickets || d != c.due || u != c.upcoming {
			t.Errorf("%s: %s, tickets %v, due %d, upcoming %v", c.name, s, k, d, u)
		}
	}
}

func TestPrograms(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36":                                                 "Chrome, Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36 Edg/139.0":                             "Edge, Windows",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1":               "Safari, iPhone",
		"Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36 (wie immer)": "Samsung Internet, Android",
		"curl/8.5.0": "curl/8.5.0", "": "",
	} {
		if got := (openSession{userapi.OpenSession{Agent: agent}}).Program(); got != want {
			t.Errorf("%q: %q, want %q", agent, got, want)
		}
	}
}

// What somebody has given back on the gateway's own pages is no part of what a cancellation
// gives back: the page says so before.
func TestQuoteAfterMoneyWentBackByHand(t *testing.T) {
	for _, c := range []struct {
		status                         paymentapi.Status
		refunded, quoted, before, rest int64
	}{
		{paymentapi.Captured, 0, 200, 0, 200},
		{paymentapi.Captured, 60, 200, 60, 140},
		{paymentapi.Captured, 60, 100, 0, 100},
		{paymentapi.Captured, 160, 100, 60, 40},
		{paymentapi.Refunded, 200, 200, 200, 0},
		{paymentapi.Authorized, 0, 200, 0, 200},
	} {
		p := &cancelPage{orderPage: &orderPage{Order: quoted(&paymentapi.Payment{ID: "b-1", Status: c.status, Amount: 200, Refunded: c.refunded})}, Refund: c.quoted}
		if p.Before() != c.before || p.Rest() != c.rest {
			t.Errorf("%+v: %d before, %d now", c, p.Before(), p.Rest())
		}
	}
	other := quoted(&paymentapi.Payment{ID: "b-2", Status: paymentapi.Refunded, Amount: 200, Refunded: 200}) // it was given up
	if p := (&cancelPage{orderPage: &orderPage{Order: other}, Refund: 5}); p.Rest() != 5 {
		t.Error("another payment")
	}
	if p := (&cancelPage{orderPage: &orderPage{}, Refund: 5}); p.Rest() != 5 {
		t.Error("no payment")
	}
}

// quoted is an order with a payment, which was sold by its first one.
func quoted(p *paymentapi.Payment) (o Order) {
	o.PaymentID, o.Payment = "b-1", p
	return o
}
