package simulate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"boxoffice/internal/payment/provider"
)

// The methods that the bank knows. What happens to a charge goes by its method.
const (
	tokOK          = "tok_ok"           // approved, by function: see provider.Sure
	tokAsked       = "tok_asked"        // approved, when asked
	tokDecline     = "tok_decline"      // declined
	tokLate        = "tok_late"         // approved after some time
	tokNever       = "tok_never"        // never decided
	tokLostYes     = "tok_lost_yes"     // approved; the first answer is lost
	tokLostCapture = "tok_lost_capture" // captured; the first answers are lost
	tokSlowCapture = "tok_slow_capture" // captured at once, answered seconds later
	tokNoCapture   = "tok_no_capture"   // the capture is declined
	tokDeafCapture = "tok_deaf_capture" // the first captures are not heard
	tokLateCapture = "tok_late_capture" // captured seconds later, or before a void; what is answered until then is lost
	tokLostVoid    = "tok_lost_void"    // voided; the first answer is lost
	tokLostRefund  = "tok_lost_refund"  // refunded; the first answer is lost
)

var methods = []string{tokOK, tokAsked, tokDecline, tokLate, tokNever, tokLostYes, tokLostCapture, tokSlowCapture,
	tokNoCapture, tokDeafCapture, tokLateCapture, tokLostVoid, tokLostRefund}

// approves reports whether the bank would give a method's money.
func approves(method string) bool {
	return method != tokDecline && method != tokNever && method != tokNoCapture
}

// How slow the bank is.
const (
	lateBy  = 4 * time.Second
	slowBy  = 5 * time.Second
	lostFor = 2 // answers
)

var errLost = errors.New("simulate: the gateway does not answer")

// charge is what the bank's books say of one.
type charge struct {
	id       string
	amount   int64
	currency string
	method   string
	since    time.Time // of an authorization that is not decided
	queued   time.Time // of a capture that is carried out late
	standing provider.Standing
	refunded int64
	done     map[string]provider.Outcome // by idempotency key
	lost     map[string]int              // answers that were lost, by step
}

// bank is the payment gateway, with books of its own.
type bank struct {
	clock *clock

	mu      sync.Mutex
	charges map[string]*charge
	down    bool     // it hears nothing
	deaf    bool     // it hears, and its answers are lost
	faults  []string // what it was asked that nobody may ask
}

func newBank(c *clock) *bank { return &bank{clock: c, charges: map[string]*charge{}} }

// bookingOf is the booking of a charge: its id begins with the payment's.
func (c *charge) bookingOf() string {
	id, _, _ := strings.Cut(c.id, "-")
	return id
}

// net is the money that a booking's charges have brought, by the bank's books.
func (b *bank) net(booking string) (net int64, taken int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.charges {
		if c.bookingOf() == booking && c.standing == provider.Taken {
			net += c.amount - c.refunded
			taken++
		}
	}
	return net, taken
}

// reserved lists charges whose money is neither taken nor let go.
func (b *bank) reserved() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []string
	for _, c := range b.charges {
		if c.standing == provider.Reserved || c.standing == provider.Waiting {
			list = append(list, c.id)
		}
	}
	return list
}

func (b *bank) mode(down, deaf bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down, b.deaf = down, deaf
}

// settle makes the bank decide and answer everything from now on.
func (b *bank) settle() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down, b.deaf = false, false
	for _, c := range b.charges {
		c.workOff()
		for k := range c.lost {
			c.lost[k] = lostFor
		}
	}
}

// branch is the bank as one node reaches it.
type branch struct {
	bank *bank
	life *life
}

func (n *branch) Sure(method string) bool { return method == tokOK }

// step carries out a step once for each key, and loses what has to be lost.
func (n *branch) step(step, key string, ch provider.Charge, do func(c *charge) provider.Outcome) (provider.Outcome, error) {
	n.life.reach(step)
	if err := n.life.pass(); err != nil {
		return provider.Outcome{}, err
	}
	b := n.bank
	b.mu.Lock()
	c := b.charges[ch.ID]
	if c == nil {
		c = &charge{id: ch.ID, amount: ch.Amount, currency: ch.Currency, method: ch.Method, done: map[string]provider.Outcome{}, lost: map[string]int{}}
		b.charges[ch.ID] = c
	}
	if c.amount != ch.Amount || c.currency != ch.Currency || ch.Method != "" && c.method != ch.Method { // of a method that was given up only the id is known
		b.faults = append(b.faults, fmt.Sprintf("%s of charge %s: %d %s by %s became %d %s by %s", step, c.id, c.amount, c.currency, c.method, ch.Amount, ch.Currency, ch.Method))
	}
	if ch.Amount <= 0 && step != "void" {
		b.faults = append(b.faults, fmt.Sprintf("%s of charge %s is over %d", step, c.id, ch.Amount))
	}
	down, deaf := b.down, b.deaf
	if step == "capture" && c.method == tokDeafCapture && c.lost[step] < lostFor {
		c.lost[step]++
		down = true
	}
	if down {
		b.mu.Unlock()
		return provider.Outcome{}, errLost
	}
	o, known := c.done[key]
	if !known {
		if o = do(c); o.Verdict != provider.Undecided {
			c.done[key] = o
		}
	}
	slow := time.Duration(0)
	switch {
	case step == "authorize" && c.method == tokLostYes, step == "void" && c.method == tokLostVoid,
		step == "refund" && c.method == tokLostRefund, step == "capture" && c.method == tokLostCapture:
		if c.lost[step] < lostFor {
			c.lost[step]++
			deaf = true
		}
	case step == "capture" && c.method == tokLateCapture && o.Verdict == provider.Undecided:
		deaf = true
	case step == "capture" && c.method == tokSlowCapture && !known:
		slow = slowBy
	}
	b.mu.Unlock()
	if slow > 0 {
		b.clock.pause(slow)
	}
	if err := n.life.pass(); err != nil {
		return provider.Outcome{}, err
	}
	if deaf {
		return provider.Outcome{}, errLost
	}
	return o, nil
}

