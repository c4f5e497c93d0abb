package checkinapi

import (
	"context"

	"boxoffice/internal/caller"
)

// Entry is a scan as the organizer reads it afterwards.
type Entry struct {
	Ref
	Stamp
	Kind       Kind
	BookingID  string
	Seat       int32
	Spot       Spot
	DeviceName string // "": a correction by hand
	Entrance   string // id; "": none
	How        How
	Outcome    Outcome // Admitted or Refused, as it was at the door
	Reason     Reason
	Alone      bool   // the device has decided it without asking a node
	Untimed    bool   // the code changes with time, which could not be checked
	Undone     bool   // it was taken back, and does not count
	By         string // account; of a correction
	Note       string // of a correction
}

// Histories tells what was scanned of a booking. It is for the event's organizer and
// admins, like Visits.
type Histories interface {
	// History lists the scans of a booking's seats, in order, also those that were refused
	// or taken back, and those of seats that it no longer has.
	History(ctx context.Context, c caller.Caller, bookingID string) ([]Entry, error)
}
