package checkinapi

import (
	"context"

	"boxoffice/internal/caller"
)

// Did says what somebody did at an event's door.
type Did string

// What is in the log.
const (
	LogSettings   Did = "settings"   // set the rules of the door
	LogPairing    Did = "pairing"    // made a pairing code
	LogPaired     Did = "paired"     // a device was paired with it
	LogRevoked    Did = "revoked"    // revoked a device
	LogList       Did = "list"       // put a booking on a list of guests, or took it off
	LogCorrection Did = "correction" // corrected who is inside
	LogReissue    Did = "reissue"    // made new codes for tickets
)

// LogEntry is a line of the log: who did what, when and why.
type LogEntry struct {
	At        int64  // µs since 1970
	By        string // account; "": the bearer of a booking's link
	What      Did
	Device    string // name, of a pairing or a revocation
	BookingID string // of a list, a correction or a reissue
	Spot      Spot   // the seat, of a correction or a reissue
	Detail    string // settings: all of them, as JSON; pairing: the entrance; list: its name; correction: its kind; reissue: the issue
	Reason    string // of a correction or a reissue
}

// Logs tells what was done at a door by hand. It is for the event's organizer and admins.
type Logs interface {
	// Log lists at most limit entries, latest first.
	Log(ctx context.Context, c caller.Caller, eventID string, limit int) ([]LogEntry, error)
}
