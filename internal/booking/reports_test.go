package booking

import (
	"context"
	"database/sql"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"boxoffice/internal/booking/report"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/id"
	"boxoffice/internal/seating"
	"boxoffice/internal/sqldb"
)

// Sold seats are counted at the prices at which they were sold; seats that were given
// back or taken out of the sale are not counted.
func TestFigures(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	ev, other := w.event(), w.event()
	boss := caller.Caller{UserID: organizer, Role: caller.Organizer}
	a := w.hold(ev, "u1", "A-A-1", "A-A-2")
	b := w.hold(ev, "u2", "A-A-3")
	w.hold(ev, "u3", "A-A-4") // only held
	pit, err := w.s.Hold(ctx, fan("u4"), "", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Quantity: 2, Section: "PIT"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range []bookingapi.Booking{a, b, pit, w.hold(other, "u1", "A-A-1")} {
		if _, err := w.pay(one); err != nil {
			t.Fatal(err)
		}
	}
	dearer := w.sale()
	dearer.PriceVersion, dearer.EventVersion = 2, 2
	if err := w.s.SetSales(ctx, map[string]bookingapi.Sale{ev: dearer}); err != nil {
		t.Fatal(err)
	}
	w.pass(3 * minute)
	if _, err := w.pay(w.hold(ev, "u5", "B-A-1")); err != nil {
		t.Fatal(err)
	}
	if _, err := w.s.Cancel(ctx, fan("u1"), bookingapi.Cancellation{BookingID: a.ID, Seats: []string{"A-A-1"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.s.Grant(ctx, boss, "", grantOf(bookingapi.Block, "", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Seats: []string{"A-B-1", "A-B-2"}}})); err != nil {
		t.Fatal(err)
	}
	if _, err := w.s.Grant(ctx, boss, "", grantOf(bookingapi.Complimentary, "u9", bookingapi.HoldRequest{EventID: ev, Selection: bookingapi.Selection{Seats: []string{"A-B-3"}}})); err != nil {
		t.Fatal(err)
	}

	f, err := w.s.Figures(ctx, ev)
	want := bookingapi.Figures{Seq: f.Seq, Bookings: 4, Seats: 5, Amount: 1000 + 1000 + 2*500 + 2000, Fees: 500, Blocked: 2, Complimentary: 1,
		Tiers: []bookingapi.TierFigure{{Name: "Pit", Seats: 2, Amount: 1000}, {Name: "Stalls", Seats: 3, Amount: 4000}}}
	if err != nil || !reflect.DeepEqual(f, want) {
		t.Errorf("%+v, want %+v (%v)", f, want, err)
	}
	sections, err := w.s.SectionFigures(ctx, ev)
	if err != nil || !reflect.DeepEqual(sections, []bookingapi.SectionFigure{{Section: 0, Free: 12 - 6, Held: 1, Sold: 5}, {Section: 1, Free: 3, Sold: 1}, {Section: 2, Free: 3, Sold: 2}}) {
		t.Errorf("%+v %v", sections, err)
	}
	pace, err := w.s.Pace(ctx, ev)
	if err != nil || len(pace) != 2 || pace[0].Bookings != 3 || pace[1].Bookings != 1 || pace[1].At.Sub(pace[0].At).Minutes() != 3 {
		t.Errorf("%+v %v", pace, err)
	}
	if _, err := w.pay(w.hold(ev, "u6", "B-A-2")); err != nil { // read on, not anew
		t.Fatal(err)
	}
	if pace, err = w.s.Pace(ctx, ev); err != nil || len(pace) != 2 || pace[1].Bookings != 2 {
		t.Errorf("%+v %v", pace, err)
	}
	if f, err = w.s.Figures(ctx, ev); err != nil || f.Bookings != 5 {
		t.Errorf("%+v %v", f, err)
	}

	latest, err := w.s.Latest(ctx, ev, 3)
	if err != nil || len(latest) != 3 || latest[0].UserID != "u6" || latest[1].UserID != "u9" {
		t.Errorf("%+v %v", latest, err)
	}
	found, err := w.s.ByReference(ctx, ev, id.Reference(b.ID))
	if err != nil || len(found) != 1 || found[0].ID != b.ID {
		t.Errorf("%+v %v", found, err)
	}
	if found, err = w.s.ByReference(ctx, other, id.Reference(b.ID)); err != nil || len(found) != 0 {
		t.Errorf("another event's: %+v %v", found, err)
	}
}

// The figures of an event, and the owners of its seats, are read by keys that begin with
// it.
func TestFiguresPlans(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	explain := "EXPLAIN QUERY PLAN "
	if w.db.Dialect() == sqldb.Postgres {
		explain = "EXPLAIN "
	}
	statements := report.Statements()
	for query, args := range map[string][]any{
		sqlDue: {0, "e", 1, 10, 10}, sqlExpired: {"e", 1, 10, 5},
		statements["figures"]: {"e"}, statements["prices"]: {"e"}, statements["latest"]: {"e", 10}, statements["ids"]: {"e"},
		sqlSold: {"e"}, sqlHolders: {"e", "[1,2]"},
	} {
		rows, err := w.db.Reader().QueryContext(ctx, w.db.Text(explain+query), args...)
		if err != nil {
			t.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		var plan strings.Builder
		for rows.Next() {
			cells := make([]any, len(columns))
			for i := range cells {
				cells[i] = new(any)
			}
			if err := rows.Scan(cells...); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(&plan, *cells[len(cells)-1].(*any))
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		rows.Close()
		text := plan.String()
		if strings.Contains(text, "SCAN bookings") || strings.Contains(text, "SCAN ledger") || strings.Contains(text, "SCAN b") || strings.Contains(text, "SCAN l") || strings.Contains(text, "SCAN c") || strings.Contains(text, "SCAN s") || strings.Contains(text, "Seq Scan") || strings.Contains(text, "Sort") && query == statements["latest"] {
			t.Errorf("%s\n%s", query, text)
		}
	}
}

// BenchmarkFigures counts an event with 40,000 paid bookings, as if each read came after
// another sale.
func BenchmarkFigures(b *testing.B) {
	w := newWorld(b)
	ctx := context.Background()
	ev := w.event()
	const many = 40_000
	if err := w.db.Write(ctx, func(tx *sql.Tx) error {
		for i := range many {
			bookingID := id.Booking(ev, fmt.Sprint("u", i), "k")
			if _, err := tx.ExecContext(ctx, `INSERT INTO bookings (id, event_id, user_id, status, seats, created_at, amount, fees, currency, plan_id, plan_version, price_version, extended, seq)
				VALUES ($1, $2, $3, 'booked', '[1,2]', 1, 2000, 200, 'EUR', 'plan', 1, 1, FALSE, $4)`, bookingID, ev, fmt.Sprint("u", i), i); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO ledger (event_id, seq, at, kind, booking_id, seats, amount, currency, hash)
				VALUES ($1, $2, $3, 'booked', $4, '[1,2]', 2000, 'EUR', $5)`, ev, 2+i, int64(i)*1_000_000, bookingID, make([]byte, 32)); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	b.Run("figures", func(b *testing.B) {
		for b.Loop() {
			if f, err := w.s.reports.Count(ctx, ev); err != nil || f.Bookings != many {
				b.Fatal(f, err)
			}
		}
	})
	b.Run("pace", func(b *testing.B) {
		for b.Loop() {
			if list, err := w.s.newReports().Pace(ctx, ev, many+1, false); err != nil || len(list) < many/60 {
				b.Fatal(len(list), err)
			}
		}
	})
	b.Run("reference", func(b *testing.B) {
		for b.Loop() {
			if _, err := w.s.ByReference(ctx, ev, "AAAA-AAAA"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// lonely are Plans that fail if another reader of the database is in use.
type lonely struct {
	Plans
	t  *testing.T
	db *sqldb.DB
}

func (l lonely) Prices(ctx context.Context, eventID string, version int64) (*seating.Prices, error) {
	if n := l.db.Reader().Stats().InUse; n > 0 {
		l.t.Errorf("prices are read while %d readers wait for them", n)
	}
	return l.Plans.Prices(ctx, eventID, version)
}

// Price lists are read before or after bookings, not between them: otherwise all readers
// could wait for each other forever.
func TestFiguresTakeOneReader(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	ev := w.event()
	if _, err := w.pay(w.hold(ev, "u1", "A-A-1")); err != nil {
		t.Fatal(err)
	}
	w.forget(ev)
	w.s.catalog.plans = lonely{w.s.catalog.plans, t, w.db}
	if f, err := w.s.reports.Count(ctx, ev); err != nil || f.Bookings != 1 {
		t.Errorf("%+v, %v", f, err)
	}
}
