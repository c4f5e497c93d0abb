package app

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"time"

	"boxoffice/internal/booking/audit"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/event"
	"boxoffice/internal/payment"
	"boxoffice/internal/settings"
	"boxoffice/internal/sqldb"
)

// Verify replays ledgers against the tables.
type Verify struct {
	settings.Storage
	Event string `help:"Only the event with this id." unset:"all events" placeholder:"ID"`
}

// Run verifies; the error is the first difference.
func (v Verify) Run(ctx context.Context, out io.Writer) error {
	if err := settings.CheckID("--event", v.Event); err != nil {
		return err
	}
	db, err := OpenToRead(ctx, v.Storage)
	if err != nil {
		return err
	}
	defer db.Close()
	start := time.Now()
	sum, err := VerifyAll(ctx, db, v.Event)
	var diff bookingapi.Difference
	if errors.As(err, &diff) {
		return fmt.Errorf("the ledger and the tables disagree: %w", err)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "ok: %s of %s replay to %s, %s and %s (%s)\n",
		settings.Counted(sum.Entries, "ledger entry", "ledger entries"), settings.Counted(sum.Events, "event", "events"),
		settings.Counted(sum.Bookings, "booking", "bookings"), settings.Counted(sum.Claims, "claim", "claims"),
		settings.Counted(sum.Payments, "payment", "payments"), time.Since(start).Round(time.Millisecond))
	return nil
}

// Verified says what a verification has seen.
type Verified struct {
	audit.Verified
	Payments int64
}

// VerifyAll replays the ledger of one event ("": of all) against the tables of the
// Booking Service, its bookings against the price lists of the Event Service, and its
// money against the Payment Service. The error is a bookingapi.Difference when they
// disagree.
func VerifyAll(ctx context.Context, db *sqldb.DB, eventID string) (Verified, error) {
	catalogue, err := event.OpenCatalogue(ctx, db)
	if err != nil {
		return Verified{}, err
	}
	if err := payment.Migrate(ctx, db); err != nil {
		return Verified{}, err
	}
	var sum Verified
	if eventID == "" {
		if err := payment.Misplaced(ctx, db.Reader()); err != nil {
			return sum, err
		}
	}
	known := map[string]bool{}
	sum.Verified, err = audit.VerifyWith(ctx, db, eventID, audit.Beside{Plans: catalogue,
		Bills: func(ctx context.Context, tx *sql.Tx, eventID string, bills map[string]*bookingapi.Bill) error {
			known[eventID] = true
			n, err := payment.Audit(ctx, tx, eventID, bills)
			sum.Payments += n
			return err
		}})
	if err != nil || eventID != "" {
		return sum, err
	}
	// An event that was made since then has nothing that could differ.
	paid, err := payment.Events(ctx, db.Reader())
	for _, id := range paid {
		if known[id] {
			continue
		}
		switch has, err := audit.HasSale(ctx, db, id); {
		case err != nil:
			return sum, err
		case !has:
			return sum, payment.AuditUnsold(ctx, db.Reader(), id)
		}
	}
	return sum, err
}
