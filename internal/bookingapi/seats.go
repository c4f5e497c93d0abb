package bookingapi

import "boxoffice/internal/seating"

// The states of a seat in texts with one character for each seat of an event.
const (
	SeatFree = '.'
	SeatHeld = 'h'
	SeatSold = 's'
)

// SectionSeats is a section of an event as lists of seats show it.
type SectionSeats struct {
	ID, Name         string
	GeneralAdmission bool
	Total, Free      int32
	Tiers            []*seating.Tier // price tiers of its seats, cheapest first; read-only
	FreeAt           []int32         // how many of Free are in each of Tiers
}

// From is the lowest price in the section, minor units.
func (s *SectionSeats) From() int64 { return s.Tiers[0].Price }

// To is the highest price in the section, minor units.
func (s *SectionSeats) To() int64 { return s.Tiers[len(s.Tiers)-1].Price }

// RowSeats is a row of a section, seat by seat, in the order in which people sit.
type RowSeats struct {
	Label string
	Free  int32
	Seats []SeatState
}

// SeatState is a seat that may be free.
type SeatState struct {
	Label, Number              string
	Free                       bool
	Price                      int64 // all-in, minor units; -1: not for sale
	Tier                       string
	Accessible, RestrictedView bool
}
