package booking

import (
	"context"

	"github.com/maypok86/otter/v2"

	"boxoffice/internal/booking/tables"
	"boxoffice/internal/bookingapi"
)

// Plans is what the booking service needs of events.
type Plans = tables.Plans

// priceKey names a price list spread over a plan.
type priceKey struct {
	eventID      string
	priceVersion int64
	planID       string
	planVersion  int64
}

// plan is the key of the plan alone, without prices.
func (k priceKey) plan() priceKey { return priceKey{planID: k.planID, planVersion: k.planVersion} }

// catalog caches price lists spread over their plans. Its entries never change, so
// they are never stale.
type catalog struct {
	plans  Plans
	prices *otter.Cache[priceKey, *priced]
}

func newCatalog(p Plans) *catalog {
	return &catalog{plans: p, prices: otter.Must(&otter.Options[priceKey, *priced]{MaximumSize: 2000})}
}

// peek answers from memory only: nothing is fetched while a head is locked.
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
	plan, prices, err := tables.ReadPrices(ctx, plans, k.eventID, k.priceVersion, k.planID, k.planVersion)
	if err != nil {
		return nil, err
	}
	return &priced{Prices: prices, plan: plan, tierOf: prices.Assign(plan)}, nil
}

// missing is the error of a batch that needs a price list that peek did not have.
type missing struct{ priceKey }

func (m missing) Error() string { return "booking: price list is not in memory" }

func saleKey(eventID string, s *bookingapi.Sale) priceKey {
	return priceKey{eventID, s.PriceVersion, s.PlanID, s.PlanVersion}
}

func bookingKey(b *bookingapi.Booking) priceKey {
	return priceKey{b.EventID, b.PriceVersion, b.PlanID, b.PlanVersion}
}
