package provider

import (
	"context"
	"iter"
	"time"
)

// LineKind is a kind of movement.
type LineKind string

// The kinds of movements.
const (
	Captured       LineKind = "captured"
	Refunded       LineKind = "refunded"
	RefundFailed   LineKind = "refund_failed" // a refund has failed after it was made: the money came back
	Voided         LineKind = "voided"        // an authorization was released, or has expired; no money moved
	Disputed       LineKind = "disputed"
	DisputeWonBack LineKind = "dispute_won" // the money of a dispute came back
	Payout         LineKind = "payout"      // to the bank account of this ticket office or of an organizer
)

// Line is a movement as the gateway has recorded it.
type Line struct {
	ID        string // the gateway's own name of the movement; unique
	Kind      LineKind
	Charge    string // Charge.ID; "" of a payout, or if others have made the charge
	Reference string // Outcome.Reference of the charge
	Key       string // the idempotency key of the step; "" if the gateway does not keep it, or did it by itself
	Amount    int64  // minor units, never negative: the kind says which way the money went
	Fee       int64  // what the gateway kept for it; minor units
	Currency  string // ISO 4217
	At        time.Time
}

// Books is implemented by gateways that list what they have done.
type Books interface {
	// Lines lists all movements with from ≤ At < to, each once, in no particular order.
	// It reads page by page and keeps nothing. An error ends the list: then it is not
	// complete.
	Lines(ctx context.Context, from, to time.Time) iter.Seq2[Line, error]
}
