package providertest

import (
	"context"
	"fmt"
	"sync"

	"boxoffice/internal/payment/provider"
)

// An authorization is repeated without effect.
func (k *kit) approved() {
	k.stands(k.charge(k.Declines), provider.Unknown)
	c := k.reserved()
	k.stands(c, provider.Reserved)
	first := k.authorize(c, provider.Approved)
	again := k.authorize(c, provider.Approved)
	if first.Reference != again.Reference || first.Reference != c.Reference && c.Reference != "" {
		k.Errorf("a repeated authorization is called %q, then %q", first.Reference, again.Reference)
	}
	k.stands(c, provider.Reserved)
}

// A declined charge stays declined, and can neither be captured nor refunded.
func (k *kit) declined() {
	c := k.authorized(k.charge(k.Declines), provider.Declined)
	k.stands(c, provider.Rejected, provider.Unknown)
	k.authorize(c, provider.Declined)
	k.capture(c, provider.Declined)
	k.refund(c, "refund-1", 1, provider.Declined)
	unknown := k.charge("tok_of_no_gateway")
	k.authorize(unknown, provider.Declined)
}

// A charge is captured once, however often that is asked.
func (k *kit) captured() {
	c := k.taken()
	k.stands(c, provider.Taken)
	k.capture(c, provider.Approved)
	k.authorize(c, provider.Approved)
	k.stands(c, provider.Taken)
	o, err := k.Gateway.Capture(k.ctx, "another-key", c)
	k.expect("capture with another key", o, err, provider.Approved)
	k.once(c, provider.Captured, amount)
}

// What was not authorized is not captured.
func (k *kit) captureNeedsAuthorization() {
	method := k.Approves
	if method == "" {
		method = k.Slow
	}
	c := k.charge(method)
	k.capture(c, provider.Declined)
	k.stands(c, provider.Unknown)
}

// A void is final, and repeated without effect.
func (k *kit) voided() {
	c := k.reserved()
	k.void(c, provider.Approved)
	k.stands(c, provider.Released)
	k.void(c, provider.Approved)
	k.capture(c, provider.Declined)
	k.refund(c, "refund-1", amount, provider.Declined)
	o, err := k.Gateway.Authorize(k.ctx, c.ID+".authorize-again", c)
	k.expect("authorize with another key after a void", o, err, provider.Declined)
	k.stands(c, provider.Released)
}

// A charge can be voided before the gateway hears of it: a delayed authorization then
// comes too late.
func (k *kit) voidedBefore() {
	for _, method := range []string{k.Approves, k.Slow, k.Elsewhere} {
		if method == "" {
			continue
		}
		c := k.charge(method)
		k.void(c, provider.Approved)
		k.stands(c, provider.Released)
		k.authorize(c, provider.Declined)
		k.capture(c, provider.Declined)
		k.stands(c, provider.Released)
	}
}

// Money that was taken is refunded, not voided.
func (k *kit) voidAfterCapture() {
	c := k.taken()
	k.void(c, provider.Declined)
	k.stands(c, provider.Taken)
	k.refund(c, "refund-1", amount, provider.Approved)
	k.void(c, provider.Declined)
	k.stands(c, provider.Taken)
}

// Each refund is made once.
func (k *kit) refunded() {
	c := k.taken()
	for range 3 {
		k.refund(c, "event:7", 1500, provider.Approved)
	}
	k.refund(c, "event:8", 1500, provider.Approved) // the same amount is another refund
	k.refund(c, "event:9", 2000, provider.Approved)
	k.stands(c, provider.Taken)
	k.refund(c, "event:10", 1, provider.Declined)
	k.refund(c, "event:7", 1500, provider.Approved)
	k.once(c, provider.Refunded, 1500, 1500, 2000)
}

// Refunds never exceed the charge, also if they are asked for at once.
func (k *kit) refundedTooMuch() {
	c := k.taken()
	k.refund(c, "refund-1", amount+1, provider.Declined)
	k.refund(c, "refund-2", 0, provider.Declined)
	k.refund(c, "refund-3", -5, provider.Declined)
	var wg sync.WaitGroup
	var mu sync.Mutex
	approved := 0
	for i := range 8 {
		wg.Go(func() {
			o, err := k.Gateway.Refund(k.ctx, fmt.Sprintf("at-once-%d", i), c, amount/2)
			mu.Lock()
			defer mu.Unlock()
			if err == nil && o.Verdict == provider.Approved {
				approved++
			}
		})
	}
	wg.Wait()
	if approved != 2 {
		k.Errorf("%d halves went back", approved)
	}
	k.once(c, provider.Refunded, amount/2, amount/2)
}

