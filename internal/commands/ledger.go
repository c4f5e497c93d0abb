package commands

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/ledger"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/settings"
)

// Verify replays ledgers against the tables.
type Verify struct {
	settings.Storage
	Event    string `help:"Only the event with this id." unset:"all events" placeholder:"ID"`
	Payments string `help:"Payment gateway that the server is started with: payments of others are counted." placeholder:"GATEWAY"`
}

// Run verifies; the error is the first difference.
func (v Verify) Run(ctx context.Context, o Office, out io.Writer) error {
	if err := settings.CheckID("--event", v.Event); err != nil {
		return err
	}
	db, err := o.OpenToRead(ctx, v.Storage)
	if err != nil {
		return err
	}
	defer db.Close()
	start := time.Now()
	sum, err := o.Verify(ctx, db, v.Event)
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
	for _, b := range sum.Begun {
		if text := begun(b, v.Payments, len(sum.Begun)); text != "" {
			fmt.Fprintln(out, text)
		}
	}
	return nil
}

// begun says that payments were begun with another gateway than the server has, or with one
// of several if nobody has said which one it has; "" if there is nothing to say.
func begun(b paymentapi.Begun, payments string, gateways int) string {
	has, _, _ := strings.Cut(payments, "=")
	if b.Gateway == "" || b.Gateway == has || has == "" && gateways < 2 {
		return ""
	}
	name := b.Gateway
	if b.Test {
		name += " (test)"
	}
	text := fmt.Sprintf("note: begun with %s: %s, %d of them under way; compared like all others", name, settings.Counted(b.Payments, "payment", "payments"), b.Open)
	if has != "" {
		text += ", but what is under way waits for that gateway, not for " + has
	}
	return text
}

// Export writes an event's ledger.
type Export struct {
	settings.Storage
	Event string `help:"The event's id." required:"" placeholder:"ID"`
}

// Run writes the ledger as NDJSON.
func (e Export) Run(ctx context.Context, o Office, out io.Writer) error {
	if err := settings.CheckID("--event", e.Event); err != nil {
		return err
	}
	db, err := o.OpenToRead(ctx, e.Storage)
	if err != nil {
		return err
	}
	defer db.Close()
	w := bufio.NewWriterSize(out, 1<<16)
	return errors.Join(ledger.Export(ctx, o.Ledger(db), e.Event, w), w.Flush())
}
