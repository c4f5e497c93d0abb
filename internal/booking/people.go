package booking

import (
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
)

// Limits are for people: a booking counts for its account, and for the e-mail
// address that it was made with.

// standing says what an e-mail address has to do with a booking.
type standing byte

const (
	proved  standing = iota // its owner has the booking, which counts towards the owner's limits
	typed                   // nobody had shown that it is theirs when the booking was made
	waiting                 // its owner has the hold, but had too many seats: the limit is checked when it is paid
)

// address is an e-mail address and its standing; zero: none. Bookings by people
// who only typed an address never count towards the limits of its owner, or a
// stranger could use them up.
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

// addressOf is the address that a caller's bookings are made with.
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

// addresses are those whose bookings count for a person. For people
// who only typed an address, the bookings of its owner count too: nobody gets a second
// limit by not verifying an address.
func (p person) addresses() []address {
	switch {
	case p.address == address{}:
		return nil
	case p.standing == typed:
		return []address{p.address, {p.key, proved}}
	}
	return []address{p.address}
}

// buyer is what a customer has in one event: by account, or by address.
type buyer struct {
	bookings []held
}

// held is one booking of a buyer, reduced to what counts towards limits.
type held struct {
	id       string
	user     string
	status   bookingapi.Status
	created  int64 // µs since 1970
	until    int64 // µs since 1970; end of the hold
	released int64 // µs since 1970; when the hold was given up; 0: it was not
	seats    int
	gift     bool // the organizer took the seats out of the sale; it counts towards nothing
	address  address
}

// reduced is a booking as limits see it.
func reduced(r *record) held {
	return held{r.ID, r.UserID, r.Status, r.CreatedAt, r.ExpiresAt, r.ReleasedAt, len(r.Seats), r.PriceVersion == bookingapi.FreeOfCharge, r.address}
}

const (
	maxBookings = 100  // of one person in an event, of any status: it bounds what is read under the lock
	maxGifts    = 1000 // bookings that an organizer may give to one account in an event, for the same reason
)

// buying is the person that a caller is to an event's limits.
func (s *state) buying(c caller.Caller) person { return buying(c, s.sale.UnverifiedBuyers) }

// buying counts an address that was only typed if the event waives that addresses
// are verified: elsewhere it is verified before anything is paid.
func buying(c caller.Caller, waived bool) person {
	p := person{c.UserID, addressOf(c)}
	if p.standing == typed && !waived {
		p.address = address{}
	}
	return p
}

// shown is a booking as other services see it.
func (r *record) shown() bookingapi.Booking {
	b := r.Booking
	b.Unproved = r.address == address{} || r.standing != proved
	return b
}

// of is the person that a booking belongs to.
func (r *record) of() person { return person{r.UserID, r.address} }

// holder is the person who is limited while a booking is held.
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

// payer is the person who is limited when a booking is paid. The payment has a hold
// counted for the address that its owner has verified before it begins (see Adopt).
// An address that is only typed by then is nobody's proof: the event waived it when
// the payment began, whatever it asks for since.
func (s *state) payer(b *record) person {
	p := b.of()
	if p.standing == waiting {
		p.standing = proved
	}
	return p
}

// each calls f with the bookings of a person, each once, as they are now.
func (s *state) each(p person, f func(held)) {
	now := func(h held) held {
		if r := s.bookings[h.id]; r != nil { // changed in this batch, or read for it
			return reduced(r)
		}
		return h
	}
	if b := s.buyers[p.user]; b != nil {
		for _, h := range b.bookings {
			if h = now(h); h.user == p.user { // and has not gone to another account
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

// live is how many seats a person has now, held ones included, those of one
// booking left out.
func (s *state) live(p person, except string) (seats int) {
	s.each(p, func(h held) {
		if h.id != except && !h.gift && (h.status == bookingapi.Booked || h.status == bookingapi.Pending && h.until > s.now) {
			seats += h.seats
		}
	})
	return seats
}

// overLimit refuses a person more seats than a customer may have.
func (s *state) overLimit(p person, except string, more int) error {
	live, limit := s.live(p, except), int(s.sale.LimitPerCustomer)
	if live+more <= limit {
		return nil
	}
	if p.standing == typed && s.live(person{user: p.user}, except)+more <= limit { // what others have is not theirs to know
		return errs.New(errs.Conflict, "address-at-limit",
			"A customer may have %d seats of this event, and that many are already taken with this email address. Verify it, and only your own seats count.", limit).
			With("limit", limit)
	}
	if p.standing == typed {
		live = s.live(person{user: p.user}, except)
	}
	return errs.New(errs.Conflict, "too-many-seats",
		"A customer may have %d seats of this event; you have %d and asked for %d.", limit, live, more).
		With("limit", limit).With("live", live)
}

// overBookings refuses a person another booking when there are very many.
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
		"You have made %d bookings of this event, which is as many as one may make, given up and lapsed ones included.", n).With("limit", maxBookings)
}

// Rules of waiting after holds that came to nothing.
const (
	lapseWindow = 30 * 60_000_000 // µs for which a hold that was not paid is remembered
	firstPause  = 30 * 1_000_000  // µs from the second such hold to the next hold; doubles with each more
	quickPart   = 5               // so many holds that are given up at once count as one that lapsed
)

// paused slows down people who hold again and again without paying. It adds up the
// time for which seats were held, in whole holds: one that was given up after half its
// time counts half, one that was given up at once a fifth. The first is forgiven.
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
		if end > s.now-lapseWindow {
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

// yours is the booking with which a person has one of the seats that a refusal is
// about; "" when they have none.
func (s *state) yours(p person, seats []int32) (bookingID string) {
	if p.standing == typed {
		p.address = address{}
	}
	for _, seat := range seats {
		c := s.claims.of(seat)
		if c.booking == "" || s.lapsed(c) {
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
