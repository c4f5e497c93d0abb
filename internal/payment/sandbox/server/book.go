package server

import (
	"cmp"
	"container/heap"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"boxoffice/internal/payment/sandbox/wire"
)

// kind is a kind of operation. All change charges in book.apply, and nowhere else.
type kind string

const (
	opAuthorize kind = "authorize"
	opCapture   kind = "capture"
	opVoid      kind = "void"
	opRefund    kind = "refund"
	opApprove   kind = "approve" // the buyer, on the gateway's page
	opRefuse    kind = "refuse"
	opBounce    kind = "bounce"  // the last refund that was made fails
	opDispute   kind = "dispute" // of all that is left of a charge, or of an amount; or its end
	opExpire    kind = "expire"  // an authorization ends early
	opTick      kind = "tick"    // time has passed
	opAdvance   kind = "advance" // the clock is put forward
	opTold      kind = "told"    // a webhook was taken
	opRules     kind = "rules"   // what the gateway promises from now on
	opLook      kind = "look"    // reads a charge, and is not logged
)

// op is an operation, and a line of the log.
type op struct {
	At int64 `json:"at"` // µs since 1970, never before that of the line before
	Op kind  `json:"op"`
	wire.Request
	Key   string        `json:"key,omitempty"`
	State string        `json:"state,omitempty"` // of a dispute: open, won, lost
	Why   string        `json:"why,omitempty"`   // of a dispute
	By    time.Duration `json:"by,omitempty"`    // of an advance
	Event int           `json:"event,omitempty"` // of opTold
	Rules *rules        `json:"rules,omitempty"` // of opRules
}

// rules are what the gateway promises.
type rules struct {
	Slow    time.Duration `json:"slow"`    // tok_slow is approved after it
	Expires time.Duration `json:"expires"` // authorizations last so long
}

// book is everything that the gateway knows. It changes by apply alone, which is pure:
// the same operations, in the same order, make the same book. So the log is the record.
type book struct {
	rules   rules
	charges map[string]*charge // by the client's name
	keys    map[string]string  // charge of each idempotency key
	lines   []wire.Line        // in the order of their times
	events  int                // so many there were
	untold  map[int]wire.Event // those that no receiver has taken, by number
	balance map[purse]int64    // minor units
	due     deadlines
	offset  time.Duration // of the clock from the real time
	now     int64         // µs since 1970
	day     int64         // days since 1970 up to which was paid out
}

// purse is where money lies: of this ticket office, or of an organizer.
type purse struct{ account, currency string }

// charge is a charge with what its answers do not show.
type charge struct {
	wire.Charge
	steps    map[string]string // what each idempotency key was used for
	decideAt int64             // µs since 1970, while processing
	endsAt   int64             // µs since 1970, while requires_capture
}

func newBook() *book {
	return &book{charges: map[string]*charge{}, keys: map[string]string{}, untold: map[int]wire.Event{}, balance: map[purse]int64{}}
}

const microsOfDay = int64(24 * time.Hour / time.Microsecond)

// apply carries out an operation. changed reports whether it belongs into the log.
func (b *book) apply(o op) (answer wire.Answer, changed bool) {
	changed = b.pass(o.At)
	switch o.Op {
	case opTick:
		return wire.Answer{}, changed
	case opAdvance:
		b.offset += o.By
		return wire.Answer{}, true
	case opRules:
		changed = changed || b.rules != *o.Rules
		b.rules = *o.Rules
		return wire.Answer{}, changed
	case opTold:
		delete(b.untold, o.Event)
		return wire.Answer{}, true
	}
	c, refusal, did := b.step(o)
	answer.Object = "answer"
	if c != nil {
		shown := c.Charge
		shown.Refunds, shown.Disputes = slices.Clone(c.Refunds), slices.Clone(c.Disputes)
		answer.Charge = &shown
	}
	if refusal != "" {
		answer.Error = &wire.Error{Code: refusal, Declined: refusal != wire.CodeUnknown, Text: refusals[refusal]}
	}
	return answer, changed || did
}

