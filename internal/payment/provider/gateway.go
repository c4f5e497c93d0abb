// Package provider is the contract between the payment service and the gateways
// that move money. Each gateway is a folder beside this one.
package provider

import "context"

// Charge is one attempt to get a payment's money by one method.
type Charge struct {
	ID        string // the payment's id and the number of its method; the same in every step
	Reference string // the gateway's own name of the charge; "" until it has answered
	Method    string // the token that stands for the buyer's card or account
	Amount    int64  // minor units
	Currency  string // ISO 4217
}

// Verdict is a gateway's clear answer.
type Verdict uint8

// The verdicts.
const (
	Declined  Verdict = iota // refused; asking again does not help
	Approved                 // done
	Undecided                // not decided yet: ask with Find
)

// Outcome is what a gateway answers to a step.
type Outcome struct {
	Verdict   Verdict
	Reason    string // a short code when it was declined: "card_declined"
	Reference string // the gateway's own name of the charge, if it has one
}

// Standing is what a gateway knows of a charge.
type Standing uint8

// The standings.
const (
	Unknown  Standing = iota // it does not know the charge
	Waiting                  // the authorization is not decided yet
	Reserved                 // authorized
	Taken                    // captured
	Released                 // voided
	Rejected                 // declined
)

// Gateway moves money. Each step carries an idempotency key: a repeated key changes
// nothing and gets the same answer. The steps of one charge are never concurrent.
// An error means that the outcome is unclear: the step may or may not have been
// carried out, and the payment service repeats it.
type Gateway interface {
	// Authorize reserves the money.
	Authorize(ctx context.Context, key string, c Charge) (Outcome, error)
	// Capture takes what was reserved.
	Capture(ctx context.Context, key string, c Charge) (Outcome, error)
	// Void releases what was reserved. It is approved for a charge that the gateway
	// does not know, which can then no longer be authorized, and declined once the
	// money was captured.
	Void(ctx context.Context, key string, c Charge) (Outcome, error)
	// Refund gives back a part of what was captured; amount is in minor units.
	Refund(ctx context.Context, key string, c Charge, amount int64) (Outcome, error)
	// Find reports the state of a charge.
	Find(ctx context.Context, c Charge) (Standing, Outcome, error)
}

// Sure is implemented by gateways that always approve certain methods: every charge
// by such a method is approved, now and later, and reserves nothing. The payment
// service does not ask the gateway to authorize it: the payment begins as authorized.
type Sure interface {
	Sure(method string) bool
}
