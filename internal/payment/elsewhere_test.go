package payment

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/payment/reconcile"
	"boxoffice/internal/paymentapi"
)

// steps are the last steps of a payment's history with their amounts.
func (w *world) lastSteps(paymentID string, n int) (list []step) {
	w.t.Helper()
	p, err := w.store.payment(w.t.Context(), paymentID)
	if err != nil {
		w.t.Fatal(err)
	}
	steps, err := p.steps()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, s := range steps[max(0, len(steps)-n):] {
		list = append(list, step{Status: s.Status, Amount: s.Amount})
	}
	return list
}

// refundOf is the refund for the last entry of the ledger.
func (w *world) lastRefund() paymentapi.Refund {
	w.t.Helper()
	seq := int64(len(w.house.ledger[event1]))
	found, err := w.RefundsOf(w.t.Context(), event1, []int64{seq})
	if err != nil || len(found) != 1 {
		w.t.Errorf("refunds: %v %v", found, err)
	}
	return found[seq]
}

// keeps makes a booking booked again, with an amount, for the check at the end: a person
// has still to decide.
func (w *world) keeps(bookingID string, amount int64) {
	w.house.mu.Lock()
	defer w.house.mu.Unlock()
	w.house.bookings[bookingID].Status, w.house.bookings[bookingID].Amount = bookingapi.Booked, amount
}

// A refund that was made fails days later: by a webhook, or by the day's comparison, the
// money is back in the journal, and a person is told.
func TestRefundFailsLater(t *testing.T) {
	for _, c := range []struct {
		name   string
		amount int64
		notice func(*world, string)
	}{
		{"webhook, all", 10000, (*world).asks},
		{"webhook, a part", 5000, (*world).asks},
		{"reconciled", 10000, func(w *world, _ string) { w.compared() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				b := w.house.hold(fan.UserID, 1, 2)
				w.house.split(b.ID, 1000, 200)
				p, err := w.pay(b, "tok_ok", "k")
				if statusOf(t, p, err) != paymentapi.Captured {
					t.Fatal(p)
				}
				w.house.cancel(b.ID, c.amount)
				time.Sleep(time.Minute)
				if r := w.lastRefund(); r.Status != refundDone {
					t.Fatalf("%+v", r)
				}
				w.bank.failsRefund(p.ID + ".1")
				c.notice(w, p.ID)
				w.asks(p.ID) // again
				if r := w.lastRefund(); r.Status != refundFailed || r.Reason != "lost_or_stolen_card" {
					t.Errorf("%+v", r)
				}
				got, err := w.store.payment(t.Context(), p.ID)
				if err != nil || got.Status != paymentapi.Captured || got.Refunded != 0 {
					t.Errorf("%+v %v", got, err)
				}
				last := w.lastSteps(p.ID, 1)
				if last[0] != (step{Status: paymentapi.RefundCameBack, Amount: c.amount}) {
					t.Errorf("%+v", last)
				}
				if found := w.compared().Found; found[reconcile.RefundFailed] != 1 || len(found) != 1 {
					t.Errorf("found %v", found)
				}
				w.keeps(b.ID, b.Amount)
			})
		})
	}
}

// A refund that has come back is tried again with another key, and is made. That the first
// has failed, which the gateway goes on to say, does not undo the second.
func TestRefundThatCameBackIsTriedAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		b := w.house.hold(fan.UserID, 1, 2)
		p, err := w.pay(b, "tok_ok", "k")
		if statusOf(t, p, err) != paymentapi.Captured {
			t.Fatal(p)
		}
		w.house.cancel(b.ID, b.Amount)
		time.Sleep(time.Minute)
		for range 2 {
			w.bank.failsRefund(p.ID + ".1")
			w.asks(p.ID)
			if r := w.lastRefund(); r.Status != refundFailed {
				t.Fatalf("%+v", r)
			}
			w.turn(paymentapi.RefundJobChange{Retry: true})
			time.Sleep(time.Minute)
			w.asks(p.ID)
			if r := w.lastRefund(); r.Status != refundDone || r.Reason != "" {
				t.Errorf("%+v", r)
			}
			w.is(p.ID, paymentapi.Refunded, bookingapi.Cancelled)
		}
		w.agree()
	})
}

