package payment

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"boxoffice/internal/payment/provider"
	"boxoffice/internal/payment/reconcile"
	"boxoffice/internal/paymentapi"
)

// takesInstead lets the bank take an amount, whatever it is asked for, and say so or not.
func (b *bank) takesInstead(amount int64, says bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.instead, b.silent = provider.Sum{Amount: amount, Currency: "USD"}, !says
}

// has checks what the bank has of a charge, and what of it went back.
func (w *world) has(charge string, taken, back int64) {
	w.t.Helper()
	w.bank.mu.Lock()
	defer w.bank.mu.Unlock()
	a := w.bank.charges[charge]
	if a == nil || a.amount != taken || a.refunded != back {
		w.t.Errorf("the bank has %+v, want %d taken, %d back", a, taken, back)
	}
}

// differs checks how often it is reported that the bank has taken another amount.
func (w *world) differs(want int64) {
	w.t.Helper()
	if r := w.compared(); r.Found[reconcile.CaptureAmount] != want || want == 0 && !r.OK() || len(r.Found) > 1 {
		w.t.Errorf("%+v, want %d of another amount", r, want)
	}
	if wrong, err := Journal(context.Background(), w.db.Reader(), event1); wrong != "" || err != nil {
		w.t.Error(wrong, err)
	}
	if list, err := w.Balances(w.t.Context(), event1); err != nil || (list["USD"][paymentapi.AccountDifference] != 0) != (want > 0) {
		w.t.Errorf("%v %v", list, err)
	}
}

// What was taken beyond the amount goes back by itself, whenever it is heard of. Until then
// it is reported, and the journal has what the gateway has.
func TestExcessGoesBack(t *testing.T) {
	for name, c := range map[string]struct {
		silent bool                             // the answer does not say what was taken
		lost   int                              // so many answers to the capture are lost
		hear   func(w *world, paymentID string) // how it is heard of later
		late   bool
	}{
		"by the answer":      {},
		"by a second answer": {lost: 1},
		"by asking":          {lost: 2},
		"by a message":       {silent: true, hear: func(w *world, paymentID string) { w.asks(paymentID) }, late: true},
		"by the comparison":  {silent: true, hear: func(w *world, _ string) { w.compared() }, late: true},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.bank.takesInstead(10100, !c.silent)
				w.bank.mu.Lock()
				w.bank.unclear["capture"] = c.lost
				w.bank.mu.Unlock()
				w.bank.declines("card_closed")
				b := w.house.hold(fan.UserID, 1, 2)
				if _, err := w.pay(b, "tok_ok", b.ID); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				id := b.ID + "-1"
				if c.hear != nil {
					w.bank.takesInstead(10100, true)
					c.hear(w, id)
				}
				p, err := w.store.payment(t.Context(), id)
				if err != nil || p.Status != paymentapi.Captured || p.excess != 100 || p.excessBack != 0 {
					t.Fatalf("%+v %v", p, err)
				}
				late := slices.ContainsFunc(mustSteps(t, &p), func(s paymentapi.Step) bool { return s.Status == paymentapi.TakenOtherwise && s.Amount == 10100 })
				if late != c.late {
					t.Errorf("heard of later: %t", late)
				}
				w.differs(1)
				w.bank.declines("")
				time.Sleep(5 * time.Minute)
				w.asks(id) // it is no refund by others
				w.has(id+".1", 10100, 100)
				if p, err = w.store.payment(t.Context(), id); err != nil || p.excessBack != 100 || p.Refunded != 0 || p.Status != paymentapi.Captured {
					t.Errorf("%+v %v", p, err)
				}
				w.differs(0)
				w.gives(b, 10000)
				w.has(id+".1", 10100, 10100)
				w.gone(id, 10000)
				w.differs(0)
				w.is(id, paymentapi.Refunded, "cancelled")
			})
		})
	}
}

func mustSteps(t *testing.T, p *record) []paymentapi.Step {
	t.Helper()
	steps, err := p.steps()
	if err != nil {
		t.Fatal(err)
	}
	return steps
}

// All that was taken goes back, and never more, however seats are given back.
func TestRefundsOfLess(t *testing.T) {
	for name, parts := range map[string][]int64{
		"all at once":     {10000},
		"seat by seat":    {5000, 5000},
		"less, then more": {1000, 9000},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.bank.takesInstead(4900, true)
				b, id := w.sold(1, 2)
				w.differs(1)
				for _, part := range parts {
					w.gives(b, part)
				}
				w.has(id+".1", 4900, 4900)
				w.gone(id, 10000)
				w.differs(0)
				w.is(id, paymentapi.Refunded, "cancelled")
			})
		})
	}
}

// A refund of less than it is for, which comes back, is made again.
func TestRefundOfLessComesBack(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.bank.takesInstead(4900, true)
		b, id := w.sold(1, 2)
		w.gives(b, 10000)
		w.comesBack(id)
		w.has(id+".1", 4900, 0)
		w.gone(id, 0)
		w.again()
		w.has(id+".1", 4900, 4900)
		w.gone(id, 10000)
		w.is(id, paymentapi.Refunded, "cancelled")
	})
}

