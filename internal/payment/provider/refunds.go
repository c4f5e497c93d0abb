package provider

import "context"

// Refund is money of a charge that went back, or should have, as the gateway knows it.
type Refund struct {
	ID     string // the gateway's own name of it
	Key    string // the idempotency key of Gateway.Refund; "" if others have made it, as on the gateway's own pages
	Amount int64  // minor units
	Failed bool   // it was not made after all: the money is back with us
	Reason string // a short code, if it failed
}

// Refunds is implemented by gateways whose refunds can fail after they were approved, or
// that have pages on which people give money back.
type Refunds interface {
	// Refunds lists all refunds of a charge, the oldest first.
	Refunds(ctx context.Context, c Charge) ([]Refund, error)
}
