package message

// BookingStatus is the state of a booking.
type BookingStatus string

// The states: pending → booked → cancelled; pending → cancelled or expired;
// expired → booked when it was paid late and its seats were still free.
const (
	Pending          BookingStatus = "pending"
	Booked           BookingStatus = "booked"
	BookingCancelled BookingStatus = "cancelled"
	Expired          BookingStatus = "expired"
)

// Booking is one person's seats for one event, as the booking service keeps it.
type Booking struct {
	ID           string
	EventID      string
	UserID       string
	OrganizerID  string // of the event
	Status       BookingStatus
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
}

// Confirm asks the booking service to turn a hold into a booking because the
// money for it is authorized.
type Confirm struct {
	BookingID string
	PaymentID string
	Amount    int64 // must equal the booking's
	Currency  string
}

// Place is one seat of a booking as people see it.
type Place struct {
	Label      string // unique in the plan: "101-A-12"
	SectionID  string
	Section    string // its name
	Row        string // "" in general admission
	Number     string // within its row
	Unnumbered bool   // general admission: nobody has to find it
	Tier       Tier   // with its price

	Accessible     bool
	RestrictedView bool
}
