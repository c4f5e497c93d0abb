package booking

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"boxoffice/internal/booking/audit"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/ledger"
	"boxoffice/internal/sqldb"
)

// bills remembers what a verification says of the money.
type bills map[string]*bookingapi.Bill

func (b bills) Audit(_ context.Context, _ *sql.Tx, _ string, list map[string]*bookingapi.Bill) (int64, error) {
	for id, bill := range list {
		b[id] = bill
	}
	return 0, nil
}
func (bills) Misplaced(context.Context, sqldb.Querier) error           { return nil }
func (bills) Events(context.Context, sqldb.Querier) ([]string, error)  { return nil, nil }
func (bills) AuditUnsold(context.Context, sqldb.Querier, string) error { return nil }

// checkBills verifies an event with its prices, and returns the bills.
func (w *world) checkBills(ev string) bills {
	w.t.Helper()
	out := bills{}
	if _, err := audit.VerifyWith(w.t.Context(), w.db, ev, audit.Beside{Plans: w, Money: out}); err != nil {
		w.t.Error(err)
	}
	return out
}

// What the event's terms keep does not go back, and the ledger says what does. Our own
// jobs give all of it back. Nothing goes back that the caller did not expect.
func TestCancellationFees(t *testing.T) {
	w := newWorld(t)
	start, day := w.clock.Load(), 24*60*minute
	ev := w.event(func(s *bookingapi.Sale) {
		s.RefundsEnd = start + 30*day
		s.Terms.Fees = []bookingapi.CancelFee{{From: start + 10*day, Rate: 2500}, {From: start + 20*day, Rate: 5000, Fixed: 100}}
	})
	buy := func(user string, seats ...string) bookingapi.Booking {
		t.Helper()
		b, err := w.pay(w.hold(ev, user, seats...))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	cancel := func(who caller.Caller, b bookingapi.Booking, back, left int64, seats ...string) {
		t.Helper()
		if who.UserID == b.UserID {
			quote, err := w.s.Refund(t.Context(), who, b.ID, seats)
			if err != nil || quote != back {
				t.Errorf("%d would go back, want %d: %v", quote, back, err)
			}
			other := back + 1
			if _, err := w.s.Cancel(t.Context(), who, bookingapi.Cancellation{BookingID: b.ID, Seats: seats, Refund: &other}); !errs.Is(err, "refund-differs") || errs.Of(err).Extra["refund"] != back {
				t.Errorf("another refund is expected: %v", err)
			}
		}
		after, err := w.s.Cancel(t.Context(), who, bookingapi.Cancellation{BookingID: b.ID, Seats: seats, Refund: &back})
		if err != nil || after.Left != left {
			t.Errorf("%d is left, want %d: %v", after.Left, left, err)
		}
		entries, err := w.s.Entries(t.Context(), ev, after.Seq-1, 1)
		if err != nil || len(entries) != 1 || entries[0].Kind != ledger.Cancelled || entries[0].Amount != back {
			t.Errorf("the ledger says %+v, want %d: %v", entries, back, err)
		}
	}
	ann, bob, cid, dan := buy("ann", "A-A-1", "A-A-2", "A-A-3", "A-A-4"), buy("bob", "A-B-1"), buy("cid", "A-B-2"), buy("dan", "A-B-3", "A-B-4")
	cancel(fan("ann"), ann, 1000, 3000, "A-A-1")
	w.pass(10 * day)
	cancel(fan("ann"), ann, 750, 2250, "A-A-2")
	cancel(fan("bob"), bob, 750, 250)
	w.pass(10 * day)
	cancel(fan("ann"), ann, 800, 1450) // both that are left
	cancel(caller.System, cid, 1000, 0)
	cancel(caller.System, dan, 1000, 1000, "A-B-3")
	w.pass(10 * day)
	if _, err := w.s.Refund(t.Context(), fan("dan"), dan.ID, nil); !errs.Is(err, "refunds-over") {
		t.Errorf("after the end: %v", err)
	}
	cancel(caller.System, dan, 1000, 0)
	got := w.checkBills(ev)
	for id, kept := range map[string]int64{ann.ID: 1450, bob.ID: 250, cid.ID: 0, dan.ID: 0} {
		if got[id] == nil || got[id].Kept != kept {
			t.Errorf("the bill of %s is %+v, want %d kept", id, got[id], kept)
		}
	}
	for text, want := range map[string]string{
		"UPDATE bookings SET paid_left = 249 WHERE user_id = 'bob'":  "bookings.paid_left",
		"UPDATE bookings SET paid_left = NULL WHERE user_id = 'ann'": "bookings.paid_left",
		"UPDATE sales SET terms = ''":                                "the row in sales",
	} {
		w.undone(func(exec func(string)) {
			exec(text)
			var diff bookingapi.Difference
			if _, err := audit.VerifyWith(t.Context(), w.db, ev, audit.Beside{Plans: w}); !errors.As(err, &diff) || !strings.Contains(diff.Text, want) {
				t.Errorf("%s: %v, want %s", text, err, want)
			}
		}, "bookings", "sales")
	}
}

// Buyers cancel by the terms under which they have bought, or by later ones that are
// better for them, however often the terms change.
func TestTermsArePromised(t *testing.T) {
	w := newWorld(t)
	start, day := w.clock.Load(), 24*60*minute
	fees := func(rate int64) []bookingapi.CancelFee { return []bookingapi.CancelFee{{Rate: rate}} }
	ev := w.event(func(s *bookingapi.Sale) { s.RefundsEnd = start + 30*day })
	version := int64(1)
	change := func(end int64, list []bookingapi.CancelFee) error {
		w.pass(minute)
		version++
		err := w.change(ev, version, func(s *bookingapi.Sale) { s.RefundsEnd, s.Terms = end, bookingapi.CancelTerms{Fees: list} })
		w.pass(minute)
		return err
	}
	back := func(b bookingapi.Booking, want int64) {
		t.Helper()
		got, err := w.s.Refund(t.Context(), fan(b.UserID), b.ID, nil)
		if errs.Is(err, "refunds-over") {
			got, err = -1, nil
		}
		if err != nil || got != want {
			t.Errorf("%d goes back to %s, want %d: %v", got, b.UserID, want, err)
		}
	}
	buy := func(user, seat string) bookingapi.Booking {
		t.Helper()
		b, err := w.pay(w.hold(ev, user, seat))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ann := buy("ann", "A-A-1")
	must(change(start+30*day, fees(5000)))
	bob := buy("bob", "A-A-2")
	back(ann, 1000)
	back(bob, 500)
	must(change(start+30*day, fees(9000)))
	cid := buy("cid", "A-A-3")
	back(bob, 500)
	back(cid, 100)
	must(change(start+20*day, fees(2000))) // better, but for a shorter time
	back(cid, 800)
	w.pass(21 * day)
	back(ann, 1000)
	back(bob, 500)
	back(cid, 100)
	w.pass(10 * day)
	back(ann, -1)
	must(change(start+100*day, nil))
	back(cid, 1000)
	w.checkBills(ev)
	for n := range 2 * bookingapi.MaxEarlierTerms { // the same terms again count once
		must(change(start+100*day, fees(int64(n%2)*1000)))
	}
	var err error
	for n := 0; err == nil && n <= bookingapi.MaxEarlierTerms; n++ {
		err = change(start+100*day, fees(int64(5000+n)))
	}
	if !errs.Is(err, "terms-changed-too-often") {
		t.Errorf("after %d changes: %v", version, err)
	}
	w.verify(ev)
}

// When an event is cancelled, its terms bind nobody any more: a buyer or an organizer who is
// faster than the job that cancels all bookings gets everything back, for a part or for all.
func TestCancelledEventGivesAllBack(t *testing.T) {
	w := newWorld(t)
	start, day := w.clock.Load(), 24*60*minute
	terms := func(s *bookingapi.Sale) {
		s.RefundsEnd = start + day
		s.Terms.Fees = []bookingapi.CancelFee{{Rate: 5000}}
	}
	ev := w.event(terms)
	var list []bookingapi.Booking
	for _, seats := range [][]string{{"A-A-1", "A-A-2"}, {"A-B-1"}, {"A-B-2"}} {
		b, err := w.pay(w.hold(ev, "ann", seats...))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, b)
	}
	w.pass(2 * day) // nobody could cancel any more
	if err := w.change(ev, 2, func(s *bookingapi.Sale) { terms(s); s.Status = eventapi.Cancelled }); err != nil {
		t.Fatal(err)
	}
	ann := fan("ann")
	if quote, err := w.s.Refund(t.Context(), ann, list[0].ID, []string{"A-A-1"}); err != nil || quote != 1000 {
		t.Errorf("%d would go back: %v", quote, err)
	}
	if o, err := w.s.Orders(t.Context(), list[:1]); err != nil || !o[0].RefundsEnd.IsZero() || !slices.Equal(o[0].Refunds, []bookingapi.BackUntil{{Amount: 2000}}) {
		t.Errorf("%+v %v", o, err)
	}
	for _, c := range []bookingapi.Cancellation{{BookingID: list[0].ID, Seats: []string{"A-A-1"}}, {BookingID: list[1].ID}} {
		if _, err := w.s.Cancel(t.Context(), ann, c); err != nil {
			t.Error(err)
		}
	}
	for _, b := range list { // as the job does
		if _, err := w.s.Cancel(t.Context(), caller.System, bookingapi.Cancellation{BookingID: b.ID}); err != nil {
			t.Error(err)
		}
	}
	got := w.checkBills(ev)
	for _, b := range list {
		back := int64(0)
		for _, one := range got[b.ID].Back {
			back += one.Amount
		}
		if back != b.Amount || got[b.ID].Kept != 0 {
			t.Errorf("%d of %d went back for %s, %d are kept", back, b.Amount, b.ID, got[b.ID].Kept)
		}
	}
}

// undone takes back what fn does to tables.
func (w *world) undone(fn func(exec func(string)), tables ...string) {
	w.t.Helper()
	exec := func(text string) {
		w.t.Helper()
		if err := w.db.Write(w.t.Context(), func(tx *sql.Tx) error { _, err := tx.Exec(text); return err }); err != nil {
			w.t.Fatal(err)
		}
	}
	for _, name := range tables {
		exec(fmt.Sprintf("CREATE TABLE kept_%s AS SELECT * FROM %s", name, name))
	}
	fn(exec)
	for _, name := range tables {
		exec(fmt.Sprintf("DELETE FROM %s", name))
		exec(fmt.Sprintf("INSERT INTO %s SELECT * FROM kept_%s", name, name))
		exec(fmt.Sprintf("DROP TABLE kept_%s", name))
	}
}
