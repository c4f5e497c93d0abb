package payment

import (
	"database/sql"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/ledger"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
)

// sold pays for seats.
func (w *world) sold(seats ...int32) (bookingapi.Booking, string) {
	w.t.Helper()
	b := w.house.hold(fan.UserID, seats...)
	p, err := w.pay(b, "tok_ok", b.ID)
	if statusOf(w.t, p, err) != paymentapi.Captured {
		w.t.Fatal(p)
	}
	return b, p.ID
}

// gives back seats of a booking, and waits for what comes of it: until between two rounds.
func (w *world) gives(b bookingapi.Booking, amount int64) {
	w.house.cancel(b.ID, amount)
	time.Sleep(time.Minute + refundRound/2)
}

// comesBack lets the last refund of a payment fail, and the bank say so.
func (w *world) comesBack(paymentID string) {
	w.bank.failsRefund(paymentID + ".1")
	w.asks(paymentID)
}

// byHand gives back an amount on the bank's own pages, and lets the bank say so.
func (w *world) byHand(paymentID string, amount int64) {
	w.bank.refundsByHand(paymentID+".1", amount)
	w.asks(paymentID)
}

// again tries failed refunds again, and waits for what comes of it.
func (w *world) again() {
	w.turn(paymentapi.RefundJobChange{Retry: true})
	time.Sleep(5*time.Minute + refundRound/2)
}

// declines lets the bank decline refunds; "": it does not.
func (b *bank) declines(why string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.noRefund = why
}

// losesAnswer lets the answer to the next refund be lost.
func (b *bank) losesAnswer() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.unclear["refund"] = 1
}

// audited compares payments and refunds with the ledger, as the verification does.
func (w *world) audited() {
	w.t.Helper()
	w.house.mu.Lock()
	bills := map[string]*bookingapi.Bill{}
	for _, e := range w.house.ledger[event1] {
		b := w.house.bookings[e.BookingID]
		switch e.Kind {
		case ledger.Held:
			bills[b.ID] = &bookingapi.Bill{Status: b.Status, PaymentID: b.PaymentID, Amount: e.Amount, Currency: e.Currency}
		case ledger.Cancelled:
			bills[b.ID].Back = append(bills[b.ID].Back, bookingapi.Back{Seq: e.Seq, Amount: e.Amount})
		}
	}
	w.house.mu.Unlock()
	err := w.db.Write(w.t.Context(), func(tx *sql.Tx) error {
		_, err := Auditor{}.Audit(w.t.Context(), tx, event1, bills)
		return err
	})
	if err != nil {
		w.t.Error(err)
	}
}

// gone checks how much of a payment went back.
func (w *world) gone(paymentID string, want int64) {
	w.t.Helper()
	w.audited()
	p, err := w.store.payment(w.t.Context(), paymentID)
	if err != nil || p.Refunded != want {
		w.t.Errorf("%d went back, want %d: %v", p.Refunded, want, err)
	}
}