// refusals are the codes of what is refused.
var refusals = map[string]string{
	"card_declined":      "The bank declines.",
	"unknown_method":     "This gateway does not know the method.",
	"authentication":     "The buyer did not approve.",
	"voided":             "The charge was voided.",
	"expired":            "The authorization has expired.",
	"captured":           "The money was taken: refund it.",
	"not_authorized":     "The charge is not authorized.",
	"not_captured":       "No money was taken.",
	"more_than_captured": "That is more than what is left of the charge.",
	"not_refunded":       "No refund of the charge was made.",
	"disputed":           "The buyer's bank has taken the money back.",
	"key_reused":         "The idempotency key was used for something else.",
	"amount_differs":     "The charge is over another amount.",
	"bad_amount":         "The amount is not a positive number of minor units.",
	wire.CodeUnknown:     "There is no such charge.",
}

// step carries out an operation on a charge.
func (b *book) step(o op) (c *charge, refusal string, did bool) {
	c = b.charges[o.Charge]
	if of, used := b.keys[o.Key]; used && of != o.Charge {
		return c, "key_reused", false
	}
	if c != nil && o.Key != "" {
		use := string(o.Op) + " " + strconv.FormatInt(o.Refund, 10)
		if was, used := c.steps[o.Key]; used && was != use {
			return c, "key_reused", false
		}
		defer func() {
			if did && refusal == "" {
				c.steps[o.Key], b.keys[o.Key] = use, o.Charge
			}
		}()
	}
	switch {
	case o.Op == opAuthorize:
		return b.authorize(c, o)
	case o.Op == opVoid && c == nil:
		c = b.add(o)
		c.Status, c.Reason = wire.Canceled, "voided"
		b.tell("charge.voided", c)
		return c, "", true
	case c == nil && (o.Op == opCapture || o.Op == opRefund):
		return nil, "not_authorized", false
	case c == nil:
		return nil, wire.CodeUnknown, false
	}
	switch o.Op {
	case opCapture:
		return b.capture(c, o)
	case opVoid, opExpire:
		return b.void(c, o)
	case opRefund:
		return b.refund(c, o)
	case opApprove, opRefuse:
		return b.decide(c, o)
	case opBounce:
		return b.bounce(c)
	case opDispute:
		return b.dispute(c, o)
	}
	return c, "", false
}

// add makes a charge.
func (b *book) add(o op) *charge {
	sum := sha256.Sum256([]byte(o.Charge))
	c := &charge{steps: map[string]string{}, Charge: wire.Charge{
		Object: "charge", ID: "ch_" + hex.EncodeToString(sum[:10]), Charge: o.Charge, Amount: o.Amount, Currency: o.Currency,
		Method: o.Method, Description: o.Description, ReturnURL: o.ReturnURL, Account: o.Account, Fee: o.Fee, Created: o.At / 1e6,
	}}
	b.charges[o.Charge] = c
	return c
}

func (b *book) authorize(c *charge, o op) (*charge, string, bool) {
	if c != nil {
		switch {
		case c.Status == wire.Canceled, c.Status == wire.Failed:
			return c, c.Reason, false
		case c.Amount != o.Amount || c.Currency != o.Currency:
			return c, "amount_differs", false
		}
		return c, "", false
	}
	if o.Amount <= 0 {
		return nil, "bad_amount", false
	}
	c = b.add(o)
	if o.Key != "" {
		c.steps[o.Key], b.keys[o.Key] = string(opAuthorize)+" 0", o.Charge
	}
	switch o.Method {
	case wire.OK:
		b.reserve(c)
	case wire.Slow:
		c.Status, c.decideAt = wire.Processing, o.At+b.rules.Slow.Microseconds()
		heap.Push(&b.due, deadline{c.decideAt, c})
	case wire.Elsewhere:
		c.Status = wire.RequiresAction
		b.tell("charge.requires_action", c)
	case wire.Decline:
		return b.fail(c, "card_declined")
	default:
		return b.fail(c, "unknown_method")
	}
	return c, "", true
}

func (b *book) reserve(c *charge) {
	c.Status, c.endsAt = wire.RequiresCapture, b.now+b.rules.Expires.Microseconds()
	c.CaptureBefore = c.endsAt / 1e6
	heap.Push(&b.due, deadline{c.endsAt, c})
	b.tell("charge.authorized", c)
}

func (b *book) fail(c *charge, reason string) (*charge, string, bool) {
	c.Status, c.Reason = wire.Failed, reason
	b.tell("charge.failed", c)
	return c, reason, true
}