func no(reason string) provider.Outcome { return provider.Outcome{Reason: reason} }

var yes = provider.Outcome{Verdict: provider.Approved}

// ripe decides about an authorization that waits.
func (c *charge) ripe(now time.Time) {
	if c.standing == provider.Waiting && c.method == tokLate && now.Sub(c.since) >= lateBy {
		c.standing = provider.Reserved
	}
	if !c.queued.IsZero() && now.Sub(c.queued) >= lateBy {
		c.workOff()
	}
}

// workOff carries out a capture that was put off.
func (c *charge) workOff() {
	if !c.queued.IsZero() && c.standing == provider.Reserved {
		c.standing = provider.Taken
	}
}

func (n *branch) Authorize(_ context.Context, key string, ch provider.Charge) (provider.Outcome, error) {
	return n.step("authorize", key, ch, func(c *charge) provider.Outcome {
		c.ripe(n.bank.clock.now())
		switch c.standing {
		case provider.Released:
			return no("voided")
		case provider.Reserved, provider.Taken:
			return yes
		}
		switch c.method {
		case tokDecline:
			c.standing = provider.Rejected
			return no("card_declined")
		case tokLate, tokNever:
			if c.standing == provider.Unknown {
				c.standing, c.since = provider.Waiting, n.bank.clock.now()
			}
			return provider.Outcome{Verdict: provider.Undecided}
		case tokOK: // it reserves nothing
			return yes
		}
		c.standing = provider.Reserved
		return yes
	})
}

func (n *branch) Capture(_ context.Context, key string, ch provider.Charge) (provider.Outcome, error) {
	return n.step("capture", key, ch, func(c *charge) provider.Outcome {
		c.ripe(n.bank.clock.now())
		switch {
		case c.standing == provider.Taken:
			return yes
		case c.standing == provider.Released:
			return no("voided")
		case c.standing != provider.Reserved && c.method != tokOK:
			return no("not_authorized")
		case c.method == tokNoCapture:
			c.standing = provider.Rejected
			return no("issuer_gone")
		}
		if c.method == tokLateCapture {
			if c.queued.IsZero() {
				c.queued = n.bank.clock.now()
			}
			return provider.Outcome{Verdict: provider.Undecided}
		}
		c.standing = provider.Taken
		return yes
	})
}

func (n *branch) Void(_ context.Context, key string, ch provider.Charge) (provider.Outcome, error) {
	return n.step("void", key, ch, func(c *charge) provider.Outcome {
		c.workOff()
		if c.standing == provider.Taken {
			return no("captured")
		}
		c.standing = provider.Released
		return yes
	})
}

func (n *branch) Refund(_ context.Context, key string, ch provider.Charge, amount int64) (provider.Outcome, error) {
	return n.step("refund", key, ch, func(c *charge) provider.Outcome {
		if c.standing != provider.Taken || amount <= 0 || amount > c.amount-c.refunded {
			n.bank.faults = append(n.bank.faults, fmt.Sprintf("refund %s over %d of charge %s: %d of %d taken and %d refunded", key, amount, c.id, c.standing, c.amount, c.refunded))
			return no("more_than_captured")
		}
		c.refunded += amount
		return yes
	})
}

func (n *branch) Find(_ context.Context, ch provider.Charge) (provider.Standing, provider.Outcome, error) {
	if err := n.life.pass(); err != nil {
		return provider.Unknown, provider.Outcome{}, err
	}
	b := n.bank
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.down || b.deaf {
		return provider.Unknown, provider.Outcome{}, errLost
	}
	c := b.charges[ch.ID]
	if c == nil {
		return provider.Unknown, provider.Outcome{}, nil
	}
	c.ripe(b.clock.now())
	return c.standing, provider.Outcome{}, nil
}
