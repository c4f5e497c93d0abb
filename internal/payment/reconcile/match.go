package reconcile

import (
	"slices"

	"boxoffice/internal/payment/provider"
)

// Movement is something that happened to a payment's money, as one side has recorded it.
type Movement struct {
	Kind      provider.LineKind
	ID        string // the side's own name of it; "" if it has none
	Charge    string // the gateway's: Charge.ID; the journal's: the payment's id
	Reference string
	Key       string // the idempotency key of the step, or the refund's id; "": not known
	Amount    int64  // minor units
	Fee       int64  // minor units
	Currency  string
	At        int64 // µs since 1970
	Off       int64 // the journal's: by how much debits and credits differ, in minor units
	Elsewhere bool  // the record's: done on the gateway's own pages
	Later     int64 // the record's: the part of Amount that it heard of later, and that has a posting of its own
	Excess    bool  // the record's: of what was taken beyond the amount
	Unposted  bool  // the record's: known only when it had been undone, so that the journal has nothing of it
}

// FromLine converts a line of a gateway.
func FromLine(l *provider.Line) Movement {
	return Movement{Kind: l.Kind, ID: l.ID, Charge: l.Charge, Reference: l.Reference, Key: l.Key, Amount: l.Amount, Fee: l.Fee, Currency: l.Currency, At: l.At.UnixMicro()}
}

// pair is a movement of another side, and that of the record which explains it.
type pair struct{ theirs, ours Movement }

// pairs is the result of match.
type pairs struct {
	same   []pair // of the same amount and currency
	differ []pair // one of each is left, and they are not the same
	theirs []Movement
	ours   []Movement
}

// match pairs movements of one kind. A movement of the record explains another side's if
// it has the same amount and currency and was recorded at the same time or later; of
// several, the one with the same key, or the nearest. What is left over on both sides is
// then paired by key or, if one is left on each side, without.
func match(theirs, ours []Movement, kind provider.LineKind, slack int64) pairs {
	i, n := first(kind, theirs)
	j, m := first(kind, ours)
	switch {
	case n == 0 && m == 0:
		return pairs{}
	case n == 1 && m == 1 && explains(&ours[j], &theirs[i], slack): // nearly all
		return pairs{same: []pair{{theirs[i], ours[j]}}}
	}
	p := pairs{theirs: of(kind, theirs), ours: of(kind, ours)}
	for {
		i, j := p.nearest(slack)
		if i < 0 {
			break
		}
		p.same = append(p.same, p.take(i, j))
	}
	for {
		i, j := p.differing(slack)
		if i < 0 {
			return p
		}
		p.differ = append(p.differ, p.take(i, j))
	}
}

// first is the first movement of a kind, and how many there are.
func first(kind provider.LineKind, list []Movement) (at, n int) {
	for i := range list {
		if list[i].Kind == kind {
			if n == 0 {
				at = i
			}
			n++
		}
	}
	return at, n
}

func of(kind provider.LineKind, list []Movement) []Movement {
	var out []Movement
	for i := range list {
		if list[i].Kind == kind {
			out = append(out, list[i])
		}
	}
	return out
}

// take removes a pair from what is left.
func (p *pairs) take(i, j int) pair {
	t := pair{p.theirs[i], p.ours[j]}
	p.theirs = slices.Delete(p.theirs, i, i+1)
	p.ours = slices.Delete(p.ours, j, j+1)
	return t
}

// nearest is the pair that explains itself best; -1 if none does.
func (p *pairs) nearest(slack int64) (i, j int) {
	i, j = -1, -1
	for a := range p.theirs {
		for b := range p.ours {
			t, o := &p.theirs[a], &p.ours[b]
			if explains(o, t, slack) && (i < 0 || nearer(o, t, &p.ours[j], &p.theirs[i])) {
				i, j = a, b
			}
		}
	}
	return i, j
}

// differing is a pair that belongs together, although its movements are not the same.
func (p *pairs) differing(slack int64) (i, j int) {
	for i := range p.theirs {
		for j := range p.ours {
			t, o := &p.theirs[i], &p.ours[j]
			alone := len(p.theirs) == 1 && len(p.ours) == 1 && distance(o.At, t.At) <= slack && !otherKey(o, t)
			if sameKey(t, o) || alone {
				return i, j
			}
		}
	}
	return -1, -1
}

// explains reports whether a movement of the record accounts for another side's.
func explains(ours, theirs *Movement, slack int64) bool {
	return ours.Amount == theirs.Amount && ours.Currency == theirs.Currency && ours.At >= theirs.At-slack && !otherKey(ours, theirs)
}

func otherKey(a, b *Movement) bool { return a.Key != "" && b.Key != "" && a.Key != b.Key }

func sameKey(a, b *Movement) bool { return a.Key != "" && a.Key == b.Key }

// nearer reports whether the pair a, b belongs together more than c, d.
func nearer(a, b, c, d *Movement) bool {
	if x, y := sameKey(a, b), sameKey(c, d); x != y {
		return x
	}
	return distance(a.At, b.At) < distance(c.At, d.At)
}

func distance(a, b int64) int64 { return max(a-b, b-a) }

// apart has those movements as two whose amounts differ because one is a part of the other.
func (m *pairs) apart(part func(*pair) bool) {
	m.differ = slices.DeleteFunc(m.differ, func(p pair) bool {
		if p.theirs.Currency != p.ours.Currency || !part(&p) {
			return false
		}
		m.theirs, m.ours = append(m.theirs, p.theirs), append(m.ours, p.ours)
		return true
	})
}
