package booking

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"

	"boxoffice/internal/booking/audit"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/id"
	"boxoffice/internal/seating"
)

// change hands over a new state of an event's sale.
func (w *world) change(eventID string, version int64, change func(*bookingapi.Sale)) error {
	w.t.Helper()
	s := w.sale()
	s.EventVersion = version
	change(&s)
	return w.s.SetSales(context.Background(), map[string]bookingapi.Sale{eventID: s})
}

// A hold that expired under one plan is never paid under another: its ordinals
// mean other seats there, or none. Expired holds do not keep the plan from changing.
func TestPlanChangesUnderAnExpiredHold(t *testing.T) {
	w := newWorld(t)
	ev := w.event()
	a := w.hold(ev, "ann", "B-A-1", "B-A-4")
	w.pass(8 * minute)
	small := smallPlan()
	small.Version, small.Sections, small.Seats = 2, small.Sections[:1], small.Seats[:12]
	small.Index()
	w.plans = map[int64]*seating.Plan{2: small}
	if err := w.change(ev, 2, func(s *bookingapi.Sale) { s.PlanVersion, s.Seats = 2, 12 }); err != nil {
		t.Fatalf("the plan cannot change although nobody has seats: %v", err)
	}
	_, err := w.pay(a)
	wantType(t, err, "paid-too-late")
	w.verify(ev)
	w.forget(ev)
	b := w.hold(ev, "bob", "A-A-1")
	if b.PlanVersion != 2 {
		t.Errorf("held in plan version %d", b.PlanVersion)
	}
	wantType(t, w.change(ev, 3, func(*bookingapi.Sale) {}), "plan-in-use")
	w.verify(ev)
}

// A hold that expired cannot be paid at a price that is not current, nor with an old
// price list, even if the prices are equal.
func TestPricesChangeUnderAnExpiredHold(t *testing.T) {
	for _, change := range []func(*bookingapi.Sale){
		func(s *bookingapi.Sale) { s.PriceVersion = 10 },
		func(s *bookingapi.Sale) { s.PriceVersion += 100 },
		func(s *bookingapi.Sale) { s.PriceVersion, s.Currency = 10, "USD" },
	} {
		w := newWorld(t)
		ev := w.event()
		a := w.hold(ev, "ann", "A-A-1")
		w.pass(8 * minute)
		if err := w.change(ev, 2, change); err != nil {
			t.Fatal(err)
		}
		_, err := w.pay(a)
		wantType(t, err, "paid-too-late")
		w.verify(ev)
	}
}

// A selection that was looked up in another plan or price list is looked up again, and
// its ordinals are not used with the new one.
func TestCommandsAreLookedUpAgain(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	ev := w.event()
	if _, err := bookingapi.One(ctx, w.s.Counts, "event", ev); err != nil {
		t.Fatal(err)
	}
	other := smallPlan() // the rows of A change places
	for i := range 6 {
		other.Seats[i].Label, other.Seats[i+6].Label = other.Seats[i+6].Label, other.Seats[i].Label
	}
	other.Version = 2
	other.Index()
	w.plans = map[int64]*seating.Plan{2: other}
	old := w.s.views.peek(ev)
	if err := w.change(ev, 2, func(s *bookingapi.Sale) { s.PlanVersion, s.PriceVersion = 2, 2 }); err != nil {
		t.Fatal(err)
	}
	stale := looked(command{do: doHold, eventID: ev, bookingID: ev + "aaaaaaaaaaaaaaaaaaaa", caller: fan("ann"), seats: []int32{0}})
	if _, err := w.s.submit(ctx, &stale); !errors.Is(err, errLookAgain) {
		t.Fatalf("ordinals of another plan are taken: %v", err)
	}
	stale.seats, stale.quantity, stale.section, stale.tier = nil, 1, 0, 0
	if _, err := w.s.submit(ctx, &stale); !errors.Is(err, errLookAgain) {
		t.Fatalf("a tier of other prices is taken: %v", err)
	}
	w.s.views.keep(old) // as on a node that has not heard of it
	a := w.hold(ev, "ann", "A-A-1")
	if len(a.Seats) != 1 || a.Seats[0] != 6 || a.PlanVersion != 2 || a.Amount != 2000 {
		t.Errorf("held %+v", a)
	}
	w.s.views.keep(old)
	if a, err := w.s.Swap(ctx, fan("ann"), a.ID, 0, bookingapi.Selection{Seats: []string{"A-B-1"}}); err != nil || a.Seats[0] != 0 {
		t.Errorf("swapped: %+v, %v", a, err)
	}
	w.verify(ev)
}

