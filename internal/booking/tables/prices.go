package tables

import (
	"context"
	"fmt"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/seating"
)

// Plans is what bookings need of events: immutable plans and price lists by version.
type Plans interface {
	Plan(ctx context.Context, planID string, version int64) (*seating.Plan, error)
	Prices(ctx context.Context, eventID string, version int64) (*seating.Prices, error)
}

// ReadPrices reads a seating plan, and the price list of an event that goes with it.
// Version bookingapi.FreeOfCharge sells every seat for nothing; version 0 sells none.
func ReadPrices(ctx context.Context, plans Plans, eventID string, version int64, planID string, planVersion int64) (*seating.Plan, *seating.Prices, error) {
	plan, err := plans.Plan(ctx, planID, planVersion)
	if err != nil {
		return nil, nil, fmt.Errorf("plan %s version %d: %w", planID, planVersion, err)
	}
	prices := &seating.Prices{EventID: eventID, Version: version}
	switch {
	case version == bookingapi.FreeOfCharge:
		free := seating.Tier{ID: "free", Name: "Free of charge"}
		for _, c := range plan.Categories {
			free.Categories = append(free.Categories, c.Name)
		}
		prices.Tiers = []seating.Tier{free}
	case version > 0:
		if prices, err = plans.Prices(ctx, eventID, version); err != nil {
			return nil, nil, fmt.Errorf("prices of %s version %d: %w", eventID, version, err)
		}
	}
	return plan, prices, nil
}