// reruns starts the service again, in which money that comes back rests for seconds, not for
// hours.
func (w *world) reruns(first time.Duration) {
	w.t.Helper()
	w.boot()
	w.firstRest, w.lastRest = first, time.Minute
	w.runs()
}

// givenBack is a payment that was given up, and whose money was taken and returned.
func (w *world) givenBack() record {
	w.t.Helper()
	w.shutDown()
	w.reruns(10 * time.Second)
	b := w.house.hold(fan.UserID, 1)
	p, _ := w.pay(b, "tok_never", "a")
	if _, err := w.void(w.t.Context(), fan, p.ID, 0); err != nil {
		w.t.Fatal(err)
	}
	w.bank.takes(p.ID+".1", b.Amount)
	w.asks(p.ID)
	time.Sleep(time.Minute)
	w.is(p.ID, paymentapi.Refunded, bookingapi.Pending)
	return p
}

// The money of a payment that was given up was returned, and that fails: it rests for a
// while, and is returned again. What the gateway says of earlier attempts undoes nothing.
func TestReturnFailsLater(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p := w.givenBack()
		for n := range 3 {
			w.bank.failsRefund(p.ID + ".1")
			w.asks(p.ID)
			time.Sleep(w.returnPause(int64(n+1)) - 5*time.Second)
			w.is(p.ID, paymentapi.Returning, bookingapi.Pending)
			time.Sleep(10 * time.Second)
			w.is(p.ID, paymentapi.Refunded, bookingapi.Pending)
			w.asks(p.ID)
			w.is(p.ID, paymentapi.Refunded, bookingapi.Pending)
		}
		if found := w.compared().Found; len(found) != 0 {
			t.Errorf("found %v", found)
		}
	})
}

// The return fails days later, and nobody sends a webhook: the comparison of that day finds it.
func TestReturnFailsDaysLater(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p := w.givenBack()
		w.halt()
		time.Sleep(5 * 24 * time.Hour)
		w.bank.failsRefund(p.ID + ".1")
		if found := w.compared().Found; len(found) != 0 {
			t.Errorf("found %v", found)
		}
		w.is(p.ID, paymentapi.Returning, bookingapi.Pending)
		time.Sleep(time.Minute)
		w.is(p.ID, paymentapi.Refunded, bookingapi.Pending)
		w.bank.mu.Lock()
		if list := w.bank.charges[p.ID+".1"].list; len(list) != 2 || list[1].Failed {
			t.Errorf("%+v", list)
		}
		w.bank.mu.Unlock()
	})
}

// Money that somebody gives back by hand, all or a part, is not returned again.
func TestReturnFailsLaterAndIsMadeByHand(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		p := w.givenBack()
		w.bank.failsRefund(p.ID + ".1")
		w.asks(p.ID)
		w.bank.refundsByHand(p.ID+".1", 1000)
		time.Sleep(time.Minute)
		w.is(p.ID, paymentapi.Returning, bookingapi.Pending)
		w.bank.refundsByHand(p.ID+".1", p.Amount-1000)
		time.Sleep(5 * time.Minute)
		w.is(p.ID, paymentapi.Refunded, bookingapi.Pending)
		w.asks(p.ID)
		w.is(p.ID, paymentapi.Refunded, bookingapi.Pending)
	})
}

// Of the money of a payment that was given up somebody has given back a cent by hand: the rest
// is returned, whether the cent was there before or comes while it is returned.
func TestReturnOfWhatIsLeft(t *testing.T) {
	for name, before := range map[string]bool{"before": true, "meanwhile": false} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				b := w.house.hold(fan.UserID, 1)
				p, _ := w.pay(b, "tok_never", "a")
				if _, err := w.void(t.Context(), fan, p.ID, 0); err != nil {
					t.Fatal(err)
				}
				w.bank.takes(p.ID+".1", b.Amount)
				if before {
					w.bank.refundsByHand(p.ID+".1", 1)
				} else {
					w.bank.mu.Lock()
					cents := 1
					w.bank.refundCut = func(c provider.Charge) error {
						if cents--; cents >= 0 {
							w.bank.refundsByHand(c.ID, 1)
						}
						return nil
					}
					w.bank.mu.Unlock()
				}
				w.asks(p.ID)
				time.Sleep(time.Minute)
				w.is(p.ID, paymentapi.Refunded, bookingapi.Pending)
				w.bank.mu.Lock()
				if a := w.bank.charges[p.ID+".1"]; a.refunded != b.Amount || len(a.list) != 2 {
					t.Errorf("%+v", a)
				}
				w.bank.mu.Unlock()
			})
		})
	}
}

