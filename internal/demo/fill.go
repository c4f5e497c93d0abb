package demo

import (
	"context"
	"fmt"
	"io"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/event/importer"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/settings"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/userapi"
)

// Services are what a demo is made with.
type Services struct {
	DB       *sqldb.DB
	Accounts Accounts
	Events   Events
	Bookings Bookings
	Payments Payments
}

// Accounts is what the demo needs of the user service.
type Accounts interface {
	EnsureAccount(ctx context.Context, email, name string, role caller.Role) (a userapi.Account, password string, err error)
}

// Events is what the demo needs of the event service.
type Events interface {
	Import(ctx context.Context, files []importer.File, opts importer.Options) (importer.Result, error)
	List(ctx context.Context, c caller.Caller, f eventapi.Filter) (eventapi.Page, error)
}

// Fill fills a database with events around today and prints the accounts to
// try them with. Done again, it gives the accounts new passwords and adds only
// what is missing.
func Fill(ctx context.Context, s Services, out io.Writer) error {
	if err := CheckDatabase(ctx, s.DB); err != nil {
		return err
	}
	organizer, organizerPassword, err := s.Accounts.EnsureAccount(ctx, settings.DemoOrganizer, "Olivia Organizer", caller.Organizer)
	if err != nil {
		return err
	}
	buyer, buyerPassword, err := s.Accounts.EnsureAccount(ctx, "buyer@demo.example", "Ben Buyer", caller.Customer)
	if err != nil {
		return err
	}
	now := time.Now()
	imported, err := file(now)
	if err != nil {
		return err
	}
	// The day is part of the source ids: tomorrow there are new events.
	if _, err := s.Events.Import(ctx, []importer.File{{Name: "demo", Data: imported}}, importer.Options{OrganizerID: organizer.ID}); err != nil {
		return err
	}
	page, err := s.Events.List(ctx, caller.Caller{}, eventapi.Filter{Limit: 100})
	if err != nil {
		return err
	}
	if err := sellShares(ctx, page.Events, s.Bookings, s.Payments, buyer.ID, now); err != nil {
		return err
	}
	fmt.Fprintf(out, "demo accounts (email, password):\n  buyer      buyer@demo.example      %s\n  organizer  organizer@demo.example  %s\n", buyerPassword, organizerPassword)
	return nil
}

// CheckDatabase refuses a database that has accounts or events, but is not a demo's: a
// demo adds events and gives accounts passwords that it prints.
func CheckDatabase(ctx context.Context, db *sqldb.DB) error {
	var accounts, events, organizers int
	err := db.Reader().QueryRowContext(ctx, `SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM events),
		(SELECT count(*) FROM users WHERE email = $1 AND role = 'organizer')`, settings.DemoOrganizer).Scan(&accounts, &events, &organizers)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if accounts+events > 0 && organizers == 0 {
		return settings.BadFlag("--demo", "this database is not a demo's (%s, %s): use an empty one, such as --data demo-data",
			settings.Counted(accounts, "account", "accounts"), settings.Counted(events, "event", "events"))
	}
	return nil
}
