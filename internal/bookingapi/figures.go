package bookingapi

import "time"

// Figures is what an event has sold at a version of its ledger. Seats that were
// given back are in none of it.
type Figures struct {
	Seq           int64 // at least this version of the ledger is in it
	Bookings      int64 // paid ones
	Seats         int64 // of them
	Amount, Fees  int64 // all-in and the part of it that is fees, minor units
	Tiers         []TierFigure
	Blocked       int64 // seats that the organizer keeps back
	Complimentary int64 // seats that were given away
}

// TierFigure is what was sold at the prices of one name.
type TierFigure struct {
	Name   string
	Seats  int64
	Amount int64 // minor units
}

// SectionFigure is the seats of a section by state.
type SectionFigure struct {
	Section          int // index in the plan
	Free, Held, Sold int32
}

// Pace is how many bookings were paid in each minute; minutes without any are
// left out.
type Pace []PaceMinute

// PaceMinute is a minute and what was paid in it.
type PaceMinute struct {
	At       time.Time // its beginning, UTC
	Bookings int64
}