// What was only reserved is voided, not refunded.
func (k *kit) refundNeedsCapture() {
	if _, ok := k.Gateway.(provider.Sure); ok {
		k.Skip("it does not know all that was captured")
	}
	c := k.reserved()
	if o, err := k.Gateway.Refund(k.ctx, "refund-1", c, amount); err != nil || o.Verdict != provider.Declined {
		k.Fatalf("refund of what was reserved: %+v, %v", o, err)
	}
	k.stands(c, provider.Reserved)
	k.capture(c, provider.Approved)
}

// Minor units are passed on as they are, whatever the currency's exponent.
func (k *kit) currencies() {
	for _, currency := range []string{"JPY", "KWD", "USD"} {
		k.Currency = currency
		c := k.taken()
		k.refund(c, "refund-"+currency, 1230, provider.Approved)
		k.once(c, provider.Captured, amount)
		k.once(c, provider.Refunded, 1230)
	}
}

// Many charges at once do not touch each other.
func (k *kit) chargesAreApart() {
	var list []provider.Charge
	for range 6 {
		list = append(list, k.reserved())
	}
	var wg sync.WaitGroup
	for i, c := range list {
		wg.Go(func() {
			var o provider.Outcome
			var err error
			if i%2 == 0 {
				o, err = k.Gateway.Capture(k.ctx, c.ID+".capture", c)
			} else {
				o, err = k.Gateway.Void(k.ctx, c.ID+".void", c)
			}
			if err != nil || o.Verdict != provider.Approved {
				k.Errorf("%s: %+v, %v", c.ID, o, err)
			}
		})
	}
	wg.Wait()
	for i, c := range list {
		k.stands(c, []provider.Standing{provider.Taken, provider.Released}[i%2])
	}
}

// A caller who does not wait learns nothing, least of all that something was declined.
func (k *kit) cancelled() {
	c := k.reserved()
	ctx, cancel := context.WithCancel(k.ctx)
	cancel()
	if o, err := k.Gateway.Capture(ctx, c.ID+".capture", c); err == nil && o.Verdict != provider.Approved {
		k.Errorf("capture without patience: %+v", o)
	}
	if o, err := k.Gateway.Authorize(ctx, c.ID+".authorize", c); err == nil && o.Verdict != provider.Approved {
		k.Errorf("authorize without patience: %+v", o)
	}
	k.capture(c, provider.Approved)
	k.once(c, provider.Captured, amount)
}

// What a gateway is sure of needs no authorization. It can be voided before it was
// captured, and refunds do not exceed it.
func (k *kit) sure() {
	g, ok := k.Gateway.(provider.Sure)
	if !ok {
		k.Skip("it is sure of nothing")
	}
	for _, method := range []string{k.Approves, k.Declines, k.Slow, k.Elsewhere, "tok_of_no_gateway", ""} {
		if g.Sure(method) {
			k.Errorf("it is sure of %q", method)
		}
	}
	if !g.Sure(k.Setup.Sure) {
		k.Fatalf("it is not sure of %q", k.Setup.Sure)
	}
	c := k.charge(k.Setup.Sure)
	for range 2 {
		k.capture(c, provider.Approved)
	}
	k.authorize(c, provider.Approved)
	k.refund(c, "event:7", 2000, provider.Approved)
	k.refund(c, "event:7", 2000, provider.Approved)
	k.refund(c, "event:8", amount-2000+1, provider.Declined)
	k.refund(c, "event:9", amount-2000, provider.Approved)
	d := k.charge(k.Setup.Sure)
	k.void(d, provider.Approved)
	k.capture(d, provider.Declined)
	k.authorize(d, provider.Declined)
}

// once checks the movements of a kind that the books have of a charge, if there are any
// books.
func (k *kit) once(c provider.Charge, kind provider.LineKind, amounts ...int64) {
	k.Helper()
	g, ok := k.Gateway.(provider.Books)
	if !ok {
		return
	}
	left := map[int64]int{}
	for _, a := range amounts {
		left[a]++
	}
	seen := map[string]bool{}
	for l, err := range g.Lines(k.ctx, k.Now().Add(-farAway), k.Now().Add(farAway)) {
		if err != nil {
			k.Fatal(err)
		}
		if seen[l.ID] || l.ID == "" {
			k.Errorf("line %q is listed twice, or has no name", l.ID)
		}
		seen[l.ID] = true
		if l.Charge != c.ID || l.Kind != kind {
			continue
		}
		if left[l.Amount]--; left[l.Amount] < 0 {
			k.Errorf("the books have %+v, want amounts %v", l, amounts)
		}
		if l.Currency != c.Currency || l.Reference == "" || l.At.IsZero() {
			k.Errorf("line %+v of %+v", l, c)
		}
	}
	for a, n := range left {
		if n > 0 {
			k.Errorf("the books lack %d times %s of %d", n, kind, a)
		}
	}
}
