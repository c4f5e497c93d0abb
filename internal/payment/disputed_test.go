package payment

import (
	"database/sql"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/bus"
	"boxoffice/internal/codec"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/payment/reconcile"
	"boxoffice/internal/paymentapi"
)

// toldDisputes lists what the outbox says of disputes.
func (w *world) toldDisputes() (list []paymentapi.Dispute, unreadable int) {
	w.t.Helper()
	messages, err := w.Disputes().Pending(w.t.Context(), bus.Ref{}, 100)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, m := range messages {
		var body paymentapi.DisputedMessage
		if err := codec.ReadKnown(m.Body, &body); err != nil || m.Topic != paymentapi.DisputesTopic || m.Type != paymentapi.TypeDisputed {
			w.t.Errorf("%+v: %v", m, err)
		}
		list = append(list, body.Disputes...)
		if body.Unreadable != "" {
			unreadable++
		}
	}
	return list, unreadable
}

// Each state of a dispute is told once, however often the gateway says so, and whatever
// order its messages have.
func TestDisputesAreToldOnce(t *testing.T) {
	for name, c := range map[string]struct {
		states []provider.DisputeState
		want   []paymentapi.Status
	}{
		"won":            {[]provider.DisputeState{provider.DisputeOpen, provider.DisputeWon}, []paymentapi.Status{paymentapi.Disputed, paymentapi.DisputeWon}},
		"lost":           {[]provider.DisputeState{provider.DisputeOpen, provider.DisputeLost}, []paymentapi.Status{paymentapi.Disputed, paymentapi.DisputeLost}},
		"won after lost": {[]provider.DisputeState{provider.DisputeOpen, provider.DisputeLost, provider.DisputeWon}, []paymentapi.Status{paymentapi.Disputed, paymentapi.DisputeLost, paymentapi.DisputeWon}},
		"late":           {[]provider.DisputeState{provider.DisputeLost, provider.DisputeOpen}, []paymentapi.Status{paymentapi.DisputeLost}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				b := w.house.hold(fan.UserID, 1, 2)
				p, err := w.pay(b, "tok_ok", "k")
				if statusOf(t, p, err) != paymentapi.Captured {
					t.Fatal(p)
				}
				due := time.Now().Add(7 * 24 * time.Hour)
				for _, s := range c.states {
					w.bank.disputes(p.ID+".1", s, 4000)
					w.bank.evidenceBy(p.ID+".1", due)
					for range 3 {
						w.asks(p.ID)
					}
				}
				var got []paymentapi.Status
				list, _ := w.toldDisputes()
				for _, d := range list {
					got = append(got, d.Step)
					if d.PaymentID != p.ID || d.Amount != 4000 || d.Currency != p.Currency || d.Reason != "fraudulent" || d.Due != due.UnixMicro() {
						t.Errorf("%+v", d)
					}
				}
				last := c.want[len(c.want)-1]
				slices.Sort(got) // the outbox has no order
				slices.Sort(c.want)
				if !slices.Equal(got, c.want) {
					t.Errorf("told are %v, want %v", got, c.want)
				}
				if last == paymentapi.DisputeLost {
					w.keeps(b.ID, b.Amount-4000)
				}
			})
		})
	}
}

// late lets the bank say once that a dispute is open which was decided.
func (w *world) late(payment, id string) {
	w.t.Helper()
	w.bank.mu.Lock()
	a := w.bank.charges[payment+".1"]
	kept := slices.Clone(a.disputes)
	i := slices.IndexFunc(a.disputes, func(d provider.Dispute) bool { return d.ID == id })
	a.disputes[i].State = provider.DisputeOpen
	w.bank.mu.Unlock()
	w.asks(payment)
	w.bank.mu.Lock()
	a.disputes = kept
	w.bank.mu.Unlock()
}

