package event

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"

	"github.com/maypok86/otter/v2"

	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/seating"
	"boxoffice/internal/sqldb"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Catalogue reads the seating plans and price lists of the event service. They never
// change, so they are cached in memory. It is separate from Service because the booking
// service needs it to be built, and Service needs the booking service.
type Catalogue struct {
	db     *sqldb.DB
	plans  *otter.Cache[planKey, *seating.Plan]
	prices *otter.Cache[priceKey, *seating.Prices]
}

type planKey struct {
	id      string
	version int64
}

type priceKey struct {
	eventID string
	version int64
}

// OpenCatalogue migrates the tables of the event service.
func OpenCatalogue(ctx context.Context, db *sqldb.DB) (*Catalogue, error) {
	if err := db.Migrate(ctx, "event", migrations); err != nil {
		return nil, err
	}
	return &Catalogue{
		db: db,
		plans: otter.Must(&otter.Options[planKey, *seating.Plan]{
			MaximumWeight: 2_000_000, // seats; about 130 bytes each
			Weigher:       func(_ planKey, p *seating.Plan) uint32 { return uint32(len(p.Seats)) },
		}),
		prices: otter.Must(&otter.Options[priceKey, *seating.Prices]{MaximumSize: 10_000}),
	}, nil
}

// Plan returns a version of a seating plan, which never changes.
func (c *Catalogue) Plan(ctx context.Context, planID string, version int64) (*seating.Plan, error) {
	return c.plans.Get(ctx, planKey{planID, version}, otter.LoaderFunc[planKey, *seating.Plan](c.loadPlan))
}

// loadPlan serves all requests that wait for the plan, so it does not end when the first
// of them does.
func (c *Catalogue) loadPlan(ctx context.Context, k planKey) (*seating.Plan, error) {
	ctx = context.WithoutCancel(ctx)
	var generator string
	var seats int
	var document []byte
	err := c.db.Reader().QueryRowContext(ctx, `SELECT generator, seats, document FROM plans WHERE id = $1 AND version = $2`, k.id, k.version).
		Scan(&generator, &seats, &document)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, errs.Missing("seating plan")
	}
	if err != nil {
		return nil, fmt.Errorf("read plan: %w", err)
	}
	var p *seating.Plan
	if generator != "" {
		p, err = seating.Generate(generator, seats)
	} else {
		p, err = seating.Unpack(document)
	}
	if err != nil {
		return nil, fmt.Errorf("plan %s: %w", k.id, err)
	}
	p.ID, p.Version = k.id, k.version
	return p, nil
}

// Prices returns a version of an event's prices, which never changes.
func (c *Catalogue) Prices(ctx context.Context, eventID string, version int64) (*seating.Prices, error) {
	return c.prices.Get(ctx, priceKey{eventID, version}, otter.LoaderFunc[priceKey, *seating.Prices](c.loadPrices))
}

func (c *Catalogue) loadPrices(ctx context.Context, k priceKey) (*seating.Prices, error) {
	ctx = context.WithoutCancel(ctx)
	var doc string
	err := c.db.Reader().QueryRowContext(ctx, `SELECT document FROM prices WHERE event_id = $1 AND version = $2`, k.eventID, k.version).Scan(&doc)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, errs.Missing("price list")
	}
	if err != nil {
		return nil, fmt.Errorf("read prices: %w", err)
	}
	p := &seating.Prices{}
	if err := codec.ReadKnown([]byte(doc), p); err != nil {
		return nil, fmt.Errorf("prices of %s: %w", k.eventID, err)
	}
	return p, nil
}
