package reconcile

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
)

// Payment is a payment as its row has it.
type Payment struct {
	ID        string
	BookingID string
	Status    paymentapi.Status
	GivenUp   bool // it was given up; money taken nevertheless was returned
	Amount    int64
	Refunded  int64
	Currency  string

	Excess     int64 // what the gateway has taken beyond Amount; below 0: less
	ExcessBack int64 // what of it is settled

	Reference string // of the charge by its present method
	Methods   int64  // how many it has had
	CreatedAt int64  // µs since 1970
	UpdatedAt int64
	Movements []Movement // captures, refunds and disputes of its history

	With  Gateway // what it was begun with
	Away  bool    // the gateway that is asked is another one
	Lists bool    // that gateway lists refunds: asking about the payment finds money that is not back
}

// Gateway is what a payment was begun with: the name of the gateway, the organizer's own
// account there ("": none), and whether it moves no money.
type Gateway struct {
	Name, Account string
	Test          bool
}

// keeps is what the payment keeps of its money, after refunds.
func (p *Payment) keeps() int64 {
	if p.gaveUp() || !p.Status.Final() {
		return 0
	}
	return p.Amount - p.Refunded
}

// taken is what the gateway has taken.
func (p *Payment) taken() int64 { return p.Amount + p.Excess }

// gaveUp reports whether the payment ended without paying for its booking.
func (p *Payment) gaveUp() bool { return p.GivenUp || !p.captured() }

func (p *Payment) captured() bool {
	return slices.ContainsFunc(p.Movements, func(m Movement) bool { return m.Kind == provider.Captured })
}

// Booking is everything about the payments of one booking.
type Booking struct {
	ID       string
	Payments []Payment  // all of them
	Lines    []Movement // the gateway's, around the day
	Postings []Movement // the journal's, around the day
}

// span is what a judgement is about.
type span struct {
	from, to int64 // µs since 1970: what is reported
	slack    int64 // µs by which two records of one movement may differ
	journal  int64 // µs since 1970: earlier movements have no postings
	books    bool  // the gateway has a list

	asked map[string]bool // payments about which the gateway was asked, and is what it says
}

func (s *span) has(at int64) bool { return at >= s.from && at < s.to }

// judgement is what the comparison of a booking has come to.
type judgement struct {
	span
	lines     []Movement // the gateway's, each once
	found     []Finding
	explained []string // lines of the day
	unsure    bool     // something was recorded much later than it happened
}

// Judge compares the three sides of a booking's payments.
func judge(s span, b *Booking) *judgement {
	j := &judgement{span: s}
	j.lines = j.distinct(b.Lines)
	byPayment := map[string][]Movement{}
	for i := range j.lines {
		id, _ := splitCharge(j.lines[i].Charge)
		byPayment[id] = append(byPayment[id], j.lines[i])
	}
	posted := map[string][]Movement{}
	for i := range b.Postings {
		posted[b.Postings[i].Charge] = append(posted[b.Postings[i].Charge], b.Postings[i])
	}
	for i := range b.Payments {
		p := &b.Payments[i]
		c := &comparison{judgement: j, p: p, lines: byPayment[p.ID], postings: posted[p.ID]}
		if s.books && !p.Away {
			c.gateway()
		}
		c.journal()
		delete(byPayment, p.ID)
		delete(posted, p.ID)
	}
	j.strangers(byPayment, UnknownPayment, b.ID)
	j.strangers(posted, JournalUnknown, b.ID)
	j.paidTwice(b)
	return j
}

// distinct drops lines that the gateway has listed twice.
func (j *judgement) distinct(lines []Movement) []Movement {
	out := make([]Movement, 0, len(lines))
	for i := range lines {
		l := &lines[i]
		k := slices.IndexFunc(out, func(m Movement) bool { return m.ID == l.ID && l.ID != "" })
		switch {
		case k < 0:
			out = append(out, *l)
		case out[k] != *l && j.has(l.At):
			id, _ := splitCharge(l.Charge)
			j.find(LineContradicts, id, *l, out[k].Amount)
		}
	}
	return out
}

// strangers reports movements of payments that the record does not have: one finding for
// each payment and kind of movement.
func (j *judgement) strangers(of map[string][]Movement, kind FindingKind, bookingID string) {
	for id, list := range of {
		for i := range list {
			if list[i].Kind != provider.Voided && j.has(list[i].At) {
				j.find(kind, id, list[i], 0)
			}
			if list[i].Kind == provider.Voided && j.has(list[i].At) { // no money moved
				j.explain("voided")
			}
		}
	}
}

// paidTwice reports a booking for which two payments keep money.
func (j *judgement) paidTwice(b *Booking) {
	var first *Payment
	for i := range b.Payments {
		p := &b.Payments[i]
		if p.keeps() <= 0 {
			continue
		}
		if first == nil {
			first = p
			continue
		}
		for _, m := range p.Movements {
			if m.Kind == provider.Captured && j.has(m.At) {
				j.find(PaidTwice, p.ID, m, 0)
			}
		}
	}
}

