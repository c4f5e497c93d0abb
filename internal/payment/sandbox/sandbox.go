// Package sandbox is a payment gateway for rehearsals and tests. It moves no
// money. Test tokens decide what it says: tok_ok is approved, tok_decline is
// declined, tok_slow is approved after a delay, everything else is declined.
//
// It runs inside the process that uses it, and keeps only the books that it
// needs to keep its word across a crash of that process:
//
//   - To authorize and to capture tok_ok is a function of the charge alone: the
//     answer is always yes, so there is nothing to remember. A capture that was
//     answered but not noted by the payment service before a crash is one that
//     never happened, as no money moves and the sandbox dies in the same moment;
//     the payment's row is the evidence that it did. For the same reason a
//     charge cannot be known here as captured: Find says Unknown, and the step
//     is done again.
//   - A void, a refund, and when a slow authorization has begun are rows of
//     sandbox_entries, by charge and idempotency key, on disk before they are
//     answered. A voided charge cannot be captured, refunds never exceed the
//     charge, and each is made once.
//
// A set of the hashes of charges that have entries tells in memory that the
// others have none, so that the usual payment costs the sandbox no query. Of the
// entries that other nodes make it does not hear: what is asked about a charge
// whose node may have died looks into the table there (Find), and so does all
// that is not tok_ok.
package sandbox

import (
	"context"
	"embed"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"boxoffice/internal/batch"
	"boxoffice/internal/payment"
	"boxoffice/internal/sqldb"
)

// The test tokens.
const (
	OK      = "tok_ok"
	Decline = "tok_decline"
	Slow    = "tok_slow"
)

// DefaultDelay is how long a slow authorization takes.
const DefaultDelay = 3 * time.Second

//go:embed migrations
var migrations embed.FS

// Gateway is the sandbox. It implements payment.Gateway.
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

// Close finishes what was begun. Nothing may be asked of the sandbox after it.
func (g *Gateway) Close() { g.queue.Close() }

// Sure implements payment.Sure: a new charge of tok_ok is approved, and leaves
// nothing behind.
func (g *Gateway) Sure(method string) bool { return method == OK }

// Authorize implements payment.Gateway.
func (g *Gateway) Authorize(ctx context.Context, key string, c payment.Charge) (payment.Outcome, error) {
	if g.may(c.ID) || c.Method == Slow {
		b, err := g.books(ctx, c.ID)
		if err != nil {
			return payment.Outcome{}, err
		}
		if b.voided {
			return declined("voided"), nil
		}
		if b.slowSince != 0 {
			return g.ripe(b), nil
		}
	}
	switch c.Method {
	case OK:
		return payment.Outcome{Verdict: payment.Approved}, nil
	case Slow:
		o, err := g.enter(ctx, entry{charge: c.ID, step: key, kind: kindSlow}, c)
		if o.Verdict == payment.Approved { // that it has begun
			o.Verdict = payment.Undecided
		}
		return o, err
	case Decline:
		return declined("card_declined"), nil
	}
	return declined("unknown_token"), nil
}

// Capture implements payment.Gateway.
func (g *Gateway) Capture(ctx context.Context, _ string, c payment.Charge) (payment.Outcome, error) {
	if c.Method != OK && c.Method != Slow {
		return declined("not_authorized"), nil
	}
	if !g.may(c.ID) && c.Method == OK {
		return payment.Outcome{Verdict: payment.Approved}, nil
	}
	b, err := g.books(ctx, c.ID)
	switch {
	case err != nil:
		return payment.Outcome{}, err
	case b.voided:
		return declined("voided"), nil
	case c.Method == Slow && (b.slowSince == 0 || g.ripe(b).Verdict != payment.Approved):
		return declined("not_authorized"), nil
	}
	return payment.Outcome{Verdict: payment.Approved}, nil
}

// Void implements payment.Gateway.
func (g *Gateway) Void(ctx context.Context, key string, c payment.Charge) (payment.Outcome, error) {
	return g.enter(ctx, entry{charge: c.ID, step: key, kind: kindVoid}, c)
}

// Refund implements payment.Gateway.
func (g *Gateway) Refund(ctx context.Context, key string, c payment.Charge, amount int64) (payment.Outcome, error) {
	return g.enter(ctx, entry{charge: c.ID, step: key, kind: kindRefund, amount: amount}, c)
}

// Find implements payment.Gateway. A charge without entries is Unknown, as
// explained above.
func (g *Gateway) Find(ctx context.Context, c payment.Charge) (payment.Standing, payment.Outcome, error) {
	if !g.may(c.ID) && !g.db.Shared() {
		return payment.Unknown, payment.Outcome{}, nil
	}
	b, err := g.books(ctx, c.ID)
	switch {
	case err != nil:
		return payment.Unknown, payment.Outcome{}, err
	case b.voided:
		return payment.Released, payment.Outcome{}, nil
	case b.refunds > 0:
		return payment.Taken, payment.Outcome{}, nil
	case b.slowSince == 0:
		return payment.Unknown, payment.Outcome{}, nil
	case g.ripe(b).Verdict == payment.Approved:
		return payment.Reserved, payment.Outcome{}, nil
	}
	return payment.Waiting, payment.Outcome{}, nil
}

// ripe is the answer to a slow authorization now.
func (g *Gateway) ripe(b books) payment.Outcome {
	if g.now().UnixMicro()-b.slowSince >= g.delay.Microseconds() {
		return payment.Outcome{Verdict: payment.Approved}
	}
	return payment.Outcome{Verdict: payment.Undecided}
}

func declined(reason string) payment.Outcome { return payment.Outcome{Reason: reason} }

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
func (g *Gateway) enter(ctx context.Context, e entry, c payment.Charge) (payment.Outcome, error) {
	e.at = g.now().UnixMicro()
	g.know(e.charge)
	j := &job{entry: e, limit: c.Amount}
	if err := g.queue.Do(ctx, j); err != nil {
		return payment.Outcome{}, fmt.Errorf("sandbox: %s of %s: %w", e.kind, e.charge, err)
	}
	return j.outcome, nil
}