// A payment can be disputed again, about all of it or a part: each dispute is told, and what
// all of them have withdrawn is in the journal. What the gateway says of an earlier one again
// is not taken for the later one.
func TestAnotherDispute(t *testing.T) {
	for name, c := range map[string]struct {
		first, second provider.DisputeState // how they are decided
		together      bool                  // the second is opened before the first is decided
		told          int
		withdrawn     int64
		dispute       string
	}{
		"won, then open":            {provider.DisputeWon, provider.DisputeOpen, false, 3, 3000, disputeOpen},
		"won, then lost":            {provider.DisputeWon, provider.DisputeLost, false, 4, 3000, disputeLost},
		"won, then won":             {provider.DisputeWon, provider.DisputeWon, false, 4, 0, disputeWon},
		"lost, then lost":           {provider.DisputeLost, provider.DisputeLost, false, 4, 7000, disputeLost},
		"lost, then won":            {provider.DisputeLost, provider.DisputeWon, false, 4, 4000, disputeLost},
		"together, open and lost":   {provider.DisputeOpen, provider.DisputeLost, true, 3, 7000, disputeOpen},
		"together, won and lost":    {provider.DisputeWon, provider.DisputeLost, true, 4, 3000, disputeLost},
		"together, both are won":    {provider.DisputeWon, provider.DisputeWon, true, 4, 0, disputeWon},
		"together, none is decided": {provider.DisputeOpen, provider.DisputeOpen, true, 2, 7000, disputeOpen},
		"lost, and another is won":  {provider.DisputeLost, provider.DisputeWon, true, 4, 4000, disputeLost},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				b, payment := w.sold(1, 2)
				says := func(id string, state provider.DisputeState, amount int64) {
					w.bank.disputesAs(id, payment+".1", state, amount)
					w.asks(payment)
					w.asks(payment)
				}
				says("dp_1", provider.DisputeOpen, 4000)
				if c.together {
					says("dp_2", provider.DisputeOpen, 3000)
				}
				if c.first != provider.DisputeOpen {
					says("dp_1", c.first, 4000)
					w.late(payment, "dp_1")
				}
				says("dp_2", provider.DisputeOpen, 3000)
				if c.second != provider.DisputeOpen {
					says("dp_2", c.second, 3000)
					w.late(payment, "dp_2")
				}
				if c.first != provider.DisputeOpen {
					w.late(payment, "dp_1")
				}
				list, _ := w.toldDisputes()
				if len(list) != c.told {
					t.Errorf("%+v", list)
				}
				for _, d := range list {
					if want := map[string]int64{"dp_1": 4000, "dp_2": 3000}[d.ID]; d.Amount != want {
						t.Errorf("%+v", d)
					}
				}
				p, err := w.store.payment(t.Context(), payment)
				if err != nil || p.disputed != c.withdrawn || p.dispute != c.dispute {
					t.Errorf("%+v %v", p, err)
				}
				if balances, err := w.Balances(t.Context(), event1); err != nil || balances["USD"][paymentapi.AccountChargebacks] != c.withdrawn {
					t.Errorf("%v %v", balances, err)
				}
				if found := w.compared().Found; len(found) > 0 {
					t.Errorf("found %v", found)
				}
				w.keeps(b.ID, 10000-c.withdrawn)
			})
		})
	}
}

// Two disputes that are over when the first is heard of are told, and a refund waits for the
// one that is open.
func TestDisputesThatAreHeardOfTogether(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		b, payment := w.sold(1, 2)
		w.bank.disputesAs("dp_1", payment+".1", provider.DisputeOpen, 4000)
		w.bank.disputesAs("dp_1", payment+".1", provider.DisputeWon, 4000)
		w.bank.disputesAs("dp_2", payment+".1", provider.DisputeOpen, 10000)
		w.gives(b, 10000)
		if r := w.lastRefund(); r.Status != refundPending {
			t.Errorf("%+v", r)
		}
		if list, _ := w.toldDisputes(); len(list) != 2 {
			t.Errorf("%+v", list)
		}
		w.bank.disputesAs("dp_2", payment+".1", provider.DisputeWon, 10000)
		w.compared()
		time.Sleep(5 * time.Minute)
		w.gone(payment, 10000)
	})
}

// A buyer's bank withdraws more than was taken, as after rates have changed: the dispute is
// heard of, over what was taken, and the comparison says that the amounts differ.
func TestDisputeOverMoreThanWasTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.runs()
		_, payment := w.sold(1, 2)
		for _, state := range []provider.DisputeState{provider.DisputeOpen, provider.DisputeLost, provider.DisputeWon} {
			w.bank.disputes(payment+".1", state, 12000)
			w.asks(payment)
			want := int64(10000)
			if state == provider.DisputeWon {
				want = 0
			}
			if p, err := w.store.payment(t.Context(), payment); err != nil || p.disputed != want {
				t.Errorf("%v: %+v %v", state, p, err)
			}
		}
		if found := w.compared().Found; found[reconcile.DisputeAmount] != 1 || found[reconcile.WonAmount] != 1 || len(found) != 2 {
			t.Errorf("found %v", found)
		}
	})
}

