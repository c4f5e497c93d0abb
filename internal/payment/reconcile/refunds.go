package reconcile

import (
	"cmp"
	"slices"

	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
)

func (c *comparison) refunds() {
	m := match(c.lines, c.p.Movements, provider.Refunded, c.slack)
	c.joined(&m)
	if c.p.gaveUp() { // it may have gone back in parts, some of them by hand, or by a dispute
		if c.backForSure() {
			m.apart(c.inParts)
		}
		m.ours = slices.DeleteFunc(m.ours, func(o Movement) bool { return c.backForSure() || o.Amount <= sumOf(m.theirs, o.Currency) })
	}
	c.settle(m.same, provider.Refunded)
	c.differing(m.differ, RefundAmount, RefundCurrency)
	c.report(m.ours, RefundMissing, c.p.Refunded)
	total := c.p.Refunded + c.p.ExcessBack
	slices.SortStableFunc(m.theirs, func(a, b Movement) int { return cmp.Compare(a.At, b.At) })
	for i, l := range m.theirs {
		if l.Currency != c.p.Currency {
			c.report([]Movement{l}, RefundCurrency, 0)
			continue
		}
		total += l.Amount
		if c.returned(&l, m.theirs[i+1:]) {
			c.unsure = true // what was returned on other days counts, too
			if c.has(l.At) {
				c.explain("returned")
			}
			continue
		}
		if c.has(l.At) {
			c.find(c.extraRefund(m.same, &l, total), c.p.ID, l, c.p.Refunded)
		}
	}
}

// joined pairs refunds by others that were for an excess and for more: the record has two
// movements of each.
func (c *comparison) joined(m *pairs) {
	for i := 0; i < len(m.theirs); i++ {
		l := m.theirs[i]
		for j, excess := range m.ours {
			rest := l
			rest.Amount -= excess.Amount
			k := slices.IndexFunc(m.ours, func(o Movement) bool { return o.Elsewhere && explains(&o, &rest, c.slack) })
			if !excess.Excess || k < 0 || !explains(&excess, &Movement{Amount: excess.Amount, Currency: l.Currency, At: l.At}, c.slack) {
				continue
			}
			m.same = append(m.same, pair{l, m.ours[k]})
			m.theirs = slices.Delete(m.theirs, i, i+1)
			m.ours = slices.Delete(m.ours, max(j, k), max(j, k)+1)
			m.ours = slices.Delete(m.ours, min(j, k), min(j, k)+1)
			i--
			break
		}
	}
}

// inParts reports whether the rest of a refund that is recorded as one went back otherwise, as
// far as the lines tell. Of what went back long before the day a person decides.
func (c *comparison) inParts(p *pair) bool {
	return p.theirs.Amount < p.ours.Amount && c.back(&p.theirs) >= p.ours.Amount
}

func sumOf(list []Movement, currency string) (sum int64) {
	for i := range list {
		if list[i].Currency == currency {
			sum += list[i].Amount
		}
	}
	return sum
}

// returned reports whether a refund returned money of a charge that was captured although its
// payment was given up, and not more than was taken, with all refunds but the later ones that
// the record does not have.
func (c *comparison) returned(l *Movement, later []Movement) bool {
	if !c.p.gaveUp() {
		return false
	}
	back := sumAt(c.lines, l, provider.Refunded) - sumAt(c.lines, l, provider.RefundFailed) - sumAt(later, l, provider.Refunded)
	taken := sumAt(c.lines, l, provider.Captured)
	if taken == 0 && c.p.GivenUp && c.p.Status == paymentapi.Refunded { // captured before the day
		taken = c.p.taken()
	}
	return taken > 0 && back <= taken
}

// sumAt adds up the movements of a kind that have the line's charge and currency.
func sumAt(list []Movement, l *Movement, kind provider.LineKind) (sum int64) {
	for i := range list {
		if m := &list[i]; m.Kind == kind && m.Charge == l.Charge && m.Currency == l.Currency {
			sum += m.Amount
		}
	}
	return sum
}

// extraRefund is what a refund comes to that the record does not have.
func (c *comparison) extraRefund(same []pair, l *Movement, total int64) FindingKind {
	taken := c.p.captured() || slices.ContainsFunc(c.lines, func(m Movement) bool { return m.Kind == provider.Captured })
	twice := slices.ContainsFunc(same, func(m pair) bool {
		return m.ours.Amount == l.Amount && (sameKey(&m.theirs, l) || m.theirs.Key == "" || l.Key == "")
	})
	switch {
	case !taken:
		return RefundOfNothing
	case twice && (l.Key != "" || total > c.p.taken()):
		return RefundTwice
	case total > c.p.taken():
		return RefundBeyond
	}
	return RefundUnrecorded
}

// failures compares refunds that have failed after they were made.
func (c *comparison) failures() {
	m := match(c.lines, c.p.Movements, provider.RefundFailed, c.slack)
	c.settle(m.same, provider.RefundFailed)
	c.differing(m.differ, RefundAmount, RefundCurrency)
	c.report(m.ours, FailureMissing, c.p.Refunded)
	for _, l := range m.theirs {
		switch {
		case !c.has(l.At):
		case c.backForSure() || c.p.gaveUp() && c.returnedSince(&l):
			c.explain("returned")
		default:
			c.find(FailureUnrecorded, c.p.ID, l, c.p.Refunded)
		}
	}
}

// returnedSince reports whether money that came back of a payment that was given up has been
// returned again.
func (c *comparison) returnedSince(l *Movement) bool {
	again := int64(0)
	for i := range c.lines {
		r := &c.lines[i]
		switch {
		case r.Charge != l.Charge || r.Currency != l.Currency || r.ID == l.ID || r.At < l.At:
		case r.Kind == provider.Refunded:
			again += r.Amount
		case r.Kind == provider.RefundFailed:
			again -= r.Amount
		}
	}
	return again >= l.Amount
}

// backForSure reports whether the gateway was asked about a payment that was given up, and
// says that all of its money is back, by whatever way. A dispute that it has then, and that
// is not recorded, has given back what was left.
func (c *comparison) backForSure() bool {
	return c.p.GivenUp && c.p.Status == paymentapi.Refunded && c.p.Lists && c.asked[c.p.ID]
}

// elsewhere reports what others have refunded: the booking may have to go, too.
func (c *comparison) elsewhere() {
	for _, m := range c.p.Movements {
		if m.Elsewhere && c.has(m.At) {
			m.Charge = c.p.ID
			c.find(RefundElsewhere, c.p.ID, m, c.p.Refunded)
		}
	}
}
