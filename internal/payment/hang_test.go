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

// A payment to which something impossible has happened is reported once, and rests if that
// happens again, until it changes.
func TestStuckIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := record{ID: event1 + "-1", Version: 3}
		if w.rests(&p) || !w.isStuck(&p) || w.rests(&p) || w.isStuck(&p) || !w.rests(&p) {
			t.Error("it is news once, and rests from the second time on")
		}
		time.Sleep(stuckTime)
		if w.rests(&p) || w.isStuck(&p) {
			t.Error("it is looked at again, and is no news")
		}
		p.Version++
		if w.rests(&p) || !w.isStuck(&p) {
			t.Error("it has changed, and is news")
		}
	})
}

// A payment that was begun with another gateway gets no driver, whoever asks about it.
func TestForeignPaymentsAreNotDriven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.restart(func(cfg *Config) { cfg.Provider = "stripe" })
		p, err := w.pay(w.house.hold(fan.UserID, 1), "tok_never", "k")
		if statusOf(t, p, err) != paymentapi.Pending {
			t.Fatal(p)
		}
		w.crash()
		w.setUp = func(cfg *Config) { cfg.Provider = "other" }
		w.boot()
		w.asks(p.ID)
		if _, err := w.void(t.Context(), fan, p.ID, 0); err != nil {
			t.Error(err)
		}
		if w.driven(p.ID) {
			t.Error("it is driven")
		}
		w.setUp = func(cfg *Config) { cfg.Provider = "stripe" }
		w.crash()
		w.boot()
		w.runs()
		time.Sleep(time.Minute)
		if p, err := w.store.payment(t.Context(), p.ID); err != nil || p.Status != paymentapi.Voided {
			t.Errorf("%s %v", p.Status, err)
		}
		w.agree()
	})
}
