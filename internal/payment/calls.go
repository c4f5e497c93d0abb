package payment

import (
	"context"

	"boxoffice/internal/payment/provider"
)

// Bounds of what a slow gateway can take up.
const (
	maxCalls  = 4096   // to the gateway at a time; the others wait for their turn
	maxDrives = 20_000 // payments under way in this process; further ones wait in their rows, for recovery
)

// bounded is a gateway with a limit of calls at a time.
type bounded struct {
	gateway provider.Gateway
	slots   chan struct{}
}

// within carries out a call once there is room for it. Its error is unclear, as that of a
// gateway, though nothing was asked.
func within[T any](ctx context.Context, b bounded, call func() (T, error)) (out T, err error) {
	select {
	case b.slots <- struct{}{}:
	case <-ctx.Done():
		return out, ctx.Err()
	}
	defer func() { <-b.slots }()
	return call()
}

func (b bounded) Authorize(ctx context.Context, key string, c provider.Charge) (provider.Outcome, error) {
	return within(ctx, b, func() (provider.Outcome, error) { return b.gateway.Authorize(ctx, key, c) })
}

func (b bounded) Capture(ctx context.Context, key string, c provider.Charge) (provider.Outcome, error) {
	return within(ctx, b, func() (provider.Outcome, error) { return b.gateway.Capture(ctx, key, c) })
}

func (b bounded) Void(ctx context.Context, key string, c provider.Charge) (provider.Outcome, error) {
	return within(ctx, b, func() (provider.Outcome, error) { return b.gateway.Void(ctx, key, c) })
}

func (b bounded) Refund(ctx context.Context, key string, c provider.Charge, amount int64) (provider.Outcome, error) {
	return within(ctx, b, func() (provider.Outcome, error) { return b.gateway.Refund(ctx, key, c, amount) })
}

func (b bounded) Find(ctx context.Context, c provider.Charge) (provider.Standing, provider.Outcome, error) {
	type found struct {
		standing provider.Standing
		outcome  provider.Outcome
	}
	f, err := within(ctx, b, func() (f found, err error) {
		f.standing, f.outcome, err = b.gateway.Find(ctx, c)
		return f, err
	})
	return f.standing, f.outcome, err
}

// full reports whether this process drives as many payments as it may.
func (s *Service) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.drives) >= s.mostDrives
}
