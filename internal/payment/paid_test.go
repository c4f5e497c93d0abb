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
	"boxoffice/internal/errs"
	"boxoffice/internal/ledger"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
)

// told counts how often each payment was told.
type told struct {
	mu     sync.Mutex
	times  map[string]int
	refuse func(paymentapi.Capture) bool
}

var errNoMailer = errors.New("no mailer")

// with looks at what was told, or changes what is refused, while nobody is told.
func (o *told) with(f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f()
}

func (o *told) tell(_ context.Context, list []paymentapi.Capture) (again []paymentapi.Capture, why error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range list {
		if o.refuse != nil && o.refuse(p) {
			again, why = append(again, p), errNoMailer
			continue
		}
		o.times[p.PaymentID]++
	}
	return again, why
}

func (w *world) paidRows() []paymentapi.Capture {
	w.t.Helper()
	rows, err := w.store.paid(context.Background(), rowKey{}, 10_000)
	if err != nil {
		w.t.Fatal(err)
	}
	var list []paymentapi.Capture
	for _, r := range rows {
		list = append(list, r.list...)
	}
	return list
}

// Whoever has paid is told, once, even if the process dies between the two, or
// nobody listens for long.
func TestPaidIsTold(t *testing.T) {
	w := newWorld(t)
	o := &told{times: map[string]int{}}
	var ids []string
	for i, method := range []string{"tok_ok", "tok_sure", "tok_bad"} {
		b := w.house.hold(fan.UserID, int32(i))
		if p, err := w.pay(b, method, ""); err == nil {
			ids = append(ids, p.ID)
		}
	}
	slices.Sort(ids)
	w.crash()
	w.boot()
	var noted []string
	for _, p := range w.paidRows() {
		if noted = append(noted, p.PaymentID); p.UserID != fan.UserID || p.BookingID() != bookingOf(p.PaymentID) {
			t.Errorf("%+v", p)
		}
	}
	if slices.Sort(noted); len(ids) != 2 || !slices.Equal(noted, ids) {
		t.Fatalf("%v were paid, and noted are %v", ids, noted)
	}
	w.tell = o.tell
	for range 2 {
		if err := w.TellPaid(t.Context(), w.tell); err != nil {
			t.Fatal(err)
		}
	}
	if len(o.times) != 2 || o.times[ids[0]] != 1 || o.times[ids[1]] != 1 || len(w.paidRows()) != 0 {
		t.Errorf("%v, left are %v", o.times, w.paidRows())
	}
}

// What cannot be told now is told later, less often each time, and keeps nobody
// waiting; neither does a row that cannot be read, nor a panic.
func TestPaidIsToldLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		o := &told{times: map[string]int{}}
		asked, panics := 0, 1
		stuck := ""
		o.refuse = func(p paymentapi.Capture) bool {
			if p.PaymentID != stuck {
				return false
			}
			if asked++; panics > 0 {
				panics--
				panic("planned")
			}
			return true
		}
		made := w.insert(40)
		for _, m := range made {
			w.written(m)
		}
		if err := w.settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		o.with(func() { stuck = made[7].got.ID })
		exec := func(text string, args ...any) {
			if err := w.db.Write(t.Context(), func(tx *sql.Tx) error { _, err := tx.Exec(text, args...); return err }); err != nil {
				t.Fatal(err)
			}
		}
		exec(sqlNotePaid, "", "0", "not JSON")
		w.tell = o.tell
		w.runs()
		time.Sleep(30 * time.Second)
		o.with(func() {
			if len(o.times) != len(made)-1 {
				t.Errorf("%d of %d were told", len(o.times), len(made)-1)
			}
		})
		time.Sleep(10 * time.Minute)
		o.with(func() {
			if asked < 6 || asked > 20 {
				t.Errorf("the stuck one was asked %d times in ten minutes", asked)
			}
			stuck = ""
		})
		time.Sleep(2 * longestRetry)
		o.mu.Lock()
		defer o.mu.Unlock()
		if len(o.times) != len(made) || len(w.paidRows()) != 0 {
			t.Errorf("%d of %d were told, left are %v", len(o.times), len(made), w.paidRows())
		}
		for id, n := range o.times {
			if n != 1 && n != 2 { // those told together with the panic
				t.Errorf("%s was told %d times", id, n)
			}
		}
	})
}

