package bookingapi

import (
	"context"

	"boxoffice/internal/caller"
)

// Organizing gives seats and money back to buyers for an event's organizer, and moves them
// to other seats. For callers who do not organize the event, a booking is NotFound.
type Organizing interface {
	// CancelFor cancels sold seats of a buyer, whatever the deadline, and gives back what
	// they cost or, if ByTerms, what the buyer would get now. Seats that were given back
	// before are ignored. Conflict not-sold: the booking is not sold.
	CancelFor(ctx context.Context, caller caller.Caller, c OrganizerCancellation) (Booking, error)
	// GiveBack gives back a part of what was paid for a booking, while its seats stay.
	// Conflict refund-differs: something else is left of the money than the caller has
	// seen, so that a repeated request gives nothing back twice. Conflict not-sold.
	GiveBack(ctx context.Context, caller caller.Caller, g Goodwill) (Booking, error)
	// Reseat moves a booked booking to other seats, as many and each at the price of one
	// that it has; the money stays as it is. A repeated request changes nothing. Owners are
	// mailed their tickets again. Conflict seats-taken names the seats that others have;
	// price-differs; not-sold, booking-cancelled or event-cancelled.
	Reseat(ctx context.Context, caller caller.Caller, r Reseating) (Booking, error)
	// Reasons are the reasons that organizers gave for entries of an event's ledger, by seq.
	// Entries without one are left out.
	Reasons(ctx context.Context, eventID string, seqs []int64) (map[int64]string, error)
	// ReasonsOf are the reasons for what happened to a booking, oldest first.
	ReasonsOf(ctx context.Context, bookingID string) ([]Reason, error)
}

// OrganizerCancellation says what an organizer cancels.
type OrganizerCancellation struct {
	Cancellation
	ByTerms bool   // what the terms keep is kept
	Reason  string // for the buyer
}

// Goodwill is money that an organizer gives back while the seats stay.
type Goodwill struct {
	BookingID string
	Version   int64 // Seq of the booking that the caller has seen; 0: any
	Amount    int64 // minor units
	Left      int64 // minor units: what is left of the money, as the caller has seen it
	Reason    string
}

// Reseating moves a booking to other seats.
type Reseating struct {
	BookingID string
	Version   int64    // Seq of the booking that the caller has seen; 0: any
	Seats     []string // labels of all seats that it has afterwards
	Reason    string   // for the buyer
}

// Move is a booking that was moved to other seats, for the mail to its owner.
type Move struct {
	Booking         // as it is now
	Seq     int64   // entry of the event's ledger that moved it
	From    []int32 // ordinals of the seats that it had and has no longer
	Reason  string
	To      Recipient // of a gift without an account
	Link    string    // signed path of the order's page
}

// Reason is why an organizer gave something back, or moved a booking.
type Reason struct {
	Seq    int64   // entry of the event's ledger
	At     int64   // µs since 1970
	Amount int64   // minor units that go back
	Seats  int     // how many were cancelled; 0: none
	From   []int32 // of a move to other seats: ordinals of those that it had; else empty
	Text   string
}

// MaxReason is the length of a reason.
const MaxReason = 300
