package bookingapi

import "context"

// Admitting tells the door who owns seats. Blocked seats and seats that are only held
// belong to nobody here.
type Admitting interface {
	// Sold returns all seats of an event that are sold or given away, as of one moment.
	// NotFound: the event has no sale. It reads every row of the event: keep the answer,
	// and follow the ledger from its Seq with Holders.
	Sold(ctx context.Context, eventID string) (SoldSeats, error)
	// Holders returns the bookings that own seats now, by seat, for at most MaxHolders
	// seats. Seats that belong to nobody are left out. It is read from the database, so
	// that a change counts at once, whichever node has made it.
	Holders(ctx context.Context, eventID string, seats []int32) (map[int32]string, error)
}

// MaxHolders is how many seats Holders takes at once.
const MaxHolders = 500

// SoldSeats are the seats of an event that are sold or given away.
type SoldSeats struct {
	Seq         int64    // of the ledger
	PlanID      string   // of the seating plan that the ordinals belong to
	PlanVersion int64    // the same
	Bookings    []string // the booking of each seat, by ordinal; "": nobody
}
