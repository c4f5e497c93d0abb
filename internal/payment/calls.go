package payment

import (
	"cmp"
	"context"
	"errors"
	"math/bits"
	"sync/atomic"
	"time"

	"boxoffice/internal/payment/provider"
)

// Bounds of what a slow gateway can take up, and of what is asked of an ailing one.
const (
	maxCalls  = 4096   // to the gateway at a time; the others wait for their turn
	maxDrives = 20_000 // payments under way in this process; further ones wait in their rows, for recovery

	repeatGap = 5 * time.Millisecond // all payments together repeat steps no more often, once each has waited for long
)

// calls are the calls to the gateway.
type calls struct {
	slots  chan struct{} // as many as there may be at a time
	failed atomic.Int64  // without a clear answer since the last one
	busy   atomic.Int64  // until when the gateway takes no more, µs since 1970: what can wait does
}

// Pauses of what can wait when the gateway takes no more requests.
const (
	busyTime = 5 * time.Second // if it does not say for how long
	busyMost = time.Minute
)

// outage says by how many doublings pauses are longer because the gateway answers
// nobody: a payment that begins then need not find that out by itself. A few failures
// say nothing.
func (c *calls) outage() int { return bits.Len64(uint64(c.failed.Load()) / 4) }

// resting is for how long the gateway takes no more requests; 0 or less: it takes them.
func (c *calls) resting() time.Duration { return time.Until(time.UnixMicro(c.busy.Load())) }

// bounded is a gateway with a limit of calls at a time.
type bounded struct {
	gateway provider.Gateway
	calls   *calls
}

// within carries out a call once there is room for it. Its error is unclear, as that of a
// gateway, though nothing was asked.
func within[T any](ctx context.Context, b bounded, call func() (T, error)) (out T, err error) {
	select {
	case b.calls.slots <- struct{}{}:
	case <-ctx.Done():
		return out, ctx.Err()
	}
	defer func() { <-b.calls.slots }()
	out, err = call()
	if busy := (*provider.Busy)(nil); errors.As(err, &busy) {
		b.calls.busy.Store(time.Now().Add(min(cmp.Or(busy.After, busyTime), busyMost)).UnixMicro())
	}
	if err != nil {
		b.calls.failed.Add(1)
	} else if b.calls.failed.Load() != 0 {
		b.calls.failed.Store(0)
	}
	return out, err
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
