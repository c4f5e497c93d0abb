package payment

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
)

// bank is a gateway that keeps all its books in memory and survives the
// crashes. It complains of anything that a real one would.
type bank struct {
	mu      sync.Mutex
	now     func() time.Time
	charges map[string]*account
	keys    map[string]string // what each idempotency key was used for
	wrong   []string
	slow    time.Duration
	noTake  bool           // captures are declined
	silent  bool           // it does not say what it has taken
	instead provider.Sum   // what it takes instead of what it is asked for; zero: it does as it is asked
	why     string         // why it declines; "": card_declined
	forgets bool           // it says of what it has reserved that it has not decided
	lasts   time.Duration  // of its authorizations; 0: it does not say, and they last
	unclear map[string]int // so many of these steps are carried out, but the answer is lost
	lost    map[string]int // so many of these steps never arrive
	cut     func(ctx context.Context, at string) error
	late    func(step string) time.Duration // > 0: an error now, and carried out after that

	minds     bool   // it declines refunds of another amount with a key that it has declined before
	noRefund  string // why it declines refunds; "": it does not
	noList    error  // why it does not list refunds
	refundCut func(provider.Charge) error
	lines     []provider.Line // what has moved
}

type account struct {
	refunds  map[string]bool  // by key
	asked    map[string]int64 // amounts of refunds that were asked for, by key
	standing provider.Standing
	since    time.Time
	amount   int64
	refunded int64
	list     []provider.Refund
	captures int
	refused  int64 // methods on its own page
	expired  bool  // it was released by itself
	disputes []provider.Dispute
}

// disputed is what disputes have withdrawn.
func (a *account) disputed() (sum int64) {
	for _, d := range a.disputes {
		if d.State != provider.DisputeWon {
			sum += d.Amount
		}
	}
	return sum
}

// byHand is what people have given back.
func (a *account) byHand() (sum int64) {
	for _, r := range a.list {
		if r.Key == "" && !r.Failed {
			sum += r.Amount
		}
	}
	return sum
}

func newBank(now func() time.Time) *bank {
	return &bank{now: now, charges: map[string]*account{}, keys: map[string]string{}, slow: 3 * time.Second,
		unclear: map[string]int{}, lost: map[string]int{}, cut: func(context.Context, string) error { return nil }}
}

// step carries one thing out, once for each key, with the cuts and unclear
// answers that a test has ordered.
func (b *bank) step(ctx context.Context, name, key string, c provider.Charge, do func(a *account) provider.Outcome) (provider.Outcome, error) {
	if err := b.cut(ctx, "before "+name); err != nil {
		return provider.Outcome{}, err
	}
	if b.late != nil {
		if d := b.late(name); d > 0 {
			time.AfterFunc(d, func() { b.carryOut(name, key, c, do) })
			return provider.Outcome{}, errors.New("no answer")
		}
	}
	b.mu.Lock()
	if b.lost[name] > 0 {
		b.lost[name]--
		b.mu.Unlock()
		return provider.Outcome{}, errors.New("no line")
	}
	b.mu.Unlock()
	o := b.carryOut(name, key, c, do)
	b.mu.Lock()
	unclear := b.unclear[name] > 0
	if unclear {
		b.unclear[name]--
	}
	b.mu.Unlock()
	if err := b.cut(ctx, "after "+name); err != nil {
		return provider.Outcome{}, err
	}
	if unclear {
		return provider.Outcome{}, errors.New("the line broke")
	}
	return o, nil
}

func (b *bank) carryOut(name, key string, c provider.Charge, do func(a *account) provider.Outcome) provider.Outcome {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.charges[c.ID]
	if a == nil {
		a = &account{amount: c.Amount, refunds: map[string]bool{}}
		b.charges[c.ID] = a
	}
	what := fmt.Sprint(name, c.ID, c.Amount, c.Currency)
	if was, ok := b.keys[key]; ok && was != what {
		b.wrong = append(b.wrong, fmt.Sprintf("key %s was for %s and is for %s", key, was, what))
	}
	b.keys[key] = what
	return do(a)
}

