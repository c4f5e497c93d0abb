package booking

import (
	"context"
	"maps"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/ledger"
)

// maxPaid is how many booked bookings of an event one person may get by adoption: far
// more than anybody pays for.
const maxPaid = 1000

// Adopt moves the bookings of account from to account to of the same person. email
// is the key of the verified address of to, for limits; zero: it has none. After an
// account has verified its address, both are the same account.
//
// Paid bookings always move. A hold that would break a limit stays where it is: the
// error is then Conflict or TooMany and names the bookings that stay. If both accounts
// are the same, such a hold can be paid only once the limit allows it. Cancelled and
// expired bookings move as long as to has few enough.
//
// When the outcome is unclear, Adopt may be called again until it succeeds or returns
// such a refusal.
func (s *Service) Adopt(ctx context.Context, from, to string, email caller.EmailKey) error {
	// Paid bookings move first, so that they count when the holds are checked.
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
			if from == to { // a verified person has it, even if it cannot be paid yet
				s.unverified.proved(bookingID, email)
			}
		default:
			if err != nil {
				return err
			}
			s.unverified.proved(bookingID, email)
		}
	}
	if why == nil {
		return nil
	}
	told := *why
	told.Extra = maps.Clone(why.Extra)
	return told.With("bookings", stay)
}

// decideAdopt moves a booking to another account of the same person, or records the
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
	case held && b.UserID == c.heir: // it stays theirs, and can be paid once the limit allows it
		made.standing = waiting
	case held, b.Status == bookingapi.Booked && b.UserID != c.heir:
		return nil, answer{err: err}
	default: // cancelled or expired: it may as well stay where it is
		return nil, answer{booking: b.ID}
	}
	a := answer{booking: b.ID, err: err}
	move := effect{kind: noEntry, booking: b.ID, made: &made}
	switch {
	case made.of() == b.of():
		return nil, a
	case held: // the entry tells other nodes that their copy of the hold is old
		move.kind, move.seats, move.until, move.amount, move.currency = ledger.Swapped, b.Seats, b.ExpiresAt, b.Amount, b.Currency
	case b.Status == bookingapi.Pending:
		return []effect{move, expire(b)}, a
	}
	return []effect{move}, a
}

// mayTake refuses to move a booking to a person: a hold if they would have too many
// seats, any booking if they would have too many bookings. Booked seats are never
// refused for the seat limit, so nobody loses what they have paid for; a higher limit
// of their own (maxPaid) bounds what is read of one person.
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
