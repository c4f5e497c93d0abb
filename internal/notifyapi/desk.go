package notifyapi

import (
	"context"
	"time"

	"boxoffice/internal/caller"
)

// State is what became of a notice.
type State string

// The states. Only queued ones change, and text messages that are sent: the provider may
// report that they were delivered, or failed.
const (
	StateQueued    State = "queued"    // it will be sent, or is tried again
	StateSent      State = "sent"      // the mail server has taken it
	StateFailed    State = "failed"    // given up; the answer says why
	StateBounced   State = "bounced"   // nobody has the address: the mail server says so, at once or later
	StateStopped   State = "stopped"   // not sent, because somebody has stopped it
	StateUnwanted  State = "unwanted"  // not sent, because the recipient does not want such mails
	StateDelivered State = "delivered" // of a text message: the phone has it
)

// Line is what the log keeps of a notice: everything but its text.
type Line struct {
	ID        string
	Kind      Kind
	To        string // address, or the ends of a number; "": the recipient has deleted their account
	Text      bool   // it is a text message
	State     State
	Answer    string // the mail server's last one, or why there is none
	Tries     int
	CreatedAt time.Time
	NextAt    time.Time // queued: of the next attempt
	DoneAt    time.Time // otherwise: since when it is in this state
}

// OrderLog is what was told about an order.
type OrderLog struct {
	To          string // the address that mails about the order go to now; "": there is none
	Correctable bool   // the event's organizer may correct it
	Booked      bool   // the tickets can be mailed again
	Lines       []Line // newest first
}

// Desk shows organizers what was mailed about an order of their events, and mails it
// again. Callers who neither organize the order's event nor administer get NotFound, its
// owner included: the log may name addresses of others.
type Desk interface {
	// OrderLog returns what was told about an order within the last 90 days, at most the
	// latest 100.
	OrderLog(ctx context.Context, c caller.Caller, bookingID string) (OrderLog, error)

	// Mailings returns the messages to all who have tickets for an event, the newest
	// first. NotFound: the caller neither organizes the event nor administers.
	Mailings(ctx context.Context, c caller.Caller, eventID string) ([]Progress, error)

	// TellAgain mails the tickets of an order again, and returns to which address. A
	// request that is repeated within a minute mails once. Conflict (not-booked): there
	// are no tickets; (nobody-to-mail). TooMany (too-many-mails).
	//
	// An email other than "" and the current one corrects the address first. The links
	// that were mailed before stop working. Tickets that wait for the old address are
	// stopped, and other mails go to the new one, those about cancelled orders, too. The
	// same request does the rest of one that ended half-way. Conflict (address-confirmed):
	// the owner has confirmed the address, or has a password, and changes it alone;
	// (orders-elsewhere): the guest has orders of other organizers.
	TellAgain(ctx context.Context, c caller.Caller, bookingID, email string) (to string, err error)
}
