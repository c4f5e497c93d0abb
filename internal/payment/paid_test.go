package payment

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/bus"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/ledger"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
)

// paid lists the payments in the outbox.
func (w *world) paid() (list []paymentapi.Capture, unreadable int) {
	w.t.Helper()
	messages, err := w.Outbox().Pending(context.Background(), bus.Ref{}, 10_000)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, m := range messages {
		var body paymentapi.CapturedMessage
		if err := codec.ReadKnown(m.Body, &body); err != nil || m.Topic != paymentapi.Topic || m.Type != paymentapi.TypeCaptured || time.Since(m.At).Abs() > 2*time.Hour {
			w.t.Errorf("%+v: %v", m, err)
		}
		for _, p := range body.Payments {
			if m.Key != "" && eventOf(p.PaymentID) != m.Key {
				w.t.Errorf("the message of event %s has payment %s", m.Key, p.PaymentID)
			}
		}
		list = append(list, body.Payments...)
		if body.Unreadable != "" {
			unreadable++
		}
	}
	return list, unreadable
}

// consume removes all messages from the outbox, a page of two at a time.
func (w *world) consume() {
	w.t.Helper()
	for last := (bus.Ref{}); ; {
		list, err := w.Outbox().Pending(context.Background(), last, 2)
		if err != nil {
			w.t.Fatal(err)
		}
		if len(list) == 0 {
			return
		}
		var refs []bus.Ref
		for _, m := range list {
			last = m.Ref()
			refs = append(refs, last)
		}
		for range 2 { // the second time they are gone
			if err := w.Outbox().Remove(context.Background(), refs); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

// What was captured is in the outbox, even if the process dies at once, until it is
// removed. A row that cannot be read keeps nothing up.
func TestPaidIsInTheOutbox(t *testing.T) {
	w := newWorld(t)
	var ids []string
	for i, method := range []string{paymentapi.SandboxOK, "tok_sure", "tok_bad"} {
		b := w.house.hold(fan.UserID, int32(i))
		if p, err := w.pay(b, method, ""); err == nil {
			ids = append(ids, p.ID)
		}
	}
	slices.Sort(ids)
	w.crash()
	w.boot()
	if err := w.db.Write(t.Context(), func(tx *sql.Tx) error { _, err := tx.Exec(sqlNotePaid, "", "0", "not JSON"); return err }); err != nil {
		t.Fatal(err)
	}
	paid, unreadable := w.paid()
	var noted []string
	for _, p := range paid {
		if noted = append(noted, p.PaymentID); p.UserID != fan.UserID || p.BookingID() != bookingOf(p.PaymentID) {
			t.Errorf("%+v", p)
		}
	}
	if slices.Sort(noted); len(ids) != 2 || !slices.Equal(noted, ids) || unreadable != 1 {
		t.Fatalf("%v were paid, and in the outbox are %v", ids, noted)
	}
	w.consume()
	if paid, unreadable := w.paid(); len(paid)+unreadable != 0 {
		t.Errorf("left are %v", paid)
	}
}

// A booking that costs nothing is booked without a gateway.
func TestFree(t *testing.T) {
	w := newWorld(t)
	for i, method := range []string{"", paymentapi.Free, paymentapi.SandboxDecline} {
		b := w.house.hold(fan.UserID, int32(i))
		w.house.mu.Lock()
		w.house.bookings[b.ID].Amount = 0
		w.house.mu.Unlock()
		for range 2 {
			p, err := w.pay(b, method, "k"+method)
			if statusOf(t, p, err) != paymentapi.Captured || p.Method != paymentapi.Free || p.Amount != 0 {
				t.Errorf("%q: %+v", method, p)
			}
		}
		if got, _ := w.house.Recent(t.Context(), b.ID); got.Status != bookingapi.Booked {
			t.Errorf("it is %s", got.Status)
		}
	}
	gone := w.house.hold(fan.UserID, 9)
	w.house.mu.Lock()
	w.house.bookings[gone.ID].Amount = 0
	w.house.refuse = errs.New(errs.Conflict, "seats-gone", "Gone.")
	w.house.mu.Unlock()
	if _, err := w.pay(gone, "", ""); !errs.Is(err, "seats-gone") {
		t.Errorf("%v", err)
	}
	if len(w.bank.charges) != 0 {
		t.Errorf("the bank was asked for %v", w.bank.charges)
	}
	for _, method := range []string{"", paymentapi.Free} {
		if _, err := w.pay(w.house.hold(fan.UserID, 10), method, ""); errs.KindOf(err) != errs.Invalid {
			t.Errorf("%q for 5000: %v", method, err)
		}
	}
	w.agree()
}

// A payment tells the booking service when it began, by that service's clock, even
// if it is confirmed much later.
func TestStartedAt(t *testing.T) {
	for _, method := range []string{paymentapi.SandboxOK, "tok_sure"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.dieAt("before confirm")
			b := w.house.hold(fan.UserID, 1)
			_, _ = w.pay(b, method, "")
			w.crash()
			w.dieAt("")
			time.Sleep(time.Hour)
			w.boot()
			if _, err := w.Recover(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := w.settle(t.Context()); err != nil {
				t.Fatal(err)
			}
			if w.house.started != readAt {
				t.Errorf("%s: started at %d", method, w.house.started)
			}
		})
	}
}

// One refund that fails, one ledger that cannot be read, and one that panics keep
// no other waiting, and are tried again less and less often.
func TestRefundsAreApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.runs()
		w.house.mu.Lock()
		w.house.broken = map[string]error{"0000000000000002": errors.New("unreadable")}
		w.house.ledger["0000000000000002"] = []ledger.Entry{{}}
		w.house.mu.Unlock()
		var all []bookingapi.Booking
		for i := range 2 * refundsAtOnce {
			b := w.house.hold(fan.UserID, int32(i))
			if p, err := w.pay(b, "tok_sure", ""); statusOf(t, p, err) != paymentapi.Captured {
				t.Fatal(p)
			}
			all = append(all, b)
		}
		var tries atomic.Int64
		bad := map[string]bool{}
		for i := range refundsAtOnce {
			bad[paymentID(all[i].ID, 1)+".1"] = true
		}
		w.bank.mu.Lock()
		w.bank.refundCut = func(c provider.Charge) error {
			if !bad[c.ID] {
				return nil
			}
			if c.ID == paymentID(all[0].ID, 1)+".1" {
				tries.Add(1)
				panic("planned")
			}
			return errors.New("no line")
		}
		w.bank.mu.Unlock()
		for _, b := range all {
			w.house.cancel(b.ID, b.Amount)
		}
		time.Sleep(10 * time.Second)
		refunded := 0
		for _, r := range w.ledgerRows() {
			if r.Status == paymentapi.Refunded {
				refunded++
			}
		}
		if refunded != refundsAtOnce {
			t.Errorf("%d of %d were refunded", refunded, refundsAtOnce)
		}
		time.Sleep(10 * time.Minute)
		if n := tries.Load(); n < 6 || n > 20 {
			t.Errorf("%d tries in ten minutes", n)
		}
		w.bank.mu.Lock()
		w.bank.refundCut = nil
		w.bank.mu.Unlock()
		time.Sleep(2 * longestRetry)
		w.house.mu.Lock()
		w.house.broken = nil
		w.house.mu.Unlock()
		w.agree()
	})
}

