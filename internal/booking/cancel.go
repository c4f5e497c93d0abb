package booking

import (
	"slices"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/ledger"
)

// decideCancel gives up a hold, or gives sold seats back for their money.
func decideCancel(s *state, c *command, b *record) ([]effect, answer) {
	if err := mayChange(b, c.caller); err != nil {
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
		if len(seats) < len(b.Seats) { // the hold goes on with the rest: a swap to fewer seats
			made := *b
			made.Seats, made.GivenBack = without(b.Seats, seats), append(slices.Clone(b.GivenBack), seats...)
			made.Amount, made.Fees = s.prices[bookingKey(&b.Booking)].total(made.Seats)
			return []effect{{kind: ledger.Swapped, booking: b.ID, seats: made.Seats, until: b.ExpiresAt,
				amount: made.Amount, currency: b.Currency, made: &made}}, answer{booking: b.ID}
		}
		return []effect{{kind: ledger.Released, booking: b.ID, seats: seats}}, answer{booking: b.ID}
	}
	if err := s.mayGiveBack(c.caller, b); err != nil {
		return nil, answer{err: err}
	}
	e := effect{kind: ledger.Cancelled, booking: b.ID, seats: seats, currency: b.Currency}
	switch {
	case c.unpaid:
	case len(seats) == len(b.Seats):
		e.amount = b.Amount
	default:
		e.amount, _ = s.prices[bookingKey(&b.Booking)].total(seats)
	}
	return []effect{e}, answer{booking: b.ID}
}

// cancelEnded gives up a hold that has ended, for good: until then a payment that
// began in time could still book it. It ends as a whole.
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
		effects = append(effects, expiry(b))
	}
	return append(effects, effect{kind: ledger.Released, booking: b.ID}), answer{booking: b.ID}
}

// givenBack are the seats that a command gives back: those it names, or all. Seats
// that were given back before are left out: the request was sent again.
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

// mayGiveBack refuses buyers who want their money back when the event's policy
// does not give it any more. Admins and our own jobs may always cancel, and what
// cost nothing can always be given back.
func (s *state) mayGiveBack(c caller.Caller, b *record) error {
	switch end := refundableUntil(&b.Booking, &s.sale); {
	case c.Administers(), b.Amount == 0, end == 0, s.now < end:
		return nil
	default:
		return errs.New(errs.Conflict, "refunds-over", "Seats of this event could be returned until %s.", stamp(end)).With("refundable_until", stamp(end))
	}
}

// refundableUntil is until when a booked booking's owner may give it back, µs
// since 1970; 0: without an end. Bookings from before a change of the event may be
// given back until the change's own time limit, if that is later, and so may those
// of the same microsecond: one batch decides holds and changes at one time.
func refundableUntil(b *bookingapi.Booking, sale *bookingapi.Sale) int64 {
	if b.CreatedAt > sale.ChangedAt {
		return sale.RefundsEnd
	}
	return later(sale.RefundsEnd, sale.ChangeRefundsEnd)
}