// A dispute about a payment that was given up and returned, or refunded as a whole, is heard of:
// its money has gone twice, and a person is told. Nothing is given back once more.
func TestDisputeOfMoneyThatWentBack(t *testing.T) {
	for name, c := range map[string]struct {
		givenUp bool
		hears   func(w *world, payment string)
		decided provider.DisputeState
	}{
		"given up, a webhook":   {true, (*world).asks, provider.DisputeWon},
		"given up, compared":    {true, func(w *world, _ string) { w.compared() }, provider.DisputeLost},
		"refunded, a webhook":   {false, (*world).asks, provider.DisputeLost},
		"refunded, compared":    {false, func(w *world, _ string) { w.compared() }, provider.DisputeWon},
		"given up, never heard": {true, nil, provider.DisputeWon},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				var payment string
				if c.givenUp {
					payment = w.givenBack().ID
				} else {
					var b bookingapi.Booking
					b, payment = w.sold(1)
					w.gives(b, 5000)
				}
				w.bank.disputes(payment+".1", provider.DisputeOpen, 5000)
				told := 0
				check := func(want int64) {
					t.Helper()
					p, err := w.store.payment(t.Context(), payment)
					if err != nil || p.Status != paymentapi.Refunded || p.Refunded != 5000 || p.disputed != want {
						t.Errorf("%+v %v", p, err)
					}
					if b, err := w.Balances(t.Context(), event1); err != nil || b["USD"][paymentapi.AccountChargebacks] != want || b["USD"][paymentapi.AccountGateway] != -want {
						t.Errorf("%v %v", b, err)
					}
					if list, _ := w.toldDisputes(); len(list) != told {
						t.Errorf("told %+v", list)
					}
				}
				if c.hears != nil {
					c.hears(w, payment)
					told++
					check(5000)
					if found := w.compared().Found; found[reconcile.DisputeReturned] != 1 || len(found) != 1 {
						t.Errorf("found %v", found)
					}
				}
				w.bank.disputes(payment+".1", c.decided, 5000)
				w.asks(payment)
				w.asks(payment)
				told++
				left := int64(0)
				if c.decided == provider.DisputeLost {
					left = 5000
				}
				check(left)
				list, err := w.DisputedOf(t.Context(), bookingOf(payment))
				if err != nil || len(list) != 1 || list[0].ID != payment || list[0].Disputed != left {
					t.Errorf("%+v %v", list, err)
				}
				time.Sleep(5 * time.Minute)
				w.bank.mu.Lock()
				if back := w.bank.charges[payment+".1"].refunded; back != 5000 {
					t.Errorf("%d went back", back)
				}
				w.bank.mu.Unlock()
				if left != 0 {
					w.keeps(bookingOf(payment), -left)
				}
			})
		})
	}
}

// The buyer of a payment that was given up disputes it before its money is returned: it goes
// back by the dispute, once, or is returned when the dispute is won.
func TestDisputedBeforeItIsReturned(t *testing.T) {
	for _, decided := range []provider.DisputeState{provider.DisputeWon, provider.DisputeLost} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.runs()
			b := w.house.hold(fan.UserID, 1)
			p, _ := w.pay(b, "tok_never", "a")
			if _, err := w.void(t.Context(), fan, p.ID, 0); err != nil {
				t.Fatal(err)
			}
			w.bank.takes(p.ID+".1", b.Amount)
			w.bank.disputes(p.ID+".1", provider.DisputeOpen, b.Amount)
			w.asks(p.ID)
			time.Sleep(5 * time.Minute)
			w.is(p.ID, paymentapi.Returning, bookingapi.Pending)
			w.bank.disputes(p.ID+".1", decided, b.Amount)
			time.Sleep(5 * time.Minute)
			w.asks(p.ID)
			w.is(p.ID, paymentapi.Refunded, bookingapi.Pending)
			w.bank.mu.Lock()
			a := w.bank.charges[p.ID+".1"]
			if left := a.amount - a.refunded - a.disputed(); left != 0 {
				t.Errorf("%d are left at the bank", left)
			}
			w.bank.mu.Unlock()
			balances, err := w.Balances(t.Context(), event1)
			for account, n := range balances["USD"] {
				if n != 0 || err != nil {
					t.Errorf("account %s has %d, %v", account, n, err)
				}
			}
			if wrong, err := Journal(t.Context(), w.db.Reader(), event1); wrong != "" || err != nil {
				t.Error(wrong, err)
			}
			if found := w.compared().Found; len(found) != 0 {
				t.Errorf("found %v", found)
			}
		})
	}
}