// What a person gives back on the gateway's own pages for a refund that is owed is not
// given back a second time, whatever has kept the refund from being made.
func TestGivenBackByHandIsNotGivenBackAgain(t *testing.T) {
	for name, c := range map[string]struct {
		play func(w *world, b bookingapi.Booking, payment string)
		want int64 // of three seats of 5000
	}{
		"another seat is refunded before": {func(w *world, b bookingapi.Booking, payment string) {
			w.gives(b, 5000)
			w.comesBack(payment)
			w.gives(b, 5000)
			w.byHand(payment, 5000)
		}, 10000},
		"another seat is refunded after": {func(w *world, b bookingapi.Booking, payment string) {
			w.gives(b, 5000)
			w.comesBack(payment)
			w.byHand(payment, 5000)
			w.gives(b, 5000)
		}, 10000},
		"it was declined": {func(w *world, b bookingapi.Booking, payment string) {
			w.bank.declines("insufficient_funds")
			w.gives(b, 5000)
			w.bank.declines("")
			w.byHand(payment, 5000)
		}, 5000},
		"two were declined, and one is given back by hand": {func(w *world, b bookingapi.Booking, payment string) {
			w.bank.declines("insufficient_funds")
			w.gives(b, 5000)
			w.gives(b, 5000)
			w.bank.declines("")
			w.byHand(payment, 5000)
		}, 10000},
		"the bank has not said so": {func(w *world, b bookingapi.Booking, payment string) {
			w.bank.declines("insufficient_funds")
			w.gives(b, 5000)
			w.bank.declines("")
			w.bank.refundsByHand(payment+".1", 5000)
		}, 5000},
		"it waited for a dispute": {func(w *world, b bookingapi.Booking, payment string) {
			w.bank.disputes(payment+".1", provider.DisputeOpen, 1)
			w.gives(b, 5000)
			w.bank.disputes(payment+".1", provider.DisputeWon, 1)
			w.byHand(payment, 5000)
		}, 5000},
		"it waited for a dispute, and the bank has not said so": {func(w *world, b bookingapi.Booking, payment string) {
			w.bank.disputes(payment+".1", provider.DisputeOpen, 1)
			w.gives(b, 5000)
			w.bank.disputes(payment+".1", provider.DisputeWon, 1)
			w.bank.refundsByHand(payment+".1", 5000)
		}, 5000},
		"it waited for a dispute about all of it": {func(w *world, b bookingapi.Booking, payment string) {
			w.bank.disputes(payment+".1", provider.DisputeOpen, 15000)
			w.asks(payment)
			w.gives(b, 5000)
			w.bank.disputes(payment+".1", provider.DisputeWon, 15000)
			w.byHand(payment, 5000)
		}, 5000},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				b, payment := w.sold(1, 2, 3)
				c.play(w, b, payment)
				w.again()
				w.gone(payment, c.want)
				w.again()
				w.gone(payment, c.want)
				if j := w.job(); j.Failed.Count+j.Left.Count > 0 {
					t.Errorf("%+v", j)
				}
				w.keeps(b.ID, 15000-c.want)
			})
		})
	}
}

// What people have given back of what is refunded later covers a part of that: the refund gives
// back what is left, whether or not the bank has said so before, and nobody is needed.
func TestARefundGivesBackWhatIsLeft(t *testing.T) {
	const cent = 1
	for name, c := range map[string]struct {
		play     func(w *world, b bookingapi.Booking, payment string)
		want     int64 // of two seats of 5000
		ours     int64 // of that, by refunds of ours
		needless bool
	}{
		"a cent": {func(w *world, b bookingapi.Booking, payment string) {
			w.byHand(payment, cent)
			w.gives(b, 10000)
		}, 10000, 9999, false},
		"a cent, and the bank has not said so": {func(w *world, b bookingapi.Booking, payment string) {
			w.bank.refundsByHand(payment+".1", cent)
			w.gives(b, 10000)
		}, 10000, 9999, false},
		"a cent, and the answer is lost": {func(w *world, b bookingapi.Booking, payment string) {
			w.byHand(payment, cent)
			w.bank.losesAnswer()
			w.gives(b, 10000)
		}, 10000, 9999, false},
		"a cent, while it waits": {func(w *world, b bookingapi.Booking, payment string) {
			w.bank.disputes(payment+".1", provider.DisputeOpen, 10000)
			w.asks(payment)
			w.gives(b, 10000)
			w.bank.disputes(payment+".1", provider.DisputeWon, 10000)
			w.byHand(payment, cent)
		}, 10000, 9999, false},
		"a cent, while the job is paused": {func(w *world, b bookingapi.Booking, payment string) {
			w.house.mu.Lock()
			w.house.status = eventapi.Cancelled
			w.house.mu.Unlock()
			w.turn(paymentapi.RefundJobChange{Paused: true})
			w.gives(b, 10000)
			w.bank.refundsByHand(payment+".1", cent)
			w.turn(paymentapi.RefundJobChange{})
		}, 10000, 9999, false},
		"a cent, and one seat after the other": {func(w *world, b bookingapi.Booking, payment string) {
			w.byHand(payment, cent)
			w.gives(b, 5000)
			w.gives(b, 5000)
		}, 10000, 9999, false},
		"more than a seat": {func(w *world, b bookingapi.Booking, payment string) {
			w.bank.refundsByHand(payment+".1", 6000)
			w.gives(b, 5000)
			w.gives(b, 5000)
		}, 10000, 4000, false},
		"all of it": {func(w *world, b bookingapi.Booking, payment string) {
			w.bank.refundsByHand(payment+".1", 10000)
			w.gives(b, 10000)
		}, 10000, 0, true},
		"a cent of a seat that stays": {func(w *world, b bookingapi.Booking, payment string) {
			w.byHand(payment, cent)
			w.gives(b, 5000)
		}, 5001, 5000, false},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				b, payment := w.sold(1, 2)
				c.play(w, b, payment)
				time.Sleep(3 * time.Minute)
				w.gone(payment, c.want)
				if j := w.job(); j.Failed.Count+j.Left.Count > 0 {
					t.Errorf("%+v", j)
				}
				if r := w.lastRefund(); (r.Status == refundNeedless) != c.needless {
					t.Errorf("%+v", r)
				}
				ours := int64(0)
				list, _ := w.returnedMoney()
				for _, r := range list {
					if r.Seq > 0 {
						ours += r.Amount
					}
				}
				if ours != c.ours {
					t.Errorf("told of %d by us, want %d: %+v", ours, c.ours, list)
				}
				w.again()
				w.gone(payment, c.want)
				w.keeps(b.ID, 10000-c.want)
			})
		})
	}
}

