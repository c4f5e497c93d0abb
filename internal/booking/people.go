package booking

import (
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
)

// Limits apply to people: a booking counts for its account, and for the email address
// that it was made with.

// standing says how an email address relates to a booking.
type standing byte

const (
	proved  standing = iota // verified: the booking counts towards the limits of the address's owner
	typed                   // not verified when the booking was made
	waiting                 // verified for a hold whose owner has too many seats: the limit is checked at payment
)

// address is an email address and its standing; zero: none. Bookings by people who
// only typed an address never count towards the limits of its owner: otherwise
// strangers could use those up.
type address struct {
	key      caller.EmailKey
	standing standing
}

func newAddress(key caller.EmailKey, s standing) address {
	if key == (caller.EmailKey{}) {
		return address{}
	}
	return address{key, s}
}

// addressOf returns the address with which a caller's bookings are made.
func addressOf(c caller.Caller) address {
	if c.Verified {
		return newAddress(c.Email, proved)
	}
	return newAddress(c.Email, typed)
}

// person is somebody with a limit: an account and an address.
type person struct {
	user string
	address
}

// addresses returns the addresses whose bookings count for a person. For people who
// only typed an address, the bookings of its owner count too, so that leaving an
// address unverified gives nobody a second limit.
func (p person) addresses() []address {
	switch {
	case p.address == address{}:
		return nil
	case p.standing == typed:
		return []address{p.address, {p.key, proved}}
	}
	return []address{p.address}
}

// buyer is a customer's bookings of one event, by account or by address.
type buyer struct {
	bookings []held
}

// held is one booking of a buyer, reduced to what matters for limits.
type held struct {
	id       string
	user     string
	status   bookingapi.Status
	created  int64 // µs since 1970
	until    int64 // µs since 1970; end of the hold
	released int64 // µs since 1970; when the hold was given up; 0: it was not
	seats    int
	gift     bool // the organizer took the seats out of the sale; it counts towards no limit
	address  address
}

// reduced returns the parts of a booking that matter for limits.
func reduced(r *record) held {
	return held{r.ID, r.UserID, r.Status, r.CreatedAt, r.ExpiresAt, r.ReleasedAt, len(r.Seats), r.PriceVersion == bookingapi.FreeOfCharge, r.address}
}

const (
	maxBookings = 100  // of one person in an event, in any status: bounds what is read under the lock
	maxGifts    = 1000 // bookings that an organizer may give to one account in an event, for the same reason
)

// buying returns the person that a caller is for the event's limits.
func (s *state) buying(c caller.Caller) person { return buying(c, s.sale.UnverifiedBuyers) }

// buying counts an address that was only typed only if the event does not require
// verified addresses: elsewhere it is verified before anything is paid.
func buying(c caller.Caller, waived bool) person {
	p := person{c.UserID, addressOf(c)}
	if p.standing == typed && !waived {
		p.address = address{}
	}
	return p
}

// shown returns a booking as other services see it.
func (r *record) shown() bookingapi.Booking {
	b := r.Booking
	b.Unproved = r.address == address{} || r.standing != proved
	return b
}

// of returns the person that a booking belongs to.
func (r *record) of() person { return person{r.UserID, r.address} }

// holder returns the person whose limits apply while a booking is held.
func (s *state) holder(b *record) person {
	p := b.of()
	switch {
	case p.standing == waiting:
		p.standing = proved
	case p.standing == typed && !s.sale.UnverifiedBuyers:
		p.address = address{}
	}
	return p
}

// payer returns the person whose limits apply when a booking is paid. Before a payment
// begins, the hold is made to count for the owner's verified address (see Adopt). If
// the address is still only typed then, the event did not require a verified one when
// the payment began, even if it does now.
func (s *state) payer(b *record) person {
	p := b.of()
	if p.standing == waiting {
		p.standing = proved
	}
	return p
}

