package payment

import (
	"database/sql"
	"testing"
	"testing/synctest"
	"time"

	"boxoffice/internal/batch"
	"boxoffice/internal/id"
	"boxoffice/internal/paymentapi"
)

// A key is its user's for one event: in another it makes a payment of its own, also
// where payments_by_key is still there.
func TestKeyOfAnotherEvent(t *testing.T) {
	w := newWorld(t)
	b := w.house.hold(fan.UserID, 1)
	if p, err := w.pay(b, "tok_ok", "key"); statusOf(t, p, err) != paymentapi.Captured {
		t.Fatal(p)
	}
	const elsewhere = "0000000000000002"
	bookingID := id.Booking(elsewhere, fan.UserID, "")
	for n := range 2 {
		again := &insertion{want: record{BookingID: bookingID, EventID: elsewhere, UserID: fan.UserID, Amount: 1, Currency: "USD",
			Status: paymentapi.Pending, Method: "tok_ok", CreatedAt: w.micros(), UpdatedAt: w.micros()}, keyHash: digest(fan.UserID, "key"), fingerprint: digest(bookingID, "tok_ok")}
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
			Amount: 1, Currency: "USD", Status: paymentapi.Pending, Method: "tok_ok", CreatedAt: w.micros(), UpdatedAt: w.micros()}}})
	}
	if err := w.store.commit(items); err != nil {
		t.Fatal(err)
	}
	rows, err := w.store.begun(t.Context(), rowKey{}, 10)
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
// deletes them, and buyers are told of what was paid.
func TestRowsWithoutEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		o := &told{times: map[string]int{}}
		w.tell = o.tell
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
		for _, table := range []string{"payments_begun", "payments_unwinding", "payments_paid"} {
			var n int
			if err := w.db.Reader().QueryRow(`SELECT count(*) FROM ` + table).Scan(&n); err != nil || n != 0 {
				t.Errorf("%s: %d rows are left (%v)", table, n, err)
			}
		}
		if o.times[made[1].got.ID] < 1 {
			t.Errorf("told %v", o.times)
		}
		w.agree()
	})
}
