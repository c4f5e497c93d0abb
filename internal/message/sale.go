package message

// Status is the state of an event and of its sale.
type Status string

// The stored states. An event is shown as "past" once it is over; no row says so.
const (
	Draft     Status = "draft"
	Published Status = "published" // visible, not for sale yet
	OnSale    Status = "on_sale"
	Cancelled Status = "cancelled"
)

// Sale is all that a decision about an event's seats needs to know of the
// event. The event service sends it to the booking service's writer whenever
// it changes; the writer keeps it in the head row and ledgers the change.
type Sale struct {
	Status           Status `json:"status"`
	OpensAt          int64  `json:"opens_at"`  // µs since 1970; 0: as soon as it is on sale
	ClosesAt         int64  `json:"closes_at"` // µs since 1970; 0: never
	PlanID           string `json:"plan_id"`
	PlanVersion      int64  `json:"plan_version"`
	PriceVersion     int64  `json:"price_version"` // 0: no price yet
	Currency         string `json:"currency"`      // "" while there is no price
	Seats            int32  `json:"seats"`         // of the plan
	LimitPerCustomer int32  `json:"limit_per_customer"`
	HoldFor          int64  `json:"hold_for"` // µs
	OrganizerID      string `json:"organizer_id"`
	EventVersion     int64  `json:"event_version"` // of the event row; older ones are ignored
}

// Limits of a sale's own settings.
const (
	DefaultHold      = 8 * 60_000_000 // µs
	MinHold          = 1 * 60_000_000
	MaxHold          = 60 * 60_000_000
	DefaultPerPerson = 8
	MaxPerPerson     = 100
)

// Counts are an event's seats by state.
type Counts struct {
	Free, Held, Sold int32
	Seq              int64 // ledger version at which they were counted
}
