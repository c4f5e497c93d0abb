package payment

import (
	"context"
	"fmt"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/payment/reconcile"
)

// begunWith notes which gateway a new payment is begun with, and whose account there
// receives the money.
func (s *Service) begunWith(ctx context.Context, p *record) error {
	if p.Amount == 0 {
		return nil
	}
	p.gateway, p.test = s.provider, s.test
	a, ok := s.gateway.(provider.Accounts)
	if !ok || len(a.Accounts()) == 0 || p.gateway == "" {
		return nil
	}
	organizer, err := s.organizerOf(ctx, p.EventID)
	if err != nil {
		return fmt.Errorf("organizer of the event: %w", err)
	}
	p.account = a.Accounts()[organizer]
	return nil
}

// foreign reports whether a payment was begun with another gateway than this program has,
// or in another mode of it. Nobody else is asked about its money.
func (s *Service) foreign(p *record) bool {
	return p.gateway != "" && p.Amount != 0 && (p.gateway != s.provider || p.test != s.test)
}

// with names the gateway that a payment was begun with.
func (p *record) with() string { return named(p.gateway, p.test) }

// away names the gateway that a payment waits for; "": this program has it.
func (s *Service) away(p *record) string {
	if !s.foreign(p) {
		return ""
	}
	return p.with()
}

// tellAway logs which payments and refunds wait for another gateway than this program has.
func (s *Service) tellAway(ctx context.Context) error {
	waiting := map[string]int{}
	var last string
	for f, err := range (sides{s}).Open(ctx, s.now().Add(time.Minute), time.Time{}, time.Time{}) {
		if err != nil {
			return err
		}
		if f.Kind == reconcile.OtherGateway {
			waiting[f.Gateway]++
			last = f.PaymentID
		}
	}
	for gateway, n := range waiting {
		s.log.ErrorContext(ctx, "payments and refunds wait for the gateway that they were begun with: start the server with it, or settle them there",
			"gateway", gateway, "waiting", n, "payment", last, "has", s.has())
	}
	return nil
}

// has names the gateway of this program.
func (s *Service) has() string {
	if s.gateway == nil {
		return "none"
	}
	return named(s.provider, s.test)
}

func named(gateway string, test bool) string {
	if test {
		return gateway + " (test)"
	}
	return gateway
}

// splitting is the gateway for a payment of an older program, whose row does not say to
// which account of an organizer the money goes: that follows from the settings.
type splitting struct {
	provider.Gateway
	s        *Service
	p        *record
	accounts map[string]string // by organizer
}

// split completes a charge.
func (g splitting) split(ctx context.Context, c provider.Charge) (provider.Charge, error) {
	organizer, err := g.s.organizerOf(ctx, g.p.EventID)
	if err != nil {
		return c, fmt.Errorf("organizer of the event: %w", err)
	}
	if c.Account = g.accounts[organizer]; c.Account != "" {
		c.Fee = g.p.Fees
	}
	return c, nil
}

// Authorize implements provider.Gateway.
func (g splitting) Authorize(ctx context.Context, key string, c provider.Charge) (provider.Outcome, error) {
	c, err := g.split(ctx, c)
	if err != nil {
		return provider.Outcome{}, err
	}
	return g.Gateway.Authorize(ctx, key, c)
}

// Capture implements provider.Gateway.
func (g splitting) Capture(ctx context.Context, key string, c provider.Charge) (provider.Outcome, error) {
	c, err := g.split(ctx, c)
	if err != nil {
		return provider.Outcome{}, err
	}
	return g.Gateway.Capture(ctx, key, c)
}

// Void implements provider.Gateway.
func (g splitting) Void(ctx context.Context, key string, c provider.Charge) (provider.Outcome, error) {
	c, err := g.split(ctx, c)
	if err != nil {
		return provider.Outcome{}, err
	}
	return g.Gateway.Void(ctx, key, c)
}

// Refund implements provider.Gateway.
func (g splitting) Refund(ctx context.Context, key string, c provider.Charge, amount int64) (provider.Outcome, error) {
	c, err := g.split(ctx, c)
	if err != nil {
		return provider.Outcome{}, err
	}
	return g.Gateway.Refund(ctx, key, c, amount)
}

// Find implements provider.Gateway.
func (g splitting) Find(ctx context.Context, c provider.Charge) (provider.Standing, provider.Outcome, error) {
	c, err := g.split(ctx, c)
	if err != nil {
		return provider.Unknown, provider.Outcome{}, err
	}
	return g.Gateway.Find(ctx, c)
}

// organizerOf returns an event's organizer, which never changes.
func (s *Service) organizerOf(ctx context.Context, eventID string) (string, error) {
	if known, ok := s.organizers.Load(eventID); ok {
		return known.(string), nil
	}
	sale, err := bookingapi.One(ctx, s.buyers.Sales, "event", eventID)
	if err != nil {
		return "", err
	}
	s.organizers.Store(eventID, sale.OrganizerID)
	return sale.OrganizerID, nil
}
