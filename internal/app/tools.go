package app

import (
	"context"
	"errors"
	"log/slog"
	"os"

	"boxoffice/internal/booking"
	"boxoffice/internal/booking/audit"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/checkin/issue"
	"boxoffice/internal/checkin/list"
	"boxoffice/internal/commands"
	"boxoffice/internal/demo"
	"boxoffice/internal/errs"
	"boxoffice/internal/event"
	"boxoffice/internal/ledger"
	"boxoffice/internal/payment"
	"boxoffice/internal/rush"
	"boxoffice/internal/settings"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/user"
)

// Office gives the commands of the command line access to this ticket office.
var Office = commands.Office{
	With: func(ctx context.Context, s settings.Storage, payments string, log *slog.Logger, fn func(*commands.Services) error) error {
		return with(ctx, s, payments, log, func(p *Parts) error { return fn(p.forCommands()) })
	},
	OpenToRead: OpenToRead,
	Ledger:     booking.Ledger,
	Verify:     Verify,
	Door:       door,
	CheckEmail: checkEmail,
	Document:   document,
}

// Rehearsal gives "rush" access to it.
var Rehearsal = rush.Office{OpenToRead: OpenToRead, Accounts: Office.Fans}

// forCommands is the services as commands see them.
func (p *Parts) forCommands() *commands.Services {
	return &commands.Services{DB: p.DB, Events: p.Events, Accounts: p.Users, Tickets: p.Tickets, Dead: p.Bus.Dead(), Bounces: p.sent, Payments: p.Payments}
}

// forDemo is the services as a demo is made with them.
func (p *Parts) forDemo() demo.Services {
	return demo.Services{DB: p.DB, Accounts: p.Users, Events: p.Events, Bookings: p.Bookings, Payments: p.Payments}
}

// with runs fn on the services over the storage, without serving.
func with(ctx context.Context, s settings.Storage, payments string, log *slog.Logger, fn func(*Parts) error) error {
	db, err := s.Open(ctx)
	if err != nil {
		return err
	}
	p, err := Build(ctx, db, Config{Log: log, Payments: payments})
	if err != nil {
		return errors.Join(err, db.Close())
	}
	err = fn(p)
	end, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	return errors.Join(err, p.Close(end))
}

// OpenToRead opens a database that exists and is of this version, to be read beside
// the processes that use it.
func OpenToRead(ctx context.Context, s settings.Storage) (*sqldb.DB, error) {
	db, err := s.OpenExisting(ctx)
	if err != nil {
		return nil, err
	}
	if err := booking.Migrate(ctx, db); err != nil { // says so when it is of another version
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// Verify replays the ledger of one event ("": of all) against the tables of the
// booking service, its bookings against the price lists of the event service, and its
// money against the payment service. The error is a bookingapi.Difference when they
// disagree.
func Verify(ctx context.Context, db *sqldb.DB, eventID string) (audit.Verified, error) {
	catalogue, err := event.OpenCatalogue(ctx, db)
	if err != nil {
		return audit.Verified{}, err
	}
	if err := payment.Migrate(ctx, db); err != nil {
		return audit.Verified{}, err
	}
	sum, err := audit.VerifyWith(ctx, db, eventID, audit.Beside{Plans: catalogue, Money: payment.Auditor{}})
	if err != nil {
		return sum, err
	}
	sum.Begun, err = payment.BegunWith(ctx, db.Reader(), eventID)
	return sum, err
}

// door reads what an entrance needs of an event; nil: there is no such event.
func door(ctx context.Context, db *sqldb.DB, eventID string) (*commands.Door, error) {
	issues, err := issue.New(ctx, issue.Config{DB: db})
	if err != nil {
		return nil, err
	}
	sales := struct {
		bookingapi.Admitting
		ledger.Source
	}{booking.Admitting(db), booking.Ledger(db)}
	tickets, err := list.Make(ctx, sales, issues, eventID, nil, db.Now())
	if errs.KindOf(err) == errs.NotFound {
		return nil, nil //nolint:nilnil // see above
	}
	if err != nil {
		return nil, err
	}
	catalogue, err := event.OpenCatalogue(ctx, db)
	if err != nil {
		return nil, err
	}
	plan, err := catalogue.Plan(ctx, tickets.PlanID, tickets.List.PlanVersion)
	return &commands.Door{List: tickets.List, Plan: plan}, err
}

// document is the OpenAPI document, from a server on an empty database that serves
// nobody.
func document(ctx context.Context) (any, error) {
	dir, err := os.MkdirTemp("", "boxoffice-openapi-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	s := &settings.Server{Storage: settings.Storage{Data: dir}}
	var found any
	err = with(ctx, s.Storage, "", slog.Default(), func(p *Parts) error {
		g, err := p.faces(s, "", true, nil, slog.Default())
		if err == nil {
			found = g.API().OpenAPI()
		}
		return err
	})
	return found, err
}

// checkEmail returns why an account cannot have an address.
func checkEmail(text string) errs.Reason {
	_, reason := user.NormalEmail(text)
	return reason
}