// each calls f once with every booking of a person, in its current state.
func (s *state) each(p person, f func(held)) {
	now := func(h held) held {
		if r := s.bookings[h.id]; r != nil { // changed in this batch, or read for it
			return reduced(r)
		}
		return h
	}
	if b := s.buyers[p.user]; b != nil {
		for _, h := range b.bookings {
			if h = now(h); h.user == p.user { // it has not moved to another account
				f(h)
			}
		}
	}
	for _, a := range p.addresses() {
		b := s.emails[a]
		if b == nil {
			continue
		}
		for _, h := range b.bookings {
			if h = now(h); h.user != p.user && h.address == a {
				f(h)
			}
		}
	}
}

// live counts the seats that a person has now, held or sold, except those of one
// booking.
func (s *state) live(p person, except string) (seats int) {
	s.each(p, func(h held) {
		if h.id != except && !h.gift && (h.status == bookingapi.Booked || h.status == bookingapi.Pending && h.until > s.now) {
			seats += h.seats
		}
	})
	return seats
}

// overLimit refuses more seats if the person would exceed the customer limit.
func (s *state) overLimit(p person, except string, more int) error {
	live, limit := s.live(p, except), int(s.sale.LimitPerCustomer)
	if live+more <= limit {
		return nil
	}
	if p.standing == typed && s.live(person{user: p.user}, except)+more <= limit { // what others have is not theirs to know
		return errs.New(errs.Conflict, "address-at-limit",
			"A customer may have %d seats for this event, and that many are already taken with this email address. Verify it, and only your own seats count.", limit).
			With("limit", limit)
	}
	if p.standing == typed {
		live = s.live(person{user: p.user}, except)
	}
	return errs.New(errs.Conflict, "too-many-seats",
		"A customer may have %d seats for this event; you have %d and asked for %d.", limit, live, more).
		With("limit", limit).With("live", live)
}

// overBookings refuses another booking to a person who has maxBookings already.
func (s *state) overBookings(p person) error {
	n := 0
	s.each(p, func(h held) {
		if !h.gift {
			n++
		}
	})
	if n < maxBookings {
		return nil
	}
	return errs.New(errs.TooMany, "too-many-bookings",
		"You have made %d bookings of this event, which is as many as one may make, including cancelled and expired ones.", n).With("limit", maxBookings)
}

// Rules for pauses after unpaid holds.
const (
	unpaidWindow = 30 * 60_000_000 // µs for which an unpaid hold is remembered
	firstPause   = 30 * 1_000_000  // µs of pause after the second such hold; doubles with each further one
	quickPart    = 5               // this many holds that are released at once count as one that expired
)

// paused slows down people who hold repeatedly without paying. It adds up the time for
// which their holds lasted, in units of a full hold: one released after half of its
// time counts half, one released at once a fifth. The first full hold has no effect.
func (s *state) paused(p person) error {
	var idle, last int64 // µs
	s.each(p, func(h held) {
		var end int64
		switch {
		case h.gift:
			return
		case h.status == bookingapi.Expired, h.status == bookingapi.Pending && h.until <= s.now:
			end = h.until
		case h.released != 0:
			end = h.released
		default:
			return
		}
		if end > s.now-unpaidWindow {
			idle += min(max(end-h.created, s.sale.HoldFor/quickPart), s.sale.HoldFor)
			last = max(last, end)
		}
	})
	holds := (idle + s.sale.HoldFor/2) / max(s.sale.HoldFor, 1)
	if holds < 2 {
		return nil
	}
	pause := min(int64(firstPause)<<min(holds-2, 10), s.sale.HoldFor)
	if s.now >= last+pause {
		return nil
	}
	return errs.New(errs.TooMany, "hold-cooldown", "Several of your holds have expired without payment; please wait a little before the next one.").
		After(time.Duration(last+pause-s.now) * time.Microsecond)
}

// yours returns the person's own booking that has one of the refused seats; "" if
// there is none.
func (s *state) yours(p person, seats []int32) (bookingID string) {
	if p.standing == typed {
		p.address = address{}
	}
	for _, seat := range seats {
		c := s.claims.of(seat)
		if c.booking == "" || s.expired(c) {
			continue
		}
		s.each(p, func(h held) {
			if h.id == c.booking {
				bookingID = h.id
			}
		})
	}
	return bookingID
}
