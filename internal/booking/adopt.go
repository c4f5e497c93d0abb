package booking

import (
	"context"
	"maps"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/ledger"
)

// maxPaid is how many booked bookings of an event one person may be given by
// adoption: so many that nobody who has paid for them will get there.
const maxPaid = 1000

// Adopt gives the bookings of an account to another one of the same person; email
// is the key of the heir's verified address, for limits; zero: it has none. An
// account may be its own heir: its address was verified.
//
// Paid bookings always go. A hold that would break a limit stays with its account: the
// error is then a Conflict, or TooMany, and names the bookings that stay. When the
// account is its own heir, such a hold can be paid only once the limit allows it.
// Cancelled and expired bookings go as long as the heir has few enough.
//
// Adopt may be called again when its outcome is unclear, until it succeeds or is
// refused like that.
func (s *Service) Adopt(ctx context.Context, from, to string, email caller.EmailKey) error {
	// What is paid goes first: it counts when the holds are looked at.
	ids, err := s.ids(ctx, `SELECT id FROM bookings WHERE user_id = $1 ORDER BY CASE status WHEN 'pending' THEN 1 ELSE 0 END, id`, from) // bookings_by_user
	if err != nil {
		return err
	}
	var stay []string
	var why *errs.Error
	for _, bookingID := range ids {
		_, err := s.system(ctx, &command{do: doAdopt, bookingID: bookingID, from: from, heir: to, email: email})
		switch errs.KindOf(err) {
		case errs.NotFound:
		case errs.Conflict, errs.TooMany:
			why, stay = errs.Of(err), append(stay, bookingID)
			if from == to { // it is a verified person's, if it cannot be paid yet
				s.crowd.proved(bookingID, email)
			}
		default:
			if err != nil {
				return err
			}
			s.crowd.proved(bookingID, email)
		}
	}
	if why == nil {
		return nil
	}
	told := *why
	told.Extra = maps.Clone(why.Extra)
	return told.With("bookings", stay)
}

// decideAdopt gives a booking to another account of the same person, or notes the
// address that its owner has verified.
func decideAdopt(s *state, c *command, b *record) ([]effect, answer) {
	if b.UserID != c.from && b.UserID != c.heir {
		return nil, answer{err: errs.Missing("booking")}
	}
	heir, made := person{c.heir, newAddress(c.email, proved)}, *b
	made.UserID = c.heir
	if heir.address != (address{}) && (made.address == address{} || made.standing != proved) {
		made.address = heir.address
	}
	if made.of() == b.of() {
		return nil, answer{booking: b.ID}
	}
	held := b.Status == bookingapi.Pending && b.ExpiresAt > s.now
	err := s.mayTake(heir, b)
	switch {
	case err == nil:
	case held && b.UserID == c.heir: // it stays theirs, until the limit allows to pay it
		made.standing = waiting
	case held, b.Status == bookingapi.Booked && b.UserID != c.heir:
		return nil, answer{err: err}
	default: // nothing is lost by leaving it where it is
		return nil, answer{booking: b.ID}
	}
	a := answer{booking: b.ID, err: err}
	move := effect{kind: noEntry, booking: b.ID, made: &made}
	switch {
	case made.of() == b.of():
		return nil, a
	case held: // an entry tells other nodes that they know an old hold
		move.kind, move.seats, move.until, move.amount, move.currency = ledger.Swapped, b.Seats, b.ExpiresAt, b.Amount, b.Currency
	case b.Status == bookingapi.Pending:
		return []effect{move, expiry(b)}, a
	}
	return []effect{move}, a
}

// mayTake refuses a person a booking that is to be theirs: a hold if they would
// have too many seats, any booking if they would have too many of them. What is
// booked is not refused for its seats, and has a bound of its own, so that what is
// read of one person stays bounded and nobody loses what they have paid for.
func (s *state) mayTake(p person, b *record) error {
	if b.Status == bookingapi.Pending && b.ExpiresAt > s.now {
		if err := s.overLimit(p, b.ID, len(b.Seats)); err != nil {
			return err
		}
	}
	most, n := maxBookings, 0
	if b.Status == bookingapi.Booked {
		most = maxPaid
	}
	s.each(p, func(h held) {
		if h.id != b.ID && h.gift == reduced(b).gift {
			n++
		}
	})
	if n < most {
		return nil
	}
	return errs.New(errs.TooMany, "too-many-bookings",
		"This account has %d bookings of this event, which is as many as one may have, including cancelled and expired ones.", n).With("limit", most)
}
