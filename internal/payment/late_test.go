package payment

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/paymentapi"
)

// cost lets a hold cost something else, as a swap to other seats does.
func (h *house) cost(bookingID string, amount int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.bookings[bookingID].Amount = amount
}

// A confirmation that was on its way when its payment was given up books the hold
// minutes later, since that costs the old amount again; who sent it does not live any
// more, or has even taken the money. The booking is taken back, and the money is.
func TestConfirmedAfterItWasGivenUp(t *testing.T) {
	for name, captured := range map[string]bool{"no money": false, "money was taken": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				b := w.house.hold(fan.UserID, 1)
				late := func() {
					w.house.cost(b.ID, b.Amount)
					if _, err := w.house.confirm(bookingapi.Confirm{BookingID: b.ID, PaymentID: b.ID + "-1", Amount: b.Amount, Currency: b.Currency}); err != nil {
						t.Error(err)
					}
				}
				w.house.cut = func(_ context.Context, at string) error {
					if at == "before confirm" {
						w.house.cost(b.ID, 7000)
					}
					return nil
				}
				w.bank.cut = func(ctx context.Context, at string) error {
					if captured && at == "before void" {
						captured = false
						late()
						p, err := w.store.payment(ctx, b.ID+"-1")
						if err == nil {
							_, err = w.bank.Capture(ctx, p.ID+".1.capture", p.charge(1))
						}
						return err
					}
					return nil
				}
				w.runs()
				_, _ = w.pay(b, paymentapi.SandboxOK, "")
				p, _, err := w.ofBooking(t.Context(), fan, b.ID)
				if statusOf(t, p, err); !p.over() || p.Reason != amountDiffers {
					t.Fatalf("%+v", p)
				}
				if p.Status == paymentapi.Voided {
					time.Sleep(10 * time.Minute)
					late()
				}
				time.Sleep(time.Minute)
				if got, _ := w.house.Recent(t.Context(), b.ID); got.Status != bookingapi.Cancelled {
					t.Errorf("the booking is %s", got.Status)
				}
				w.agree()
				if ids, err := w.store.unwinding(t.Context(), rowKey{}, 9); err != nil || len(ids) > 0 {
					t.Errorf("still looked after: %v, %v", ids, err)
				}
			})
		})
	}
}

// A hold that is left alone is looked after for as long as it can be booked.
func TestLeftAloneIsForgotten(t *testing.T) {
	for end, want := range map[int64]int{readAt - lookAfter: 1, readAt - lookAfter - 1: 0} {
		w := newWorld(t)
		b := w.house.hold(fan.UserID, 1)
		w.house.bookings[b.ID].ExpiresAt = end
		w.house.cut = func(context.Context, string) error {
			w.house.cost(b.ID, 7000)
			return nil
		}
		_, _ = w.pay(b, paymentapi.SandboxOK, "")
		if _, err := w.Recover(t.Context()); err != nil {
			t.Error(err)
		}
		if ids, err := w.store.unwinding(t.Context(), rowKey{}, 9); err != nil || len(ids) != want {
			t.Errorf("%v, %v, want %d", ids, err, want)
		}
		w.agree()
	}
}