// Cancelling is always accepted, whatever plan or currency the event names.
func TestCancellingIsAlwaysAccepted(t *testing.T) {
	w := newWorld(t)
	ev := w.event()
	w.hold(ev, "ann", "A-A-1")
	wantType(t, w.change(ev, 2, func(s *bookingapi.Sale) { s.PlanVersion = 2 }), "plan-in-use")
	wantType(t, w.change(ev, 2, func(s *bookingapi.Sale) { s.Currency = "USD" }), "currency-in-use")
	if err := w.change(ev, 2, func(s *bookingapi.Sale) {
		s.Status, s.PlanID, s.PlanVersion, s.Currency, s.PriceVersion, s.Seats = eventapi.Cancelled, "lost", 7, "USD", 9, 3
	}); err != nil {
		t.Fatal(err)
	}
	w.verify(ev)
	if err := w.s.cancelAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c, err := bookingapi.One(t.Context(), w.s.Counts, "event", ev); err != nil || c.Held != 0 {
		t.Errorf("%+v, %v", c, err)
	}
	w.verify(ev)
}

// A cancelled event whose bookings cannot all be cancelled does not block other events.
func TestStuckCancellationIsAlone(t *testing.T) {
	w := newWorld(t)
	events := []string{w.event(), w.event(), w.event()}
	for i, ev := range events {
		w.hold(ev, "ann", "A-A-1")
		if i == 1 {
			continue
		}
		if err := w.db.Write(t.Context(), func(tx *sql.Tx) error { // of a booking that is not there
			_, err := tx.Exec(`INSERT INTO claims (event_id, seat, booking_id) VALUES ($1, 5, $2)`, ev, id.Booking(ev, "nobody", "lost"))
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	for _, ev := range events {
		if err := w.change(ev, 2, func(s *bookingapi.Sale) { s.Status = eventapi.Cancelled }); err != nil {
			t.Fatal(err)
		}
	}
	err := w.s.cancelAll(t.Context())
	if err == nil || strings.Contains(err.Error(), events[1]) || !strings.Contains(err.Error(), events[0]) || !strings.Contains(err.Error(), events[2]) {
		t.Errorf("%v", err)
	}
	var left int
	if err := w.db.Reader().QueryRow(`SELECT count(*) FROM claims`).Scan(&left); err != nil || left != 2 {
		t.Errorf("%d claims are left, %v", left, err)
	}
}

// Wrong rows affect only themselves: no index is out of range, nothing panics, and other
// events go on.
func TestWrongRowsHurtOnlyThemselves(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	ev, fine := w.event(), w.event()
	a := w.hold(ev, "ann", "A-A-1")
	w.hold(ev, "bob", "A-A-2")
	err := w.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`UPDATE bookings SET seats = '[0,999]' WHERE id = $1`, a.ID)
		if err == nil {
			_, err = tx.Exec(`INSERT INTO claims (event_id, seat, booking_id) VALUES ($1, 999, $2)`, ev, a.ID)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	w.forget(ev)
	if _, err := bookingapi.One(ctx, w.s.Counts, "event", ev); err != nil {
		t.Errorf("the view: %v", err)
	}
	list, err := w.s.List(ctx, bookingapi.Filter{EventID: ev, Limit: 10})
	if err != nil || len(list) != 2 {
		t.Fatalf("%d, %v", len(list), err)
	}
	for i := range list {
		if _, err := w.s.body(ctx, &list[i]); err != nil {
			t.Errorf("a body: %v", err)
		}
	}
	for i := range list {
		if _, err := w.s.Orders(ctx, list[i:i+1]); (err == nil) == (list[i].ID == a.ID) {
			t.Errorf("order: %v", err)
		}
	}
	if _, err := w.s.Figures(ctx, ev); err != nil {
		t.Errorf("figures: %v", err)
	}
	_, _ = w.pay(a)
	_, _ = w.s.Swap(ctx, fan("ann"), a.ID, 0, bookingapi.Selection{Quantity: 1})
	w.pass(8 * minute)
	_, _ = w.s.Sweep(ctx)
	w.hold(fine, "cem", "A-A-1")
	w.verify(fine)
}

// panicky panics when a booking's row is read.
type panicky struct {
	storeTx
	booking string
}

func (p panicky) bookings(ctx context.Context, ids []string) ([]*record, error) {
	for _, id := range ids {
		if id == p.booking {
			panic("a bug")
		}
	}
	return p.storeTx.bookings(ctx, ids)
}

// Only the command that makes the writer panic fails; the others in its batch succeed.
func TestPanicInABatch(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	ev := w.event()
	a, b := w.hold(ev, "ann", "A-A-1"), w.hold(ev, "bob", "A-A-2")
	wr := w.s.writers[hashOf(ev)%uint32(len(w.s.writers))]
	real := wr.store
	wr.store = liar{real, func(tx storeTx) storeTx { return panicky{tx, a.ID} }}
	results := make(chan error)
	for _, one := range []bookingapi.Booking{a, b} {
		go func() {
			_, err := w.s.Cancel(ctx, fan(one.UserID), bookingapi.Cancellation{BookingID: one.ID})
			results <- fmt.Errorf("%s: %w", one.UserID, err)
		}()
	}
	failed := 0
	for range 2 {
		if err := <-results; errors.Unwrap(err) != nil {
			failed++
			if errors.Unwrap(err).Error() != "panic: a bug" {
				t.Errorf("failed with %v", err)
			}
		}
	}
	if failed != 1 {
		t.Errorf("%d commands failed", failed)
	}
	var counted dto.Metric
	if err := w.s.metrics.panics.WithLabelValues("writer").Write(&counted); err != nil || counted.GetCounter().GetValue() < 1 {
		t.Errorf("panics were not counted: %v", err)
	}
	wr.store = real
	if _, err := w.s.Cancel(ctx, fan("ann"), bookingapi.Cancellation{BookingID: a.ID}); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	w.verify(ev)
}

// Verify finds bookings whose versions are not the event's, and seats that two
// live bookings name.
func TestVerifyFindsVersions(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	ev := w.event()
	w.hold(ev, "ann", "A-A-1")
	w.hold(ev, "bob", "A-A-2")
	w.verify(ev)
	for _, text := range []string{
		`UPDATE bookings SET plan_version = 2 WHERE user_id = 'ann'`,
		`UPDATE bookings SET plan_id = 'x' WHERE user_id = 'ann'`,
		`UPDATE bookings SET price_version = 7 WHERE user_id = 'ann'`,
		`UPDATE bookings SET seats = '[1]' WHERE user_id = 'ann'`,
		`UPDATE bookings SET released_at = 5 WHERE user_id = 'ann'`,
	} {
		undo := errors.New("undo")
		err := w.db.Write(ctx, func(tx *sql.Tx) error {
			if _, err := tx.Exec(text); err != nil {
				return err
			}
			var diff bookingapi.Difference
			if err := audit.VerifyTx(t.Context(), tx, ev, audit.Beside{Plans: w}); !errors.As(err, &diff) {
				t.Errorf("%s is not found: %v", text, err)
			}
			return undo
		})
		if !errors.Is(err, undo) {
			t.Fatal(err)
		}
	}
}
