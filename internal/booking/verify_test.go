package booking

import (
	"database/sql"
	"errors"
	"strings"
	"testing"

	"boxoffice/internal/booking/audit"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
)

// Everything that follows from the ledger or a price list is compared with the rows.
func TestVerifyFindsColumns(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	ev := w.event()
	cancel := func(user string, b bookingapi.Booking, seats ...string) {
		t.Helper()
		if _, err := w.s.Cancel(ctx, fan(user), bookingapi.Cancellation{BookingID: b.ID, Seats: seats}); err != nil {
			t.Fatal(err)
		}
	}
	ann := w.hold(ev, "ann", "A-A-1", "A-A-2", "A-A-3") // sold in part, after a part of the hold was given up
	cancel("ann", ann, "A-A-3")
	ann, err := w.s.Booking(ctx, ann.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.pay(ann); err != nil {
		t.Fatal(err)
	}
	cancel("ann", ann, "A-A-2")
	cancel("bob", w.hold(ev, "bob", "A-A-4"))
	w.hold(ev, "cid", "A-A-5")
	if _, err := w.s.Grant(ctx, caller.Caller{UserID: organizer, Role: caller.Organizer}, "", grantOf(bookingapi.Block, "", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Seats: []string{"A-A-6"}}})); err != nil {
		t.Fatal(err)
	}
	w.verify(ev)
	for _, c := range []struct{ set, where, want string }{
		{"given_back = NULL", "user_id = 'ann'", "bookings.given_back"},
		{"given_back = '[1,2,4]'", "user_id = 'ann'", "bookings.given_back"},
		{"given_back = '[1,1]'", "user_id = 'ann'", "bookings.given_back"},
		{"given_back = '[3]'", "user_id = 'cid'", "bookings.given_back"},
		{"released_at = NULL", "user_id = 'bob'", "bookings.released_at"},
		{"released_at = released_at + 1", "user_id = 'bob'", "bookings.released_at"},
		{"price_version = -1", "user_id = 'ann'", "bookings.price_version"},
		{"price_version = 1", "payment_id = 'block'", "bookings.payment_id"},
		{"payment_id = 'block'", "user_id = 'ann'", "bookings.payment_id"},
		{"payment_id = 'x-1'", "payment_id = 'block'", "bookings.payment_id"},
		{"fees = fees + 1", "user_id = 'ann'", "bookings.fees"},
		{"fees = 0", "user_id = 'bob'", "bookings.fees"},
		{"event_id = 'x'", "user_id = 'ann'", "bookings.event_id"},
		{"", "DELETE FROM lapsing", "no row in lapsing"},
		{"", "UPDATE lapsing SET expires_at = expires_at + 1", "no row in lapsing"},
		{"", "UPDATE lapsing SET first_seq = last_seq + 1000, last_seq = last_seq + 1000", "no row in lapsing"},
	} {
		text := c.where
		if c.set != "" {
			text = "UPDATE bookings SET " + c.set + " WHERE " + c.where
		}
		undo := errors.New("undo")
		err := w.db.Write(ctx, func(tx *sql.Tx) error {
			if res, err := tx.Exec(text); err != nil {
				return err
			} else if n, _ := res.RowsAffected(); n == 0 {
				t.Errorf("%s changes nothing", text)
			}
			var diff bookingapi.Difference
			if err := audit.VerifyTx(ctx, tx, ev, audit.Beside{Plans: w}); !errors.As(err, &diff) || !strings.Contains(diff.Text, c.want) {
				t.Errorf("%s: %v, want a difference of %s", text, err, c.want)
			}
			return undo
		})
		if !errors.Is(err, undo) {
			t.Fatal(err)
		}
	}
	w.verify(ev)
}

// Bookings made before the columns existed may lack their values.
func TestVerifyOldRows(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	ev := w.event()
	ann := w.hold(ev, "ann", "A-A-1", "A-A-2")
	if _, err := w.pay(ann); err != nil {
		t.Fatal(err)
	}
	for user, b := range map[string]bookingapi.Booking{"ann": ann, "bob": w.hold(ev, "bob", "A-A-4", "A-A-5")} {
		seats := map[string][]string{"ann": {"A-A-2"}}[user]
		if _, err := w.s.Cancel(ctx, fan(user), bookingapi.Cancellation{BookingID: b.ID, Seats: seats}); err != nil {
			t.Fatal(err)
		}
	}
	w.verify(ev)
	exec := func(text string) {
		t.Helper()
		if err := w.db.Write(ctx, func(tx *sql.Tx) error { _, err := tx.Exec(text); return err }); err != nil {
			t.Fatal(err)
		}
	}
	exec(`UPDATE bookings SET released_at = NULL, given_back = NULL`)
	exec(`UPDATE migrations_booking SET tstamp = '2020-01-01 00:00:00' WHERE version_id < 4`)
	exec(`UPDATE migrations_booking SET tstamp = '2035-01-01 00:00:00' WHERE version_id = 4`)
	w.verify(ev)
	exec(`UPDATE migrations_booking SET tstamp = '2021-01-01 00:00:00' WHERE version_id = 4`)
	var diff bookingapi.Difference
	if _, err := audit.Verify(ctx, w.db, ev); !errors.As(err, &diff) {
		t.Fatalf("what was noted since then is missing: %v", err)
	}
}
