package payment

import (
	"slices"

	"boxoffice/internal/codec"
	"boxoffice/internal/paymentapi"
)

// How far a dispute is. The gateway withdraws the money when it is opened, and brings it
// back when it is won. Of a payment with several disputes, one that is open counts first,
// then one that was lost.
const (
	disputeOpen = "open"
	disputeWon  = "won"
	disputeLost = "lost"
)

// disputeSteps are the steps of a dispute in histories and in the journal.
var disputeSteps = map[string]paymentapi.Status{disputeOpen: paymentapi.Disputed, disputeWon: paymentapi.DisputeWon, disputeLost: paymentapi.DisputeLost}

// knownDispute is an element of the column disputes.
type knownDispute struct {
	ID     string `json:"id,omitempty"` // the gateway's name of it; "": an earlier version has not said, or it has none
	State  string `json:"state"`
	Amount int64  `json:"amount"` // minor units
}

// disputeList are the disputes of a payment, in the order in which they were heard of.
type disputeList []knownDispute

// disputeList reads the disputes of a payment. An earlier version keeps no list, and leaves
// the list of a later one alone: then it has spoken of the last dispute.
func (s *state) disputeList() (list disputeList) {
	if s.dispute == "" {
		return nil
	}
	if s.disputes != "" && codec.ReadKnown([]byte(s.disputes), &list) != nil {
		list = nil
	}
	if n := len(list); n > 0 && !list.sumsUp(s) {
		list[n-1].State, list[n-1].Amount = s.dispute, s.disputed
	}
	if !list.sumsUp(s) {
		list = disputeList{{State: s.dispute, Amount: s.disputed}}
	}
	return list
}

func (l disputeList) sumsUp(s *state) bool {
	dispute, disputed := l.sum()
	return dispute == s.dispute && disputed == s.disputed
}

// sum is how far the disputes are together, and what they have withdrawn.
func (l disputeList) sum() (dispute string, disputed int64) {
	for _, d := range l {
		if d.State != disputeWon {
			disputed += d.Amount
		}
		if dispute == "" || d.State == disputeOpen || d.State == disputeLost && dispute == disputeWon {
			dispute = d.State
		}
	}
	return dispute, disputed
}

// of is the place of a dispute in the list; -1: it is not there. One without a name may be it.
func (l disputeList) of(id string) int {
	if i := slices.IndexFunc(l, func(d knownDispute) bool { return d.ID == id }); i >= 0 {
		return i
	}
	return slices.IndexFunc(l, func(d knownDispute) bool { return d.ID == "" })
}

// get is a dispute of the list; the zero one if it is not there.
func (l disputeList) get(id string) (d knownDispute) {
	if i := l.of(id); i >= 0 {
		d = l[i]
	}
	return d
}

// nextDispute takes over how far a dispute is. A late word that it is open changes nothing
// once it was decided. Another one has another name. A payment can be disputed whose money has
// gone back already.
func nextDispute(s state, e event) (state, []action, error) {
	list := s.disputeList()
	i := list.of(e.key)
	once := e.amount == 0 && e.kind == evDisputeLost && s.end != "" && i >= 0 // what was returned has come back: see goneTwice
	if s.status != paymentapi.Captured && s.status != paymentapi.Refunded || e.amount <= 0 && !once || e.amount > s.amount+max(s.excess, 0) {
		return s, nil, impossible(s, e)
	}
	if i < 0 {
		i, list = len(list), append(list, knownDispute{State: disputeOpen})
	}
	d := &list[i]
	d.ID = e.key
	switch {
	case e.kind == evDisputed && d.State == disputeOpen:
		d.Amount = e.amount
	case e.kind == evDisputeWon:
		d.State, d.Amount = disputeWon, e.amount
	case e.kind == evDisputeLost:
		d.State, d.Amount = disputeLost, e.amount
	}
	raw, err := codec.Marshal(list)
	if err != nil {
		return s, nil, err
	}
	s.disputes = string(raw)
	s.dispute, s.disputed = list.sum()
	return s, nil, nil
}

// disputeStep is the step of a dispute that an event has led to; "" if it has led to none.
// moved reports whether the dispute has got further, and not only over another amount.
func disputeStep(from, to state, e event) (step paymentapi.Status, moved bool) {
	if e.kind < evDisputed {
		return "", false
	}
	was, is := from.disputeList().get(e.key), to.disputeList().get(e.key)
	if was.State == is.State && (was.Amount == is.Amount || is.State == disputeWon) { // an earlier version does not keep what was won
		return "", false
	}
	return disputeSteps[is.State], was.State != is.State
}
