package bookingapi

import "boxoffice/internal/eventapi"

// Sale is all that a decision about an event's seats needs to know of the
// event. The event service sends it to the booking service's writer whenever
// it changes; the writer keeps it in the head row and ledgers the change.
type Sale struct {
	Status           eventapi.Status `json:"status"`
	OpensAt          int64           `json:"opens_at"`  // µs since 1970; 0: as soon as it is on sale
	ClosesAt         int64           `json:"closes_at"` // µs since 1970; 0: never
	PlanID           string          `json:"plan_id"`
	PlanVersion      int64           `json:"plan_version"`
	PriceVersion     int64           `json:"price_version"` // 0: no price yet
	Currency         string          `json:"currency"`      // "" while there is no price
	Seats            int32           `json:"seats"`         // of the plan
	LimitPerCustomer int32           `json:"limit_per_customer"`
	HoldFor          int64           `json:"hold_for"` // µs
	OrganizerID      string          `json:"organizer_id"`
	EventVersion     int64           `json:"event_version"` // of the event row; older ones are ignored

	RefundsEnd       int64 `json:"refunds_end,omitempty"`        // µs since 1970: until then buyers may give seats back; 0: without an end
	ChangedAt        int64 `json:"changed_at,omitempty"`         // µs since 1970: when the event's time changed last; 0: never
	ChangedVersion   int64 `json:"changed_version,omitempty"`    // of the event, by that change; 0: unknown. Neither kept nor ledgered
	ChangeRefundsEnd int64 `json:"change_refunds_end,omitempty"` // µs since 1970: until then bookings made before ChangedAt may be given back; 0: without an end

	UnverifiedBuyers bool `json:"unverified_buyers,omitempty"` // buyers need no verified e-mail address
}

// Limits of a sale's own settings.
const (
	DefaultHold      = 8 * 60_000_000 // µs
	MinHold          = 1 * 60_000_000
	MaxHold          = 60 * 60_000_000
	DefaultPerPerson = 8
	MaxPerPerson     = 100
)

// FreeOfCharge is the version of a price list that every event has: all seats
// for nothing. Blocked and complimentary seats have it.
const FreeOfCharge int64 = -1

// Seats that an organizer takes out of the sale have one of these in place of a
// payment: blocked for nobody, or given to a guest.
const (
	Block         = "block"
	Complimentary = "complimentary"
)

// Counts are an event's seats by state.
type Counts struct {
	Free, Held, Sold int32
	Seq              int64 // ledger version at which they were counted
}