func (j *judgement) explain(how string) { j.explained = append(j.explained, how) }

// find reports a movement; expected is what the record says.
func (j *judgement) find(kind FindingKind, paymentID string, m Movement, expected int64) {
	booking, _, _ := strings.Cut(paymentID, "-")
	f := Finding{
		Kind: kind, Says: says[kind], PaymentID: paymentID, BookingID: booking, Line: m.ID, Reference: m.Reference, Amount: m.Amount,
		Expected: expected, Currency: m.Currency, At: time.UnixMicro(m.At).UTC(),
	}
	if m.Charge != paymentID {
		f.Charge = m.Charge
	}
	if m.Kind == provider.Refunded {
		f.Refund = m.Key
	}
	j.found = append(j.found, f)
}

// splitCharge splits a charge id into the payment's id and the number of the method.
func splitCharge(charge string) (paymentID string, method int64) {
	id, n, ok := strings.Cut(charge, ".")
	if !ok {
		return charge, 0
	}
	method, err := strconv.ParseInt(n, 10, 64)
	if err != nil {
		return charge, 0
	}
	return id, method
}

// comparison compares one payment's sides.
type comparison struct {
	*judgement
	p        *Payment
	lines    []Movement
	postings []Movement
}

// gateway compares the gateway's lines with the record.
func (c *comparison) gateway() {
	c.lines = slices.DeleteFunc(c.lines, c.odd)
	if !c.p.Status.Final() {
		for i := range c.lines {
			if c.has(c.lines[i].At) {
				c.explain("under-way")
			}
		}
		return
	}
	c.captures()
	c.voids()
	c.refunds()
	c.failures()
	c.elsewhere()
	c.disputes()
	c.disputedTwice()
}

// odd reports lines that cannot belong to the payment, whatever it says.
func (c *comparison) odd(l Movement) bool {
	_, method := splitCharge(l.Charge)
	kind := FindingKind("")
	switch {
	case l.Kind == provider.Voided:
	case method < 1 || method > c.p.Methods:
		kind = UnknownMethod
	case method == c.p.Methods && l.Reference != "" && c.p.Reference != "" && l.Reference != c.p.Reference:
		kind = ReferenceDiffers
	case l.At < c.p.CreatedAt-c.slack:
		kind = BeforePayment
	}
	if kind == "" {
		return false
	}
	if c.has(l.At) {
		c.find(kind, c.p.ID, l, c.p.Amount)
	}
	return true
}

// settle counts what is explained; a movement that was recorded much later is looked at
// twice.
func (c *comparison) settle(same []pair, kind provider.LineKind) {
	for _, m := range same {
		late := m.ours.At > m.theirs.At+c.slack
		c.unsure = c.unsure || late
		switch {
		case !c.has(m.theirs.At):
		case late:
			c.explain("late")
		default:
			c.explain(string(kind))
		}
	}
}

// report reports the rest of a kind's movements.
func (c *comparison) report(list []Movement, kind FindingKind, expected int64) {
	for _, m := range list {
		if c.has(m.At) {
			c.find(kind, c.p.ID, m, expected)
		}
	}
}

// differing reports pairs that are not the same.
func (c *comparison) differing(list []pair, amount, currency FindingKind) {
	for _, d := range list {
		kind := amount
		if d.theirs.Currency != d.ours.Currency {
			kind = currency
		}
		if c.has(d.theirs.At) {
			c.find(kind, c.p.ID, d.theirs, d.ours.Amount)
		}
	}
}

func (c *comparison) captures() {
	m := match(c.lines, c.p.Movements, provider.Captured, c.slack)
	if c.p.Excess != c.p.ExcessBack && !c.p.gaveUp() { // it is recorded, and a part of it is still owed
		for _, s := range m.same {
			c.report([]Movement{s.theirs}, CaptureAmount, c.p.Amount)
		}
		m.same = nil
	}
	c.settle(m.same, provider.Captured)
	c.differing(m.differ, CaptureAmount, CaptureCurrency)
	c.report(m.ours, c.missing(), c.p.Amount)
	for _, l := range m.theirs {
		switch {
		case c.p.gaveUp():
			c.givenUp(l)
		case c.has(l.At):
			c.find(c.again(m.same, l), c.p.ID, l, 0)
		}
	}
}

// missing is what a recorded capture comes to that the gateway does not have.
func (c *comparison) missing() FindingKind {
	if slices.ContainsFunc(c.lines, func(m Movement) bool { return m.Kind == provider.Voided && c.present(&m) }) {
		return VoidedButCaptured
	}
	return CaptureMissing
}

// present reports whether a line is about the payment's present method.
func (c *comparison) present(m *Movement) bool {
	_, method := splitCharge(m.Charge)
	return method == c.p.Methods
}

// again is what a second capture of a payment comes to.
func (c *comparison) again(same []pair, l Movement) FindingKind {
	if len(same) == 0 && c.present(&l) || slices.ContainsFunc(same, func(m pair) bool { return m.theirs.Charge == l.Charge }) {
		return CapturedTwice
	}
	return TwoMethods
}

