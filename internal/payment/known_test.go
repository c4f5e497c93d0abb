package payment

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
)

// The tests of this file are what buyers of other ticket systems have complained of.

// inWorld runs a test in a world of its own under virtual time, and checks at its end
// that money and seats agree.
func inWorld(t *testing.T, test func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.runs()
		test(t, w)
		time.Sleep(time.Minute)
		w.agree()
	})
}

// takes lets the bank take the money of a charge, whatever it has said of it.
func (b *bank) takes(charge string, amount int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.charges[charge]
	if a == nil {
		a = &account{amount: amount, refunds: map[string]bool{}}
		b.charges[charge] = a
	}
	a.standing, a.captures = provider.Taken, a.captures+1
	b.line(provider.Captured, "", provider.Charge{ID: charge, Currency: "USD"}, amount)
}

// disputes lets the buyer of a charge dispute an amount of it.
func (b *bank) disputes(charge string, state provider.DisputeState, amount int64) {
	b.disputesAs("dp_1", charge, state, amount)
}

// disputesAs does the same for a dispute of this name.
func (b *bank) disputesAs(id, charge string, state provider.DisputeState, amount int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a, c := b.charges[charge], provider.Charge{ID: charge, Currency: "USD"}
	i := slices.IndexFunc(a.disputes, func(d provider.Dispute) bool { return d.ID == id })
	if i < 0 {
		b.line(provider.Disputed, "", c, amount)
		i, a.disputes = len(a.disputes), append(a.disputes, provider.Dispute{})
	}
	if state == provider.DisputeWon {
		b.line(provider.DisputeWonBack, "", c, amount)
	}
	a.disputes[i] = provider.Dispute{ID: id, State: state, Amount: amount, Reason: "fraudulent"}
}

// evidenceBy says until when evidence counts in the last dispute about a charge.
func (b *bank) evidenceBy(charge string, due time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.charges[charge].disputes
	list[len(list)-1].Due = due
}

// asks asks about a payment, as a webhook does.
func (w *world) asks(paymentID string) {
	w.t.Helper()
	if err := w.Ask(w.t.Context(), paymentID); err != nil {
		w.t.Error(err)
	}
}

// is checks a payment's and its booking's status.
func (w *world) is(paymentID string, status paymentapi.Status, booking bookingapi.Status) {
	w.t.Helper()
	p, err := w.store.payment(w.t.Context(), paymentID)
	b, _ := w.house.Recent(w.t.Context(), bookingOf(paymentID))
	if err != nil || p.Status != status || b.Status != booking {
		w.t.Errorf("payment %s is %s and its booking %s, want %s and %s: %v", paymentID, p.Status, b.Status, status, booking, err)
	}
}

// The refund of a double payment killed the order that was paid.
func TestKnownRefundOfADoublePayment(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		b := w.house.hold(fan.UserID, 1)
		first, _ := w.pay(b, "tok_never", "a")
		if _, err := w.void(t.Context(), fan, first.ID, 0); err != nil {
			t.Fatal(err)
		}
		second, err := w.pay(b, "tok_ok", "b")
		if statusOf(t, second, err) != paymentapi.Captured {
			t.Fatal(second)
		}
		w.bank.takes(first.ID+".1", b.Amount)
		w.asks(first.ID)
		time.Sleep(time.Minute)
		w.is(first.ID, paymentapi.Refunded, bookingapi.Booked)
		w.is(second.ID, paymentapi.Captured, bookingapi.Booked)
	})
}

// The webhook raced the poll.
func TestKnownWebhookRacesThePoll(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		b := w.house.hold(fan.UserID, 1)
		id := b.ID + "-1"
		var all sync.WaitGroup
		defer all.Wait()
		for i := range 20 {
			all.Go(func() {
				for n := range 30 {
					time.Sleep(time.Duration(50*n+i) * 7 * time.Millisecond)
					if i%2 == 0 {
						_ = w.Ask(t.Context(), id) // it is not there at first
					} else {
						_, _ = w.Payment(t.Context(), fan, id)
					}
				}
			})
		}
		_, _ = w.pay(b, "tok_slow", "k")
		all.Wait()
		w.is(id, paymentapi.Captured, bookingapi.Booked)
		if w.house.confirms != 1 {
			t.Logf("confirmed %d times, with the same payment", w.house.confirms)
		}
	})
}

// "Failed", then confirmed, so that people paid two to four times.
func TestKnownFailedThenConfirmed(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		b := w.house.hold(fan.UserID, 1)
		for i := range 3 {
			if _, err := w.pay(b, "tok_decline", fmt.Sprint(i)); !errs.Is(err, "payment-declined") {
				t.Fatal(err)
			}
		}
		p, err := w.pay(b, "tok_ok", "last")
		if statusOf(t, p, err) != paymentapi.Captured {
			t.Fatal(p)
		}
		for i := range 3 { // the gateway has taken the money, after all
			id := fmt.Sprintf("%s-%d", b.ID, i+1)
			w.bank.takes(id+".1", b.Amount)
			w.asks(id)
		}
		time.Sleep(time.Minute)
		for i := range 3 {
			w.is(fmt.Sprintf("%s-%d", b.ID, i+1), paymentapi.Refunded, bookingapi.Booked)
		}
		w.is(p.ID, paymentapi.Captured, bookingapi.Booked)
	})
}

// A confirmation was sent twice, for each message of the gateway.
func TestKnownConfirmationSentTwice(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		b := w.house.hold(fan.UserID, 1)
		p, err := w.pay(b, "tok_ok", "k")
		if statusOf(t, p, err) != paymentapi.Captured {
			t.Fatal(p)
		}
		for range 10 {
			w.asks(p.ID)
		}
		time.Sleep(time.Minute)
		var rows int
		if err := w.db.Reader().QueryRow(`SELECT count(*) FROM payments_paid`).Scan(&rows); err != nil || rows != 1 {
			t.Errorf("told %d times: %v", rows, err)
		}
	})
}

