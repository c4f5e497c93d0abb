package checkinapi

import (
	"context"

	"boxoffice/internal/caller"
)

// MaxListName is how many characters the name of a list of guests may have.
const MaxListName = 40

// Lists are lists of guests: "Press", "VIP". A list is a name that the organizer gives to
// bookings; who is on it has a seat and a ticket like everybody, and the door says the name
// when that ticket is scanned.
type Lists interface {
	// SetList puts a booking on a list, or takes it off (""), and returns the list's name as
	// it is written: that of a list which differs only in case or accents, if there is one.
	// Invalid names the field list. NotFound: there is no such booking. Conflict no-tickets:
	// it has none; too-many-lists.
	SetList(ctx context.Context, c caller.Caller, bookingID, list string) (string, error)
	// ListsOf returns the lists of bookings of an event, by booking id; nil: of all. Those
	// on none are left out.
	ListsOf(ctx context.Context, c caller.Caller, eventID string, bookingIDs []string) (map[string]string, error)
	// OnList returns the seats of a list, by guest; none, if there is no such list. Case and
	// accents of its name do not matter.
	OnList(ctx context.Context, c caller.Caller, eventID, list string) ([]Visit, error)
}