// A refund of which a part was given back by hand comes back, and is made again. What was
// given back by hand comes back: a person is told how much that is, and gives it back.
func TestARefundOfWhatWasLeftComesBack(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		b, payment := w.sold(1, 2)
		w.byHand(payment, 1000)
		w.gives(b, 10000)
		w.comesBack(payment) // the refund of 9000
		w.gone(payment, 1000)
		w.again()
		w.gone(payment, 10000)
		w.bank.failsByHand(payment + ".1")
		w.asks(payment)
		w.gone(payment, 9000)
		list, _ := w.toldFailed()
		if i := slices.IndexFunc(list, func(f paymentapi.FailedRefund) bool { return f.Reason == elsewhereFailed }); i < 0 || list[i].Amount != 1000 || !list[i].CameBack {
			t.Errorf("told: %+v", list)
		}
		w.again()
		w.gone(payment, 9000)
		w.byHand(payment, 1000)
		w.gone(payment, 10000)
		if j := w.job(); j.Done.Count != 1 || j.Failed.Count+j.Left.Count > 0 {
			t.Errorf("%+v", j)
		}
	})
}

// What was given back by hand for a refund comes back, then the rest that was given back by us:
// the buyer gets all of it. If it is given by hand once more, it is for that refund, and others
// get what they are for.
func TestBothPartsOfARefundComeBack(t *testing.T) {
	for name, c := range map[string]struct {
		play func(w *world, b bookingapi.Booking, payment string)
		want int64 // of three seats of 5000
	}{
		"one after the other": {func(w *world, b bookingapi.Booking, payment string) {
			w.comesBack(payment)
			w.owes(10000)
		}, 10000},
		"given by hand again between them": {func(w *world, b bookingapi.Booking, payment string) {
			w.byHand(payment, 3000)
			w.bank.failsKey(payment+".1", refundID(event1, 3)+".2")
			w.asks(payment)
			w.owes(7000)
		}, 10000},
		"given by hand again while another seat is owed": {func(w *world, b bookingapi.Booking, payment string) {
			w.bank.declines("insufficient_funds")
			w.gives(b, 5000)
			w.bank.declines("")
			w.owes(5000)
			w.byHand(payment, 3000)
			w.owes(5000)
		}, 15000},
		"again, of another seat": {func(w *world, b bookingapi.Booking, payment string) {
			w.bank.declines("insufficient_funds")
			w.gives(b, 5000)
			w.bank.declines("")
			w.byHand(payment, 3000)
			w.byHand(payment, 3000) // of the other
			w.owes(2000)
			w.bank.failsByHand(payment + ".1")
			w.asks(payment)
			w.bank.failsByHand(payment + ".1")
			w.asks(payment)
			w.owes(5000)
			w.comesBack(payment)
			w.owes(15000)
		}, 15000},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				b, payment := w.sold(1, 2, 3)
				w.gives(b, 10000)
				w.comesBack(payment)
				w.byHand(payment, 3000)
				w.again()
				w.gone(payment, 10000)
				w.bank.failsByHand(payment + ".1")
				w.asks(payment)
				w.gone(payment, 7000)
				c.play(w, b, payment)
				w.again()
				w.gone(payment, c.want)
				w.owes(0)
				w.keeps(b.ID, 15000-c.want)
			})
		})
	}
}

