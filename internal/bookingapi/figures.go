package bookingapi

import "time"

// Figures is what an event has sold as of a version of its ledger. Seats that were
// given back are not counted.
type Figures struct {
	Seq           int64 // the figures include the ledger up to here, and perhaps more
	Bookings      int64 // paid bookings
	Seats         int64 // in paid bookings
	Amount, Fees  int64 // all-in amount, and the fees in it, minor units
	Tiers         []TierFigure
	Blocked       int64 // seats that the organizer has blocked
	Complimentary int64 // seats that were given away
}

// TierFigure is what was sold in all tiers of one name.
type TierFigure struct {
	Name   string
	Seats  int64
	Amount int64 // minor units
}

// SectionFigure counts the seats of a section by state.
type SectionFigure struct {
	Section          int // index in the plan
	Free, Held, Sold int32
}

// Pace is how many bookings were paid in each minute; minutes without any are
// left out.
type Pace []PaceMinute

// PaceMinute is how many bookings were paid in one minute.
type PaceMinute struct {
	At       time.Time // its beginning, UTC
	Bookings int64
}
