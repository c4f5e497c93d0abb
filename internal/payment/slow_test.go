package payment

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
)

// slowBank answers an authorization after a while.
type slowBank struct {
	*bank
	after time.Duration
}

func (b *slowBank) Authorize(ctx context.Context, key string, c provider.Charge) (provider.Outcome, error) {
	select {
	case <-time.After(b.after):
	case <-ctx.Done():
		return provider.Outcome{}, ctx.Err()
	}
	return b.bank.Authorize(ctx, key, c)
}

// A payment that takes longer than its request waits is answered as it stands, and its
// hold is extended once; a faster one is done in the answer.
func TestSlowAuthorization(t *testing.T) {
	for after, want := range map[time.Duration]paymentapi.Status{1900 * time.Millisecond: paymentapi.Captured, 5 * time.Second: paymentapi.Pending} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.gateway = &slowBank{w.bank, after}
			b := w.house.hold(fan.UserID, 1)
			p, err := w.pay(b, paymentapi.SandboxOK, "k")
			if statusOf(t, p, err) != want {
				t.Errorf("after %v: %+v", after, p)
			}
			if err := w.settle(t.Context()); err != nil {
				t.Fatal(err)
			}
			if p, err := w.pay(b, paymentapi.SandboxOK, "k"); statusOf(t, p, err) != paymentapi.Captured {
				t.Errorf("in the end: %+v", p)
			}
			if n := w.house.extended[b.ID]; (n == 1) != (want == paymentapi.Pending) || n > 1 {
				t.Errorf("after %v: extended %d times", after, n)
			}
			w.agree()
		})
	}
}

// The process drives only so many payments, and asks the gateway only so much at a time:
// further payments wait in their rows, and are taken up later.
func TestManySlowPayments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.mostDrives, w.calls.slots, w.patience = 8, make(chan struct{}, 3), 0
		w.gateway = &slowBank{w.bank, time.Second}
		w.runs()
		var ids []string
		for i := range int32(30) {
			b := w.house.hold(fan.UserID, i)
			p, err := w.pay(b, paymentapi.SandboxOK, "")
			if statusOf(t, p, err) != paymentapi.Pending {
				t.Fatalf("%+v", p)
			}
			ids = append(ids, p.ID)
			w.Service.mu.Lock()
			n := len(w.drives)
			w.Service.mu.Unlock()
			if n > 8 {
				t.Fatalf("%d are driven", n)
			}
		}
		time.Sleep(5 * time.Minute)
		for _, id := range ids {
			if p, err := w.store.payment(t.Context(), id); err != nil || p.Status != paymentapi.Captured {
				t.Errorf("%+v %v", p, err)
			}
		}
		w.halt()
		w.agree()
	})
}

// What a late payment may book is part of the request, and is not forgotten in a crash.
func TestAlternativesAreKept(t *testing.T) {
	w := newWorld(t)
	for _, others := range []bool{false, true} {
		b := w.house.hold(fan.UserID, 1)
		r := ask(b.ID, "tok_sure", "", nil)
		r.Alternatives = others
		w.house.fail("before confirm", 1, context.DeadlineExceeded)
		if p, err := w.Service.pay(t.Context(), fan, r); err != nil || p.Alternatives != others {
			t.Errorf("%+v %v", p, err)
		}
		w.crash()
		w.boot()
		w.stale = 0
		if _, err := w.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := w.settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		if p, _, err := w.ofBooking(t.Context(), fan, b.ID); statusOf(t, p, err) != paymentapi.Captured || w.house.others != others {
			t.Errorf("%+v; confirmed with %t", p, w.house.others)
		}
		w.house.fail("", 0, nil)
	}
	one, two := ask("b", "m", "k", nil), ask("b", "m", "k", nil)
	if two.Alternatives = true; string(one.fingerprint()) == string(two.fingerprint()) {
		t.Error("it is not part of the request")
	}
}