func (b *bank) look(a *account) {
	if a.standing == provider.Reserved && b.lasts > 0 && !b.now().Before(a.since.Add(b.lasts)) {
		a.standing, a.expired = provider.Released, true
	}
	if a.standing == provider.Waiting && b.now().Sub(a.since) >= b.slow {
		a.standing = provider.Reserved
	}
}

func (b *bank) Authorize(ctx context.Context, key string, c provider.Charge) (provider.Outcome, error) {
	return b.step(ctx, "authorize", key, c, func(a *account) provider.Outcome {
		b.look(a)
		if a.standing == provider.Unknown {
			switch strings.TrimRight(c.Method, "_") {
			case paymentapi.SandboxOK:
				a.standing, a.since = provider.Reserved, b.now()
			case paymentapi.SandboxSlow:
				a.standing, a.since = provider.Waiting, b.now()
			case "tok_never":
				a.standing, a.since = provider.Waiting, b.now().Add(1000*time.Hour)
			default:
				a.standing = provider.Rejected
			}
		}
		switch a.standing {
		case provider.Reserved, provider.Taken:
			return provider.Outcome{Verdict: provider.Approved, Reference: "ch_" + c.ID}
		case provider.Waiting:
			return provider.Outcome{Verdict: provider.Undecided}
		}
		return provider.Outcome{Reason: cmp.Or(b.why, "card_declined")}
	})
}

// Sure makes tok_sure the bank's word, given without being asked.
func (b *bank) Sure(method string) bool { return method == "tok_sure" }

func (b *bank) Capture(ctx context.Context, key string, c provider.Charge) (provider.Outcome, error) {
	return b.step(ctx, "capture", key, c, func(a *account) provider.Outcome {
		b.look(a)
		switch {
		case a.expired:
			return provider.Outcome{Reason: provider.Expired}
		case a.standing == provider.Taken:
			return provider.Outcome{Verdict: provider.Approved, Taken: b.said()}
		case a.standing != provider.Reserved && (a.standing != provider.Unknown || !b.Sure(c.Method)):
			return provider.Outcome{Reason: "not_authorized"}
		case b.noTake:
			return provider.Outcome{Reason: "insufficient_funds"}
		}
		a.standing = provider.Taken
		a.captures++
		if b.instead.Currency == c.Currency {
			a.amount = b.instead.Amount
		}
		b.line(provider.Captured, key, c, a.amount)
		return provider.Outcome{Verdict: provider.Approved, Taken: b.said()}
	})
}

// said is what the bank says that it has taken.
func (b *bank) said() provider.Sum {
	if b.silent {
		return provider.Sum{}
	}
	return b.instead
}

func (b *bank) Void(ctx context.Context, key string, c provider.Charge) (provider.Outcome, error) {
	return b.step(ctx, "void", key, c, func(a *account) provider.Outcome {
		if a.standing == provider.Taken {
			return provider.Outcome{Reason: "captured"}
		}
		if a.standing == provider.Reserved {
			b.line(provider.Voided, key, c, a.amount)
		}
		a.standing = provider.Released
		return provider.Outcome{Verdict: provider.Approved}
	})
}

