package payment

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/paymentapi"
)

// Money is not taken when its authorization has ended or is about to: the booking is
// cancelled and the buyer is told. Until then a payment that waits is completed.
func TestAuthorizationEnds(t *testing.T) {
	busy := errs.New(errs.Unavailable, "busy", "Try again.")
	for name, c := range map[string]struct {
		lasts, off time.Duration // the authorization; until the booking can be confirmed, or a node runs again
		crash      bool          // no node runs meanwhile
		noCapture  bool          // captures do not arrive meanwhile
		want       paymentapi.Status
	}{
		"long before":                       {lasts: 10 * time.Minute, off: 3 * time.Minute, want: paymentapi.Captured},
		"nobody knows the end":              {off: 6 * time.Minute, want: paymentapi.Captured},
		"too near":                          {lasts: 10 * time.Minute, off: 6 * time.Minute, want: paymentapi.Voided},
		"no node, long before":              {lasts: 7 * 24 * time.Hour, off: 6 * 24 * time.Hour, crash: true, want: paymentapi.Captured},
		"no node, too near":                 {lasts: 7 * 24 * time.Hour, off: 7*24*time.Hour - time.Minute, crash: true, want: paymentapi.Voided},
		"no node, over":                     {lasts: 7 * 24 * time.Hour, off: 8 * 24 * time.Hour, crash: true, want: paymentapi.Voided},
		"booked, and the gateway is silent": {lasts: 10 * time.Minute, off: 6 * time.Minute, noCapture: true, want: paymentapi.Voided},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.bank.lasts = c.lasts
				var down atomic.Bool
				down.Store(true)
				w.house.cut = func(_ context.Context, at string) error {
					if at == "before confirm" && !c.noCapture && down.Load() {
						return busy
					}
					return nil
				}
				w.bank.cut = func(_ context.Context, at string) error {
					if at == "before capture" && c.noCapture && down.Load() {
						return busy
					}
					return nil
				}
				w.runs()
				b := w.house.hold(fan.UserID, 1)
				if p, err := w.pay(b, paymentapi.SandboxOK, ""); statusOf(t, p, err) != paymentapi.Authorized {
					t.Fatalf("%+v", p)
				}
				if c.crash {
					w.crash()
				}
				time.Sleep(c.off)
				down.Store(false)
				if c.crash {
					w.boot()
					w.runs()
				}
				time.Sleep(2 * time.Minute)
				p, err := w.store.payment(t.Context(), b.ID+"-1")
				if statusOf(t, p, err) != c.want {
					t.Fatalf("%+v", p)
				}
				w.agree()
				if c.want == paymentapi.Captured {
					return
				}
				if got, _ := w.house.Recent(t.Context(), b.ID); got.Status != bookingapi.Cancelled || p.Reason != timedOut {
					t.Errorf("the booking is %s, the payment was given up for %q", got.Status, p.Reason)
				}
				told, _ := w.returnedMoney()
				if len(told) != 1 || told[0].PaymentID != p.ID || told[0].Reason != timedOut || told[0].Taken {
					t.Errorf("told %+v", told)
				}
			})
		})
	}
}

// An end is near when what is left does not suffice for taking the money.
func TestStandingOf(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	for left, want := range map[time.Duration]eventKind{
		-time.Hour: evExpiring, 0: evExpiring, captureMargin - time.Microsecond: evExpiring, captureMargin: evApproved, 7 * 24 * time.Hour: evApproved,
	} {
		if got := standingOf(now.Add(left), now.UnixMicro()); got != want {
			t.Errorf("%v before its end: %v", left, got)
		}
	}
	if got := standingOf(time.Time{}, now.UnixMicro()); got != evApproved {
		t.Errorf("without an end: %v", got)
	}
}