// The money of a payment that was given up was with its buyer, by whatever way, and is here
// again: it is returned, whatever has given it back before. What the buyer still has by a
// dispute is not.
func TestReturnedMoneyIsHereAgain(t *testing.T) {
	for name, c := range map[string]struct {
		before func(w *world, charge string) // when it was taken
		after  func(w *world, charge string) // when it is returned
		lost   bool                          // the buyer has it by a dispute
	}{
		"a dispute is lost, then won": {func(w *world, charge string) {
			w.bank.disputes(charge, provider.DisputeOpen, 5000)
			w.bank.disputes(charge, provider.DisputeLost, 5000)
		}, func(w *world, charge string) { w.bank.disputes(charge, provider.DisputeWon, 5000) }, false},
		"a refund by hand fails": {func(w *world, charge string) { w.bank.refundsByHand(charge, 5000) }, func(w *world, charge string) { w.bank.failsByHand(charge) }, false},
		"a part by hand fails":   {func(w *world, charge string) { w.bank.refundsByHand(charge, 2000) }, func(w *world, charge string) { w.bank.failsByHand(charge) }, false},
		"one of two parts by hand fails": {func(w *world, charge string) {
			w.bank.refundsByHand(charge, 2000)
			w.bank.refundsByHand(charge, 1000)
		}, func(w *world, charge string) { w.bank.failsByHand(charge) }, false},
		"the return fails, and a dispute is lost": {func(*world, string) {}, func(w *world, charge string) {
			w.bank.failsRefund(charge)
			w.bank.disputes(charge, provider.DisputeOpen, 5000)
			w.bank.disputes(charge, provider.DisputeLost, 5000)
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.runs()
				b := w.house.hold(fan.UserID, 1)
				p, _ := w.pay(b, "tok_never", "a")
				if _, err := w.void(t.Context(), fan, p.ID, 0); err != nil {
					t.Fatal(err)
				}
				w.bank.takes(p.ID+".1", b.Amount)
				c.before(w, p.ID+".1")
				w.asks(p.ID)
				time.Sleep(time.Minute)
				w.is(p.ID, paymentapi.Refunded, bookingapi.Pending)
				c.after(w, p.ID+".1")
				w.asks(p.ID)
				time.Sleep(5 * time.Minute)
				w.is(p.ID, paymentapi.Refunded, bookingapi.Pending)
				was, err := w.store.payment(t.Context(), p.ID)
				if err != nil {
					t.Fatal(err)
				}
				for range 3 {
					w.asks(p.ID)
					time.Sleep(time.Minute)
				}
				if is, err := w.store.payment(t.Context(), p.ID); err != nil || is.Version != was.Version {
					t.Errorf("it goes on: %+v %v", mustSteps(t, &is), err)
				}
				back := b.Amount
				if c.lost {
					back = 0
				}
				w.has(p.ID+".1", b.Amount, back)
				if !c.lost {
					w.agree()
				}
			})
		})
	}
}

