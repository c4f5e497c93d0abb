package booking

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/id"
	"boxoffice/internal/jobs"
	"boxoffice/internal/ledger"
	"boxoffice/internal/patience"
)

// sweep runs the janitor once.
func (w *world) sweep(want int) {
	w.t.Helper()
	if n, err := w.s.Sweep(context.Background()); n != want || err != nil {
		w.t.Fatalf("sweep: %d, %v; want %d", n, err, want)
	}
}

// together decides commands in one batch; the test fails if one is refused.
func (w *world) together(commands ...command) {
	w.t.Helper()
	items := make([]*item, len(commands))
	for i, c := range commands {
		items[i] = &item{Value: &job{cmd: c}}
	}
	answers, err := w.s.writers[0].settle(context.Background(), &load{items: items})
	if err != nil {
		w.t.Fatal(err)
	}
	for i, a := range answers {
		if a.err != nil {
			w.t.Fatalf("command %d: %v", i, a.err)
		}
	}
}

// A batch writes one row for each end, which is deleted when the holds have ended.
func TestExpiries(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	ev := w.event()
	a := w.hold(ev, "ann", "A-A-1")
	w.pass(minute)
	ids := []string{a.ID}
	var batch []command
	for i, user := range []string{"bob", "cem", "dee", "eva"} {
		b := id.Booking(ev, user, "")
		ids = append(ids, b)
		batch = append(batch, looked(command{do: doHold, eventID: ev, bookingID: b, caller: fan(user), seats: []int32{int32(i) + 2}}))
	}
	batch = append(batch,
		looked(command{do: doExtend, eventID: ev, bookingID: ids[0]}),
		looked(command{do: doExtend, eventID: ev, bookingID: ids[1]}),
		looked(command{do: doCancel, eventID: ev, bookingID: ids[2]}),
		looked(command{do: doGrant, eventID: ev, bookingID: id.Booking(ev, "free", ""), caller: caller.Caller{UserID: organizer, Role: caller.Organizer}, seats: []int32{11}, grant: bookingapi.Block}))
	w.together(batch...)
	w.verify(ev)
	start := a.ExpiresAt
	var ends []int64
	for _, l := range w.expiries(ev) {
		ends = append(ends, l.until-start)
	}
	if want := []int64{0, minute, extension, extension + minute}; !slices.Equal(ends, want) {
		t.Fatalf("noted are %v, want %v", ends, want)
	}

	w.clock.Store(start) // ann's first end, which is not hers any more
	w.sweep(0)
	if left := w.expiries(ev); len(left) != 3 {
		t.Errorf("left are %v", left)
	}
	if _, err := w.pay(bookingapi.Booking{ID: ids[3], Amount: 1000, Currency: "EUR"}); err != nil {
		t.Fatal(err)
	}
	w.pass(minute) // eva's; dee has paid
	w.sweep(1)
	w.sweep(0)
	w.clock.Store(start + extension - 1)
	w.sweep(0)
	if left := w.expiries(ev); len(left) != 2 {
		t.Errorf("left are %v", left)
	}
	w.pass(1)
	w.sweep(1) // ann's
	w.pass(minute)
	w.sweep(1) // bob's
	if left := w.expiries(ev); len(left) != 0 {
		t.Errorf("left are %v", left)
	}
	for i, want := range []bookingapi.Status{bookingapi.Expired, bookingapi.Expired, bookingapi.Cancelled, bookingapi.Booked, bookingapi.Expired} {
		if b, err := w.s.Booking(ctx, ids[i]); err != nil || b.Status != want {
			t.Errorf("booking %d is %s, want %s, %v", i, b.Status, want, err)
		}
	}
	w.verify(ev)
}

// If the janitor's clock is ahead of the writer's, no hold ends early, and the hold is
// found again later.
func TestSweepTooEarly(t *testing.T) {
	w := newWorld(t)
	ev := w.event()
	b := w.hold(ev, "ann", "A-A-1")
	writers := w.s.now
	w.s.now = func() time.Time { return writers().Add(time.Hour) }
	w.sweep(1)
	w.sweep(1)
	if b, err := w.s.Booking(t.Context(), b.ID); err != nil || b.Status != bookingapi.Pending {
		t.Fatalf("%+v %v", b, err)
	}
	w.verify(ev)
	w.pass(8 * minute)
	w.sweep(1)
	w.sweep(0)
	if b, err := w.s.Booking(t.Context(), b.ID); err != nil || b.Status != bookingapi.Expired {
		t.Fatalf("%+v %v", b, err)
	}
	if left := w.expiries(ev); len(left) != 0 {
		t.Errorf("left are %v", left)
	}
}

