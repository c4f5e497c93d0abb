package paymentapi

import "strconv"

// Refunds is money of an event that goes back, by how far it got.
type Refunds struct {
	Done, Pending, Failed RefundFigure

	// Other are those of payments of the other mode, test or live; they are none of the
	// above.
	Other RefundFigure
}

// RefundFigure is a number of refunds and their sum.
type RefundFigure struct {
	Count  int64 `json:"count" doc:"How many there are."`
	Amount int64 `json:"amount" doc:"Their sum, in minor units."`
}

// The states of a refund.
const (
	RefundPending  = "pending"
	RefundDone     = "done"
	RefundNeedless = "needless" // the payment took no money
	RefundFailed   = "failed"   // a person has to look at it
)

// Refund is the money that goes back for one cancellation.
type Refund struct {
	Status    string
	PaymentID string // "" until it is known
	Amount    int64  // minor units
	Reason    string // why it failed, or its last attempt did
	UpdatedAt int64  // µs since 1970
	Attempt   int64  // counts those with a key of their own at the gateway, from 1
}

// Unmade is a refund that has failed, less what was given back for it on the gateway's own
// pages.
type Unmade struct {
	Amount   int64 // minor units
	Handled  bool  // a person has given it back in another way
	CameBack bool  // it may have been made, and the money came back
	At       int64 // µs since 1970: when it was changed last, as by noting that it is handled
}

// RefundID is the id of the refund for an entry of an event's ledger.
func RefundID(eventID string, seq int64) string { return eventID + ":" + strconv.FormatInt(seq, 10) }