// failsByHand lets the last refund that somebody has made by hand fail.
func (b *bank) failsByHand(charge string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.charges[charge]
	for i := len(a.list) - 1; i >= 0; i-- {
		if r := &a.list[i]; r.Key == "" && !r.Failed {
			r.Failed, r.Reason = true, "lost_or_stolen_card"
			a.refunded -= r.Amount
			b.line(provider.RefundFailed, "", provider.Charge{ID: charge, Currency: "USD"}, r.Amount)
			return
		}
	}
}

// failsKey lets the refund with a key fail.
func (b *bank) failsKey(charge, key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.charges[charge]
	i := slices.IndexFunc(a.list, func(r provider.Refund) bool { return r.Key == key })
	r := &a.list[i]
	r.Failed, r.Reason = true, "lost_or_stolen_card"
	a.refunded -= r.Amount
	b.line(provider.RefundFailed, key, provider.Charge{ID: charge, Currency: "USD"}, r.Amount)
}

// A cent that is given back by hand while the refunds of an event are made keeps none of them.
func TestACentDuringTheRefundsOfAnEvent(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		const bookings = 40
		var paid []string
		var all []bookingapi.Booking
		for i := range int32(bookings) {
			b, payment := w.sold(i + 1)
			all, paid = append(all, b), append(paid, payment)
		}
		w.bank.refundsByHand(paid[7]+".1", 1)
		w.bank.refundsByHand(paid[11]+".1", 5000)
		w.byHand(paid[13], 1)
		var once sync.Once
		w.bank.mu.Lock()
		w.bank.refundCut = func(c provider.Charge) error { // as the refund is on its way
			if c.ID == paid[39]+".1" {
				once.Do(func() { w.bank.refundsByHand(c.ID, 1) })
			}
			return nil
		}
		w.bank.mu.Unlock()
		for _, b := range all {
			w.house.cancel(b.ID, 5000)
		}
		time.Sleep(3 * time.Minute)
		for _, payment := range paid {
			if p, err := w.store.payment(t.Context(), payment); err != nil || p.Refunded != 5000 {
				t.Errorf("%d went back of %s: %v", p.Refunded, payment, err)
			}
		}
		w.audited()
		if j := w.job(); j.Failed.Count+j.Left.Count > 0 || j.Done.Count != bookings-1 {
			t.Errorf("%+v", j)
		}
	})
}

// The same if a round has listed the refund before, and comes to it later.
func TestSetOffBehindTheList(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		b, payment := w.sold(1, 2, 3)
		w.bank.disputes(payment+".1", provider.DisputeOpen, 15000)
		w.asks(payment)
		w.gives(b, 5000)
		listed, err := w.store.pendingRefunds(t.Context(), "", 10)
		if err != nil || len(listed) != 1 {
			t.Fatal(listed, err)
		}
		w.bank.disputes(payment+".1", provider.DisputeWon, 15000)
		w.byHand(payment, 5000)
		if err := w.refunds.one(t.Context(), listed[0]); err != nil {
			t.Error(err)
		}
		w.gone(payment, 5000)
		w.again()
		w.gone(payment, 5000)
		w.keeps(b.ID, 10000)
	})
}

// What was given back by hand before anything was owed may cover more of a refund than is set off
// against it. Nothing of that is owed for others.
func TestCoveredByMoreThanIsSetOff(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		b, payment := w.sold(1, 2)
		w.byHand(payment, 6000)
		w.bank.declines("insufficient_funds")
		w.gives(b, 5000)
		w.bank.declines("")
		w.gives(b, 5000) // 4000 are left, and 1000 are covered
		w.gone(payment, 10000)
		w.owes(5000)
		w.again()
		w.gone(payment, 10000)
		w.owes(0)
		w.keeps(b.ID, 0)
	})
}