// A program that ends while money is returned again does not return it twice, nor is an
// attempt lost.
func TestReturnFailsLaterAcrossCrashes(t *testing.T) {
	for _, point := range []string{"before refund", "after refund"} {
		inWorld(t, func(t *testing.T, w *world) {
			p := w.givenBack()
			w.bank.failsRefund(p.ID + ".1")
			w.asks(p.ID)
			w.crash()
			w.boot()
			w.runs()
			time.Sleep(30 * time.Second)
			w.is(p.ID, paymentapi.Returning, bookingapi.Pending)
			w.crash()
			w.bank.mu.Lock()
			w.bank.cut = func(ctx context.Context, at string) error {
				if at != point || len(w.bank.charges[p.ID+".1"].list) < 2 && at == "after refund" {
					return nil
				}
				<-ctx.Done()
				return ctx.Err()
			}
			w.bank.mu.Unlock()
			w.reruns(time.Minute)
			time.Sleep(time.Minute)
			w.crash()
			w.bank.mu.Lock()
			w.bank.cut = func(context.Context, string) error { return nil }
			w.bank.mu.Unlock()
			w.reruns(time.Second)
			time.Sleep(time.Minute)
			w.is(p.ID, paymentapi.Refunded, bookingapi.Pending)
			if n := len(w.bank.charges[p.ID+".1"].list); n != 2 {
				t.Errorf("%s: it was returned %d times", point, n)
			}
		})
	}
}

// Money that comes back each time is returned a few times, with growing pauses; then
// a person is told, once, and what they give back by hand ends the payment.
func TestReturnFailsEachTime(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var log bytes.Buffer
		w.setUp = func(cfg *Config) { cfg.Log = slog.New(slog.NewTextHandler(&log, nil)) }
		p := w.givenBack()
		for range mostReturns + 1 {
			w.bank.failsRefund(p.ID + ".1")
			w.asks(p.ID)
			time.Sleep(w.lastRest + 10*time.Second)
		}
		w.is(p.ID, paymentapi.Returning, bookingapi.Pending)
		w.bank.refundsByHand(p.ID+".1", p.Amount)
		time.Sleep(5 * time.Minute)
		w.is(p.ID, paymentapi.Refunded, bookingapi.Pending)
		w.bank.mu.Lock()
		if n := len(w.bank.charges[p.ID+".1"].list); n != mostReturns+1 {
			t.Errorf("it was returned %d times", n)
		}
		w.bank.mu.Unlock()
		w.shutDown()
		if n := strings.Count(log.String(), "came back each time"); n != 1 {
			t.Errorf("a person was told %d times", n)
		}
		w.boot()
		w.runs()
	})
}

// Somebody gives money back on the gateway's own pages: it is posted, shown to a person,
// and never given back a second time.
func TestRefundedElsewhere(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		b := w.house.hold(fan.UserID, 1, 2)
		p, err := w.pay(b, "tok_ok", "k")
		if statusOf(t, p, err) != paymentapi.Captured {
			t.Fatal(p)
		}
		w.bank.refundsByHand(p.ID+".1", 3000)
		w.bank.refundsByHand(p.ID+".1", 1000)
		w.asks(p.ID)
		got, err := w.store.payment(t.Context(), p.ID)
		if err != nil || got.Status != paymentapi.Captured || got.Refunded != 4000 || got.elsewhere != 4000 {
			t.Errorf("%+v %v", got, err)
		}
		if last := w.lastSteps(p.ID, 2); last[0] != (step{Status: paymentapi.RefundedElsewhere, Amount: 3000}) || last[1] != (step{Status: paymentapi.RefundedElsewhere, Amount: 1000}) {
			t.Errorf("%+v", last)
		}
		w.asks(p.ID)
		if found := w.compared().Found; found[reconcile.RefundElsewhere] != 2 || len(found) != 1 {
			t.Errorf("found %v", found)
		}
		w.house.cancel(b.ID, 7000) // more than what is left
		time.Sleep(time.Minute)
		if r := w.lastRefund(); r.Status != refundDone || r.Reason != "" {
			t.Errorf("%+v", r)
		}
		w.is(p.ID, paymentapi.Refunded, bookingapi.Booked)
		w.house.cancel(b.ID, 3000)
		time.Sleep(time.Minute)
		if r := w.lastRefund(); r.Status != refundNeedless || r.Reason != refundedElsewhere {
			t.Errorf("%+v", r)
		}
		w.gone(p.ID, 10000)
	})
}

