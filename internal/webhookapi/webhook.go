// Package webhookapi is the contract of the webhook service, which tells programs of
// organizers over HTTP what happens to their events. Messages are signed by Standard
// Webhooks (https://www.standardwebhooks.com).
package webhookapi

import (
	"context"
	"time"

	"boxoffice/internal/caller"
)

// Type says what a message is about.
type Type string

// The types of messages.
const (
	BookingBooked    Type = "booking.booked"
	BookingCancelled Type = "booking.cancelled"
	BookingMoved     Type = "booking.moved"
	PaymentCaptured  Type = "payment.captured"
	PaymentRefunded  Type = "payment.refunded"
	RefundFailed     Type = "payment.refund_failed"
	EventChanged     Type = "event.changed"
	EventCancelled   Type = "event.cancelled"
	Test             Type = "webhook.test" // only when the organizer asks for it
)

// Types are the types that an endpoint can choose from.
var Types = []Type{BookingBooked, BookingCancelled, BookingMoved, PaymentCaptured, PaymentRefunded, RefundFailed, EventChanged, EventCancelled}

// Limits of endpoints.
const (
	MaxEndpoints   = 10 // of an organizer
	MaxURL         = 500
	MaxDescription = 200
	MaxSecrets     = 3 // of an endpoint, that sign at the same time
)

// RotationTime is how long a replaced secret goes on signing beside its successor.
const RotationTime = 24 * time.Hour

// LogTime is how long deliveries are kept in the log.
const LogTime = 30 * 24 * time.Hour

// Why an endpoint is off.
const (
	ByOrganizer = "organizer" // its organizer has switched it off
	ByFailing   = "failing"   // it failed for days
	ByGone      = "gone"      // it answered 410 Gone
)

// Endpoint is an address to which messages are sent.
type Endpoint struct {
	ID           string
	OrganizerID  string
	URL          string
	Description  string
	Types        []Type // empty: all
	Enabled      bool
	OffBecause   string // if it is not enabled: ByOrganizer, ByFailing or ByGone
	CreatedAt    time.Time
	FailingSince time.Time // zero: the last attempt succeeded, or there was none
	Waiting      int       // deliveries that are still to be tried, at most CountedTo
	Failed       int       // deliveries that were given up, at most CountedTo
}

// CountedTo bounds the counts of an Endpoint: more deliveries are not counted.
const CountedTo = 1000

// Wants reports whether the endpoint takes messages of a type.
func (e *Endpoint) Wants(t Type) bool {
	if len(e.Types) == 0 || t == Test {
		return true
	}
	for _, one := range e.Types {
		if one == t {
			return true
		}
	}
	return false
}

// Secret is a key with which messages to an endpoint are signed.
type Secret struct {
	Value     string // whsec_ and base64
	CreatedAt time.Time
	EndsAt    time.Time // zero: it is the current one
}

// New is what an organizer says about a new endpoint.
type New struct {
	URL         string
	Description string
	Types       []Type // empty: all
}

// Change lists changes of an endpoint; nil fields stay as they are. Enabling one that was
// switched off lets it begin anew.
type Change struct {
	URL, Description *string
	Types            *[]Type
	Enabled          *bool
}

// The states of a delivery.
const (
	Waiting   = "waiting"   // for its first or next attempt
	Delivered = "delivered" // the receiver has answered 2xx
	Failed    = "failed"    // given up
)

// Delivery is a message on its way to one endpoint.
type Delivery struct {
	MessageID string
	Type      Type
	EventID   string // "" for tests
	At        time.Time
	Status    string
	Tries     int
	NextAt    time.Time // of the next attempt; zero: none is planned
	Last      Attempt   // zero: none yet
	Body      string    // as it is sent; only where one delivery is read
	Attempts  []Attempt // oldest first; only where one delivery is read
}

// Attempt is one request to a receiver.
type Attempt struct {
	Number  int
	At      time.Time
	Took    time.Duration
	Status  int    // of the answer; 0: there was none
	Failure string // "" for a success, else one of Failures
	Answer  string // the beginning of the answer's body
}

// What can go wrong with an attempt.
const (
	BadStatus   = "status"   // an answer other than 2xx
	Redirected  = "redirect" // redirects are not followed
	NoAddress   = "lookup"   // the name has no address
	Forbidden   = "address"  // the address is in a private or reserved network
	NoAnswer    = "timeout"  // no complete answer in time
	NotAccepted = "refused"  // no connection
	BadTLS      = "tls"      // no valid certificate
	Broken      = "broken"   // the connection broke, or the answer is not HTTP
)

// Failures are all that can go wrong with an attempt.
var Failures = []string{BadStatus, Redirected, NoAddress, Forbidden, NoAnswer, NotAccepted, BadTLS, Broken}

// Replay says what to send again.
type Replay struct {
	MessageID string    // one message, whatever became of it; "": the failed ones
	Since     time.Time // of the failed ones, those that happened since then; zero: all
}

// Service is the webhook service as pages may use it. Endpoints of others are NotFound,
// except for admins. Callers without a session get Unauthenticated (sign-in-required).
// Only organizers may list and create endpoints: others get Forbidden (organizers-only).
type Service interface {
	// Endpoints lists the caller's own endpoints, oldest first.
	Endpoints(ctx context.Context, c caller.Caller) ([]Endpoint, error)
	Endpoint(ctx context.Context, c caller.Caller, id string) (Endpoint, error)
	// Secrets are the secrets that sign now, the current one first.
	Secrets(ctx context.Context, c caller.Caller, id string) ([]Secret, error)
	// Create makes an endpoint. It gets messages about what happens from now on. Conflict:
	// webhook-exists (the organizer has one with this URL), too-many-webhooks.
	Create(ctx context.Context, c caller.Caller, n New) (Endpoint, Secret, error)
	Change(ctx context.Context, c caller.Caller, id string, change Change) (Endpoint, error)
	// Delete deletes an endpoint and its log.
	Delete(ctx context.Context, c caller.Caller, id string) error
	// Rotate makes a new secret. The earlier ones sign too for RotationTime. Conflict
	// too-many-secrets: MaxSecrets sign already.
	Rotate(ctx context.Context, c caller.Caller, id string) (Secret, error)
	// SendTest sends a message of type Test, and returns its id. Conflict webhook-off: the
	// endpoint is not enabled.
	SendTest(ctx context.Context, c caller.Caller, id string) (string, error)
	// Replay sends messages again, and returns how many. Conflict webhook-off.
	Replay(ctx context.Context, c caller.Caller, id string, r Replay) (int, error)
	// Deliveries lists an endpoint's deliveries, newest first, after the cursor of the
	// page before ("": from the newest). next is "" on the last page.
	Deliveries(ctx context.Context, c caller.Caller, id, cursor string, limit int) (list []Delivery, next string, err error)
	// Delivery is one delivery with its body and attempts.
	Delivery(ctx context.Context, c caller.Caller, id, messageID string) (Delivery, error)
}