// owes checks what the refunds that have failed still owe.
func (w *world) owes(want int64) {
	w.t.Helper()
	if owed, err := w.Owed(w.t.Context(), event1); err != nil || owed["USD"] != want {
		w.t.Errorf("owed %v, want %d: %v", owed, want, err)
	}
}

// What is set off against a failed refund as a whole is owed no more, unless a person may
// have meant another one.
func TestSetOffIsOwedNoMore(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		b, payment := w.sold(1, 2, 3)
		w.bank.declines("insufficient_funds")
		w.gives(b, 5000)
		w.byHand(payment, 2000)
		if r := w.lastRefund(); r.Status != refundFailed {
			t.Errorf("%+v", r)
		}
		w.owes(3000)
		w.byHand(payment, 3000)
		if r := w.lastRefund(); r.Status != refundNeedless || r.Reason != refundedElsewhere {
			t.Errorf("%+v", r)
		}
		w.owes(0)
		w.gone(payment, 5000)
		w.bank.declines("")
		w.again()
		w.gone(payment, 5000)
		w.keeps(b.ID, 10000)
	})
}

// Refunds of one booking go by what is left after one another, also if they are made in the same
// round: none asks for more.
func TestRefundsOfABookingInOneRound(t *testing.T) {
	for name, c := range map[string]struct {
		taken int64 // of two seats of 5000
		play  func(w *world, payment string)
	}{
		"a part was given back by hand": {10000, func(w *world, payment string) { w.byHand(payment, 3000) }},
		"by hand, and nobody says so":   {10000, func(w *world, payment string) { w.bank.refundsByHand(payment+".1", 3000) }},
		"less was taken":                {7000, func(*world, string) {}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.bank.takesInstead(c.taken, true)
				b, payment := w.sold(1, 2)
				c.play(w, payment)
				w.bank.takesTime(time.Second)
				w.house.mu.Lock()
				w.house.status = eventapi.Cancelled
				w.house.mu.Unlock()
				w.turn(paymentapi.RefundJobChange{Paused: true})
				w.house.cancel(b.ID, 5000)
				w.gives(b, 5000)
				w.turn(paymentapi.RefundJobChange{})
				time.Sleep(5 * time.Minute)
				if j := w.job(); j.Done.Count != 2 || j.Failed.Count+j.Left.Count > 0 {
					t.Errorf("%+v", j)
				}
				w.has(payment+".1", c.taken, c.taken)
				w.gone(payment, 10000)
			})
		})
	}
}

// takesTime lets the bank take some time to refund.
func (b *bank) takesTime(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refundCut = func(provider.Charge) error {
		time.Sleep(d)
		return nil
	}
}

// Refunds wait while the gateway takes no more requests, and are made then.
func TestRefundsWaitWhileTheGatewayIsBusy(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		b, payment := w.sold(1, 2)
		w.calls.busy.Store(time.Now().Add(2 * time.Minute).UnixMicro())
		w.house.cancel(b.ID, 5000)
		time.Sleep(time.Minute)
		w.gone(payment, 0)
		time.Sleep(5 * time.Minute)
		w.gone(payment, 5000)
		w.keeps(b.ID, 5000)
	})
}

// What was given back by hand for a refund is not given back again either if the refund was
// made, and failed before that was recorded.
func TestGivenBackByHandAfterALostAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the comparison does not know what came and went between two answers
		w := newWorld(t)
		w.runs()
		b, payment := w.sold(1, 2)
		w.bank.losesAnswer()
		w.house.cancel(b.ID, 5000)
		time.Sleep(refundRound / 2)
		w.comesBack(payment)
		time.Sleep(5 * time.Minute)
		if r := w.lastRefund(); r.Status != refundFailed {
			t.Errorf("%+v", r)
		}
		w.byHand(payment, 5000)
		w.again()
		w.gone(payment, 5000)
		if r := w.lastRefund(); r.Status != refundNeedless || r.Reason != refundedElsewhere {
			t.Errorf("%+v", r)
		}
	})
}

