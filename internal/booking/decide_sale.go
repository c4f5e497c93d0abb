package booking

import (
	"slices"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/ledger"
)

// decideSale takes over a new state of the event's sale. Cancelling is always
// accepted. Ordinals mean something only in their plan, and amounts only in their
// currency: neither changes while anybody has seats. Nor does an event become a draft
// then, since its buyers could not see it any more.
func decideSale(s *state, c *command) ([]effect, answer) {
	sale := *c.sale
	switch {
	case s.exists && sale.EventVersion <= s.sale.EventVersion:
		return nil, answer{} // known already, or replaced by a newer one
	case s.exists && sale.Status == eventapi.Cancelled:
		sale.PlanID, sale.PlanVersion, sale.Seats = s.sale.PlanID, s.sale.PlanVersion, s.sale.Seats
		sale.PriceVersion, sale.Currency = s.sale.PriceVersion, s.sale.Currency
	case s.exists && s.sale.Status == eventapi.Cancelled:
		return nil, answer{err: errs.New(errs.Conflict, "event-cancelled", "A cancelled event cannot be changed.")}
	case s.exists && (sale.PlanID != s.sale.PlanID || sale.PlanVersion != s.sale.PlanVersion) && s.inUse:
		return nil, answer{err: errs.New(errs.Conflict, "plan-in-use", "The seating plan cannot change while seats are taken.")}
	case s.exists && s.sale.Currency != "" && sale.Currency != s.sale.Currency && s.inUse:
		return nil, answer{err: errs.New(errs.Conflict, "currency-in-use", "The currency cannot change while seats are taken.")}
	case s.exists && sale.Status == eventapi.Draft && s.sale.Status != eventapi.Draft && s.inUse:
		return nil, answer{err: errs.New(errs.Conflict, "seats-taken", "An event cannot become a draft again while seats are taken.")}
	}
	sale.Terms.Earlier = nil // only the head row has them
	if s.exists {
		s.keepPromises(&sale)
		if len(sale.Terms.Earlier) > bookingapi.MaxEarlierTerms && sale.Status != eventapi.Cancelled {
			return nil, answer{err: errs.New(errs.Conflict, "terms-changed-too-often", "The cancellation terms have changed %d times since seats were sold, which is the maximum.", bookingapi.MaxEarlierTerms)}
		}
	}
	sale.ChangedVersion = 0
	return []effect{{kind: ledger.Sale, sale: &sale}}, answer{}
}

// keepPromises makes sure that a change never shortens the time in which buyers who
// already had seats may give them back. One deadline covers all changes: bookings made
// before ChangedAt may be given back until ChangeRefundsEnd.
func (s *state) keepPromises(sale *bookingapi.Sale) {
	before := &s.sale
	s.keepTerms(sale)
	changed := sale.ChangedVersion > before.EventVersion // compares versions, since the head's ChangedAt is the time of the decision
	if sale.ChangedVersion == 0 {                        // sent by an older version of this program
		changed = sale.ChangedAt > before.ChangedAt
	}
	shorter := before.Terms.IsZero() && len(sale.Terms.Fees) == 0 && sale.RefundsEnd != 0 && (before.RefundsEnd == 0 || sale.RefundsEnd < before.RefundsEnd)
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

// keepTerms keeps the terms that a change replaces, for bookings made until now, if
// anything is or was kept by them. Terms that are replaced for the second time count
// until then, and those whose deadline has passed mean nothing any more.
func (s *state) keepTerms(sale *bookingapi.Sale) {
	before := &s.sale
	sale.Terms.Earlier = slices.DeleteFunc(slices.Clone(before.Terms.Earlier), func(t bookingapi.EarlierTerms) bool { return t.End != 0 && t.End <= s.now })
	replaced := bookingapi.EarlierTerms{Until: s.now, End: before.RefundsEnd, Fees: before.Terms.Fees}
	same := func(t bookingapi.EarlierTerms) bool {
		return t.End == replaced.End && slices.Equal(t.Fees, replaced.Fees)
	}
	switch i := slices.IndexFunc(sale.Terms.Earlier, same); {
	case before.Terms.IsZero() && len(sale.Terms.Fees) == 0, same(bookingapi.EarlierTerms{End: sale.RefundsEnd, Fees: sale.Terms.Fees}),
		replaced.End != 0 && replaced.End <= s.now:
	case i >= 0:
		sale.Terms.Earlier[i].Until = s.now
	default:
		sale.Terms.Earlier = append(sale.Terms.Earlier, replaced)
	}
	if len(sale.Terms.Earlier) == 0 {
		sale.Terms.Earlier = nil
	}
}

// later returns the later of two deadlines; 0 means none.
func later(a, b int64) int64 {
	if a == 0 || b == 0 {
		return 0
	}
	return max(a, b)
}
