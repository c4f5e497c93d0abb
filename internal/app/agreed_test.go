package app

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
)

// The page that asks for the money charges what it has shown and nothing else, also
// when another tab has changed the seats since; it asks again with the new price.
func TestPayPageChargesWhatItShowed(t *testing.T) {
	h := newHouse(t)
	ann := h.visitor(t, "ann")
	booking, _ := h.bought(t, ann, 1, "")
	at := "/pay/" + booking
	form := func(amount string) url.Values {
		if page := h.page(t, ann, "GET", at, nil, 200); strings.Count(page, `name="amount" value="`+amount+`"`) != 1 {
			t.Fatalf("%s is not on the page: %s", amount, page)
		}
		return url.Values{"attempt": {"0"}, "amount": {amount}, "token": {"tok_ok"}}
	}
	shown := form("5000")
	if r := h.ask(t, ann, "PUT", "/bookings/"+booking, `{"quantity":2}`); r.Code != 200 {
		t.Fatal(r.Code, r.Body)
	}
	for _, forged := range []string{"5000", "", "-1", "x", "0"} {
		shown.Set("amount", forged)
		if to := h.page(t, ann, "POST", at, shown, 303); to != "/checkout/"+booking {
			t.Errorf("%q: to %s", forged, to)
		}
	}
	if r := h.ask(t, ann, "GET", "/bookings/"+booking+"/payment", ""); r.Code != 404 {
		t.Errorf("%d %s", r.Code, r.Body)
	}
	if page := visible(h.page(t, ann, "GET", "/checkout/"+booking, nil, 200)); !strings.Contains(page, "€100.00") {
		t.Errorf("the new price: %s", page)
	}
	now := form("10000")
	for range 2 { // a double click
		if to := h.page(t, ann, "POST", at, now, 303); to != "/orders/"+booking {
			t.Errorf("to %s", to)
		}
	}
	if r := h.ask(t, ann, "GET", "/bookings/"+booking+"/payment", ""); !strings.Contains(r.Body.String(), `"amount":10000`) {
		t.Errorf("%d %s", r.Code, r.Body)
	}
}

// The method of a booking that costs nothing pays for no other, whether it is asked
// for at first or later.
func TestMethodNoneOverAnAmount(t *testing.T) {
	h := newHouse(t)
	ann := h.visitor(t, "ann")
	booking, _ := h.bought(t, ann, 1, "")
	pay := func(method string) string { return fmt.Sprintf(`{"booking_id":%q,"method":%q}`, booking, method) }
	first := h.ask(t, ann, "POST", "/payments", pay("none"))
	slow := h.must(t, ann, "POST", "/payments", pay(paymentapi.SandboxSlow), "id")
	later := h.ask(t, ann, "PUT", "/payments/"+slow, `{"method":"none"}`)
	for _, r := range []string{fmt.Sprint(first.Code, first.Body), fmt.Sprint(later.Code, later.Body)} {
		if !strings.HasPrefix(r, "422") || !strings.Contains(r, "is required: a token") {
			t.Error(r)
		}
	}
}

// The same request after its payment was given up is answered by that payment.
func TestKeyOfAPaymentGivenUp(t *testing.T) {
	h := newHouseWith(t, Config{Outside: Outside{Gateway: &neverDecides{}}})
	ann := h.visitor(t, "ann")
	booking, _ := h.bought(t, ann, 1, "")
	pay := fmt.Sprintf(`{"booking_id":%q,"method":"tok_slow"}`, booking)
	first := h.must(t, ann, "POST", "/payments", pay, "id")
	if r := h.ask(t, ann, "POST", "/payments", pay, "Idempotency-Key", "k"); !strings.Contains(r.Body.String(), first) || r.Code >= 300 {
		t.Errorf("%d %s", r.Code, r.Body)
	}
	if r := h.ask(t, ann, "DELETE", "/payments/"+first, ""); r.Code >= 300 {
		t.Errorf("%d %s", r.Code, r.Body)
	}
	if r := h.ask(t, ann, "POST", "/payments", pay, "Idempotency-Key", "k"); r.Code != 409 || !strings.Contains(r.Body.String(), first) {
		t.Errorf("%d %s", r.Code, r.Body)
	}
}

// neverDecides is a gateway whose charges wait until they are released.
type neverDecides struct {
	provider.Gateway
	released atomic.Bool
}

func (g *neverDecides) Authorize(context.Context, string, provider.Charge) (provider.Outcome, error) {
	return provider.Outcome{Verdict: provider.Undecided}, nil
}

func (g *neverDecides) Void(context.Context, string, provider.Charge) (provider.Outcome, error) {
	g.released.Store(true)
	return provider.Outcome{Verdict: provider.Approved}, nil
}

func (g *neverDecides) Find(context.Context, provider.Charge) (provider.Standing, provider.Outcome, error) {
	if g.released.Load() {
		return provider.Released, provider.Outcome{}, nil
	}
	return provider.Waiting, provider.Outcome{}, nil
}