// A refund of what was left was made, its answer is lost, and what had been given back by hand
// comes back before it is tried again: it is recorded as it was made, and a person is told what
// is missing.
func TestALostAnswerAndThePartByHandComesBack(t *testing.T) {
	for name, c := range map[string]struct {
		byHand []int64
		missed int64
	}{
		"all of that":  {[]int64{3000}, 3000},
		"some of that": {[]int64{2000, 1000}, 1000},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				b, payment := w.sold(1, 2)
				w.gives(b, 10000)
				w.comesBack(payment)
				for _, part := range c.byHand {
					w.byHand(payment, part)
				}
				w.bank.losesAnswer()
				w.turn(paymentapi.RefundJobChange{Retry: true})
				time.Sleep(refundRound / 4)
				w.has(payment+".1", 10000, 10000)
				w.gone(payment, 3000)
				w.bank.failsByHand(payment + ".1")
				w.asks(payment)
				time.Sleep(5 * time.Minute)
				w.gone(payment, 10000-c.missed)
				if r := w.lastRefund(); r.Status != refundDone {
					t.Errorf("%+v", r)
				}
				list, _ := w.toldFailed()
				list = slices.DeleteFunc(list, func(f paymentapi.FailedRefund) bool { return f.Reason != elsewhereFailed })
				if len(list) != 1 || list[0].Amount != c.missed || !list[0].CameBack {
					t.Errorf("told: %+v", list)
				}
				w.byHand(payment, c.missed)
				w.again()
				w.gone(payment, 10000)
				w.owes(0)
			})
		})
	}
}

// A refund that was made and whose answer was lost is recorded, also if somebody has given
// its money back a second time.
func TestALostAnswerIsFoundWhenMoneyIsSetOff(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		b, payment := w.sold(1, 2, 3)
		w.bank.declines("insufficient_funds")
		w.gives(b, 5000)
		w.bank.declines("")
		w.bank.losesAnswer()
		w.house.cancel(b.ID, 4000)
		time.Sleep(refundRound / 2)
		w.byHand(payment, 4000)
		time.Sleep(5 * time.Minute)
		w.gone(payment, 8000)
		w.again() // 4000 were for the other one, and 1000 of it are left
		w.gone(payment, 9000)
		if j := w.job(); len(j.Items) != 0 {
			t.Errorf("%+v", j)
		}
		w.keeps(b.ID, 6000)
	})
}

// Money that was given back by hand may be that of a refund which a person has handled: then
// they look at the other one, too.
func TestGivenBackByHandAndHandled(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		b, payment := w.sold(1, 2)
		w.bank.declines("insufficient_funds")
		w.gives(b, 5000)
		w.gives(b, 5000)
		w.bank.declines("")
		handled := paymentapi.HandledRefund{Seq: w.job().Items[0].Seq, Note: "on the gateway's pages"}
		w.turn(paymentapi.RefundJobChange{Handled: &handled})
		w.byHand(payment, 5000)
		w.again()
		w.gone(payment, 5000)
		if j := w.job(); j.Handled.Count != 1 || j.Failed.Count != 1 {
			t.Errorf("%+v", j)
		}
		w.comesBack(payment)
		w.again()
		w.gone(payment, 5000)
		w.keeps(b.ID, 5000)
	})
}

// owedAgain checks that the last refund waits for a person, and that this is told.
func (w *world) owedAgain(bookingID string) {
	w.t.Helper()
	if r := w.lastRefund(); r.Status != refundFailed || r.Reason != elsewhereFailed {
		w.t.Errorf("%+v", r)
	}
	list, _ := w.toldFailed()
	if i := slices.IndexFunc(list, func(f paymentapi.FailedRefund) bool { return f.Reason == elsewhereFailed }); i < 0 || list[i].BookingID != bookingID || !list[i].CameBack || list[i].Amount != 5000 {
		w.t.Errorf("told: %+v", list)
	}
}