// Holds that cannot be ended are tried again and do not block others, and a very large
// number of rows after a long downtime is no problem.
func TestSweepMany(t *testing.T) {
	w := newWorld(t)
	ev := w.event()
	w.hold(ev, "ann", "A-A-1")
	const stuck, over = sweepMost + sweepRows, sweepRows * sweepLooks
	err := w.db.Write(t.Context(), func(tx *sql.Tx) error { // of an event without a sale: its commands are refused
		if _, err := tx.Exec(fmt.Sprintf(`INSERT INTO bookings (id, event_id, user_id, status, seats, created_at, expires_at, amount, fees, currency,
				plan_id, plan_version, price_version, extended, seq)
			WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
			SELECT '0000000000000abc' || substr('00000000000000000000' || i, length('' || i) + 1), '0000000000000abc', 'u', 'pending', '[1]', 1, i, 5, 0, 'EUR', 'p', 1, 1, FALSE, i FROM n`, stuck)); err != nil {
			return err
		}
		for _, text := range []string{
			`INSERT INTO ledger (event_id, seq, at, kind, booking_id, until, hash) SELECT event_id, seq, 1, 'held', id, expires_at, '' FROM bookings WHERE user_id = 'u'`,
			`INSERT INTO lapsing (expires_at, event_id, first_seq, last_seq) SELECT expires_at, event_id, seq, seq FROM bookings WHERE user_id = 'u'`,
			fmt.Sprintf(`INSERT INTO lapsing (expires_at, event_id, first_seq, last_seq)
				WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT 1000000 + i, '0000000000000abc', 1, 1 FROM n`, over),
		} {
			if _, err := tx.Exec(text); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w.pass(9 * minute)
	total := 0
	for range 4 {
		n, err := w.s.Sweep(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		total += n
	}
	if got := w.kinds(ev); !slices.Contains(got, ledger.Expired) {
		t.Errorf("the hold behind the others is not ended: %v", got)
	}
	if want := stuck + 1 + sweepMost; total != want { // three sweeps for all of them, one of those that could not be ended again
		t.Errorf("%d were proposed, want %d", total, want)
	}
	var left int
	if err := w.db.Reader().QueryRow(`SELECT count(*) FROM lapsing`).Scan(&left); err != nil || left != stuck {
		t.Errorf("%d rows are left, want %d, %v", left, stuck, err)
	}
}

// Holds made before the table existed are found in it.
func TestExpiriesOfOldHolds(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	ev := w.event()
	a, b, c := w.hold(ev, "ann", "A-A-1"), w.hold(ev, "bob", "A-A-2"), w.hold(ev, "cem", "A-A-3", "A-A-4")
	if err := w.s.Extend(ctx, a.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.pay(b); err != nil {
		t.Fatal(err)
	}
	if _, err := w.s.Swap(ctx, fan("cem"), c.ID, 0, bookingapi.Selection{Seats: []string{"A-B-1"}}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"00009_moves.sql", "00008_late.sql", "00007_terms.sql", "00006_answers.sql", "00004_people.sql", "00003_lapsing.sql"} { // back to before
		raw, err := migrations.ReadFile("migrations/" + name)
		if err != nil {
			t.Fatal(err)
		}
		_, down, _ := strings.Cut(string(raw), "-- +goose Down")
		if err := w.db.Write(ctx, func(tx *sql.Tx) error { _, err := tx.Exec(w.db.Text(down)); return err }); err != nil {
			t.Fatal(err)
		}
	}
	err := w.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec("DELETE FROM migrations_booking WHERE version_id >= 3; UPDATE schema_versions SET version = 2 WHERE service = 'booking'")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := Migrate(ctx, w.db); err != nil {
		t.Fatal(err)
	}
	if list := w.expiries(ev); len(list) != 2 {
		t.Errorf("%v", list)
	}
	w.verify(ev)
	w.pass(30 * minute)
	w.sweep(2)
	if left := w.expiries(ev); len(left) != 0 {
		t.Errorf("left are %v", left)
	}
	w.verify(ev)
}

// A panic in the janitor ends everything that it runs, so that its owner can restart it.
func TestJanitorEndsWithAPanic(t *testing.T) {
	w := newWorld(t)
	w.s.unverified = nil
	ended := make(chan error, 1)
	go func() { ended <- jobs.Catch(func() error { return w.s.Run(t.Context()) }) }()
	select {
	case err := <-ended:
		var caught *jobs.Panic
		if !errors.As(err, &caught) {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(patience.Long):
		t.Error("it hangs")
	}
}