// Pending for ever: nobody could pay, and nobody heard anything.
func TestKnownPendingForEver(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		b := w.house.hold(fan.UserID, 1)
		p, err := w.pay(b, "tok_never", "k")
		if statusOf(t, p, err) != paymentapi.Pending {
			t.Fatal(p)
		}
		time.Sleep(w.deadline + time.Minute)
		w.is(p.ID, paymentapi.Voided, bookingapi.Pending)
		if p, err = w.pay(b, "tok_ok", "again"); statusOf(t, p, err) != paymentapi.Captured {
			t.Error(p)
		}
	})
}

// A refund raced the webhook about the payment that it returned.
func TestKnownRefundRacesTheWebhook(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		b := w.house.hold(fan.UserID, 1, 2)
		p, err := w.pay(b, "tok_ok", "k")
		if statusOf(t, p, err) != paymentapi.Captured {
			t.Fatal(p)
		}
		w.bank.mu.Lock()
		w.bank.unclear["refund"] = 2
		w.bank.mu.Unlock()
		var all sync.WaitGroup
		for i := range 10 {
			all.Go(func() {
				for range 20 {
					w.asks(p.ID)
					time.Sleep(time.Duration(i+1) * 77 * time.Millisecond)
				}
			})
		}
		w.house.cancel(b.ID, b.Amount)
		all.Wait()
		time.Sleep(time.Minute)
		w.is(p.ID, paymentapi.Refunded, bookingapi.Cancelled)
	})
}

// Paid, but the order had expired, and its seats were sold.
func TestKnownPaidButExpired(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		b := w.house.hold(fan.UserID, 1)
		w.house.set(b.ID, bookingapi.Expired)
		w.house.refuse = errs.New(errs.Conflict, "seats-gone", "Gone.")
		_, err := w.pay(b, "tok_ok", "k")
		if !errs.Is(err, "seats-gone") || !strings.Contains(fmt.Sprint(errs.Of(err).Extra["money"]), "returned") {
			t.Error(err)
		}
		w.is(b.ID+"-1", paymentapi.Voided, bookingapi.Cancelled)
	})
}

// Refunded twice: by whoever cancelled, and by whoever heard of it.
func TestKnownRefundedTwice(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		b := w.house.hold(fan.UserID, 1, 2)
		p, err := w.pay(b, "tok_ok", "k")
		if statusOf(t, p, err) != paymentapi.Captured {
			t.Fatal(p)
		}
		w.bank.mu.Lock()
		w.bank.unclear["refund"] = 1 // it is made, and the answer is lost
		w.bank.mu.Unlock()
		w.house.cancel(b.ID, 5000)
		for _, hear := range w.house.followers {
			hear(w.house.ledger[event1])
		}
		time.Sleep(100 * time.Millisecond)
		w.crash()
		w.boot()
		w.runs()
		time.Sleep(time.Minute)
		w.house.cancel(b.ID, 5000)
		time.Sleep(time.Minute)
		got := w.story(p.ID)
		if n := len(slices.DeleteFunc(slices.Clone(got), func(s string) bool { return !strings.Contains(s, "refunds=5000") })); n != 2 {
			t.Errorf("%q", got)
		}
		w.is(p.ID, paymentapi.Refunded, bookingapi.Cancelled)
	})
}

// What is disputed is not given back a second time, and comes back when it is won.
func TestDisputes(t *testing.T) {
	for _, c := range []struct {
		name    string
		decided provider.DisputeState
		amount  int64
		told    bool // of the dispute, before the refund is asked for
		refund  string
	}{
		{"won", provider.DisputeWon, 10000, true, refundDone},
		{"lost", provider.DisputeLost, 10000, true, refundNeedless},
		{"a part is lost", provider.DisputeLost, 4000, true, refundFailed},
		{"won, and the refund is declined", provider.DisputeWon, 10000, false, refundDone},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				b := w.house.hold(fan.UserID, 1, 2)
				p, err := w.pay(b, "tok_ok", "k")
				if statusOf(t, p, err) != paymentapi.Captured {
					t.Fatal(p)
				}
				w.bank.disputes(p.ID+".1", provider.DisputeOpen, c.amount)
				if c.told {
					w.asks(p.ID)
					w.asks(p.ID)
					shown, err := w.Payment(t.Context(), fan, p.ID)
					if err != nil || shown.Disputed != c.amount || shown.Status != paymentapi.Captured || shown.History[len(shown.History)-1].Status != paymentapi.Disputed {
						t.Errorf("%+v %v", shown, err)
					}
				}
				w.house.cancel(b.ID, b.Amount)
				time.Sleep(time.Hour)
				if _, open, err := Unsettled(t.Context(), w.db.Reader(), event1); open != 1 || err != nil {
					t.Errorf("%d refunds wait, %v", open, err)
				}
				w.bank.disputes(p.ID+".1", c.decided, c.amount)
				w.asks(p.ID)
				time.Sleep(time.Minute)
				found, err := w.RefundsOf(t.Context(), event1, []int64{int64(len(w.house.ledger[event1]))})
				for _, r := range found {
					if r.Status != c.refund {
						t.Errorf("%+v", r)
					}
				}
				if len(found) != 1 || err != nil {
					t.Errorf("%v %v", found, err)
				}
				if c.amount < b.Amount { // the buyer keeps what they disputed only
					w.house.mu.Lock()
					w.house.bookings[b.ID].Status, w.house.bookings[b.ID].Amount = bookingapi.Booked, b.Amount-c.amount
					w.house.mu.Unlock()
				}
			})
		})
	}
}
