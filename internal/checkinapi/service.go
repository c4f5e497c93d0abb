package checkinapi

import (
	"context"
	"iter"

	"boxoffice/internal/caller"
)

// Service is the check-in service as pages and other services may use it.
//
// Errors carry a kind and a slug; see Problems. All but Issues is for the event's organizer
// and admins: others get NotFound, and Unauthenticated (sign-in-required) when nobody is
// signed in.
type Service interface {
	Rules
	Pairings
	Visits
	Histories
	Lists
	Logs
	Issuing
}

// Rules keeps the settings of events' doors.
type Rules interface {
	// Settings returns the current settings, or the defaults with version 0.
	Settings(ctx context.Context, c caller.Caller, eventID string) (Settings, error)
	// SetSettings stores them; Invalid names the fields, as the API does. Precondition
	// changed-meanwhile: version is not the current one (0: any; errs.NotYet: there must
	// be none). Conflict entrance-in-use: a device is paired with an entrance that is
	// missing.
	SetSettings(ctx context.Context, c caller.Caller, version int64, s Settings) (Settings, error)
}

// Pairings pairs devices and revokes them.
type Pairings interface {
	// Pair makes a code with which one device can be paired within 15 minutes.
	// Conflict too-many-devices: the event has 500 that are not revoked.
	Pair(ctx context.Context, c caller.Caller, r PairingRequest) (Pairing, error)
	// Devices lists the devices of an event, latest first, revoked ones included.
	Devices(ctx context.Context, c caller.Caller, eventID string) ([]Device, error)
	// Revoke ends what a device may do, at once on all nodes. It may be called again.
	Revoke(ctx context.Context, c caller.Caller, eventID, deviceID string) (Device, error)
}

// Visits tells who is inside, and corrects it.
type Visits interface {
	Attendance(ctx context.Context, c caller.Caller, eventID string) (Attendance, error)
	// Guests finds seats that are sold by a guest's name, the booking's reference or id, or
	// the seat's label. At least two characters are needed.
	Guests(ctx context.Context, c caller.Caller, eventID, query string, limit int) ([]Visit, error)
	// Visited lists the seats that were ever inside, in the order of the plan.
	Visited(ctx context.Context, c caller.Caller, eventID string) (iter.Seq[Visit], error)
	// Correct adds a scan by hand. Conflict already-inside, not-inside, nothing-to-undo or
	// not-sold: it would change nothing, or the booking does not have the seat.
	Correct(ctx context.Context, c caller.Caller, k Correction) (Answer, error)
}
