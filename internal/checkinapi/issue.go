package checkinapi

import (
	"context"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
)

// Issuing keeps which code of a seat is the current one.
type Issuing interface {
	// Issues returns the issues of bookings' seats, by booking id and seat. Seats whose
	// ticket is still the first one are left out.
	Issues(ctx context.Context, bookingIDs []string) (map[string]map[int32]Issue, error)
	// IssuesSince returns the seats of an event whose ticket was replaced after a rev, as
	// they are now, by rev, and at most limit of them.
	IssuesSince(ctx context.Context, eventID string, after int64, limit int) ([]SeatIssue, error)
	// IssueRevs returns the latest rev of events, by event id. Events without one are left
	// out.
	IssueRevs(ctx context.Context, eventIDs []string) (map[string]int64, error)
	// Reissue makes new codes for seats of a booking, and voids the ones before at once. It
	// is for the booking's owner, for the bearer of its signed link (token), for the event's
	// organizer and for admins; these two must give a reason. It returns the booking and the
	// issues of its seats. Conflict no-tickets: the booking has none; replaced-too-often.
	Reissue(ctx context.Context, c caller.Caller, token string, r ReissueRequest) (bookingapi.Order, map[int32]Issue, error)
	// Bind makes tickets those of a phone, which alone can make their codes from then on, and
	// voids the codes before at once. It is for the booking's owner and for the bearer of its
	// signed link; others get NotFound. Tickets that are the phone's already stay as they
	// are. It returns the booking and the issues of its seats. Conflict no-tickets;
	// codes-fixed: the event's codes do not rotate; bound-elsewhere: a ticket is on another
	// phone, and Move is not set; tickets-changed: see Seen; replaced-too-often. A conflict
	// changes nothing.
	Bind(ctx context.Context, c caller.Caller, token string, r BindRequest) (bookingapi.Order, map[int32]Issue, error)
	// Showing says how the tickets of an event may be shown.
	Showing(ctx context.Context, eventID string) (Showing, error)
}

// Showing says how tickets may be shown; the zero value is of nothing.
type Showing struct {
	Rotating bool // by phones that they are bound to
	Paper    bool // with codes that never change
}

// Showing says how tickets may be shown by the settings of a door.
func (s *Settings) Showing() Showing { return Showing{s.Rotates(), s.Paper || !s.Rotates()} }

// BindRequest asks to bind tickets to a phone.
type BindRequest struct {
	BookingID string
	Seats     []string // labels; none: all
	Key       []byte   // 32 bytes: the phone's Ed25519 public key
	Move      bool     // also tickets that are on another phone
	// Seen is the latest rev of the booking's issues as the caller has seen it; if they have
	// changed since, nothing is bound, so that a request that comes late does not undo a
	// later one. 0: any; errs.NotYet: there was none.
	Seen int64
}

// Issue says which code of a seat is the current one.
type Issue struct {
	Number   uint16 // 0: the first; grows by one with each replacement
	BoundKey []byte // 32 bytes of the public key of the phone that shows the ticket; nil: none
	Rev      int64  // grows with each replacement in the event
	At       int64  // µs since 1970: when it was made
	By       string // account that replaced the ticket, or BySystem; "": the bearer of the booking's link
	Reason   string
}

// BySystem is whose replacements are that no person has asked for: those of tickets that go
// to another address.
const BySystem = "system"

// SeatIssue is the issue of a booking's seat.
type SeatIssue struct {
	BookingID string
	Seat      int32
	Issue
}

// ReissueRequest asks for new codes for seats of a booking.
type ReissueRequest struct {
	BookingID string
	Seats     []string // labels; none: all
	Reason    string
	// Seen is the latest rev of the booking's issues as the caller has seen it; if they have
	// changed since, nothing happens, so that a request sent twice does it once. 0: any;
	// errs.NotYet: there was none.
	Seen int64
}
