package payment

import (
	"context"
	"testing"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
)

// tiredBank takes a while for each answer, once it is tired.
type tiredBank struct {
	*bank
	pause time.Duration
}

func (b *tiredBank) rest(ctx context.Context) error {
	select {
	case <-time.After(b.pause):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (b *tiredBank) Void(ctx context.Context, key string, c provider.Charge) (provider.Outcome, error) {
	if err := b.rest(ctx); err != nil {
		return provider.Outcome{}, err
	}
	return b.bank.Void(ctx, key, c)
}

func (b *tiredBank) Refund(ctx context.Context, key string, c provider.Charge, amount int64) (provider.Outcome, error) {
	if err := b.rest(ctx); err != nil {
		return provider.Outcome{}, err
	}
	return b.bank.Refund(ctx, key, c, amount)
}

func (b *tiredBank) Refunds(ctx context.Context, c provider.Charge) ([]provider.Refund, error) {
	if err := b.rest(ctx); err != nil {
		return nil, err
	}
	return b.bank.Refunds(ctx, c)
}

func (b *tiredBank) Find(ctx context.Context, c provider.Charge) (provider.Standing, provider.Outcome, error) {
	if err := b.rest(ctx); err != nil {
		return provider.Unknown, provider.Outcome{}, err
	}
	return b.bank.Find(ctx, c)
}

// Money that has come back several times is returned by a slow gateway, too, however often a
// step has asked it what happened before.
func TestReturnByASlowGateway(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p := w.givenBack()
		for n := range int64(mostReturns - 2) {
			w.bank.failsRefund(p.ID + ".1")
			w.asks(p.ID)
			time.Sleep(w.returnPause(n+1) + 10*time.Second)
			w.is(p.ID, paymentapi.Refunded, bookingapi.Pending)
		}
		w.bank.failsRefund(p.ID + ".1")
		w.asks(p.ID)
		w.crash()
		w.setUp = func(cfg *Config) { cfg.Gateway = &tiredBank{w.bank, 7 * time.Second} }
		w.reruns(10 * time.Second)
		time.Sleep(10 * time.Minute)
		w.is(p.ID, paymentapi.Refunded, bookingapi.Pending)
	})
}

// A payment that has had many methods is given up at a slow gateway, too.
func TestVoidByASlowGateway(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		b := w.house.hold(fan.UserID, 1)
		p, err := w.pay(b, "tok_never", "k")
		if statusOf(t, p, err) != paymentapi.Pending {
			t.Fatal(p)
		}
		method := "tok_never"
		for range paymentapi.MaxMethods - 1 {
			method += "_"
			if _, err := w.amend(t.Context(), fan, p.ID, method, 0); err != nil {
				t.Fatal(err)
			}
		}
		w.restart(func(cfg *Config) { cfg.Gateway = &tiredBank{w.bank, 7 * time.Second} })
		if _, err := w.void(t.Context(), fan, p.ID, 0); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		w.is(p.ID, paymentapi.Voided, bookingapi.Pending)
	})
}
