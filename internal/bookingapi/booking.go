package bookingapi

import "boxoffice/internal/seating"

// Status is the state of a booking.
type Status string

// The states: pending → booked → cancelled; pending → cancelled or expired;
// expired → booked when it was paid late and its seats were still free.
const (
	Pending   Status = "pending"
	Booked    Status = "booked"
	Cancelled Status = "cancelled"
	Expired   Status = "expired"
)

// Booking is one person's seats for one event, as the booking service keeps it.
type Booking struct {
	ID           string
	EventID      string
	UserID       string
	OrganizerID  string // of the event
	Status       Status
	Seats        []int32 // ordinals; those it holds, or held last
	CreatedAt    int64   // µs since 1970
	ExpiresAt    int64   // µs since 1970; of the hold, 0 once booked
	Amount       int64   // all-in, minor units, of Seats
	Fees         int64   // part of Amount
	Currency     string
	PlanID       string
	PlanVersion  int64
	PriceVersion int64  // of the prices when the seats were held
	PaymentID    string // that booked it
	Seq          int64  // ledger version of its last change
	Unproved     bool   // nobody has shown yet that the address it counts for is its owner's
	ReadAt       int64  // µs since 1970, by the booking service's clock: when it was read or changed; 0 in lists
}

// The last moments at which money for a hold may still come: a payment that began
// at most LateStart after the hold's end, and is confirmed at most LateConfirm
// after it.
const (
	LateStart   = 2 * 60_000_000  // µs
	LateConfirm = 30 * 60_000_000 // µs
)

// Confirm asks the booking service to turn a hold into a booking because the
// money for it is authorized.
type Confirm struct {
	BookingID string
	PaymentID string
	Amount    int64 // must equal the booking's
	Currency  string
	StartedAt int64 // µs since 1970, by the booking service's clock: when the payment began (see Booking.ReadAt); 0: only a hold that lasts can be paid
}

// Place is one seat of a booking as people see it.
type Place struct {
	Seat       int32  // ordinal in the seating plan
	Label      string // unique in the plan: "101-A-12"
	SectionID  string
	Section    string       // its name
	Row        string       // "" in general admission
	Number     string       // within its row; "" in general admission
	Unnumbered bool         // general admission: nobody has to find it
	Tier       seating.Tier // with its price

	Accessible     bool
	RestrictedView bool
}
