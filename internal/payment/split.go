package payment

import (
	"context"
	"fmt"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/payment/provider"
)

// splitting is the gateway for a payment whose organizer may have an account of their own
// there: charges name it, and what this ticket office keeps.
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
