package payment

import (
	"database/sql"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"boxoffice/internal/batch"
	"boxoffice/internal/id"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/sqldb/sqldbtest"
)

// A key is its user's for one event: in another it makes a payment of its own, also
// where payments_by_key is still there.
func TestKeyOfAnotherEvent(t *testing.T) {
	t.Run("new tables", func(t *testing.T) { testKeyOfAnotherEvent(t, newWorld(t)) })
	if !sqldbtest.OnPostgres(t) {
		return
	}
	t.Run("upgraded", func(t *testing.T) {
		w := newWorld(t)
		if err := w.db.Write(t.Context(), func(tx *sql.Tx) error {
			_, err := tx.Exec(`CREATE UNIQUE INDEX payments_by_key ON payments (key_hash) WHERE key_hash IS NOT NULL`)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		w.store.keyOfAll = true
		testKeyOfAnotherEvent(t, w)
	})
}

func testKeyOfAnotherEvent(t *testing.T, w *world) {
	b := w.house.hold(fan.UserID, 1)
	if p, err := w.pay(b, paymentapi.SandboxOK, "key"); statusOf(t, p, err) != paymentapi.Captured {
		t.Fatal(p)
	}
	const elsewhere = "0000000000000002"
	bookingID := id.Booking(elsewhere, fan.UserID, "")
	for n := range 2 {
		again := &insertion{want: record{BookingID: bookingID, EventID: elsewhere, UserID: fan.UserID, Amount: 1, Currency: "USD",
			Status: paymentapi.Pending, Method: paymentapi.SandboxOK, CreatedAt: w.micros(), UpdatedAt: w.micros()}, keyHash: digest(fan.UserID, "key"), fingerprint: digest(bookingID, paymentapi.SandboxOK)}
		if err := w.store.do(t.Context(), again); err != nil || again.got.ID != paymentID(bookingID, 1) || (again.result == inserted) != (n == 0) {
			t.Errorf("%v, result %d, %+v", err, again.result, again.got)
		}
	}
}

// Payments of several events that are inserted together are noted in a row for each.
func TestBegunOfEachEvent(t *testing.T) {
	w := newWorld(t)
	var items []*batch.Item[write]
	for _, event := range []string{"0000000000000002", "0000000000000003", "0000000000000002"} {
		bookingID := id.Booking(event, fan.UserID, "")
		items = append(items, &batch.Item[write]{Value: &insertion{want: record{BookingID: bookingID, EventID: event, UserID: fan.UserID,
			Amount: 1, Currency: "USD", Status: paymentapi.Pending, Method: paymentapi.SandboxOK, CreatedAt: w.micros(), UpdatedAt: w.micros()}}})
	}
	if err := w.store.commit(items); err != nil {
		t.Fatal(err)
	}
	rows, err := w.store.startedBatches(t.Context(), rowKey{}, 10)
	if err != nil || len(rows) != 2 || len(rows[0].payments) != 2 || len(rows[1].payments) != 1 {
		t.Fatalf("%v %v", rows, err)
	}
	for _, r := range rows {
		for _, p := range r.payments {
			if eventOf(p) != r.event {
				t.Errorf("%s is noted in a row of event %s", p, r.event)
			}
		}
	}
}

// Rows of a program that knows only migration 7 have no event. Recovery finds and
// deletes them, and what was paid is in the outbox.
func TestRowsWithoutEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		made := w.insert(4)
		w.house.bookings[made[0].got.BookingID].ExpiresAt = readAt - lookAfter - 1
		if err := w.db.Write(t.Context(), func(tx *sql.Tx) error {
			for _, text := range []string{`UPDATE payments_begun SET event_id = ''`,
				`UPDATE payments SET status = 'voiding', ends_as = 'voided' WHERE id = '` + made[0].got.ID + `'`,
				`INSERT INTO payments_unwinding (id) VALUES ('` + made[0].got.ID + `')`} {
				if _, err := tx.Exec(text); err != nil {
					return err
				}
			}
			_, err := tx.Exec(`INSERT INTO payments_paid (id, payments) VALUES ('old', $1)`, asPairs([]paymentapi.Capture{made[1].got.asCapture()}))
			return err
		}); err != nil {
			t.Fatal(err)
		}
		w.runs()
		time.Sleep(time.Hour)
		for i, m := range made {
			want := paymentapi.Captured
			if i == 0 {
				want = paymentapi.Voided
			}
			if p, err := w.store.payment(t.Context(), m.got.ID); statusOf(t, p, err) != want {
				t.Errorf("%+v", p)
			}
		}
		if paid, _ := w.paid(); !slices.ContainsFunc(paid, func(p paymentapi.Capture) bool { return p.PaymentID == made[1].got.ID }) {
			t.Errorf("in the outbox are %v", paid)
		}
		w.consume()
		for _, table := range []string{"payments_begun", "payments_unwinding", "payments_paid"} {
			var n int
			if err := w.db.Reader().QueryRow(`SELECT count(*) FROM ` + table).Scan(&n); err != nil || n != 0 {
				t.Errorf("%s: %d rows are left (%v)", table, n, err)
			}
		}
		w.agree()
	})
}
