package booking

import (
	"context"
	"fmt"

	"github.com/maypok86/otter/v2"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/seating"
)

// Plans is what the booking service needs of events: immutable plans and price
// lists by version.
type Plans interface {
	Plan(ctx context.Context, planID string, version int64) (*seating.Plan, error)
	Prices(ctx context.Context, eventID string, version int64) (*seating.Prices, error)
}

// priceKey names a price list spread over a plan.
type priceKey struct {
	eventID      string
	priceVersion int64
	planID       string
	planVersion  int64
}

// plan is the key's plan alone.
func (k priceKey) plan() priceKey { return priceKey{planID: k.planID, planVersion: k.planVersion} }

// catalog keeps price lists spread over their plans. All of it is immutable, so
// that a miss is the only thing that can be wrong with it.
type catalog struct {
	plans  Plans
	prices *otter.Cache[priceKey, *priced]
}

func newCatalog(p Plans) *catalog {
	return &catalog{plans: p, prices: otter.Must(&otter.Options[priceKey, *priced]{MaximumSize: 2000})}
}

// peek answers from memory only: under a head's lock nothing is fetched.
func (c *catalog) peek(k priceKey) (*priced, bool) { return c.prices.GetIfPresent(k) }

// load fetches a price list and its plan.
func (c *catalog) load(ctx context.Context, k priceKey) (*priced, error) {
	if p, ok := c.peek(k); ok {
		return p, nil
	}
	p, err := spread(ctx, c.plans, k)
	if err == nil {
		c.prices.Set(k, p)
	}
	return p, err
}

// spread fetches a price list and its plan from the event service.
func spread(ctx context.Context, plans Plans, k priceKey) (*priced, error) {
	plan, err := plans.Plan(ctx, k.planID, k.planVersion)
	if err != nil {
		return nil, fmt.Errorf("plan %s version %d: %w", k.planID, k.planVersion, err)
	}
	prices := &seating.Prices{EventID: k.eventID, Version: k.priceVersion}
	switch {
	case k.priceVersion == bookingapi.FreeOfCharge:
		prices.Tiers = []seating.Tier{{ID: "free", Name: "Free of charge", Categories: categoryNames(plan)}}
	case k.priceVersion > 0:
		if prices, err = plans.Prices(ctx, k.eventID, k.priceVersion); err != nil {
			return nil, fmt.Errorf("prices of %s version %d: %w", k.eventID, k.priceVersion, err)
		}
	}
	return &priced{Prices: prices, plan: plan, tierOf: prices.Assign(plan)}, nil
}

func categoryNames(p *seating.Plan) []string {
	names := make([]string, len(p.Categories))
	for i, c := range p.Categories {
		names[i] = c.Name
	}
	return names
}

// missing is the error of a batch that needs something that peek did not have.
type missing struct{ priceKey }

func (m missing) Error() string { return "booking: price list is not in memory" }

func saleKey(eventID string, s *bookingapi.Sale) priceKey {
	return priceKey{eventID, s.PriceVersion, s.PlanID, s.PlanVersion}
}

func bookingKey(b *bookingapi.Booking) priceKey {
	return priceKey{b.EventID, b.PriceVersion, b.PlanID, b.PlanVersion}
}