func (b *book) capture(c *charge, o op) (*charge, string, bool) {
	switch c.Status {
	case wire.Succeeded:
		return c, "", false
	case wire.Canceled:
		return c, c.Reason, false
	case wire.RequiresCapture:
	default:
		return c, "not_authorized", false
	}
	if c.Amount != o.Amount || c.Currency != o.Currency {
		return c, "amount_differs", false
	}
	c.Status, c.Captured, c.CaptureBefore = wire.Succeeded, c.Amount, 0
	fee := c.Amount*15/1000 + 25 // what gateways take
	b.line("captured", c, o.Key, c.Amount, fee)
	if c.Account == "" {
		b.balance[purse{"", c.Currency}] += c.Amount - fee
	} else {
		b.balance[purse{c.Account, c.Currency}] += c.Amount - c.Fee
		b.balance[purse{"", c.Currency}] += c.Fee - fee
	}
	b.tell("charge.captured", c)
	return c, "", true
}

func (b *book) void(c *charge, o op) (*charge, string, bool) {
	reason, event := "voided", "charge.voided"
	if o.Op == opExpire {
		reason, event = "expired", "charge.expired"
	}
	switch c.Status {
	case wire.Succeeded:
		return c, "captured", false
	case wire.Canceled, wire.Failed:
		return c, "", false
	}
	held := c.Status == wire.RequiresCapture
	c.Status, c.Reason, c.CaptureBefore = wire.Canceled, reason, 0
	if held {
		b.line("voided", c, o.Key, c.Amount, 0)
	}
	b.tell(event, c)
	return c, "", true
}

// left is what can still go back.
func (c *charge) left() int64 {
	left := c.Captured - c.Refunded
	for _, d := range c.Disputes {
		if d.Status != "won" {
			left -= d.Amount
		}
	}
	return left
}

// disputed is the last dispute of a charge that is in one of these states; nil: there is none.
func (c *charge) disputed(states ...string) *wire.Dispute {
	for i := len(c.Disputes) - 1; i >= 0; i-- {
		if slices.Contains(states, c.Disputes[i].Status) {
			return &c.Disputes[i]
		}
	}
	return nil
}

func (b *book) refund(c *charge, o op) (*charge, string, bool) {
	if _, repeated := c.steps[o.Key]; repeated && o.Key != "" {
		return c, "", false
	}
	switch {
	case c.Status != wire.Succeeded:
		return c, "not_captured", false
	case c.disputed("open") != nil:
		return c, "disputed", false
	case o.Refund <= 0:
		return c, "bad_amount", false
	case o.Refund > c.left():
		return c, "more_than_captured", false
	}
	c.Refunded += o.Refund
	c.Refunds = append(c.Refunds, wire.Refund{Key: o.Key, Amount: o.Refund})
	b.balance[purse{c.Account, c.Currency}] -= o.Refund
	b.line("refunded", c, o.Key, o.Refund, 0)
	b.tell("charge.refunded", c)
	return c, "", true
}

// bounce lets the last refund that was made fail: the buyer's bank sends the money back.
func (b *book) bounce(c *charge) (*charge, string, bool) {
	for i := len(c.Refunds) - 1; i >= 0; i-- {
		r := &c.Refunds[i]
		if r.Failed {
			continue
		}
		r.Failed = true
		c.Refunded -= r.Amount
		b.balance[purse{c.Account, c.Currency}] += r.Amount
		b.line("refund_failed", c, r.Key, r.Amount, 0)
		b.tell("refund.failed", c)
		return c, "", true
	}
	return c, "not_refunded", false
}

// decide is what the buyer does on the gateway's page. It comes too late for what is
// decided.
func (b *book) decide(c *charge, o op) (*charge, string, bool) {
	if c.Status != wire.RequiresAction {
		return c, "", false
	}
	if o.Op == opRefuse {
		_, _, did := b.fail(c, "authentication")
		return c, "", did
	}
	b.reserve(c)
	return c, "", true
}

// evidenceTime is how long evidence in a dispute counts.
const evidenceTime = 7 * 24 * time.Hour

