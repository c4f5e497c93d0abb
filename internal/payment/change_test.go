package payment

import (
	"context"
	"testing"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/paymentapi"
)

// Whoever gives back a payment as they have seen it gives back no other: seats that
// are given back between the look at its version and the cancellation refuse it,
// whether their refund has come by then or not. A refund for seats that were given
// back before changes nothing.
func TestGivenBackAsSeen(t *testing.T) {
	for _, c := range []struct {
		name             string
		before, between  bool // a seat is given back before the request, and between
		refunded, refuse bool // the refund comes between, too; the request is refused
	}{
		{name: "nothing happens"},
		{name: "given back between", between: true, refuse: true},
		{name: "given back and refunded between", between: true, refunded: true, refuse: true},
		{name: "given back before", before: true},
		{name: "given back before, refunded between", before: true, refunded: true},
		{name: "given back before and between", before: true, between: true, refuse: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			ctx := t.Context()
			b := w.house.hold(fan.UserID, 1, 2, 3)
			p, err := w.pay(b, paymentapi.SandboxOK, "")
			if statusOf(t, p, err) != paymentapi.Captured {
				t.Fatal(p.Status)
			}
			if c.before {
				w.house.cancel(b.ID, 5000)
			}
			round := func() {
				caughtUp, saved := false, w.refunds.s.now()
				if err := w.refunds.round(ctx, &caughtUp, &saved); err != nil {
					t.Error(err)
				}
			}
			w.patience = refundLook
			w.house.cut = func(_ context.Context, at string) error {
				if at != "before cancel" {
					return nil
				}
				if c.between {
					w.house.cancel(b.ID, 5000)
				}
				if c.refunded {
					round()
				}
				return nil
			}
			_, err = w.void(ctx, fan, p.ID, p.Version)
			if refused := errs.KindOf(err) == errs.Precondition; refused != c.refuse || !refused && err != nil {
				t.Error(err)
			}
			round()
			if p, _, err = w.read(ctx, fan, p.ID); err != nil || (p.Status == paymentapi.Refunded) == c.refuse {
				t.Errorf("%s, %d of %d refunded, %v", p.Status, p.Refunded, p.Amount, err)
			}
			if now, err := w.house.Recent(ctx, b.ID); err != nil || (now.Status == bookingapi.Cancelled) == c.refuse {
				t.Errorf("the booking is %s, %v", now.Status, err)
			}
			w.agree()
		})
	}
}
