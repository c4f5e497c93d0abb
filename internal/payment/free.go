package payment

import (
	"context"
	"errors"
	"fmt"

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

// noGateway stands for the gateway of a payment that this program cannot ask. What an
// earlier configuration has begun waits until the program has that gateway again.
type noGateway struct{ why error }

var errNoGateway = errors.New("no payment gateway is configured: see --payments")

func (g noGateway) Authorize(context.Context, string, provider.Charge) (provider.Outcome, error) {
	return provider.Outcome{}, g.why
}

func (g noGateway) Capture(context.Context, string, provider.Charge) (provider.Outcome, error) {
	return provider.Outcome{}, g.why
}

func (g noGateway) Void(context.Context, string, provider.Charge) (provider.Outcome, error) {
	return provider.Outcome{}, g.why
}

func (g noGateway) Refund(context.Context, string, provider.Charge, int64) (provider.Outcome, error) {
	return provider.Outcome{}, g.why
}

func (g noGateway) Find(context.Context, provider.Charge) (provider.Standing, provider.Outcome, error) {
	return provider.Unknown, provider.Outcome{}, g.why
}

// gatewayOf returns the gateway that moves a payment's money.
func (s *Service) gatewayOf(p *record) provider.Gateway {
	if p.Amount == 0 {
		return freeGateway{}
	}
	if s.foreign(p) {
		return noGateway{fmt.Errorf("the payment was begun with %s, but this program has %s: see --payments", p.with(), s.has())}
	}
	if s.gateway == nil {
		return noGateway{errNoGateway}
	}
	g := bounded{s.gateway, s.calls}
	if a, ok := s.gateway.(provider.Accounts); ok && len(a.Accounts()) > 0 && p.gateway == "" {
		return splitting{g, s, p, a.Accounts()}
	}
	return g
}

// sure reports whether the gateway need not be asked to authorize a new payment.
func (s *Service) sure(p *record) bool {
	g, ok := s.gateway.(provider.Sure)
	return p.Amount == 0 || ok && g.Sure(p.Method)
}
