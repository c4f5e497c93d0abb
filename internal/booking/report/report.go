// Package report counts what an event has sold, for its organizer: figures from the
// bookings (figures.go), and the pace of the sale from the ledger (pace.go). Both are
// cached in memory and brought up to date when the ledger has grown.
package report

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/id"
	"boxoffice/internal/ledger"
	"boxoffice/internal/seating"
	"boxoffice/internal/sqldb"
)

// Config configures the reports.
type Config struct {
	DB     *sqldb.DB
	Ledger ledger.Source
	Now    func() time.Time
	// Tiers returns the price list at which a booking was sold: of returns a seat's tier.
	Tiers func(ctx context.Context, b *bookingapi.Booking) (of func(seat int32) *seating.Tier, err error)
}

// Reports makes the reports of all events. The counts of an event are kept for a while.
type Reports struct {
	Config
	tallies *otter.Cache[string, *tally] // by event id
}

// New returns reports that have not counted anything yet.
func New(cfg Config) *Reports {
	return &Reports{cfg, otter.Must(&otter.Options[string, *tally]{MaximumSize: 1000})}
}

// Statements returns the package's SQL statements by name, for the test of their plans.
func Statements() map[string]string {
	return map[string]string{"figures": sqlFigures, "prices": sqlPricesOf, "latest": sqlLatest, "ids": sqlIDs}
}

// tally holds the counts of one event.
type tally struct {
	counting sync.Mutex // guards figures and rests
	figures  *bookingapi.Figures
	rests    time.Time // figures are not counted anew before this

	follower *ledger.Follower // feeds pace
	pace     pace
}

func (r *Reports) tally(eventID string) *tally {
	t := &tally{pace: pace{minutes: map[int64]sold{}}}
	t.follower = ledger.NewFollower(r.Ledger, &t.pace)
	t, _ = r.tallies.SetIfAbsent(eventID, t)
	return t
}

// By the ledger's primary key, backwards.
const sqlLatest = `SELECT booking_id FROM ledger WHERE event_id = $1 AND kind IN ('booked', 'cancelled') ORDER BY seq DESC LIMIT $2`

// Latest lists the bookings of an event that were paid or cancelled last, latest
// change first.
func (r *Reports) Latest(ctx context.Context, eventID string, limit int) ([]string, error) {
	ids, err := sqldb.Texts(ctx, r.DB.Reader(), sqlLatest, eventID, 2*limit) // some bookings appear twice
	if err != nil {
		return nil, fmt.Errorf("list latest bookings: %w", err)
	}
	seen := map[string]bool{}
	var out []string
	for _, bookingID := range ids {
		if !seen[bookingID] && len(out) < limit {
			seen[bookingID] = true
			out = append(out, bookingID)
		}
	}
	return out, nil
}

// By bookings_by_event.
const sqlIDs = `SELECT id FROM bookings WHERE event_id = $1 COLLATE "C"`

// ByReference lists an event's bookings that have a reference. A reference is a hash of
// the id, so this reads all ids of the event, from an index alone.
func (r *Reports) ByReference(ctx context.Context, eventID, reference string) ([]string, error) {
	rows, err := r.DB.Reader().QueryContext(ctx, r.DB.Text(sqlIDs), eventID)
	if err != nil {
		return nil, fmt.Errorf("find booking: %w", err)
	}
	defer rows.Close()
	var found []string
	for rows.Next() {
		var bookingID string
		if err := rows.Scan(&bookingID); err != nil {
			return nil, fmt.Errorf("find booking: %w", err)
		}
		if id.Reference(bookingID) == reference {
			found = append(found, bookingID)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("find booking: %w", err)
	}
	return found, nil
}
