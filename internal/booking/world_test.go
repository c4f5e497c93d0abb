package booking

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"boxoffice/internal/booking/audit"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/id"
	"boxoffice/internal/ledger"
	"boxoffice/internal/seating"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/sqldb/sqldbtest"
)

// world is a booking service on a real database, with a clock and plans that the test
// controls.
type world struct {
	t     testing.TB
	db    *sqldb.DB
	s     *Service
	clock atomic.Int64 // µs since 1970
	plan  *seating.Plan
	plans map[int64]*seating.Plan // other versions of it
	made  int
}

const minute = int64(60_000_000)

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, plan: smallPlan()}
	w.clock.Store(1_800_000_000_000_000)
	ctx := context.Background()
	db := sqldbtest.Open(t)
	w.db = db
	var err error
	if w.s, err = New(ctx, Config{DB: db, Plans: w, Now: w.now, MyClock: true}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.s.Close()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *world) now() time.Time { return time.UnixMicro(w.clock.Load()) }

// Plan and Prices implement Plans: in price version v, seats cost v times 10.00 in the
// stalls and v times 5.00 in the pit; a tenth of that is fees.
func (w *world) Plan(_ context.Context, _ string, version int64) (*seating.Plan, error) {
	if p := w.plans[version]; p != nil {
		return p, nil
	}
	return w.plan, nil
}

// Version 100+n has the same prices as version n.
func (w *world) Prices(_ context.Context, eventID string, v int64) (*seating.Prices, error) {
	n := v % 100
	return &seating.Prices{EventID: eventID, Version: v, Currency: "EUR", Tiers: []seating.Tier{
		{ID: "t1", Name: "Stalls", Price: 1000 * n, Fees: 100 * n, Categories: []string{"stalls"}},
		{ID: "t2", Name: "Pit", Price: 500 * n, Fees: 50 * n, Sections: []string{"PIT"}},
	}}, nil
}

// smallPlan has two rows of six seats in section A, one of four in B, and a
// general-admission pit of five.
func smallPlan() *seating.Plan {
	p := &seating.Plan{ID: "plan", Version: 1, Categories: []seating.Category{{Name: "stalls"}, {Name: "pit"}}}
	add := func(sec string, ga bool, rows ...int) {
		s := seating.Section{ID: sec, Name: sec, First: int32(len(p.Seats)), GeneralAdmission: ga}
		for r, n := range rows {
			row := seating.Row{Label: string(rune('A' + r)), First: int32(len(p.Seats)), Count: int32(n)}
			for i := range n {
				label := fmt.Sprintf("%s-%s-%d", sec, row.Label, i+1)
				category := uint16(0)
				if ga {
					label, category = fmt.Sprintf("%s-%d", sec, i+1), 1
				}
				p.Seats = append(p.Seats, seating.Seat{Label: label, Number: fmt.Sprint(i + 1), Category: category})
			}
			if !ga {
				s.Rows = append(s.Rows, row)
			}
		}
		s.Count = int32(len(p.Seats)) - s.First
		p.Sections = append(p.Sections, s)
	}
	add("A", false, 6, 6)
	add("B", false, 4)
	add("PIT", true, 5)
	p.Index()
	return p
}

const organizer = "organizer0000000"

// event puts a new event on sale; change may alter its sale first.
func (w *world) event(change ...func(*bookingapi.Sale)) string {
	w.t.Helper()
	w.made++
	eventID := id.FromSource("test", fmt.Sprint(w.made))
	sale := w.sale()
	for _, c := range change {
		c(&sale)
	}
	if err := w.s.SetSales(context.Background(), map[string]bookingapi.Sale{eventID: sale}); err != nil {
		w.t.Fatal(err)
	}
	return eventID
}

func (w *world) sale() bookingapi.Sale {
	return bookingapi.Sale{
		Status: eventapi.OnSale, PlanID: "plan", PlanVersion: 1, PriceVersion: 1, Currency: "EUR", Seats: int32(len(w.plan.Seats)),
		LimitPerCustomer: 4, HoldFor: 8 * minute, OrganizerID: organizer, EventVersion: 1,
	}
}

// looked completes a command as the service does: as looked up in the event's plan and
// first prices, and with caller.System if it has no caller.
func looked(c command) command {
	c.at = priceKey{c.eventID, 1, "plan", 1}
	if c.caller == (caller.Caller{}) {
		c.caller = caller.System
	}
	return c
}

func fan(name string) caller.Caller { return caller.Caller{UserID: name, Role: caller.Customer} }

// hold holds seats; the test fails if it is refused.
func (w *world) hold(eventID, user string, seats ...string) bookingapi.Booking {
	w.t.Helper()
	b, err := w.s.Hold(context.Background(), fan(user), "", bookingapi.HoldRequest{EventID: eventID, Selection: bookingapi.Selection{Seats: seats}})
	if err != nil {
		w.t.Fatalf("hold %v for %s: %v", seats, user, err)
	}
	return b
}

// pay confirms a booking with a payment of its amount.
func (w *world) pay(b bookingapi.Booking) (bookingapi.Booking, error) {
	return w.s.Confirm(context.Background(), bookingapi.Confirm{BookingID: b.ID, PaymentID: b.ID + "-1", Amount: b.Amount, Currency: b.Currency, StartedAt: w.clock.Load()})
}

func (w *world) pass(d int64) { w.clock.Add(d) }

// verify replays the ledger against the tables.
func (w *world) verify(eventID string) {
	w.t.Helper()
	if _, err := audit.VerifyWith(context.Background(), w.db, eventID, audit.Beside{Plans: w}); err != nil {
		w.t.Fatalf("verify: %v", err)
	}
	w.noted(eventID)
}

// noted checks that the janitor will find every hold once it has expired.
func (w *world) noted(eventID string) {
	w.t.Helper()
	ids, err := w.s.ids(context.Background(), `SELECT id FROM bookings b WHERE event_id = $1 AND status = 'pending' AND NOT EXISTS
		(SELECT 1 FROM lapsing n JOIN ledger l ON l.event_id = n.event_id AND l.seq BETWEEN n.first_seq AND n.last_seq AND l.until = n.expires_at
		WHERE l.booking_id = b.id AND n.expires_at = b.expires_at AND n.event_id = b.event_id)`, eventID)
	if err != nil || len(ids) > 0 {
		w.t.Fatalf("nobody will end %v, %v", ids, err)
	}
}

// expiries lists what is noted about the holds of an event.
func (w *world) expiries(eventID string) (list []expiry) {
	w.t.Helper()
	all, err := w.s.due(context.Background(), expiry{}, 1<<62)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, l := range all {
		if l.eventID == eventID {
			list = append(list, l)
		}
	}
	return list
}

// kinds returns the kinds of an event's ledger entries, without the sale entry.
func (w *world) kinds(eventID string) []ledger.Kind {
	w.t.Helper()
	entries, err := w.s.Entries(context.Background(), eventID, 0, 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	var kinds []ledger.Kind
	for _, e := range entries[1:] {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

func wantType(t testing.TB, err error, slug string) {
	t.Helper()
	if !errs.Is(err, slug) {
		t.Fatalf("error is %v, want type %s", err, slug)
	}
}

// grantOf turns a hold command into a grant of the same seats.
func grantOf(kind, userID string, r bookingapi.HoldRequest) bookingapi.Grant {
	return bookingapi.Grant{EventID: r.EventID, Kind: kind, UserID: userID, Selection: r.Selection}
}
