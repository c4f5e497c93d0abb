package bookingapi

import "boxoffice/internal/seating"

// Status is the state of a booking.
type Status string

// The states: pending → booked → cancelled; pending → cancelled or expired;
// expired → booked when it was paid late and its seats were still free, or others were
// booked instead (see Late).
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
	Seats        []int32 // ordinals of the seats that it has, or had last
	CreatedAt    int64   // µs since 1970
	ExpiresAt    int64   // µs since 1970; of the hold, 0 once booked
	Amount       int64   // all-in, minor units, of Seats
	Fees         int64   // fees and tax, part of Amount
	Tax          int64   // part of Fees; only Recent and Remembered fill it in
	Left         int64   // minor units: what was paid and has not been given back; 0 until booked
	Currency     string
	PlanID       string
	PlanVersion  int64
	PriceVersion int64   // of the prices when the seats were held
	PaymentID    string  // of the payment that booked it
	Late         Late    // whether it was paid after its hold had ended
	Held         []int32 // of OtherSeats: the seats that it had held; others were booked instead
	Seq          int64   // ledger version of its last change
	Unproved     bool    // the email address that it counts for is not verified yet
	ReadAt       int64   // µs since 1970, by the booking service's clock: when this copy was read or changed; 0 in lists
}

// Late says what was booked by a payment that came after the hold had ended.
type Late string

const (
	InTime     Late = ""
	SameSeats  Late = "same-seats"  // the seats were still free
	OtherSeats Late = "other-seats" // the best free ones of the same tiers, as the buyer had allowed
)

// An expired hold can still be paid by a payment that began at most LateStart after
// the hold's end and is confirmed at most LateConfirm after it.
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
	StartedAt int64 // µs since 1970, by the booking service's clock: when the payment began (see Booking.ReadAt); 0: unknown, so an expired hold cannot be paid

	// Alternatives allows other seats of the same price, if the hold has ended and somebody
	// else has the seats.
	Alternatives bool
}

// Place is one seat of a booking as people see it.
type Place struct {
	Seat       int32  // ordinal in the seating plan
	Label      string // unique in the plan: "101-A-12"
	SectionID  string
	Section    string       // its name
	Row        string       // "" in general admission
	Number     string       // within its row; "" in general admission
	Unnumbered bool         // general admission: a place without a seat number
	Tier       seating.Tier // with its price

	Accessible     bool
	RestrictedView bool
}