// A refund that was needless is owed again once its reason is gone.
func TestNeedlessRefundsAreOwedAgain(t *testing.T) {
	t.Run("given back by hand, and that fails", func(t *testing.T) {
		inWorld(t, func(t *testing.T, w *world) {
			b, payment := w.sold(1)
			w.byHand(payment, 5000)
			w.gives(b, 5000)
			if r := w.lastRefund(); r.Status != refundNeedless {
				t.Errorf("%+v", r)
			}
			w.comesBack(payment)
			w.owedAgain(b.ID)
			w.gone(payment, 0)
			w.again()
			w.gone(payment, 5000)
		})
	})
	t.Run("came back, given back by hand, and that fails", func(t *testing.T) {
		inWorld(t, func(t *testing.T, w *world) {
			b, payment := w.sold(1, 2)
			w.gives(b, 5000)
			w.comesBack(payment)
			w.byHand(payment, 5000)
			w.again()
			w.comesBack(payment)
			w.owedAgain(b.ID)
			w.gone(payment, 0)
			w.again()
			w.gone(payment, 5000)
		})
	})
	t.Run("charged back, and the dispute is won", func(t *testing.T) {
		inWorld(t, func(t *testing.T, w *world) {
			b, payment := w.sold(1)
			w.bank.disputes(payment+".1", provider.DisputeOpen, 5000)
			w.asks(payment)
			w.gives(b, 5000)
			w.bank.disputes(payment+".1", provider.DisputeLost, 5000)
			w.asks(payment)
			time.Sleep(5 * time.Minute)
			if r := w.lastRefund(); r.Status != refundNeedless || r.Reason != chargedBack {
				t.Errorf("%+v", r)
			}
			w.gone(payment, 0)
			w.bank.disputes(payment+".1", provider.DisputeWon, 5000)
			w.asks(payment)
			if r := w.lastRefund(); r.Status != refundPending {
				t.Errorf("%+v", r)
			}
			w.audited()
			time.Sleep(5 * time.Minute)
			w.gone(payment, 5000)
		})
	})
}

// Less was taken than asked for, and the buyer has got all of that by a dispute: refunds are
// needless. If they have got a part, a person decides.
func TestChargedBackOfLess(t *testing.T) {
	for name, c := range map[string]struct {
		disputed int64 // of 7000
		parts    []int64
		want     string
	}{
		"all at once":  {7000, []int64{10000}, refundNeedless},
		"seat by seat": {7000, []int64{5000, 5000}, refundNeedless},
		"a part":       {6000, []int64{10000}, refundFailed},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.bank.takesInstead(7000, true)
				b, payment := w.sold(1, 2)
				w.bank.disputes(payment+".1", provider.DisputeOpen, c.disputed)
				w.asks(payment)
				w.bank.disputes(payment+".1", provider.DisputeLost, c.disputed)
				w.asks(payment)
				for _, part := range c.parts {
					w.gives(b, part)
					if r := w.lastRefund(); r.Status != c.want || r.Reason != chargedBack {
						t.Errorf("%+v", r)
					}
				}
				w.gone(payment, 0)
				w.keeps(b.ID, 10000-c.disputed) // 3000 of it were never taken
			})
		})
	}
}

// A refund that was made and whose answer was lost is not needless for a dispute.
func TestALostAnswerIsFoundBeforeARefundIsChargedBack(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		b, payment := w.sold(1, 2)
		w.bank.losesAnswer()
		w.house.cancel(b.ID, 5000)
		time.Sleep(refundRound / 2)
		for _, s := range []provider.DisputeState{provider.DisputeOpen, provider.DisputeLost} {
			w.bank.disputes(payment+".1", s, 10000)
			w.asks(payment)
			time.Sleep(5 * time.Minute)
		}
		if r := w.lastRefund(); r.Status != refundDone {
			t.Errorf("%+v", r)
		}
		w.gone(payment, 5000)
		w.keeps(b.ID, -5000)
	})
}

// A refund that a person wants tried again waits until the gateway can be asked.
func TestARetriedRefundWaitsForTheGateway(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		b, payment := w.sold(1, 2)
		w.bank.declines("insufficient_funds")
		w.gives(b, 5000)
		w.bank.declines("")
		w.bank.refundsByHand(payment+".1", 5000)
		w.bank.listsNot(errors.New("no line"))
		w.again()
		if j := w.job(); j.Left.Count != 1 {
			t.Errorf("%+v", j)
		}
		w.bank.listsNot(nil)
		time.Sleep(5 * time.Minute)
		w.gone(payment, 5000)
		w.keeps(b.ID, 5000)
	})
}