// A booking that costs nothing is booked without a gateway.
func TestFree(t *testing.T) {
	w := newWorld(t)
	for i, method := range []string{"", paymentapi.Free, "tok_decline"} {
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
	for _, method := range []string{"tok_ok", "tok_sure"} {
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

// What a node remembers of refunds and confirmations that failed ends when they are
// no longer there, and when another node does the work: that one may have had more
// luck, and what it has ended would be remembered for ever.
func TestFailuresAreForgotten(t *testing.T) {
	w := newWorld(t)
	here := &movable{true}
	w.lease = here
	var all []bookingapi.Booking
	for i := range 5 {
		b := w.house.hold(fan.UserID, int32(i))
		if p, err := w.pay(b, "tok_ok", ""); statusOf(t, p, err) != paymentapi.Captured {
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
	w.tell = func(_ context.Context, list []paymentapi.Capture) ([]paymentapi.Capture, error) {
		return list, errNoMailer
	}
	exec := func(text string, args ...any) {
		t.Helper()
		if err := w.db.Write(t.Context(), func(tx *sql.Tx) error { _, err := tx.Exec(text, args...); return err }); err != nil {
			t.Fatal(err)
		}
	}
	mails := &teller{w.Service, w.tell, retries()}
	caughtUp, saved := false, time.Now()
	round := func(refunds, confirmations int) {
		t.Helper()
		_ = w.refunds.round(t.Context(), &caughtUp, &saved)
		_ = mails.round(t.Context())
		if w.refunds.later.Len() != refunds || mails.later.Len() != confirmations {
			t.Errorf("%d and %d failures are remembered, want %d and %d", w.refunds.later.Len(), mails.later.Len(), refunds, confirmations)
		}
	}
	rows := len(w.paidRows())
	round(5, rows)
	exec(`UPDATE refunds SET status = 'failed' WHERE booking_id = $1`, all[0].ID) // as another node does
	exec(`INSERT INTO payments_paid (id, payments) VALUES ('x', '[]')`)
	exec(`DELETE FROM payments_paid WHERE id <> 'x'`)
	round(4, 0)
	here.here = false
	round(0, 0)
	w.bank.mu.Lock()
	w.bank.refundCut = nil
	w.bank.mu.Unlock()
	here.here = true
	round(0, 0) // at once: nothing waits for what failed under the former lease
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
		w.runs()
		once := sync.Once{}
		w.bank.cut = func(_ context.Context, at string) error {
			if at == "before capture" {
				once.Do(func() { panic("planned") })
			}
			return nil
		}
		b := w.house.hold(fan.UserID, 1)
		_, _ = w.pay(b, "tok_ok", "")
		time.Sleep(time.Minute)
		if p, err := w.ofBooking(t.Context(), fan, b.ID); statusOf(t, p, err) != paymentapi.Captured {
			t.Errorf("%+v", p)
		}
		w.agree()
	})
}

// Of a row of which some could be told and some not, only those stay.
func TestToldInPart(t *testing.T) {
	w := newWorld(t)
	o := &told{times: map[string]int{}, refuse: func(p paymentapi.Capture) bool { return p.PaymentID == "b" }}
	w.tell = o.tell
	row := notePaid([]paymentapi.Capture{{PaymentID: "a", UserID: fan.UserID}, {PaymentID: "b", UserID: fan.UserID}})[0]
	if err := w.db.Write(t.Context(), func(tx *sql.Tx) error { _, err := tx.Exec(sqlNotePaid, row.event, row.id, row.payments); return err }); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := w.TellPaid(t.Context(), w.tell); !errors.Is(err, errNoMailer) {
			t.Error(err)
		}
	}
	if left := w.paidRows(); o.times["a"] != 1 || !slices.Equal(left, []paymentapi.Capture{{PaymentID: "b", UserID: fan.UserID}}) {
		t.Errorf("told %v, left %v", o.times, left)
	}
}

// A row of payments_begun that cannot be read hides no other.
func TestRecoverBadRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		if err := w.db.Write(t.Context(), func(tx *sql.Tx) error { _, err := tx.Exec(sqlBegin, "", "0", "not JSON"); return err }); err != nil {
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
