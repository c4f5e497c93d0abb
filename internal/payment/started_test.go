package payment

import (
	"database/sql"
	"fmt"
	"io/fs"
	"slices"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"boxoffice/internal/batch"
	"boxoffice/internal/id"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/sqldb/sqldbtest"
)

// rows are the lists of payments that recovery would look at.
func (w *world) rows() [][]string {
	w.t.Helper()
	rows, err := w.store.startedBatches(w.t.Context(), rowKey{}, 10_000)
	if err != nil {
		w.t.Fatal(err)
	}
	var lists [][]string
	for _, r := range rows {
		if r.id != slices.Min(r.payments) {
			w.t.Errorf("row %s lists %v", r.id, r.payments)
		}
		lists = append(lists, r.payments)
	}
	return lists
}

// insert makes payments of new holds in one transaction, and leaves them at that.
func (w *world) insert(n int) []*insertion {
	w.t.Helper()
	var items []*batch.Item[write]
	for range n {
		b := w.house.hold(fan.UserID, 1)
		items = append(items, &batch.Item[write]{Value: &insertion{want: record{BookingID: b.ID, EventID: b.EventID, UserID: b.UserID,
			Amount: b.Amount, Currency: b.Currency, Status: paymentapi.Pending, Method: paymentapi.SandboxOK, CreatedAt: w.micros(), UpdatedAt: w.micros()}}})
	}
	if err := w.store.commit(items); err != nil {
		w.t.Fatal(err)
	}
	var made []*insertion
	for _, it := range items {
		made = append(made, it.Value.(*insertion))
	}
	return made
}

// What was begun together is one row, which goes with the batch after the last of
// them has ended.
func TestBegun(t *testing.T) {
	w := newWorld(t)
	pay := func(method string) {
		t.Helper()
		b := w.house.hold(fan.UserID, 1)
		if p, err := w.pay(b, method, ""); err == nil && !p.Status.Final() {
			t.Fatalf("%+v %v", p, err)
		}
		if err := w.settle(t.Context()); err != nil { // its driver may end after the answer
			t.Fatal(err)
		}
	}
	for _, method := range []string{paymentapi.SandboxOK, "tok_sure", "tok_bad"} {
		pay(method)
	}
	if left := w.rows(); len(left) != 1 {
		t.Errorf("left are %v, want the last one's", left)
	}
	if n, err := w.Recover(t.Context()); n != 0 || err != nil {
		t.Errorf("recovered %d, %v", n, err)
	}
	if left := w.rows(); len(left) != 0 {
		t.Errorf("recovery left %v", left)
	}

	for _, m := range w.insert(3) {
		w.written(m)
	}
	if err := w.settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := w.rows(); len(left) != 1 || len(left[0]) != 3 {
		t.Errorf("three together: %v", left)
	}
	pay(paymentapi.SandboxOK)
	if left := w.rows(); len(left) != 1 || len(left[0]) != 1 {
		t.Errorf("left are %v, want the last one's", left)
	}
	w.agree()
}

// A round of recovery is bounded, and the next goes on from there.
func TestRecoverMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.dieAt("before capture")
		for range 2 * recoverRows {
			w.insert(40)
		}
		time.Sleep(w.stale)
		all := 2 * recoverRows * 40
		first, err := w.Recover(t.Context())
		if first < recoverAtOnce || first >= recoverAtOnce+40 || err != nil {
			t.Fatalf("the first round took up %d, %v", first, err)
		}
		second, err := w.Recover(t.Context())
		if second < recoverAtOnce || err != nil {
			t.Fatalf("the second round took up %d, %v", second, err)
		}
		third, err := w.Recover(t.Context())
		if first+second+third != all || err != nil {
			t.Fatalf("three rounds took up %d, %d and %d of %d, %v", first, second, third, all, err)
		}
		time.Sleep(time.Second)
		w.crash()
		w.dieAt("")
		w.boot()

		time.Sleep(w.stale)
		for range 3 {
			if _, err := w.Recover(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := w.settle(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := w.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		if left := w.rows(); len(left) != 0 {
			t.Errorf("left are %v", left)
		}
		w.agree()
	})
}

// Of a row that is stuck only what is open is kept.
func TestRecoverShrinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		made := w.insert(5)
		m := move{from: made[0].got, to: made[0].got}
		m.to.Status = paymentapi.Failed
		if err := w.store.do(t.Context(), &m); err != nil || !m.moved {
			t.Fatal(err, m)
		}
		w.dieAt("before capture")
		time.Sleep(w.stale)
		if n, err := w.Recover(t.Context()); n != 4 || err != nil {
			t.Fatal(n, err)
		}
		if rows, err := w.store.startedBatches(t.Context(), rowKey{}, 10); err != nil || len(rows) != 1 || len(rows[0].payments) != 4 {
			t.Errorf("%v %v", rows, err)
		}
		w.crash()
		w.dieAt("")
		w.boot()
		w.runs()
		time.Sleep(time.Minute)
		if left := w.rows(); len(left) != 0 {
			t.Errorf("left are %v", left)
		}
		w.agree()
	})
}

// Payments that were under way before payments_begun are found in it.
func TestBegunBefore(t *testing.T) {
	db := sqldbtest.Open(t)
	old := fstest.MapFS{}
	names, err := fs.Glob(migrations, "migrations/0000[123]_*.sql")
	if err != nil || len(names) != 3 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		raw, err := migrations.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		old[name] = &fstest.MapFile{Data: raw}
	}
	if err := db.Migrate(t.Context(), "payment", old); err != nil {
		t.Fatal(err)
	}
	exec := func(text string) {
		t.Helper()
		if err := db.Write(t.Context(), func(tx *sql.Tx) error { _, err := tx.Exec(text); return err }); err != nil {
			t.Fatal(err)
		}
	}
	var bookings, payments []string
	for _, key := range []string{"a", "b", "c", "d"} {
		b := id.Booking("00000000000000e1", "u", key)
		bookings, payments = append(bookings, b), append(payments, b+"-1")
	}
	for i, status := range []paymentapi.Status{paymentapi.Pending, paymentapi.Captured, paymentapi.Authorized} {
		exec(fmt.Sprintf(`INSERT INTO payments (id, booking_id, event_id, user_id, attempt, amount, currency, status, method,
			try, void_wanted, refunded, reason, reference, version, created_at, updated_at, history)
			VALUES ('%[3]s-1', '%[3]s', '%[4]s', 'u', 1, 5, 'EUR', '%[2]s', 'tok_ok', 1, FALSE, 0, '', '', 1, 0, 0, '[]')`, i, status, bookings[i], id.Event(bookings[i])))
	}
	exec(fmt.Sprintf(`INSERT INTO payments_open (id) VALUES ('%s'), ('%s')`, payments[0], payments[2]))
	w := newWorldOn(t, db)
	rows := w.rows()
	slices.SortFunc(rows, slices.Compare)
	want := [][]string{{payments[0]}, {payments[2]}}
	slices.SortFunc(want, slices.Compare)
	if !slices.EqualFunc(rows, want, slices.Equal) {
		t.Errorf("%v", rows)
	}
	open, err := w.store.open(t.Context(), payments)
	if err != nil || len(open) != 2 || open[payments[2]].Status != paymentapi.Authorized {
		t.Errorf("%v %v", open, err)
	}
}
