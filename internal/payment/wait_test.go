package payment

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
)

// teller is a bank at which buyers approve on a page of its own, and which counts how often
// it is asked. It sends messages: tests call Ask.
type teller struct {
	*bank
	mu    sync.Mutex
	asked int
	busy  bool // it takes no questions
}

func (b *teller) Notice(context.Context, http.Header, []byte, time.Time) (provider.Notice, error) {
	return provider.Notice{}, provider.ErrForged
}

func (b *teller) Authorize(ctx context.Context, key string, c provider.Charge) (provider.Outcome, error) {
	o, err := b.bank.Authorize(ctx, key, c)
	if o.Verdict == provider.Undecided {
		o.Approve = "https://bank.example/" + c.ID
	}
	return o, err
}

func (b *teller) Find(ctx context.Context, c provider.Charge) (provider.Standing, provider.Outcome, error) {
	b.mu.Lock()
	b.asked++
	busy := b.busy
	b.mu.Unlock()
	if busy {
		return provider.Unknown, provider.Outcome{}, &provider.Busy{After: 30 * time.Second, Err: errors.New("too many requests")}
	}
	standing, o, err := b.bank.Find(ctx, c)
	if standing == provider.Waiting {
		o.Approve = "https://bank.example/" + c.ID
	}
	return standing, o, err
}

// since is how often it was asked since the last time.
func (b *teller) since() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.asked
	b.asked = 0
	return n
}

// approves lets the buyer approve a charge on the bank's page.
func (b *teller) approves(charge string) {
	b.bank.mu.Lock()
	defer b.bank.mu.Unlock()
	b.bank.charges[charge].standing = provider.Reserved
}

// withTeller is a world with such a bank.
func withTeller(t *testing.T, do func(t *testing.T, w *world, b *teller)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		b := &teller{bank: w.bank}
		w.restart(func(cfg *Config) { cfg.Gateway = b })
		do(t, w, b)
	})
}

// While buyers are at their bank's page, a gateway that sends messages is asked less and
// less, and a message counts at once.
func TestWaitingIsNotPolled(t *testing.T) {
	withTeller(t, func(t *testing.T, w *world, b *teller) {
		p, err := w.pay(w.house.hold(fan.UserID, 1), "tok_never", "k")
		if statusOf(t, p, err) != paymentapi.Pending {
			t.Fatal(p)
		}
		time.Sleep(10 * time.Minute)
		if n := b.since(); n < 10 || n > 40 {
			t.Errorf("the gateway was asked %d times in ten minutes", n)
		}
		b.approves(p.ID + ".1")
		w.asks(p.ID)
		time.Sleep(100 * time.Millisecond)
		if p, err := w.store.payment(t.Context(), p.ID); err != nil || p.Status != paymentapi.Captured {
			t.Errorf("%s %v", p.Status, err)
		}
		w.agree()
	})
}

// A buyer who is back from their bank need not wait for a message that was lost. A page
// that is left open is no poll every two seconds.
func TestBuyerComesBack(t *testing.T) {
	withTeller(t, func(t *testing.T, w *world, b *teller) {
		held := w.house.hold(fan.UserID, 1)
		p, err := w.pay(held, "tok_never", "k")
		if statusOf(t, p, err) != paymentapi.Pending {
			t.Fatal(p)
		}
		time.Sleep(5 * time.Minute)
		b.since()
		looks := func() paymentapi.Status {
			got, err := w.OfBooking(t.Context(), fan, held.ID)
			if err != nil {
				t.Fatal(err)
			}
			return got.Status
		}
		for range 5 * 60 {
			looks()
			time.Sleep(time.Second)
		}
		if n := b.since(); n < 20 || n > 80 {
			t.Errorf("with an open page the gateway was asked %d times in five minutes", n)
		}
		time.Sleep(time.Minute)
		b.approves(p.ID + ".1")
		looks()
		time.Sleep(100 * time.Millisecond)
		if s := looks(); s != paymentapi.Captured {
			t.Errorf("it is %s", s)
		}
		w.agree()
	})
}

// A gateway that takes no more requests is left alone by what can wait for as long as it
// says, and captures go on.
func TestBusyGatewayIsLeftAlone(t *testing.T) {
	withTeller(t, func(t *testing.T, w *world, b *teller) {
		w.halt()
		w.patience = 0 // all begin together
		w.runs()
		for i := range int32(20) {
			if p, err := w.pay(w.house.hold(fan.UserID, i), "tok_never", ""); statusOf(t, p, err) != paymentapi.Pending {
				t.Fatal(p)
			}
		}
		b.mu.Lock()
		b.busy = true
		b.mu.Unlock()
		time.Sleep(10 * time.Second) // each payment has asked once
		b.since()
		time.Sleep(20 * time.Second)
		if n := b.since(); n != 0 {
			t.Errorf("it was asked %d times", n)
		}
		p, _ := w.pay(w.house.hold(fan.UserID, 30), "tok_ok", "")
		time.Sleep(time.Second)
		w.is(p.ID, paymentapi.Captured, bookingapi.Booked)
		b.mu.Lock()
		b.busy = false
		b.mu.Unlock()
		time.Sleep(2 * time.Minute)
		if n := b.since(); n < 20 {
			t.Errorf("it was asked %d times later", n)
		}
	})
}

// A buyer who never comes back does not keep the booking for longer than others.
func TestWaitingEndsInTime(t *testing.T) {
	withTeller(t, func(t *testing.T, w *world, _ *teller) {
		p, err := w.pay(w.house.hold(fan.UserID, 1), "tok_never", "k")
		if statusOf(t, p, err) != paymentapi.Pending {
			t.Fatal(p)
		}
		time.Sleep(w.deadline + 5*time.Second)
		if p, err := w.store.payment(t.Context(), p.ID); err != nil || p.Status != paymentapi.Voided {
			t.Errorf("%s %v", p.Status, err)
		}
		w.agree()
	})
}
