package payment

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
)

// deafBank does not answer to refunds of some charges while it is deaf.
type deafBank struct {
	*bank
	deaf atomic.Bool
	hear map[string]bool // charges whose refunds are answered nevertheless
}

func (b *deafBank) Refund(ctx context.Context, key string, c provider.Charge, amount int64) (provider.Outcome, error) {
	if b.deaf.Load() && !b.hear[c.ID] {
		<-ctx.Done()
		return provider.Outcome{}, ctx.Err()
	}
	return b.bank.Refund(ctx, key, c, amount)
}

// While a gateway does not answer to refunds, those of later cancellations still get their
// rows. When it answers again, all are made, once.
func TestRefundsGoOnWhileTheGatewayHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		b := &deafBank{bank: w.bank}
		w.restart(func(cfg *Config) { cfg.Gateway = b })
		b.deaf.Store(true)
		var bookings []string
		for i := range int32(refundWorkers + 10) {
			held := w.house.hold(fan.UserID, i)
			if p, err := w.pay(held, paymentapi.SandboxOK, ""); statusOf(t, p, err) != paymentapi.Captured {
				t.Fatal(p)
			}
			bookings = append(bookings, held.ID)
		}
		for _, id := range bookings[1:] {
			w.house.cancel(id, 5000)
		}
		time.Sleep(time.Second) // they are being asked for
		w.house.cancel(bookings[0], 5000)
		time.Sleep(stepTimeout + 5*time.Second)
		if r := w.lastRefund(); r.Status != refundPending {
			t.Errorf("it has no row: %+v", r)
		}
		b.deaf.Store(false)
		time.Sleep(2 * longestRetry)
		w.agree()
	})
}

// Many refunds to which the gateway never answers keep no others from being made.
func TestRefundsThatHangAreApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		b := &deafBank{bank: w.bank, hear: map[string]bool{}}
		w.restart(func(cfg *Config) { cfg.Gateway = b })
		b.deaf.Store(true)
		const deaf, heard = 4 * refundWorkers, 20
		var all []bookingapi.Booking
		for i := range int32(deaf + heard) {
			held := w.house.hold(fan.UserID, i)
			if p, err := w.pay(held, paymentapi.SandboxOK, ""); statusOf(t, p, err) != paymentapi.Captured {
				t.Fatal(p)
			}
			if i >= deaf {
				b.hear[held.ID+"-1.1"] = true
			}
			all = append(all, held)
		}
		for _, held := range all {
			w.house.cancel(held.ID, held.Amount)
		}
		time.Sleep(6 * (stepTimeout + 5*time.Second))
		for _, held := range all[deaf:] {
			if p, err := w.store.payment(t.Context(), held.ID+"-1"); err != nil || p.Status != paymentapi.Refunded {
				t.Fatalf("%s %v", p.Status, err)
			}
		}
		b.deaf.Store(false)
		time.Sleep(3 * longestRetry)
		w.agree()
	})
}