// listsNot lets the bank fail to list refunds; nil: it lists them.
func (b *bank) listsNot(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.noList = err
}

// Money is set off against the refund that it is exact for, else against one after the
// other, and taken back in the same way.
func TestSetOff(t *testing.T) {
	failed := func(amount, elsewhere int64) owedRefund {
		return owedRefund{amount: amount, elsewhere: elsewhere, status: refundFailed}
	}
	pending, done, over, charged, handled := failed(5000, 0), failed(5000, 0), failed(5000, 0), failed(5000, 0), failed(5000, 0)
	pending.status, done.status, handled.handled = refundPending, refundDone, "by bank transfer"
	over.status, over.reason, over.elsewhere = refundNeedless, refundedElsewhere, 5000
	charged.status, charged.reason = refundNeedless, chargedBack
	partly := failed(5000, 3000)
	partly.status = refundDone
	for name, c := range map[string]struct {
		list   []owedRefund
		amount int64 // negative: it comes back
		want   []int64
		lost   int64 // came back before
	}{
		"none":                      {nil, 5000, nil, 0},
		"nothing":                   {[]owedRefund{failed(4000, 0)}, 0, []int64{0}, 0},
		"exact":                     {[]owedRefund{failed(4000, 0), failed(5000, 0)}, 5000, []int64{0, 5000}, 0},
		"exact rest":                {[]owedRefund{failed(4000, 0), failed(5000, 2000)}, 3000, []int64{0, 5000}, 0},
		"first of equal ones":       {[]owedRefund{failed(5000, 0), failed(5000, 0)}, 5000, []int64{5000, 0}, 0},
		"for both":                  {[]owedRefund{failed(4000, 0), failed(5000, 0)}, 9000, []int64{4000, 5000}, 0},
		"more than all":             {[]owedRefund{failed(4000, 0)}, 9000, []int64{4000}, 0},
		"failed ones first":         {[]owedRefund{handled, charged, pending, failed(5000, 0)}, 5000, []int64{0, 0, 0, 5000}, 0},
		"then pending ones":         {[]owedRefund{handled, charged, pending}, 5000, []int64{0, 0, 5000}, 0},
		"then charged back":         {[]owedRefund{handled, charged}, 5000, []int64{0, 5000}, 0},
		"then handled ones":         {[]owedRefund{over, done, handled}, 5000, []int64{5000, 0, 5000}, 0},
		"back, exact":               {[]owedRefund{over, failed(4000, 4000)}, -4000, []int64{5000, 0}, 0},
		"back, over first":          {[]owedRefund{over, failed(5000, 5000)}, -5000, []int64{0, 5000}, 0},
		"back, of several":          {[]owedRefund{over, failed(4000, 4000)}, -7000, []int64{0, 2000}, 0},
		"back, of none":             {[]owedRefund{failed(4000, 0), done}, -4000, []int64{0, 0}, 0},
		"back, of one that is done": {[]owedRefund{failed(4000, 3000), partly}, -3000, []int64{3000, 3000}, 0},
		"back, after it came back":  {[]owedRefund{failed(4000, 3000), partly}, -3000, []int64{0, 3000}, 3000},
	} {
		t.Run(name, func(t *testing.T) {
			list := slices.Clone(c.list)
			if c.amount < 0 {
				cameBackAmong(list, -c.amount, c.lost)
			} else {
				setOffAmong(list, c.amount)
			}
			for i, r := range list {
				if r.elsewhere != c.want[i] {
					t.Errorf("%d: %d set off, want %d", i, r.elsewhere, c.want[i])
				}
				if was := c.list[i]; r.elsewhere < was.elsewhere && was.status == refundNeedless && (r.status != refundFailed || r.reason != elsewhereFailed) {
					t.Errorf("%d: %+v", i, r)
				}
			}
		})
	}
}
