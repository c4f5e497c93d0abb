package payment

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/paymentapi"
)

func TestAmendAndVoid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		b, c := w.house.hold(fan.UserID, 1), w.house.hold(fan.UserID, 2)
		p, _ := w.pay(b, "tok_never", "")
		if _, err := w.amend(t.Context(), fan, p.ID, paymentapi.SandboxOK, p.Version+1); errs.KindOf(err) != errs.Precondition {
			t.Errorf("wrong version: %v", err)
		}
		if _, err := w.amend(t.Context(), fan, p.ID, "4242424242424242", 0); errs.KindOf(err) != errs.Invalid {
			t.Errorf("card number: %v", err)
		}
		p, err := w.amend(t.Context(), fan, p.ID, paymentapi.SandboxOK, p.Version)
		if statusOf(t, p, err) != paymentapi.Captured || p.Method != paymentapi.SandboxOK || p.try != 2 {
			t.Errorf("%+v", p)
		}
		if _, err := w.amend(t.Context(), fan, p.ID, paymentapi.SandboxSlow, 0); !errs.Is(err, "payment-not-pending") {
			t.Errorf("captured: %v", err)
		}
		p, _ = w.pay(c, paymentapi.SandboxSlow, "")
		p, err = w.void(t.Context(), fan, p.ID, 0)
		if statusOf(t, p, err) != paymentapi.Voided {
			t.Errorf("%+v", p)
		}
		if p, err = w.void(t.Context(), fan, p.ID, 0); statusOf(t, p, err) != paymentapi.Voided {
			t.Errorf("again: %+v", p)
		}
		if got, _ := w.house.Recent(t.Context(), c.ID); got.Status != bookingapi.Pending {
			t.Errorf("the hold became %s", got.Status)
		}
		w.house.set(c.ID, bookingapi.Expired)
		w.agree()
	})
}

// A void that comes while the booking is being confirmed: whatever happens
// first, money and seats agree.
func TestVoidWhileConfirming(t *testing.T) {
	for _, at := range []string{"before confirm", "after confirm", "before capture", "after capture"} {
		t.Run(at, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				b := w.house.hold(fan.UserID, 1)
				once := sync.Once{}
				cut := func(ctx context.Context, here string) error {
					if here == at {
						once.Do(func() { go func() { _, _ = w.void(ctx, fan, b.ID+"-1", 0) }(); time.Sleep(time.Second) })
					}
					return nil
				}
				w.house.cut, w.bank.cut = cut, cut
				_, _ = w.pay(b, paymentapi.SandboxOK, "")
				if err := w.settle(t.Context()); err != nil {
					t.Fatal(err)
				}
				p, _, err := w.ofBooking(t.Context(), fan, b.ID)
				want := paymentapi.Refunded // the money is asked for already
				if at == "before confirm" || at == "after confirm" {
					want = paymentapi.Voided
				}
				if statusOf(t, p, err) != want || p.Reason != givenUp {
					t.Errorf("%+v", p)
				}
				if got, _ := w.house.Recent(t.Context(), b.ID); got.Status != bookingapi.Cancelled {
					t.Errorf("the booking is %s", got.Status)
				}
				w.agree()
			})
		})
	}
}

// Whatever the gateway does not answer, giving up is stored and shown before the request
// is answered, and asking again changes nothing. The payment is over within a bounded time
// after the gateway answers again.
func TestVoidWhileTheGatewayIsSilent(t *testing.T) {
	for _, step := range []string{"authorize", "capture", "void"} {
		t.Run(step, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				silent := make(chan struct{})
				w.bank.cut = func(ctx context.Context, here string) error {
					if here != "before "+step && here != "before void" {
						return nil
					}
					select {
					case <-silent:
						return nil
					case <-ctx.Done():
						return ctx.Err()
					}
				}
				b := w.house.hold(fan.UserID, 1)
				method := paymentapi.SandboxOK
				if step == "void" {
					method = "tok_never"
				}
				p, err := w.pay(b, method, "")
				if err != nil || p.Status.Final() {
					t.Fatalf("%+v %v", p, err)
				}
				for range 2 {
					began := time.Now()
					got, err := w.void(t.Context(), fan, p.ID, 0)
					stored, _ := w.store.payment(t.Context(), p.ID)
					if err != nil || !got.Status.Unwinding() || got.Reason != givenUp || got.Version != stored.Version || time.Since(began) > 2*w.patience {
						t.Errorf("after %v: %s %s, version %d of %d, %v", time.Since(began), got.Status, got.Reason, got.Version, stored.Version, err)
					}
					if r, err := respond(paymentapi.Payment{ID: got.ID, Status: got.Status}, nil, 200); err != nil || r.Status != 202 || r.Location != "/payments/"+p.ID || r.RetryAfter == "" {
						t.Errorf("%+v %v", r, err)
					}
					time.Sleep(5 * time.Minute)
				}
				close(silent)
				time.Sleep(2 * longestUndo)
				if got, err := w.store.payment(t.Context(), p.ID); statusOf(t, got, err) != paymentapi.Voided {
					t.Errorf("%+v", got)
				}
				if step != "capture" { // it was not booked, so the hold ends by itself
					w.house.set(b.ID, bookingapi.Expired)
				}
			})
		})
	}
}

// A captured payment is given back by cancelling its booking.
func TestVoidCaptured(t *testing.T) {
	w := newWorld(t)
	w.runs()
	b := w.house.hold(fan.UserID, 1)
	p, err := w.pay(b, paymentapi.SandboxOK, "")
	if statusOf(t, p, err) != paymentapi.Captured {
		t.Fatalf("%+v", p)
	}
	if _, err := w.void(t.Context(), organizer, p.ID, 0); errs.KindOf(err) != errs.Forbidden {
		t.Error(err)
	}
	for range 2 {
		p, err = w.void(t.Context(), fan, p.ID, 0)
		if statusOf(t, p, err) != paymentapi.Refunded || p.Refunded != p.Amount {
			t.Errorf("%+v", p)
		}
	}
	if got, _ := w.house.Recent(t.Context(), b.ID); got.Status != bookingapi.Cancelled {
		t.Errorf("the booking is %s", got.Status)
	}
	w.agree()
}