// Money that somebody has given back on the gateway's own pages though nothing was owed comes
// back: a person is told of both.
func TestGoodwillByHandComesBack(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var log bytes.Buffer
		w.setUp = func(cfg *Config) { cfg.Log = slog.New(slog.NewTextHandler(&log, nil)) }
		w.crash()
		w.boot()
		w.runs()
		_, payment := w.sold(1, 2)
		w.byHand(payment, 3000)
		w.bank.failsByHand(payment + ".1")
		w.asks(payment)
		w.asks(payment)
		w.shutDown()
		given, back := strings.Count(log.String(), "was given back on the gateway's own pages"), strings.Count(log.String(), "has come back")
		if given != 2 || back != 1 {
			t.Errorf("given back %d, come back %d: %s", given, back, log.String())
		}
		w.boot()
		w.runs()
	})
}

// What a webhook has led to is written when its notice is done, whatever happens then.
func TestAskedIsWritten(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		b := w.house.hold(fan.UserID, 1)
		p, _ := w.pay(b, "tok_never", "a")
		if _, err := w.void(t.Context(), fan, p.ID, 0); err != nil {
			t.Fatal(err)
		}
		w.is(p.ID, paymentapi.Voided, bookingapi.Pending)
		w.bank.takes(p.ID+".1", b.Amount)
		w.bank.mu.Lock()
		w.bank.cut = func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() } // it does not answer
		w.bank.mu.Unlock()
		w.asks(p.ID)
		w.crash()
		w.bank.mu.Lock()
		w.bank.cut = func(context.Context, string) error { return nil }
		w.bank.mu.Unlock()
		w.boot()
		w.runs()
		time.Sleep(time.Minute)
		w.is(p.ID, paymentapi.Refunded, bookingapi.Pending)
	})
}

// A server that is stopping leaves a webhook to the next start.
func TestAskedWhileClosing(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		b := w.house.hold(fan.UserID, 1)
		p, _ := w.pay(b, "tok_ok", "a")
		w.mu.Lock()
		w.closing = true
		w.mu.Unlock()
		if err := w.Ask(t.Context(), p.ID); err == nil {
			t.Error("it was not asked about")
		}
	})
}

// A bank brings back the money of a dispute that was lost; and a dispute is about a
// payment whose money went back.
func TestDisputesInAnyOrder(t *testing.T) {
	for name, c := range map[string]struct {
		states []provider.DisputeState
		left   int64
	}{
		"won after lost":         {[]provider.DisputeState{provider.DisputeOpen, provider.DisputeLost, provider.DisputeWon}, 10000},
		"lost at once, then won": {[]provider.DisputeState{provider.DisputeLost, provider.DisputeWon}, 10000},
		"lost at once":           {[]provider.DisputeState{provider.DisputeLost}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				b := w.house.hold(fan.UserID, 1, 2)
				p, err := w.pay(b, "tok_ok", "k")
				if statusOf(t, p, err) != paymentapi.Captured {
					t.Fatal(p)
				}
				for _, s := range c.states {
					w.bank.disputes(p.ID+".1", s, 10000)
					w.asks(p.ID)
					w.asks(p.ID)
				}
				w.keeps(b.ID, c.left)
			})
		})
	}
	t.Run("decided, and nobody says so", func(t *testing.T) {
		inWorld(t, func(t *testing.T, w *world) {
			var lost []string
			for i := range int32(disputesAtOnce + 1) {
				b := w.house.hold(fan.UserID, i+1)
				p, err := w.pay(b, "tok_ok", b.ID)
				if statusOf(t, p, err) != paymentapi.Captured {
					t.Fatal(p)
				}
				w.bank.disputes(p.ID+".1", provider.DisputeOpen, b.Amount)
				w.asks(p.ID)
				w.keeps(b.ID, 0)
				if i == 0 || i == disputesAtOnce {
					w.bank.disputes(p.ID+".1", provider.DisputeLost, b.Amount)
					lost = append(lost, p.ID)
				}
			}
			if _, err := w.Reconcile(t.Context(), time.Now()); err != nil {
				t.Fatal(err)
			}
			for _, id := range lost {
				if p, err := w.store.payment(t.Context(), id); err != nil || p.dispute != disputeLost {
					t.Errorf("%+v %v", p, err)
				}
			}
		})
	})
	t.Run("refunded before", func(t *testing.T) {
		inWorld(t, func(t *testing.T, w *world) {
			b := w.house.hold(fan.UserID, 1, 2)
			p, err := w.pay(b, "tok_ok", "k")
			if statusOf(t, p, err) != paymentapi.Captured {
				t.Fatal(p)
			}
			w.house.cancel(b.ID, b.Amount)
			time.Sleep(time.Minute)
			w.bank.disputes(p.ID+".1", provider.DisputeOpen, 10000)
			w.asks(p.ID)
			if balances, err := w.Balances(t.Context(), event1); err != nil || balances["USD"][paymentapi.AccountChargebacks] != 10000 {
				t.Errorf("%v %v", balances, err)
			}
			w.bank.disputes(p.ID+".1", provider.DisputeWon, 10000)
			w.asks(p.ID)
			w.is(p.ID, paymentapi.Refunded, bookingapi.Cancelled)
		})
	})
}