// The buyer of a payment that was given up has a part of its money by a dispute: what is left is
// returned, or given back by hand after the return has failed, and then it is over.
func TestReturnOfWhatDisputesLeave(t *testing.T) {
	for name, c := range map[string]struct {
		before, after []provider.DisputeState // of a part, before and after the money is returned
		fails         int                     // how often the return does
		byHand, back  int64
	}{
		"lost before":               {before: []provider.DisputeState{provider.DisputeOpen, provider.DisputeLost}, back: 3000},
		"open before, then lost":    {before: []provider.DisputeState{provider.DisputeOpen}, after: []provider.DisputeState{provider.DisputeLost}, back: 3000},
		"open before, then won":     {before: []provider.DisputeState{provider.DisputeOpen}, after: []provider.DisputeState{provider.DisputeWon}, back: 5000},
		"a part by hand, then lost": {before: []provider.DisputeState{provider.DisputeOpen}, after: []provider.DisputeState{provider.DisputeLost}, byHand: 1000, back: 3000},
		"it fails, lost":            {after: []provider.DisputeState{provider.DisputeOpen, provider.DisputeLost}, fails: 1, back: 3000},
		"it fails, lost, by hand":   {after: []provider.DisputeState{provider.DisputeOpen, provider.DisputeLost}, fails: 1, byHand: 3000, back: 3000},
		"it fails each time, lost":  {after: []provider.DisputeState{provider.DisputeOpen, provider.DisputeLost}, fails: mostReturns, byHand: 3000, back: 3000},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.bank.minds = true
				w.firstRest, w.lastRest = time.Second, time.Minute
				w.runs()
				b := w.house.hold(fan.UserID, 1)
				p, _ := w.pay(b, "tok_never", "a")
				if _, err := w.void(t.Context(), fan, p.ID, 0); err != nil {
					t.Fatal(err)
				}
				w.bank.takes(p.ID+".1", b.Amount)
				disputed := func(list []provider.DisputeState) {
					for _, state := range list {
						w.bank.disputes(p.ID+".1", state, 2000)
						w.asks(p.ID)
					}
				}
				disputed(c.before)
				w.asks(p.ID)
				time.Sleep(time.Minute)
				for range c.fails {
					w.comesBack(p.ID)
					if c.fails > 1 {
						time.Sleep(w.lastRest + 10*time.Second)
					}
				}
				disputed(c.after)
				if c.byHand > 0 {
					w.byHand(p.ID, c.byHand)
				}
				time.Sleep(3 * time.Minute)
				w.asks(p.ID)
				w.is(p.ID, paymentapi.Refunded, bookingapi.Pending)
				w.has(p.ID+".1", b.Amount, c.back)
				if wrong, err := Journal(t.Context(), w.db.Reader(), event1); wrong != "" || err != nil {
					t.Error(wrong, err)
				}
				if found := w.compared().Found; len(found) != 0 {
					t.Errorf("found %v", found)
				}
			})
		})
	}
}

// What the buyer of a payment that was given up disputes changes what is left more than once: it
// is returned when nothing is disputed any more.
func TestReturnAfterSeveralChanges(t *testing.T) {
	for name, c := range map[string]struct {
		opened, decided func(w *world, charge string)
		back            int64
	}{
		"a part by hand while a dispute is open": {func(w *world, charge string) {
			w.bank.disputes(charge, provider.DisputeOpen, 2000)
			w.bank.refundsByHand(charge, 1000)
		}, func(w *world, charge string) { w.bank.disputes(charge, provider.DisputeLost, 2000) }, 3000},
		"one of two disputes is lost before the other": {func(w *world, charge string) {
			w.bank.disputesAs("dp_1", charge, provider.DisputeOpen, 2000)
			w.bank.disputesAs("dp_2", charge, provider.DisputeOpen, 1000)
			w.bank.disputesAs("dp_1", charge, provider.DisputeLost, 2000)
		}, func(w *world, charge string) { w.bank.disputesAs("dp_2", charge, provider.DisputeLost, 1000) }, 2000},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.bank.minds = true
				w.firstRest, w.lastRest = time.Second, time.Minute
				w.runs()
				b := w.house.hold(fan.UserID, 1)
				p, _ := w.pay(b, "tok_never", "a")
				if _, err := w.void(t.Context(), fan, p.ID, 0); err != nil {
					t.Fatal(err)
				}
				w.bank.takes(p.ID+".1", b.Amount)
				c.opened(w, p.ID+".1")
				w.asks(p.ID)
				time.Sleep(5 * time.Minute)
				w.is(p.ID, paymentapi.Returning, bookingapi.Pending)
				c.decided(w, p.ID+".1")
				w.asks(p.ID)
				time.Sleep(5 * time.Minute)
				w.is(p.ID, paymentapi.Refunded, bookingapi.Pending)
				w.has(p.ID+".1", b.Amount, c.back)
				if wrong, err := Journal(t.Context(), w.db.Reader(), event1); wrong != "" || err != nil {
					t.Error(wrong, err)
				}
				if found := w.compared().Found; len(found) != 0 {
					t.Errorf("found %v", found)
				}
			})
		})
	}
}