func (b *book) dispute(c *charge, o op) (*charge, string, bool) {
	own := purse{c.Account, c.Currency}
	open, decided := c.disputed("open"), c.disputed("open", "lost")
	switch {
	case o.State == "open" && open == nil && c.left() > 0:
		if o.Amount < 0 || o.Amount > c.left() {
			return c, "more_than_captured", false
		}
		d := wire.Dispute{ID: "dp_" + c.ID[3:], Status: "open", Amount: cmp.Or(o.Amount, c.left()), Reason: cmp.Or(o.Why, "fraudulent"), DueBy: (o.At + evidenceTime.Microseconds()) / 1e6}
		if n := len(c.Disputes); n > 0 {
			d.ID += "_" + strconv.Itoa(n+1)
		}
		c.Disputes = append(c.Disputes, d)
		b.balance[own] -= d.Amount
		b.line("disputed", c, "", d.Amount, 0)
		b.tell("dispute.opened", c)
	case o.State == "won" && decided != nil:
		decided.Status = "won"
		b.balance[own] += decided.Amount
		b.line("dispute_won", c, "", decided.Amount, 0)
		b.tell("dispute.closed", c)
	case o.State == "lost" && open != nil:
		open.Status = "lost"
		b.tell("dispute.closed", c)
	default:
		return c, "not_captured", false
	}
	return c, "", true
}

// line records a movement at the present time.
func (b *book) line(kind string, c *charge, key string, amount, fee int64) {
	b.lines = append(b.lines, wire.Line{
		ID: "ln_" + strconv.Itoa(len(b.lines)+1), Kind: kind, Charge: c.Charge.Charge, Reference: c.ID, Key: key, Account: c.Account,
		Amount: amount, Fee: fee, Currency: c.Currency, At: b.now,
	})
}

// tell notes an event, for webhooks.
func (b *book) tell(what string, c *charge) {
	b.events++
	e := wire.Event{Object: "event", ID: "ev_" + strconv.Itoa(b.events), Type: what, Created: b.now / 1e6, Charges: []string{}}
	if c != nil {
		e.Charges = append(e.Charges, c.Charge.Charge)
	}
	b.untold[b.events] = e
}

// pass lets time pass: what is due happens, in order. It reports whether anything has.
func (b *book) pass(now int64) (changed bool) {
	if b.day == 0 {
		b.day = now / microsOfDay
	}
	for len(b.due) > 0 && b.due[0].at <= now {
		d := heap.Pop(&b.due).(deadline)
		changed = b.payouts(d.at) || changed
		b.now = max(b.now, d.at)
		switch {
		case d.c.Status == wire.Processing && d.c.decideAt == d.at:
			b.reserve(d.c)
			changed = true
		case d.c.Status == wire.RequiresCapture && d.c.endsAt == d.at:
			b.void(d.c, op{Op: opExpire})
			changed = true
		}
	}
	changed = b.payouts(now) || changed
	b.now = max(b.now, now)
	return changed
}

// payouts pays out the balances at each midnight (UTC) until now.
func (b *book) payouts(now int64) (changed bool) {
	for today := now / microsOfDay; b.day < today; {
		paid := false
		b.day++
		b.now = max(b.now, b.day*microsOfDay)
		for _, p := range slices.SortedFunc(maps.Keys(b.balance), comparePurses) {
			amount := b.balance[p]
			if amount <= 0 {
				continue
			}
			b.lines = append(b.lines, wire.Line{ID: "ln_" + strconv.Itoa(len(b.lines)+1), Kind: "payout", Account: p.account, Amount: amount, Currency: p.currency, At: b.now})
			b.balance[p] = 0
			b.tell("payout.paid", nil)
			paid = true
		}
		if !paid { // nothing comes in between
			b.day = today
		}
		changed = changed || paid
	}
	return changed
}

func comparePurses(a, b purse) int {
	return cmp.Or(strings.Compare(a.account, b.account), strings.Compare(a.currency, b.currency))
}

// deadline is when something happens to a charge by itself.
type deadline struct {
	at int64
	c  *charge
}

// deadlines is a heap, the next one first.
type deadlines []deadline

func (d deadlines) Len() int { return len(d) }
func (d deadlines) Less(i, j int) bool {
	if d[i].at != d[j].at {
		return d[i].at < d[j].at
	}
	return d[i].c.Charge.Charge < d[j].c.Charge.Charge
}
func (d deadlines) Swap(i, j int) { d[i], d[j] = d[j], d[i] }
func (d *deadlines) Push(x any)   { *d = append(*d, x.(deadline)) }
func (d *deadlines) Pop() any {
	last := (*d)[len(*d)-1]
	*d = (*d)[:len(*d)-1]
	return last
}
