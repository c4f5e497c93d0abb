// Package app is the only place that wires. It opens the database, builds the
// services on it, gives each what it needs of the others, and puts them behind
// the gateway. Commands that need no HTTP use the same Parts.
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
	"boxoffice/internal/payment"
	"boxoffice/internal/payment/sandbox"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/ticket"
	"boxoffice/internal/user"
)

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
	noPages  bool
}

// Build migrates the database and wires the services. Close ends them in order.
func Build(ctx context.Context, db *sqldb.DB, log *slog.Logger) (*Parts, error) {
	return build(ctx, db, Substitutes{}, log)
}

func build(ctx context.Context, db *sqldb.DB, sub Substitutes, log *slog.Logger) (*Parts, error) {
	p := &Parts{DB: db, Metrics: prometheus.NewRegistry(), noPages: sub.NoPages}
	p.Metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	var err error
	if p.Jobs, err = jobs.New(log, p.Metrics); err != nil {
		return nil, err
	}
	if p.Users, err = user.New(ctx, user.Config{DB: db, Now: db.Now, Hashing: sub.Hashing}); err != nil {
		return nil, err
	}
	catalogue, err := event.OpenCatalogue(ctx, db)
	if err != nil {
		return nil, err
	}
	if p.Bookings, err = booking.New(ctx, booking.Config{DB: db, Plans: catalogue, Metrics: p.Metrics, Log: log}); err != nil {
		return nil, err
	}
	sales := event.Sales(p.Bookings)
	if sub.Sales != nil {
		sales = sub.Sales(p.Bookings)
	}
	if p.Events, err = event.New(ctx, event.Config{DB: db, Catalogue: catalogue, Sales: sales, Now: db.Now, Log: log}); err != nil {
		return nil, err
	}
	p.Users.UseBookings(owned{p.Bookings, onPage{p}})
	p.Users.UseEvents(p.Events)
	p.Bookings.UseAccounts(p.Users.Exists)
	if p.Tickets, err = ticketSigner(ctx, db); err != nil {
		return nil, err
	}
	bank := sub.Gateway
	if bank == nil {
		if bank, err = sandbox.New(ctx, db, db.Now, slowPayment); err != nil {
			return nil, err
		}
	}
	if p.Payments, err = payment.New(ctx, db, p.Bookings, bank, db.Now, log); err != nil {
		return nil, err
	}
	return p, p.Payments.Instrument(p.Metrics)
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
