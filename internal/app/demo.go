package app

import (
	"context"
	"fmt"
	"io"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/demo"
	"boxoffice/internal/event/importer"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/settings"
)

// demo fills a database with events around today and prints the accounts to
// try them with. Done again, it gives the accounts new passwords and adds only
// what is missing.
func (p *Parts) demo(ctx context.Context, out io.Writer) error {
	if err := p.demoOnly(ctx); err != nil {
		return err
	}
	organizer, organizerPassword, err := p.Users.EnsureAccount(ctx, settings.DemoOrganizer, "Olivia Organizer", caller.Organizer)
	if err != nil {
		return err
	}
	buyer, buyerPassword, err := p.Users.EnsureAccount(ctx, "buyer@demo.example", "Ben Buyer", caller.Customer)
	if err != nil {
		return err
	}
	now := time.Now()
	file, err := demo.Events(now)
	if err != nil {
		return err
	}
	// The day is part of the source ids: tomorrow there are new events.
	if _, err := p.Events.Import(ctx, []importer.File{{Name: "demo", Data: file}}, importer.Options{OrganizerID: organizer.ID}); err != nil {
		return err
	}
	page, err := p.Events.List(ctx, caller.Caller{}, eventapi.Filter{Limit: 100})
	if err != nil {
		return err
	}
	if err := demo.Sell(ctx, page.Events, p.Bookings, p.Payments, buyer.ID, now); err != nil {
		return err
	}
	fmt.Fprintf(out, "demo accounts (e-mail, password):\n  buyer      buyer@demo.example      %s\n  organizer  organizer@demo.example  %s\n", buyerPassword, organizerPassword)
	return nil
}

// demoOnly refuses a database that has accounts or events, but is not a demo's: a
// demo adds events and gives accounts passwords that it prints.
func (p *Parts) demoOnly(ctx context.Context) error {
	var accounts, events, organizers int
	err := p.DB.Reader().QueryRowContext(ctx, `SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM events),
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
