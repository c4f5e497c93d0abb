package audit

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"boxoffice/internal/booking/tables"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/ledger"
	"boxoffice/internal/seating"
)

// Plans are the price lists and seating plans that bookings were made at.
type Plans interface {
	Plan(ctx context.Context, planID string, version int64) (*seating.Plan, error)
	Prices(ctx context.Context, eventID string, version int64) (*seating.Prices, error)
}

// claim says which booking has a seat, and until when (µs since 1970; 0: for good).
type claim struct {
	booking string
	until   int64
}

// row is a row of bookings.
type row struct {
	bookingapi.Booking
	Extended   bool
	ReleasedAt int64 // µs since 1970; 0: it was not
	GivenBack  []int32
}

const bookingColumns = `id, event_id, user_id, status, seats, created_at, expires_at, amount, fees, currency,
	plan_id, plan_version, price_version, payment_id, extended, seq, released_at, given_back`

func scanBooking(from tables.Scanner) (*row, error) {
	var r row
	var seats string
	var expires, released sql.NullInt64
	var payment, givenBack sql.NullString
	if err := from.Scan(&r.ID, &r.EventID, &r.UserID, &r.Status, &seats, &r.CreatedAt, &expires, &r.Amount, &r.Fees, &r.Currency,
		&r.PlanID, &r.PlanVersion, &r.PriceVersion, &payment, &r.Extended, &r.Seq, &released, &givenBack); err != nil {
		return nil, err
	}
	r.ExpiresAt, r.PaymentID, r.ReleasedAt = expires.Int64, payment.String, released.Int64
	var ok bool
	if r.GivenBack, ok = ledger.ParseSeats(givenBack.String); !ok && givenBack.Valid {
		return nil, fmt.Errorf("booking %s: seats given back are unreadable: %.40q", r.ID, givenBack.String)
	}
	if r.Seats, ok = ledger.ParseSeats(seats); !ok {
		return nil, fmt.Errorf("booking %s: seats are unreadable: %.40q", r.ID, seats)
	}
	return &r, nil
}

// expiry is a row of the expiry index (table lapsing): ledger entries first to last of
// an event made holds that end at the same time.
type expiry struct {
	until       int64
	eventID     string
	first, last int64
}

// without are seats that are not among others.
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

// total is the price of seats that it sells, and the fees in it, in minor units.
func (p *priceList) total(seats []int32) (amount, fees int64) {
	for _, seat := range seats {
		t := &p.tiers[p.tierOf[seat]]
		amount += t.Price
		fees += t.Fees
	}
	return amount, fees
}

func readList(ctx context.Context, plans Plans, k listKey) (*priceList, error) {
	plan, err := plans.Plan(ctx, k.planID, k.planVersion)
	if err != nil {
		return nil, fmt.Errorf("plan %s version %d: %w", k.planID, k.planVersion, err)
	}
	prices := &seating.Prices{EventID: k.eventID, Version: k.priceVersion}
	switch {
	case k.priceVersion == bookingapi.FreeOfCharge:
		free := seating.Tier{ID: "free"}
		for _, c := range plan.Categories {
			free.Categories = append(free.Categories, c.Name)
		}
		prices.Tiers = []seating.Tier{free}
	case k.priceVersion > 0:
		if prices, err = plans.Prices(ctx, k.eventID, k.priceVersion); err != nil {
			return nil, fmt.Errorf("prices of %s version %d: %w", k.eventID, k.priceVersion, err)
		}
	}
	return &priceList{tiers: prices.Tiers, tierOf: prices.Assign(plan)}, nil
}