// Money that was returned is disputed, and the return fails: when the dispute is lost, before
// or after that, the buyer has it once, and the journal has nothing more at the gateway.
func TestReturnFailsOfDisputedMoney(t *testing.T) {
	for name, lostFirst := range map[string]bool{"the return fails, then the dispute is lost": false, "the dispute is lost, then the return fails": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				p := w.givenBack()
				lost := func() {
					w.bank.disputes(p.ID+".1", provider.DisputeLost, 5000)
					w.asks(p.ID)
				}
				w.bank.disputes(p.ID+".1", provider.DisputeOpen, 5000)
				w.asks(p.ID)
				if lostFirst {
					lost()
				}
				w.comesBack(p.ID)
				if !lostFirst {
					w.is(p.ID, paymentapi.Refunded, bookingapi.Pending)
					lost()
				}
				w.asks(p.ID)
				time.Sleep(time.Minute)
				w.is(p.ID, paymentapi.Refunded, bookingapi.Pending)
				w.has(p.ID+".1", 5000, 0)
				if now, err := w.store.payment(t.Context(), p.ID); err != nil || now.dispute != disputeLost || now.disputed != 0 {
					t.Errorf("%+v %v", now, err)
				}
				list, _ := w.toldDisputes()
				if len(list) != 2 || list[0].Amount != 5000 || list[1].Amount != 5000 {
					t.Errorf("told %+v", list)
				}
				balances, err := w.Balances(t.Context(), event1)
				for account, n := range balances["USD"] {
					if n != 0 || err != nil {
						t.Errorf("account %s has %d, %v", account, n, err)
					}
				}
				if wrong, err := Journal(t.Context(), w.db.Reader(), event1); wrong != "" || err != nil {
					t.Error(wrong, err)
				}
				if found := w.compared().Found; found[reconcile.DisputeReturned] != 1 || len(found) != 1 { // it was, when it was opened
					t.Errorf("found %v", found)
				}
			})
		})
	}
}

// What an earlier version has written of disputes is understood: it speaks of the last one,
// and does not keep its name, nor what was won.
func TestDisputesOfEarlierVersions(t *testing.T) {
	const one, two = `[{"id":"dp_1","state":"won","amount":4000}]`, `[{"id":"dp_1","state":"won","amount":4000},{"id":"dp_2","state":"open","amount":3000}]`
	for name, c := range map[string]struct {
		s    state
		want disputeList
	}{
		"none":                           {state{}, nil},
		"no list":                        {state{dispute: disputeOpen, disputed: 7}, disputeList{{State: disputeOpen, Amount: 7}}},
		"no list, won":                   {state{dispute: disputeWon}, disputeList{{State: disputeWon}}},
		"a list":                         {state{dispute: disputeWon, disputes: one}, disputeList{{"dp_1", disputeWon, 4000}}},
		"the last was decided":           {state{dispute: disputeLost, disputed: 3000, disputes: two}, disputeList{{"dp_1", disputeWon, 4000}, {"dp_2", disputeLost, 3000}}},
		"another was opened":             {state{dispute: disputeOpen, disputed: 5, disputes: one}, disputeList{{"dp_1", disputeOpen, 5}}},
		"the list cannot be right":       {state{dispute: disputeWon, disputes: `[{"id":"dp_1","state":"lost","amount":1},{"id":"dp_2","state":"open","amount":3000}]`}, disputeList{{State: disputeWon}}},
		"the list cannot be read at all": {state{dispute: disputeOpen, disputed: 7, disputes: "{"}, disputeList{{State: disputeOpen, Amount: 7}}},
	} {
		if got := c.s.disputeList(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	// It gets its name, and is not told again, before another one is heard of.
	s := state{status: paymentapi.Captured, amount: 10000, dispute: disputeWon}
	for _, e := range []event{{kind: evDisputeWon, amount: 4000, key: "dp_1"}, {kind: evDisputed, amount: 3000, key: "dp_2"}} {
		to, _, err := next(s, e)
		if err != nil {
			t.Fatal(err)
		}
		if step, _ := disputeStep(s, to, e); (step != "") != (e.key == "dp_2") {
			t.Errorf("%v: step %q", e, step)
		}
		s = to
	}
	if s.dispute != disputeOpen || s.disputed != 3000 {
		t.Errorf("%+v", s)
	}
}

// A row that cannot be read is a message that says so, and rows leave when all have taken
// them.
func TestUnreadableDisputes(t *testing.T) {
	w := newWorld(t)
	if err := w.db.Write(t.Context(), func(tx *sql.Tx) error { _, err := tx.Exec(sqlNoteDispute, event1, "0", "not JSON"); return err }); err != nil {
		t.Fatal(err)
	}
	if list, unreadable := w.toldDisputes(); len(list) != 0 || unreadable != 1 {
		t.Errorf("%+v, %d", list, unreadable)
	}
	if err := w.Disputes().Remove(t.Context(), []bus.Ref{{Key: event1, ID: "0"}}); err != nil {
		t.Error(err)
	}
	if list, unreadable := w.toldDisputes(); len(list)+unreadable != 0 {
		t.Errorf("%+v, %d", list, unreadable)
	}
}
