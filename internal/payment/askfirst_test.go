package payment

import (
	"context"
	"testing"
	"time"

	"boxoffice/internal/paymentapi"
)

// A refund of which nobody knows whether the gateway has made it is not made again before
// the gateway was asked: meanwhile, a person may have given the money back.
func TestUnclearRefundAsksFirst(t *testing.T) {
	hang := func(ctx context.Context, at string) error {
		if at != "before refund" {
			return nil
		}
		<-ctx.Done()
		return ctx.Err()
	}
	for name, c := range map[string]struct {
		fault func(*world)
		then  func(*world)
	}{
		"the line broke": {func(w *world) { w.bank.lost["refund"] = 1 }, func(*world) {}},
		"a crash":        {func(w *world) { w.bank.cut = hang }, (*world).crashes},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				b := w.house.hold(fan.UserID, 1, 2)
				p, err := w.pay(b, "tok_ok", "k")
				if statusOf(t, p, err) != paymentapi.Captured {
					t.Fatal(p)
				}
				w.bank.mu.Lock()
				c.fault(w)
				w.bank.mu.Unlock()
				w.house.cancel(b.ID, 5000)
				time.Sleep(refundRound / 2) // before the second attempt
				if r := w.lastRefund(); r.Status != refundPending {
					t.Fatalf("%+v", r)
				}
				w.bank.refundsByHand(p.ID+".1", 5000)
				c.then(w)
				time.Sleep(5 * time.Minute)
				if r := w.lastRefund(); r.Status != refundNeedless || r.Reason != refundedElsewhere {
					t.Errorf("%+v", r)
				}
				if got, err := w.store.payment(t.Context(), p.ID); err != nil || got.Refunded != 5000 {
					t.Errorf("%+v %v", got, err)
				}
			})
		})
	}
}

// crashes ends the service in the middle of what it does, and starts another one.
func (w *world) crashes() {
	w.crash()
	w.bank.mu.Lock()
	w.bank.cut = func(context.Context, string) error { return nil }
	w.bank.mu.Unlock()
	w.boot()
	w.runs()
}

// The first attempt asks nothing; all others do, whatever is known of the one before.
func TestWhichRefundsAskFirst(t *testing.T) {
	for name, c := range map[string]struct {
		f    openRefund
		want bool
	}{
		"new":                       {openRefund{createdAt: 11, updatedAt: 11}, false},
		"noted that it is delayed":  {openRefund{createdAt: 11, updatedAt: 12, reason: paymentapi.RefundDelayed}, true},
		"retried":                   {openRefund{createdAt: 11, updatedAt: 12}, true},
		"failed, and not noted":     {openRefund{createdAt: 11, updatedAt: 11, failed: true}, true},
		"of the process before":     {openRefund{createdAt: 9, updatedAt: 9}, true},
		"of the moment of the turn": {openRefund{createdAt: 10, updatedAt: 10}, true},
	} {
		if got := c.f.again(10); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
