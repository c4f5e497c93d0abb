package booking

import (
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/ledger"
)

// decideSale takes over a new state of the event's sale. Cancelling is always
// accepted. Ordinals mean something only in their plan, and amounts only in their
// currency: neither changes while anybody has seats.
func decideSale(s *state, c *command) ([]effect, answer) {
	sale := *c.sale
	switch {
	case s.exists && sale.EventVersion <= s.sale.EventVersion:
		return nil, answer{} // seen already, or overtaken
	case s.exists && sale.Status == eventapi.Cancelled:
		sale.PlanID, sale.PlanVersion, sale.Seats = s.sale.PlanID, s.sale.PlanVersion, s.sale.Seats
		sale.PriceVersion, sale.Currency = s.sale.PriceVersion, s.sale.Currency
	case s.exists && s.sale.Status == eventapi.Cancelled:
		return nil, answer{err: errs.New(errs.Conflict, "event-cancelled", "A cancelled event cannot be changed.")}
	case s.exists && (sale.PlanID != s.sale.PlanID || sale.PlanVersion != s.sale.PlanVersion) && s.inUse:
		return nil, answer{err: errs.New(errs.Conflict, "plan-in-use", "The seating plan cannot change while seats are taken.")}
	case s.exists && s.sale.Currency != "" && sale.Currency != s.sale.Currency && s.inUse:
		return nil, answer{err: errs.New(errs.Conflict, "currency-in-use", "The currency cannot change while seats are taken.")}
	}
	if s.exists {
		s.keepPromises(&sale)
	}
	sale.ChangedVersion = 0
	return []effect{{kind: ledger.Sale, sale: &sale}}, answer{}
}

// keepPromises lets buyers who had their seats before this change give them back
// for at least as long as they could until now: no later change shortens that. The
// promises of all changes together are one: bookings from before ChangedAt may be
// given back until ChangeRefundsEnd.
func (s *state) keepPromises(sale *bookingapi.Sale) {
	before := &s.sale
	changed := sale.ChangedVersion > before.EventVersion // not by its time: the head has the time of the decision
	if sale.ChangedVersion == 0 {                        // changed by an older version of this program
		changed = sale.ChangedAt > before.ChangedAt
	}
	shorter := sale.RefundsEnd != 0 && (before.RefundsEnd == 0 || sale.RefundsEnd < before.RefundsEnd)
	if !changed && !shorter {
		sale.ChangedAt, sale.ChangeRefundsEnd = before.ChangedAt, before.ChangeRefundsEnd
		return
	}
	promised := before.RefundsEnd
	if before.ChangedAt != 0 {
		promised = later(promised, before.ChangeRefundsEnd)
	}
	switch offered := later(sale.RefundsEnd, sale.ChangeRefundsEnd); {
	case changed && promised == 0 && offered > s.now: // the event had no date, and has one now
		promised = offered
	case changed:
		promised = later(promised, offered)
	}
	sale.ChangedAt, sale.ChangeRefundsEnd = max(s.now, sale.ChangedAt), promised
}

// later is the later of two time limits; 0 is without an end.
func later(a, b int64) int64 {
	if a == 0 || b == 0 {
		return 0
	}
	return max(a, b)
}
