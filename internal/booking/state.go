package booking

import (
	"slices"

	"boxoffice/internal/booking/tables"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/ledger"
	"boxoffice/internal/seating"
)

// record is a booking's row: the booking, and fields that only the writer needs.
type record struct {
	tables.Row
	address // the email address that it was made with, or that its owner has verified since
}

// has reports whether, by its row, the booking has the claim on a seat.
func (r *record) has(seat int32) bool {
	return r != nil && (r.Status == bookingapi.Pending || r.Status == bookingapi.Booked) && slices.Contains(r.Seats, seat)
}

// state is one event as a decision sees it: what was read under the head's lock,
// plus the effects of earlier commands of the same batch. Only apply changes it.
type state struct {
	now     int64 // µs since 1970; never less than the head's last entry
	eventID string
	exists  bool // there is a head row
	sale    bookingapi.Sale
	seq     int64
	hash    [32]byte
	at      int64

	plan   *seating.Plan
	prices map[priceKey]*priced

	claims   claims
	inUse    bool // there is a claim, or a booking that is pending or booked; read only when the sale changes
	bookings map[string]*record
	buyers   map[string]*buyer  // by account
	emails   map[address]*buyer // by address
	taken    bitset             // every claimed seat; nil unless a command leaves the choice to us
	freeable int                // how many seats in taken are of expired holds, so that they may be chosen

	// what apply has done so far in this batch
	entries   []ledger.Entry
	reasons   []reason
	fresh     map[string]bool    // bookings without a row yet
	dirty     map[string]*record // changed bookings that have a row: the row before the change
	moved     map[string]string  // bookings that have a row and get another account or address: the account before
	saleDirty bool
	scratch   []byte
}

// priced is a price list spread over the seats of a plan.
type priced struct {
	*seating.Prices
	plan   *seating.Plan
	tierOf []uint8 // by seat; seating.NoTier where it has no price
}

// of returns the tier of a seat; an empty one if the seat has no price.
func (p *priced) of(seat int32) *seating.Tier {
	if !p.sells(seat) {
		return &seating.Tier{}
	}
	return &p.Tiers[p.tierOf[seat]]
}

// sells reports whether a seat is in the plan and has a price.
func (p *priced) sells(seat int32) bool {
	return seat >= 0 && int(seat) < len(p.tierOf) && int(p.tierOf[seat]) < len(p.Tiers)
}

// total adds up the prices of seats, and the fees in them, in minor units.
func (p *priced) total(seats []int32) (amount, fees int64) {
	for _, s := range seats {
		t := p.of(s)
		amount += t.Price
		fees += t.Fees
	}
	return amount, fees
}

// tax adds up the tax in the prices of seats, in minor units.
func (p *priced) tax(seats []int32) (tax int64) {
	for _, s := range seats {
		tax += p.of(s).Tax
	}
	return tax
}

func newState(eventID string) *state {
	return &state{
		eventID:  eventID,
		prices:   map[priceKey]*priced{},
		claims:   claims{m: map[int32]touched{}},
		bookings: map[string]*record{},
		buyers:   map[string]*buyer{},
		emails:   map[address]*buyer{},
		fresh:    map[string]bool{},
		dirty:    map[string]*record{},
		moved:    map[string]string{},
	}
}

// expired reports whether a claim belongs to a hold that has ended.
func (s *state) expired(c claim) bool { return c.until != 0 && c.until <= s.now }

// apply carries out one effect and appends its ledger entry. Claims are changed
// first: which ones the booking has is read from its unchanged record.
func (s *state) apply(e effect) {
	switch e.kind {
	case noEntry:
		s.move(e.booking, e.made)
		s.bookings[e.booking] = e.made
		return
	case ledger.Sale:
		s.sale, s.saleDirty, s.exists = *e.sale, true, true
	case ledger.Held:
		s.claimAll(nil, e)
		s.bookings[e.booking] = e.made
		s.fresh[e.booking] = true
		s.count(e.made)
	case ledger.Swapped:
		old := s.bookings[e.booking]
		s.freeAll(old, without(old.Seats, e.seats))
		s.claimAll(old, e)
		s.touch(e.booking)
		s.move(e.booking, e.made)
		s.bookings[e.booking] = e.made
	case ledger.Extended:
		s.claimAll(s.bookings[e.booking], e)
		b := s.touch(e.booking)
		b.ExpiresAt, b.Extended = e.until, true
	case ledger.Booked:
		s.claimAll(s.bookings[e.booking], e)
		b := s.touch(e.booking)
		b.Status, b.ExpiresAt, b.PaymentID, b.Left = bookingapi.Booked, 0, e.payment, b.Amount
		if b.Late = e.late; e.late == bookingapi.OtherSeats {
			b.Held, b.Seats, b.GivenBack = b.Seats, e.seats, without(b.GivenBack, e.seats)
		}
	case ledger.Expired:
		s.freeAll(s.bookings[e.booking], e.seats)
		s.touch(e.booking).Status = bookingapi.Expired
	case ledger.Released, ledger.Cancelled:
		s.giveBack(e)
	}
	s.append(e)
}