func (b *bank) Refund(ctx context.Context, key string, c provider.Charge, amount int64) (provider.Outcome, error) {
	b.mu.Lock()
	cut := b.refundCut
	b.mu.Unlock()
	if cut != nil {
		if err := cut(c); err != nil {
			return provider.Outcome{}, err
		}
	}
	return b.step(ctx, "refund", key, c, func(a *account) provider.Outcome {
		if a.asked == nil {
			a.asked = map[string]int64{}
		}
		was, asked := a.asked[key]
		a.asked[key] = amount
		switch {
		case asked && was != amount && !a.refunds[key] && b.minds: // it was declined
			a.asked[key] = was
			return provider.Outcome{Reason: "key_reused"}
		case a.refunds[key]:
			switch r := a.list[slices.IndexFunc(a.list, func(r provider.Refund) bool { return r.Key == key })]; {
			case r.Failed:
				return provider.Outcome{Reason: r.Reason, Spent: true}
			case r.Amount != amount:
				return provider.Outcome{Reason: "key_reused"}
			}
			return provider.Outcome{Verdict: provider.Approved}
		case slices.ContainsFunc(a.disputes, func(d provider.Dispute) bool { return d.State == provider.DisputeOpen }):
			return provider.Outcome{Reason: "charge_disputed"}
		case b.noRefund != "":
			return provider.Outcome{Reason: b.noRefund}
		case a.standing != provider.Taken || amount > a.amount-a.refunded:
			if a.standing != provider.Taken || amount > a.amount-a.refunded+a.byHand() { // nobody knows what people do by hand
				b.wrong = append(b.wrong, fmt.Sprintf("refund of %d for %s, which is %+v", amount, c.ID, *a))
			}
			return provider.Outcome{Reason: "too_much"}
		}
		if amount > a.amount-a.refunded-a.disputed() {
			return provider.Outcome{Reason: "charge_disputed"}
		}
		a.refunds[key] = true
		a.refunded += amount
		a.list = append(a.list, provider.Refund{ID: fmt.Sprint("re_", len(a.list)), Key: key, Amount: amount})
		b.line(provider.Refunded, key, c, amount)
		return provider.Outcome{Verdict: provider.Approved}
	})
}

func (b *bank) line(kind provider.LineKind, key string, c provider.Charge, amount int64) {
	b.lines = append(b.lines, provider.Line{
		ID: fmt.Sprint("mv_", len(b.lines)), Kind: kind, Charge: c.ID, Reference: c.Reference, Key: key, Amount: amount, Currency: c.Currency, At: b.now(),
	})
}

// Refunds implements provider.Refunds.
func (b *bank) Refunds(_ context.Context, c provider.Charge) ([]provider.Refund, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if a := b.charges[c.ID]; a != nil {
		return slices.Clone(a.list), b.noList
	}
	return nil, b.noList
}

// failsRefund lets the last refund of a charge that was made fail.
func (b *bank) failsRefund(charge string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.charges[charge]
	for i := len(a.list) - 1; i >= 0; i-- {
		if r := &a.list[i]; !r.Failed {
			r.Failed, r.Reason = true, "lost_or_stolen_card"
			a.refunded -= r.Amount
			b.line(provider.RefundFailed, r.Key, provider.Charge{ID: charge, Currency: "USD"}, r.Amount)
			return
		}
	}
}

// refundsByHand lets somebody give back an amount on the bank's own pages.
func (b *bank) refundsByHand(charge string, amount int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.charges[charge]
	a.refunded += amount
	a.list = append(a.list, provider.Refund{ID: fmt.Sprint("re_", len(a.list)), Amount: amount})
	b.line(provider.Refunded, "", provider.Charge{ID: charge, Currency: "USD"}, amount)
}

// Lines implements provider.Books.
func (b *bank) Lines(_ context.Context, from, to time.Time) iter.Seq2[provider.Line, error] {
	b.mu.Lock()
	list := slices.Clone(b.lines)
	b.mu.Unlock()
	return func(yield func(provider.Line, error) bool) {
		for _, l := range list {
			if !l.At.Before(from) && l.At.Before(to) && !yield(l, nil) {
				return
			}
		}
	}
}

func (b *bank) Find(_ context.Context, c provider.Charge) (provider.Standing, provider.Outcome, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.charges[c.ID]
	if a == nil {
		return provider.Unknown, provider.Outcome{}, nil
	}
	b.look(a)
	if b.forgets && a.standing == provider.Reserved {
		return provider.Waiting, provider.Outcome{}, nil
	}
	o := provider.Outcome{Refused: a.refused, Reason: map[provider.Standing]string{provider.Rejected: "card_declined"}[a.standing], Disputes: slices.Clone(a.disputes)}
	switch {
	case a.standing == provider.Taken:
		o.Taken = b.said()
	case a.standing == provider.Reserved && b.lasts > 0:
		o.CaptureBefore = a.since.Add(b.lasts)
	case a.expired:
		o.Reason = provider.Expired
	}
	return a.standing, o, nil
}