// givenUp explains a capture of a payment that did not pay for its booking: its money
// must be back.
func (c *comparison) givenUp(l Movement) {
	switch {
	case !c.has(l.At):
	case c.p.Amount == 0:
		c.find(FreeCharged, c.p.ID, l, 0)
	case c.back(&l) < l.Amount:
		c.find(NotReturned, c.p.ID, l, 0)
	default:
		c.explain("returned")
	}
}

// back returns how much money of a line's charge went back, by refunds and disputes.
func (c *comparison) back(l *Movement) int64 {
	return sumAt(c.lines, l, provider.Refunded) + sumAt(c.lines, l, provider.Disputed) -
		sumAt(c.lines, l, provider.RefundFailed) - sumAt(c.lines, l, provider.DisputeWonBack)
}

func (c *comparison) voids() {
	for i := range c.lines {
		v := &c.lines[i]
		if v.Kind != provider.Voided || !c.has(v.At) {
			continue
		}
		if slices.ContainsFunc(c.lines, func(m Movement) bool { return m.Kind == provider.Captured && m.Charge == v.Charge }) {
			c.find(VoidAndCapture, c.p.ID, *v, 0)
			continue
		}
		if c.p.captured() && c.present(v) && !slices.ContainsFunc(c.found, func(f Finding) bool { return f.Kind == VoidedButCaptured && f.PaymentID == c.p.ID }) {
			c.find(VoidedButCaptured, c.p.ID, *v, 0)
			continue
		}
		c.explain("voided")
	}
}

// disputedTwice reports disputes about money that had gone back before. Those that had been
// won when they were heard of need nobody any more.
func (c *comparison) disputedTwice() {
	kept := c.p.taken() // when a dispute was heard of
	for _, m := range c.p.Movements {
		switch m.Kind {
		case provider.Refunded:
			kept -= m.Amount
		case provider.RefundFailed:
			kept += m.Amount
		case provider.Disputed:
			if c.has(m.At) && !m.Unposted && (c.p.gaveUp() || m.Amount > kept) {
				m.Charge = c.p.ID
				c.find(DisputeReturned, c.p.ID, m, c.p.Refunded)
			}
		}
	}
}

func (c *comparison) disputes() {
	m := match(c.lines, c.p.Movements, provider.Disputed, c.slack)
	c.settle(m.same, provider.Disputed)
	c.differing(m.differ, DisputeAmount, DisputeCurrency)
	c.report(m.ours, DisputeMissing, 0)
	for _, l := range m.theirs {
		switch {
		case !c.has(l.At):
		case c.backForSure():
			c.explain("returned")
		default:
			c.find(DisputeUnrecorded, c.p.ID, l, 0)
		}
	}
	m = match(c.lines, c.p.Movements, provider.DisputeWonBack, c.slack)
	c.settle(m.same, provider.DisputeWonBack)
	c.differing(m.differ, WonAmount, DisputeCurrency)
	c.report(m.ours, WonMissing, 0)
	c.report(m.theirs, WonUnrecorded, 0)
}

// atFirst is what the record knew when it recorded each movement, and what was posted then.
func (p *Payment) atFirst() []Movement {
	if !slices.ContainsFunc(p.Movements, func(m Movement) bool { return m.Later != 0 }) {
		return p.Movements
	}
	list := slices.Clone(p.Movements)
	for i := range list {
		list[i].Amount -= list[i].Later
	}
	return list
}

// journalled are the kinds of movements that have postings.
var journalled = []provider.LineKind{provider.Captured, provider.Refunded, provider.RefundFailed, provider.Disputed, provider.DisputeWonBack}

// journal compares the journal's postings with the record.
func (c *comparison) journal() {
	for _, p := range c.postings {
		if p.Off != 0 && c.has(p.At) {
			c.find(JournalUnbalanced, c.p.ID, p, 0)
		}
	}
	kinds := journalled
	if c.p.GivenUp { // what was taken and returned is posted when it is found
		kinds = []provider.LineKind{provider.Disputed, provider.DisputeWonBack}
	}
	ours := c.p.atFirst()
	for _, kind := range kinds {
		m := match(c.postings, ours, kind, c.slack)
		c.differing(m.differ, JournalAmount, JournalCurrency)
		for _, o := range m.ours {
			if o.At >= c.span.journal && c.has(o.At) && o.Amount != 0 && !o.Unposted {
				c.find(JournalMissing, c.p.ID, Movement{Kind: o.Kind, Charge: c.p.ID, Currency: o.Currency, At: o.At}, o.Amount)
			}
		}
		for _, t := range m.theirs {
			if !c.has(t.At) {
				continue
			}
			again := slices.ContainsFunc(m.same, func(s pair) bool { return s.ours.Amount == t.Amount })
			if again {
				c.find(JournalTwice, c.p.ID, t, 0)
			} else {
				c.find(JournalExtra, c.p.ID, t, 0)
			}
		}
	}
}
