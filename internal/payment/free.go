package payment

import (
	"context"
	"errors"

	"boxoffice/internal/payment/provider"
)

// freeGateway approves everything; it serves payments of amount 0.
type freeGateway struct{}

func (freeGateway) Authorize(context.Context, string, provider.Charge) (provider.Outcome, error) {
	return provider.Outcome{Verdict: provider.Approved}, nil
}

func (freeGateway) Capture(context.Context, string, provider.Charge) (provider.Outcome, error) {
	return provider.Outcome{Verdict: provider.Approved}, nil
}

func (freeGateway) Void(context.Context, string, provider.Charge) (provider.Outcome, error) {
	return provider.Outcome{Verdict: provider.Approved}, nil
}

func (freeGateway) Refund(context.Context, string, provider.Charge, int64) (provider.Outcome, error) {
	return provider.Outcome{Verdict: provider.Approved}, nil
}

func (freeGateway) Find(context.Context, provider.Charge) (provider.Standing, provider.Outcome, error) {
	return provider.Unknown, provider.Outcome{}, nil
}

// noGateway stands for the gateway of a ticket office that has none. What an earlier
// configuration has begun waits until there is one.
type noGateway struct{}

var errNoGateway = errors.New("no payment gateway is configured: see --payments")

func (noGateway) Authorize(context.Context, string, provider.Charge) (provider.Outcome, error) {
	return provider.Outcome{}, errNoGateway
}

func (noGateway) Capture(context.Context, string, provider.Charge) (provider.Outcome, error) {
	return provider.Outcome{}, errNoGateway
}

func (noGateway) Void(context.Context, string, provider.Charge) (provider.Outcome, error) {
	return provider.Outcome{}, errNoGateway
}

func (noGateway) Refund(context.Context, string, provider.Charge, int64) (provider.Outcome, error) {
	return provider.Outcome{}, errNoGateway
}

func (noGateway) Find(context.Context, provider.Charge) (provider.Standing, provider.Outcome, error) {
	return provider.Unknown, provider.Outcome{}, errNoGateway
}

// gatewayOf returns the gateway that moves a payment's money.
func (s *Service) gatewayOf(p *record) provider.Gateway {
	if p.Amount == 0 {
		return freeGateway{}
	}
	if s.gateway == nil {
		return noGateway{}
	}
	g := bounded{s.gateway, s.calls}
	if a, ok := s.gateway.(provider.Accounts); ok && len(a.Accounts()) > 0 {
		return splitting{g, s, p, a.Accounts()}
	}
	return g
}

// sure reports whether the gateway need not be asked to authorize a new payment.
func (s *Service) sure(p *record) bool {
	g, ok := s.gateway.(provider.Sure)
	return p.Amount == 0 || ok && g.Sure(p.Method)
}
