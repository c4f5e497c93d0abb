package audit

import (
	"context"
	"slices"

	"boxoffice/internal/booking/tables"
	"boxoffice/internal/seating"
)

// claim says which booking has a seat, and until when (µs since 1970; 0: for good).
type claim struct {
	booking string
	until   int64
}

// expiry is a row of the expiry index (table lapsing): ledger entries of an event, from
// first to last, gave holds the same end.
type expiry struct {
	until       int64
	eventID     string
	first, last int64
}

// without returns the seats that are not in others.
func without(seats, others []int32) []int32 {
	return slices.DeleteFunc(slices.Clone(seats), func(n int32) bool { return slices.Contains(others, n) })
}

// listKey names a price list and the plan that it is for.
type listKey struct {
	eventID, planID           string
	priceVersion, planVersion int64
}

// priceList is a price list spread over the seats of a plan.
type priceList struct {
	tiers  []seating.Tier
	tierOf []uint8 // by seat; seating.NoTier where it has no price
}

func (p *priceList) sells(seat int32) bool {
	return seat >= 0 && int(seat) < len(p.tierOf) && int(p.tierOf[seat]) < len(p.tiers)
}

// total adds up the prices of seats, and the fees in them, in minor units.
func (p *priceList) total(seats []int32) (amount, fees int64) {
	for _, seat := range seats {
		t := &p.tiers[p.tierOf[seat]]
		amount += t.Price
		fees += t.Fees
	}
	return amount, fees
}

func readList(ctx context.Context, plans tables.Plans, k listKey) (*priceList, error) {
	plan, prices, err := tables.ReadPrices(ctx, plans, k.eventID, k.priceVersion, k.planID, k.planVersion)
	if err != nil {
		return nil, err
	}
	return &priceList{tiers: prices.Tiers, tierOf: prices.Assign(plan)}, nil
}
