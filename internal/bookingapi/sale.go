package bookingapi

import "boxoffice/internal/eventapi"

// Sale is everything about an event that a decision about its seats needs. The
// event service sends it to the booking service whenever it changes; the event's
// writer stores it in the head row and records the change in the ledger.
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

	RefundsEnd       int64 `json:"refunds_end,omitempty"`        // µs since 1970: deadline for giving seats back; 0: none
	ChangedAt        int64 `json:"changed_at,omitempty"`         // µs since 1970: when the event was last rescheduled; 0: never
	ChangedVersion   int64 `json:"changed_version,omitempty"`    // event version made by that change; 0: unknown. Not stored and not in the ledger
	ChangeRefundsEnd int64 `json:"change_refunds_end,omitempty"` // µs since 1970: refund deadline for bookings made before ChangedAt; 0: none

	Terms CancelTerms `json:"terms,omitzero"` // what is kept of cancelled seats

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

// FreeOfCharge is a version of the price list that every event has and in which all
// seats cost nothing. Blocked and complimentary seats are booked with it.
const FreeOfCharge int64 = -1

// Seats that an organizer takes out of the sale have one of these values in place of
// a payment id: blocked, or given to a guest.
const (
	Block         = "block"
	Complimentary = "complimentary"
)

// Counts are an event's seats by state.
type Counts struct {
	Free, Held, Sold int32
	Seq              int64 // ledger version at which they were counted
}