// movable is a lease that the test gives and takes.
type movable struct{ here bool }

func (m *movable) Held(context.Context) bool { return m.here }
func (m *movable) Release(context.Context)   {}

// What a node remembers of refunds that failed ends when they are
// no longer there, and when another node does the work: that one may have had more
// luck, and what it has ended would be remembered for ever.
func TestFailuresAreForgotten(t *testing.T) {
	w := newWorld(t)
	here := &movable{true}
	w.lease = here
	var all []bookingapi.Booking
	for i := range 5 {
		b := w.house.hold(fan.UserID, int32(i))
		if p, err := w.pay(b, paymentapi.SandboxOK, ""); statusOf(t, p, err) != paymentapi.Captured {
			t.Fatal(p)
		}
		all = append(all, b)
	}
	w.bank.mu.Lock()
	w.bank.refundCut = func(provider.Charge) error { return errors.New("no line") }
	w.bank.mu.Unlock()
	for _, b := range all {
		w.house.cancel(b.ID, b.Amount)
	}
	exec := func(text string, args ...any) {
		t.Helper()
		if err := w.db.Write(t.Context(), func(tx *sql.Tx) error { _, err := tx.Exec(text, args...); return err }); err != nil {
			t.Fatal(err)
		}
	}
	caughtUp, saved := false, time.Now()
	round := func(refunds int) {
		t.Helper()
		_ = w.refunds.round(t.Context(), &caughtUp, &saved)
		if w.refunds.later.Len() != refunds {
			t.Errorf("%d failures are remembered, want %d", w.refunds.later.Len(), refunds)
		}
	}
	round(5)
	exec(`UPDATE refunds SET status = 'failed' WHERE booking_id = $1`, all[0].ID) // as another node does
	round(4)
	here.here = false
	round(0)
	w.bank.mu.Lock()
	w.bank.refundCut = nil
	w.bank.mu.Unlock()
	here.here = true
	round(0) // at once: nothing waits for what failed under the former lease
	if n := len(w.openRefunds(t)); n != 0 {
		t.Errorf("%d refunds wait", n)
	}
}

func (w *world) openRefunds(t *testing.T) []openRefund {
	t.Helper()
	list, err := w.store.openRefunds(t.Context(), "", 100)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// A panic of a driver does not end the process, and its payment goes on.
func TestPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		once := sync.Once{}
		w.bank.cut = func(_ context.Context, at string) error {
			if at == "before capture" {
				once.Do(func() { panic("planned") })
			}
			return nil
		}
		w.runs()
		b := w.house.hold(fan.UserID, 1)
		_, _ = w.pay(b, paymentapi.SandboxOK, "")
		time.Sleep(time.Minute)
		if p, _, err := w.ofBooking(t.Context(), fan, b.ID); statusOf(t, p, err) != paymentapi.Captured {
			t.Errorf("%+v", p)
		}
		w.agree()
	})
}

// A row of payments_begun that cannot be read hides no other.
func TestRecoverBadRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		if err := w.db.Write(t.Context(), func(tx *sql.Tx) error { _, err := tx.Exec(sqlStart, "", "0", "not JSON"); return err }); err != nil {
			t.Fatal(err)
		}
		made := w.insert(3)
		w.runs()
		time.Sleep(time.Minute)
		for _, m := range made {
			if p, err := w.store.payment(t.Context(), m.got.ID); statusOf(t, p, err) != paymentapi.Captured {
				t.Errorf("%+v", p)
			}
		}
	})
}
