package payment

import "context"

// Charge is one attempt at the gateway to get a payment's money by one method.
type Charge struct {
	ID        string // made of the payment's id and which of its methods it is; the same for every step
	Reference string // what the gateway calls it; "" as long as it has not said
	Method    string // the token that stands for the buyer's card or account
	Amount    int64  // minor units
	Currency  string // ISO 4217
}

// Verdict is a gateway's clear answer.
type Verdict uint8

// The verdicts.
const (
	Declined  Verdict = iota // no, and asking again will not help
	Approved                 // yes, it is done
	Undecided                // not yet: ask with Find
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
	Unknown  Standing = iota // it never heard of the charge
	Waiting                  // it has not decided about the authorization
	Reserved                 // authorized
	Taken                    // captured
	Released                 // voided
	Rejected                 // declined
)

// Gateway moves money. Each step carries an idempotency key: the same key again
// changes nothing and has the same answer. Steps for one charge come one after
// the other. An error means that the outcome is unclear: the step may or may
// not have been carried out, and is asked for again.
type Gateway interface {
	// Authorize reserves the money.
	Authorize(ctx context.Context, key string, c Charge) (Outcome, error)
	// Capture takes what was reserved.
	Capture(ctx context.Context, key string, c Charge) (Outcome, error)
	// Void lets go of what was reserved. It is approved for a charge that the
	// gateway never heard of, which then cannot be authorized any more, and
	// declined once the money was captured.
	Void(ctx context.Context, key string, c Charge) (Outcome, error)
	// Refund gives back amount (minor units) of what was captured.
	Refund(ctx context.Context, key string, c Charge, amount int64) (Outcome, error)
	// Find says what became of a charge.
	Find(ctx context.Context, c Charge) (Standing, Outcome, error)
}

// Free is the method of a payment over nothing. No gateway hears of it.
const Free = "none"

// nobody is the gateway of payments over nothing.
type nobody struct{}

func (nobody) Authorize(context.Context, string, Charge) (Outcome, error) {
	return Outcome{Verdict: Approved}, nil
}

func (nobody) Capture(context.Context, string, Charge) (Outcome, error) {
	return Outcome{Verdict: Approved}, nil
}

func (nobody) Void(context.Context, string, Charge) (Outcome, error) {
	return Outcome{Verdict: Approved}, nil
}

func (nobody) Refund(context.Context, string, Charge, int64) (Outcome, error) {
	return Outcome{Verdict: Approved}, nil
}

func (nobody) Find(context.Context, Charge) (Standing, Outcome, error) {
	return Unknown, Outcome{}, nil
}

// gatewayOf is the gateway that moves a payment's money.
func (s *Service) gatewayOf(p *Payment) Gateway {
	if p.Amount == 0 {
		return nobody{}
	}
	return s.gateway
}

// sure reports whether a new payment need not be authorized.
func (s *Service) sure(p *Payment) bool {
	g, ok := s.gateway.(Sure)
	return p.Amount == 0 || ok && g.Sure(p.Method)
}

// Sure is a gateway that is sure of some methods: whatever the charge, it would
// approve it, now and later, and reserve nothing by that. It need not be asked:
// a payment by such a method is authorized from its first row on.
type Sure interface {
	Sure(method string) bool
}
