// Package provider is the contract between the payment service and the gateways that
// move money. Each gateway has a folder beside this one, and passes the suite in
// providertest.
//
// A gateway is asked; what it sends by itself (Notifier) is only a hint that asking is
// worthwhile. So the order, the number and the loss of its messages do not matter.
package provider

import (
	"context"
	"time"
)

// Charge is one attempt to get a payment's money by one method.
type Charge struct {
	ID        string // the payment's id and the number of its method; the same in every step
	Reference string // the gateway's own name of the charge; "" until it has answered
	Method    string // the token that stands for the buyer's card or account
	Amount    int64  // minor units
	Currency  string // ISO 4217
	ReturnTo  string // URL of the page to which the buyer's browser comes back after approving elsewhere; "": nobody needs to come back
	Says      string // what is paid for, for the gateway's page and the buyer's receipt: the number of the order
	Account   string // the organizer's account at the gateway, which receives the money; "": the account of this ticket office
	Fee       int64  // what this ticket office keeps of the amount when Account is set; minor units
}

// Verdict is a gateway's clear answer.
type Verdict uint8

// The verdicts. An answer is Declined by its content only: by an HTTP status that a proxy
// could have made, or by a body that is not the gateway's, nothing is declined.
const (
	Declined  Verdict = iota // refused; asking again does not help
	Approved                 // done
	Undecided                // not decided yet: ask with Find
)

// Outcome is a gateway's answer to a step.
type Outcome struct {
	Verdict   Verdict
	Reason    string // a short code when it was declined: "card_declined"; Expired when an authorization has ended by itself
	Reference string // the gateway's own name of the charge, if it has one

	Approve       string    // while undecided: URL at which the buyer approves (3-D Secure, or the gateway's own page); "": the buyer need not do anything
	CaptureBefore time.Time // when the authorization expires; zero: unknown
	Refused       int64     // of Find: how many cards and other methods were declined on the gateway's own page so far, where a charge can be tried with several
	Disputes      []Dispute // of Find: the disputes about the charge, the oldest first
	Taken         Sum       // of Capture, and of Find once the money was taken: how much that was; zero: the gateway does not say
	Spent         bool      // of a refund that was declined: one was made with this key, and has failed; another needs another key
}

// Expired is the reason for which a charge is Released, and its capture Declined, whose
// authorization has ended because the money was not taken in time.
const Expired = "authorization_expired"

// Sum is an amount of money.
type Sum struct {
	Amount   int64  // minor units
	Currency string // ISO 4217
}

// Standing is what a gateway knows of a charge.
type Standing uint8

// The standings. Refunds and disputes do not change the standing of a charge that was
// captured.
const (
	Unknown  Standing = iota // it does not know the charge
	Waiting                  // the authorization is not decided yet
	Reserved                 // authorized
	Taken                    // captured
	Released                 // voided, or the authorization has expired
	Rejected                 // declined
)

// Dispute is a chargeback: the buyer's bank takes captured money back from us.
type Dispute struct {
	ID     string // the gateway's own name of it
	State  DisputeState
	Amount int64 // minor units
	Reason string
	Due    time.Time // until when evidence counts; zero: not known
}

// DisputeState is how far a dispute has come. The money is gone while it is open.
type DisputeState uint8

// The states of disputes.
const (
	NotDisputed DisputeState = iota
	DisputeOpen
	DisputeWon  // the money is back with us
	DisputeLost // the money stays with the buyer
)

// Gateway moves money. Each step carries an idempotency key: a repeated key changes
// nothing and gets the same answer. The steps of one charge are never concurrent.
// An error means that the outcome is unclear: the step may or may not have been
// carried out, and the payment service repeats it.
type Gateway interface {
	// Authorize reserves the money.
	Authorize(ctx context.Context, key string, c Charge) (Outcome, error)
	// Capture takes all of what was reserved.
	Capture(ctx context.Context, key string, c Charge) (Outcome, error)
	// Void releases what was reserved. It is approved for a charge that the gateway
	// does not know, which can then no longer be authorized, and declined once the
	// money was captured.
	Void(ctx context.Context, key string, c Charge) (Outcome, error)
	// Refund gives back a part of what was captured; amount is in minor units.
	// All refunds of a charge together never exceed what was captured.
	Refund(ctx context.Context, key string, c Charge, amount int64) (Outcome, error)
	// Find reports the state of a charge, with the same Reason, Approve and
	// CaptureBefore as the step that led to it. A declined charge is Rejected, or
	// Unknown if the gateway keeps no record of declines: then it declines again.
	Find(ctx context.Context, c Charge) (Standing, Outcome, error)
}

// Sure is implemented by gateways that always approve certain methods: every charge
// by such a method is approved, now and later, and reserves nothing. The payment
// service does not ask the gateway to authorize it: the payment begins as authorized.
// What such a gateway does not know of a charge may be lost with this process: Find may
// say Unknown of a captured charge, and Void may be approved.
type Sure interface {
	Sure(method string) bool
}

// Busy is an error of a gateway that takes no more requests at the moment.
type Busy struct {
	After time.Duration // it says when it does again; 0: it does not say
	Err   error
}

func (b *Busy) Error() string { return b.Err.Error() }

func (b *Busy) Unwrap() error { return b.Err }
