package booking

import (
	"slices"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/ledger"
)

// decideCancel releases a hold, or gives sold seats back for a refund.
func decideCancel(s *state, c *command, b *record) ([]effect, answer) {
	if err := s.mayCancel(c, b); err != nil {
		return nil, answer{err: err}
	}
	if err := seen(&b.Booking, c.version); err != nil {
		return nil, answer{err: err}
	}
	switch b.Status {
	case bookingapi.Expired:
		return s.cancelEnded(c, b)
	case bookingapi.Cancelled:
		return nil, answer{booking: b.ID} // nothing left to give back
	case bookingapi.Booked:
		if c.unsold || c.payment != "" && c.payment != b.PaymentID {
			return nil, answer{booking: b.ID}
		}
	}
	seats, err := s.givenBack(c, b)
	if err != nil || len(seats) == 0 {
		return nil, answer{booking: b.ID, err: err}
	}
	if b.Status == bookingapi.Pending {
		if b.ExpiresAt <= s.now && c.payment == "" {
			return s.cancelEnded(c, b)
		}
		if len(seats) < len(b.Seats) { // the hold continues with the rest: a swap to fewer seats
			made := *b
			made.Seats, made.GivenBack = without(b.Seats, seats), append(slices.Clone(b.GivenBack), seats...)
			made.Amount, made.Fees = s.prices[bookingKey(&b.Booking)].total(made.Seats)
			return []effect{{kind: ledger.Swapped, booking: b.ID, seats: made.Seats, until: b.ExpiresAt,
				amount: made.Amount, currency: b.Currency, made: &made}}, answer{booking: b.ID}
		}
		return []effect{{kind: ledger.Released, booking: b.ID, seats: seats}}, answer{booking: b.ID}
	}
	e := effect{kind: ledger.Cancelled, booking: b.ID, seats: seats, currency: b.Currency}
	bound := !c.caller.Administers() // by the event's terms
	if c.organizing == nil {
		if err := s.mayGiveBack(c.caller, b); err != nil {
			return nil, answer{err: err}
		}
	} else {
		bound, e.reason, e.by = c.organizing.byTerms, c.organizing.reason, c.caller.UserID
	}
	if e.unpaid = c.unpaid; !c.unpaid {
		e.amount = s.refund(b, seats, bound && s.sale.Status != eventapi.Cancelled)
	}
	if c.refund != nil && *c.refund != e.amount {
		return nil, answer{err: refundDiffers(e.amount)}
	}
	return []effect{e}, answer{booking: b.ID}
}

func refundDiffers(amount int64) error {
	return errs.New(errs.Conflict, "refund-differs", "The refund is another amount by now. Nothing was cancelled.").With("refund", amount)
}

// refund is what goes back for seats of a booked booking: their price, if bound without
// what the terms keep, and no more than is left of what was paid.
func (s *state) refund(b *record, seats []int32, bound bool) (amount int64) {
	if !bound && len(seats) == len(b.Seats) {
		return min(b.Amount, b.Left)
	}
	p, terms := s.prices[bookingKey(&b.Booking)], s.sale.CancellingOf(b.CreatedAt)
	for _, seat := range seats {
		price := p.of(seat).Price
		amount += price
		if bound {
			amount -= terms.Kept(price, s.now)
		}
	}
	return min(amount, b.Left)
}

// cancelEnded cancels an expired hold for good, as a whole: until then a payment that
// began in time could still book it.
func (s *state) cancelEnded(c *command, b *record) ([]effect, answer) {
	seats, err := s.givenBack(c, b)
	if err != nil || len(seats) == 0 {
		return nil, answer{booking: b.ID, err: err}
	}
	if len(seats) < len(b.Seats) {
		return nil, answer{err: errs.New(errs.Conflict, "hold-over", "This hold has expired: it can only be released as a whole.")}
	}
	var effects []effect
	if b.Status == bookingapi.Pending {
		effects = append(effects, expire(b))
	}
	return append(effects, effect{kind: ledger.Released, booking: b.ID}), answer{booking: b.ID}
}

// givenBack returns the seats that a command gives back: those it names, or all.
// Seats that were given back before are left out, since the request may be a repeat.
func (s *state) givenBack(c *command, b *record) ([]int32, error) {
	if len(c.seats) == 0 {
		return b.Seats, nil
	}
	if c.at.plan() != bookingKey(&b.Booking).plan() {
		return nil, errLookAgain
	}
	var seats []int32
	for _, seat := range c.seats {
		switch {
		case slices.Contains(b.Seats, seat) && !slices.Contains(seats, seat):
			seats = append(seats, seat)
		case !slices.Contains(b.GivenBack, seat):
			return nil, errs.Bad("seats", "seat-not-in-booking", "names %s, which is not in this booking", s.label(seat))
		}
	}
	return seats, nil
}

// mayGiveBack refuses buyers a refund after the event's deadline. Admins and our own
// jobs may always cancel, and seats that cost nothing can always be given back.
func (s *state) mayGiveBack(c caller.Caller, b *record) error {
	terms := s.sale.CancellingOf(b.CreatedAt)
	switch end := terms.End(); {
	case c.Administers(), b.Amount == 0, terms.Open(s.now):
		return nil
	default:
		return errs.New(errs.Conflict, "refunds-over", "Seats of this event could be returned until %s.", stamp(end)).With("refundable_until", stamp(end))
	}
}
