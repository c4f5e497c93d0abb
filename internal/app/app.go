// Package app is the only place that wires. It opens the database, builds the
// services on it, gives each what it needs of the others, and puts them behind the
// gateway.
//
//	app.go      the services, in the order in which they are built
//	node.go     a node: the services at work, with their background jobs
//	faces.go    what the world sees of a node: API and pages, behind the gateway
//	serve.go    "boxoffice serve", from settings to the last answered request
//	tools.go    the other commands of the command line; command.go: those that write
package app

import (
	"context"
	"errors"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"boxoffice/internal/booking"
	"boxoffice/internal/event"
	"boxoffice/internal/jobs"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/payment"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/payment/sandbox"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/shop"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/ticket"
	"boxoffice/internal/user"
)

// Config configures the services.
type Config struct {
	Log       *slog.Logger
	PublicURL string           // links in mails begin with it
	Mailer    notifyapi.Mailer // nil: no mail is sent
	TwoFactor bool             // organizers and administrators need a second factor
	Gateway   provider.Gateway // nil: the sandbox
	Hashing   user.Hashing     // zero: as passwords need it

	Sales func(*booking.Service) event.Sales // how events see the booking service, for tests; nil: as it is
}

// Parts are the services over one database.
type Parts struct {
	DB       *sqldb.DB
	Users    *user.Service
	Events   *event.Service
	Bookings *booking.Service
	Payments *payment.Service
	Tickets  ticket.Signer
	Metrics  *prometheus.Registry
	Jobs     *jobs.Runner
}

// Build migrates the database and builds the services on it, each with those that it
// needs. A service that is needed before it is built is given as a func value.
func Build(ctx context.Context, db *sqldb.DB, cfg Config) (*Parts, error) {
	log := cfg.Log
	p := &Parts{DB: db, Metrics: prometheus.NewRegistry()}
	p.Metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	var err error
	if p.Jobs, err = jobs.New(log, p.Metrics); err != nil {
		return nil, err
	}
	if p.Tickets, err = ticket.Open(ctx, db); err != nil {
		return nil, err
	}
	catalogue, err := event.OpenCatalogue(ctx, db)
	if err != nil {
		return nil, err
	}
	accounts := func(ctx context.Context, userID string) (bool, error) { return p.Users.Exists(ctx, userID) } // built below
	if p.Bookings, err = booking.New(ctx, booking.Config{DB: db, Plans: catalogue, Metrics: p.Metrics, Log: log, Accounts: accounts}); err != nil {
		return nil, err
	}
	sales := event.Sales(p.Bookings)
	if cfg.Sales != nil {
		sales = cfg.Sales(p.Bookings)
	}
	if p.Events, err = event.New(ctx, event.Config{DB: db, Catalogue: catalogue, Sales: sales, Now: db.Now, Log: log}); err != nil {
		return nil, err
	}
	bank := cfg.Gateway
	if bank == nil {
		if bank, err = sandbox.New(ctx, db, db.Now, slowPayment); err != nil {
			return nil, err
		}
	}
	var tell payment.Tell
	if cfg.Mailer != nil {
		tell = func(ctx context.Context, list []paymentapi.Capture) ([]paymentapi.Capture, error) {
			return p.letters(cfg.Mailer, cfg.PublicURL).Paid(ctx, list)
		}
	}
	p.Payments, err = payment.New(ctx, payment.Config{
		DB: db, Bookings: p.Bookings, Gateway: bank, Tell: tell, Now: db.Now, Log: log, Metrics: p.Metrics,
	})
	if err != nil {
		return nil, err
	}
	p.Users, err = user.New(ctx, user.Config{
		DB: db, Now: db.Now, Log: log, Hashing: cfg.Hashing, Mailer: cfg.Mailer, PublicURL: cfg.PublicURL, TwoFactor: cfg.TwoFactor,
		Bookings: p.Bookings, Events: p.Events, Payments: p.Payments,
	})
	return p, err
}

// letters writes the mails about orders; their links begin with base.
func (p *Parts) letters(mailer notifyapi.Mailer, base string) *shop.Letters {
	return &shop.Letters{Orders: onPage{p}.orders(), Bookings: p.Bookings, People: p.Users, Mailer: mailer, Base: base}
}

// Close drains the services: payments under way come to a resting place, the
// writers finish what waits, and the database is closed.
func (p *Parts) Close(ctx context.Context) error {
	p.Jobs.Stop()
	err := p.Payments.Close(ctx)
	p.Bookings.Close()
	p.Users.Close()
	return errors.Join(err, p.DB.Close())
}