// The keys of refunds name the entry of the ledger and the attempt.
func TestKeysOfRefunds(t *testing.T) {
	for key, want := range map[string][2]int64{
		refundID(event1, 7): {7, 1}, event1 + ":7.2": {7, 2}, event1 + ":12.30": {12, 30},
		event1 + ":7.1": {}, event1 + ":7.02": {}, event1 + ":07": {}, event1 + ":7.": {}, event1 + ":7.x": {}, event1 + ":": {},
		event1 + "0:7": {}, "": {}, event1 + "-1.1.return": {},
	} {
		seq, attempt, ok := refundSeq(event1, key)
		if ok != (want[0] > 0) || ok && (seq != want[0] || attempt != want[1]) {
			t.Errorf("%s: %d, %d, %t", key, seq, attempt, ok)
		}
	}
}

// The keys of returns name the attempt; other keys are of others.
func TestKeysOfReturns(t *testing.T) {
	p := record{ID: event1 + "-1"}
	for key, want := range map[string]int64{
		returnKey(&p, 2, 1): 1, p.ID + ".2.return": 1, p.ID + ".2.return2": 2, p.ID + ".2.return10": 10,
		p.ID + ".2.return1": 0, p.ID + ".2.return02": 0, p.ID + ".2.return0": 0, p.ID + ".1.return": 0, p.ID + ".2.returnx": 0, "3": 0, "": 0,
	} {
		if got, ok := returnAttempt(&p, 2, key); ok != (want > 0) || ok && got != want {
			t.Errorf("%s: %d, %t", key, got, ok)
		}
	}
}

// A refund that came back is not made again if somebody has made it by hand.
func TestCameBackAndPaidByHand(t *testing.T) {
	for name, c := range map[string]struct {
		byHand []int64
		want   string
		back   int64
	}{
		"nobody":    {nil, refundDone, 5000},
		"all of it": {[]int64{2000, 3000}, refundNeedless, 5000},
		"a part":    {[]int64{2000}, refundDone, 5000},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				b := w.house.hold(fan.UserID, 1, 2)
				p, err := w.pay(b, "tok_ok", "k")
				if statusOf(t, p, err) != paymentapi.Captured {
					t.Fatal(p)
				}
				w.house.cancel(b.ID, 5000)
				time.Sleep(time.Minute)
				w.bank.failsRefund(p.ID + ".1")
				w.asks(p.ID)
				for _, amount := range c.byHand {
					w.bank.refundsByHand(p.ID+".1", amount)
					w.asks(p.ID)
				}
				if err := w.retryFailed(t.Context(), event1); err != nil {
					t.Fatal(err)
				}
				w.refunds.poke()
				time.Sleep(time.Minute)
				if r := w.lastRefund(); r.Status != c.want || c.want != refundDone && r.Reason != refundedElsewhere {
					t.Errorf("%+v", r)
				}
				if got, err := w.store.payment(t.Context(), p.ID); err != nil || got.Refunded != c.back {
					t.Errorf("%+v %v", got, err)
				}
				w.keeps(b.ID, 10000-c.back)
			})
		})
	}
}