// An excess that went back, and comes back, goes back once more with a key of its own.
func TestExcessComesBack(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.bank.takesInstead(10100, true)
		_, id := w.sold(1, 2)
		time.Sleep(time.Minute)
		w.has(id+".1", 10100, 100)
		w.comesBack(id)
		w.has(id+".1", 10100, 0)
		w.differs(1)
		time.Sleep(time.Hour)
		w.has(id+".1", 10100, 100)
		w.differs(0)
	})
}

// An excess goes back in parts, one by hand and one by us, and either comes back, or both: all
// of it goes back, once, with a key that was not used yet.
func TestPartOfAnExcessComesBack(t *testing.T) {
	for name, fails := range map[string][]func(w *world, id string){
		"by hand":            {func(w *world, id string) { w.bank.failsByHand(id + ".1") }},
		"ours":               {func(w *world, id string) { w.bank.failsRefund(id + ".1") }},
		"by hand, then ours": {func(w *world, id string) { w.bank.failsByHand(id + ".1") }, func(w *world, id string) { w.bank.failsRefund(id + ".1") }},
		"ours, then by hand": {func(w *world, id string) { w.bank.failsRefund(id + ".1") }, func(w *world, id string) { w.bank.failsByHand(id + ".1") }},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.bank.takesInstead(10100, true)
				w.bank.losesRefunds(1000)
				_, id := w.sold(1, 2)
				w.byHand(id, 60)
				w.bank.losesRefunds(0)
				time.Sleep(5 * time.Minute)
				w.has(id+".1", 10100, 100)
				for _, fail := range fails {
					fail(w, id)
					w.asks(id)
				}
				time.Sleep(time.Hour)
				w.has(id+".1", 10100, 100)
				w.differs(0)
				w.gone(id, 0)
			})
		})
	}
}

// A person is told, once, when an excess cannot be given back.
func TestExcessNeedsAPerson(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var log bytes.Buffer
		w.setUp = func(cfg *Config) { cfg.Log = slog.New(slog.NewTextHandler(&log, nil)) }
		w.crash()
		w.boot()
		w.runs()
		w.bank.takesInstead(10100, true)
		w.bank.declines("card_closed")
		_, id := w.sold(1, 2)
		time.Sleep(30 * time.Minute)
		w.bank.declines("")
		time.Sleep(time.Hour)
		w.has(id+".1", 10100, 100)
		w.shutDown()
		if n := strings.Count(log.String(), "cannot be given back"); n != 1 {
			t.Errorf("a person was told %d times", n)
		}
		w.boot()
		w.runs()
	})
}

// losesRefunds has so many refunds never arrive.
func (b *bank) losesRefunds(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lost["refund"] = n
}

// What somebody gives back on the gateway's own pages is for the excess first.
func TestExcessByHand(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.bank.takesInstead(10100, true)
		w.bank.declines("card_closed")
		_, id := w.sold(1, 2)
		w.byHand(id, 60)
		if p, err := w.store.payment(t.Context(), id); err != nil || p.excessBack != 60 || p.Refunded != 0 {
			t.Errorf("%+v %v", p, err)
		}
		w.differs(1)
		w.byHand(id, 40)
		w.differs(0)
		w.bank.declines("")
		time.Sleep(5 * time.Minute)
		w.has(id+".1", 10100, 100)
		w.gone(id, 0)
	})
}

// What is given back by hand beyond the excess is a refund of the booking.
func TestMoreThanTheExcessByHand(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.bank.takesInstead(10100, true)
		w.bank.declines("card_closed")
		b, id := w.sold(1, 2)
		w.bank.declines("charge_disputed")
		w.gives(b, 10000) // it fails
		w.byHand(id, 10100)
		w.has(id+".1", 10100, 10100)
		w.gone(id, 10000)
		if p, err := w.store.payment(t.Context(), id); err != nil || p.excessBack != 100 || p.elsewhere != 10000 || p.Status != paymentapi.Refunded {
			t.Errorf("%+v %v", p, err)
		}
	})
}

// While a dispute is open that covers the excess, the buyer's bank decides.
func TestExcessDisputed(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.bank.takesInstead(10100, true)
		w.bank.declines("card_closed")
		_, id := w.sold(1, 2)
		w.bank.disputes(id+".1", provider.DisputeOpen, 10100)
		w.asks(id)
		w.bank.declines("")
		time.Sleep(5 * time.Minute)
		w.has(id+".1", 10100, 0)
		w.bank.disputes(id+".1", provider.DisputeWon, 10100)
		w.asks(id)
		time.Sleep(5 * time.Minute)
		w.has(id+".1", 10100, 100)
	})
}

// All that was taken of a payment that was given up goes back.
func TestGivenUpTakenOtherwise(t *testing.T) {
	for _, taken := range []int64{10100, 4900} {
		inWorld(t, func(t *testing.T, w *world) {
			b := w.house.hold(fan.UserID, 1, 2)
			p, err := w.pay(b, "tok_never", "")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.void(t.Context(), fan, p.ID, 0); err != nil {
				t.Log(err)
			}
			time.Sleep(time.Minute)
			w.bank.takesInstead(taken, true)
			w.bank.mu.Lock()
			w.bank.charges[p.ID+".1"].amount = taken
			w.bank.mu.Unlock()
			w.bank.takes(p.ID+".1", taken)
			w.asks(p.ID)
			time.Sleep(time.Minute)
			w.has(p.ID+".1", taken, taken)
		})
	}
}
