// Package sandbox is a payment gateway for rehearsals and tests. It moves no money.
// Test tokens decide its answers: tok_ok is approved, tok_decline is declined, tok_slow
// is approved after a delay, everything else is declined.
//
// It runs inside the process that uses it, and stores only what it needs to stay
// consistent across a crash of that process:
//
// - Authorizing and capturing tok_ok always succeeds, so there is nothing to store. A
// capture that was answered but not recorded by the payment service before a crash
// did not happen, because no money moves and the sandbox stops at the same moment.
// The payment's row alone shows that it happened. So the sandbox never knows such a
// charge as captured: Find reports Unknown, and the step is repeated.
// - Voids, refunds, and the start and the capture of slow authorizations are rows of
// sandbox_entries, by charge and idempotency key, which are durable before they are
// answered. A voided charge cannot be captured, refunds never exceed the charge, and
// each is made once.
//
// An in-memory set of hashes tells which charges may have entries, so the usual payment
// needs no query. It does not include entries made by other nodes: Find, whose charge
// may come from a node that died, reads the table, and so does everything except tok_ok.
package sandbox

import (
	"context"
	"embed"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"boxoffice/internal/batch"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/sqldb"
)

//go:embed migrations
var migrations embed.FS

// Gateway is the sandbox. It implements provider.Gateway.
type Gateway struct {
	db    *sqldb.DB
	now   func() time.Time
	delay time.Duration
	queue *batch.Queue[*job]
	seed  maphash.Seed

	mu    sync.RWMutex
	known map[uint64]struct{} // hashes of charges that may have entries
}

// New makes the sandbox and its table. Slow authorizations take delay.
func New(ctx context.Context, db *sqldb.DB, now func() time.Time, delay time.Duration) (*Gateway, error) {
	if err := db.Migrate(ctx, "sandbox", migrations); err != nil {
		return nil, err
	}
	g := &Gateway{db: db, now: now, delay: delay, seed: maphash.MakeSeed(), known: map[uint64]struct{}{}}
	if err := g.load(ctx); err != nil {
		return nil, err
	}
	g.queue = batch.New(256, 20_000, g.commit)
	return g, nil
}

// Close finishes the work under way. The sandbox must not be used afterwards.
func (g *Gateway) Close() { g.queue.Close() }

// Sure implements provider.Sure: a new charge with tok_ok is approved, and leaves no
// entry.
func (g *Gateway) Sure(method string) bool { return method == paymentapi.SandboxOK }

// Authorize implements provider.Gateway.
func (g *Gateway) Authorize(ctx context.Context, key string, c provider.Charge) (provider.Outcome, error) {
	if g.may(c.ID) || c.Method == paymentapi.SandboxSlow {
		b, err := g.books(ctx, c.ID)
		if err != nil {
			return provider.Outcome{}, err
		}
		if b.voided {
			return declined("voided"), nil
		}
		if b.slowSince != 0 {
			return g.ripe(b), nil
		}
	}
	switch c.Method {
	case paymentapi.SandboxOK:
		return provider.Outcome{Verdict: provider.Approved}, nil
	case paymentapi.SandboxSlow:
		o, err := g.enter(ctx, entry{charge: c.ID, step: key, kind: kindSlow}, c)
		if o.Verdict == provider.Approved { // record its start
			o.Verdict = provider.Undecided
		}
		return o, err
	case paymentapi.SandboxDecline:
		return declined("card_declined"), nil
	}
	return declined("unknown_token"), nil
}

// Capture implements provider.Gateway.
func (g *Gateway) Capture(ctx context.Context, key string, c provider.Charge) (provider.Outcome, error) {
	switch {
	case c.Method == paymentapi.SandboxSlow:
		return g.enter(ctx, entry{charge: c.ID, step: key, kind: kindCapture}, c)
	case c.Method != paymentapi.SandboxOK:
		return declined("not_authorized"), nil
	case !g.may(c.ID):
		return provider.Outcome{Verdict: provider.Approved}, nil
	}
	b, err := g.books(ctx, c.ID)
	switch {
	case err != nil:
		return provider.Outcome{}, err
	case b.voided:
		return declined("voided"), nil
	}
	return provider.Outcome{Verdict: provider.Approved}, nil
}

// Void implements provider.Gateway.
func (g *Gateway) Void(ctx context.Context, key string, c provider.Charge) (provider.Outcome, error) {
	return g.enter(ctx, entry{charge: c.ID, step: key, kind: kindVoid}, c)
}

// Refund implements provider.Gateway.
func (g *Gateway) Refund(ctx context.Context, key string, c provider.Charge, amount int64) (provider.Outcome, error) {
	if c.Method != "" && c.Method != paymentapi.SandboxOK && c.Method != paymentapi.SandboxSlow {
		return declined("not_captured"), nil
	}
	return g.enter(ctx, entry{charge: c.ID, step: key, kind: kindRefund, amount: amount}, c)
}

// Find implements provider.Gateway. A charge without entries is Unknown, as explained
// above, and so is a declined one: it would be declined again.
func (g *Gateway) Find(ctx context.Context, c provider.Charge) (provider.Standing, provider.Outcome, error) {
	if !g.may(c.ID) && !g.db.Shared() {
		return provider.Unknown, provider.Outcome{}, nil
	}
	b, err := g.books(ctx, c.ID)
	switch {
	case err != nil:
		return provider.Unknown, provider.Outcome{}, err
	case b.voided:
		return provider.Released, provider.Outcome{}, nil
	case b.captured || b.refunds > 0:
		return provider.Taken, provider.Outcome{}, nil
	case b.slowSince == 0:
		return provider.Unknown, provider.Outcome{}, nil
	case g.ripe(b).Verdict == provider.Approved:
		return provider.Reserved, provider.Outcome{}, nil
	}
	return provider.Waiting, provider.Outcome{}, nil
}

// ripe answers a slow authorization at the present time.
func (g *Gateway) ripe(b books) provider.Outcome {
	if g.now().UnixMicro()-b.slowSince >= g.delay.Microseconds() {
		return provider.Outcome{Verdict: provider.Approved}
	}
	return provider.Outcome{Verdict: provider.Undecided}
}

func declined(reason string) provider.Outcome { return provider.Outcome{Reason: reason} }

// may reports whether a charge may have entries.
func (g *Gateway) may(charge string) bool {
	h := maphash.String(g.seed, charge)
	g.mu.RLock()
	defer g.mu.RUnlock()
	_, ok := g.known[h]
	return ok
}

func (g *Gateway) know(charge string) {
	h := maphash.String(g.seed, charge)
	g.mu.Lock()
	g.known[h] = struct{}{}
	g.mu.Unlock()
}

// enter writes an entry, if the books allow it, and waits until it is on disk.
func (g *Gateway) enter(ctx context.Context, e entry, c provider.Charge) (provider.Outcome, error) {
	e.at = g.now().UnixMicro()
	g.know(e.charge)
	j := &job{entry: e, limit: c.Amount, ripeAt: e.at - g.delay.Microseconds()}
	if err := g.queue.Do(ctx, j); err != nil {
		return provider.Outcome{}, fmt.Errorf("sandbox: %s of %s: %w", e.kind, e.charge, err)
	}
	return j.outcome, nil
}

// Form implements provider.Former: its buttons say how the payment ends.
func (g *Gateway) Form() paymentapi.Form {
	return paymentapi.Form{Buttons: []string{paymentapi.SandboxOK, paymentapi.SandboxDecline, paymentapi.SandboxSlow}, Simulated: true}
}
