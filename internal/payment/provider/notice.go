package provider

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// Notice is a message from a gateway that something has happened to charges. It says
// whom to ask about, never what is true: ask with Find.
type Notice struct {
	ID      string    // of the gateway's event: the same when it is sent again
	Charges []string  // Charge.ID of the charges concerned; none: it concerns none of ours
	At      time.Time // of the event
	// Echo says that the event is a success of what this program itself asks for, a capture
	// or a refund: there is nothing to learn about a payment that is captured already.
	Echo bool
}

// ErrForged means that a message is not from the gateway: its signature is missing,
// wrong, or too old. The texts of such errors do not repeat the message.
var ErrForged = errors.New("not signed by the gateway")

// NoticeTolerance is how far the time in a signature may be from now.
const NoticeTolerance = 5 * time.Minute

// Notifier is implemented by gateways that send messages (webhooks).
type Notifier interface {
	// Notice checks the signature of a message over its raw body, and reads it. The
	// error is ErrForged if it was not signed by the gateway within NoticeTolerance of
	// now, and another one if it was signed but cannot be read.
	Notice(ctx context.Context, h http.Header, body []byte, now time.Time) (Notice, error)
}