// count adds a booking to every buyer that it counts for, once to each.
func (s *state) count(b *record) {
	for _, to := range []*buyer{s.buyers[b.UserID], s.emails[b.address]} {
		if to != nil && !slices.ContainsFunc(to.bookings, func(h held) bool { return h.id == b.ID }) {
			to.bookings = append(to.bookings, reduced(b))
		}
	}
}

// move gives a booking another account, or has it count for an address.
func (s *state) move(booking string, made *record) {
	old := s.bookings[booking]
	if old.of() == made.of() {
		return
	}
	if _, ok := s.moved[booking]; !ok && !s.fresh[booking] {
		s.moved[booking] = old.UserID
	}
	s.count(made)
}

// giveBack frees some or all seats of a booking, which is cancelled when none is
// left. A cancelled booking keeps the numbers of its last seats.
func (s *state) giveBack(e effect) {
	old := s.bookings[e.booking]
	s.freeAll(old, e.seats)
	b := s.touch(e.booking)
	if b.Left = max(b.Left-e.amount, 0); e.unpaid {
		b.Left = 0
	}
	if e.kind == ledger.Cancelled && len(e.seats) == 0 { // the seats stay
		return
	}
	if len(e.seats) == len(b.Seats) || old.Status == bookingapi.Expired {
		switch old.Status {
		case bookingapi.Pending:
			b.ReleasedAt = s.now
		case bookingapi.Expired:
			b.ReleasedAt = old.ExpiresAt
		}
		b.Status, b.ExpiresAt = bookingapi.Cancelled, 0
		return
	}
	amountBack, feesBack := s.prices[bookingKey(&b.Booking)].total(e.seats)
	b.Seats, b.Amount, b.Fees = without(b.Seats, e.seats), b.Amount-amountBack, b.Fees-feesBack
	b.GivenBack = append(slices.Clone(b.GivenBack), e.seats...)
}

// touch marks a booking as changed and returns a copy that may be changed; pointers
// handed out before keep the old values.
func (s *state) touch(id string) *record {
	old := s.bookings[id]
	if _, ok := s.dirty[id]; !ok && !s.fresh[id] {
		s.dirty[id] = old
	}
	b := *old
	s.bookings[id] = &b
	return &b
}

// claimAll gives an effect's seats to its booking. old is the booking as it was, nil
// for a new one. Seats that it did not have must be free.
func (s *state) claimAll(old *record, e effect) {
	for _, seat := range e.seats {
		from := ""
		if old.has(seat) {
			from = old.ID
		}
		s.claims.move(seat, from, claim{e.booking, e.until})
		if s.taken != nil {
			s.taken.set(seat)
		}
	}
}

// freeAll frees seats of a booking.
func (s *state) freeAll(b *record, seats []int32) {
	for _, seat := range seats {
		s.claims.move(seat, b.ID, claim{})
		if s.taken != nil {
			s.taken.clear(seat)
		}
	}
}

func (s *state) append(e effect) {
	s.seq++
	s.at = s.now
	entry := ledger.Entry{
		EventID: s.eventID, Seq: s.seq, At: s.now, Kind: e.kind, BookingID: e.booking,
		Seats: e.seats, Until: e.until, Amount: e.amount, Currency: e.currency,
	}
	if e.sale != nil {
		entry.Sale = string(tables.SaleJSON(e.sale))
	}
	entry.Hash, s.scratch = entry.Chain(s.hash, s.scratch)
	s.hash = entry.Hash
	s.entries = append(s.entries, entry)
	if e.reason != "" {
		s.reasons = append(s.reasons, reason{seq: s.seq, text: e.reason, by: e.by, from: e.from})
	}
	if b := s.bookings[e.booking]; b != nil {
		b.Seq = s.seq
	}
}
