package booking

import (
	"slices"

	"boxoffice/internal/booking/tables"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/ledger"
	"boxoffice/internal/seating"
)

// record is a booking's row: the booking, and what only the writer needs.
type record struct {
	bookingapi.Booking
	Fingerprint []byte
	Extended    bool    // its hold was extended once
	address             // that it was made with, or that its owner has shown since
	ReleasedAt  int64   // µs since 1970: when its hold was given up; 0: it was not
	GivenBack   []int32 // seats that were given back while others stayed
}

// has reports whether the claim of a seat is the booking's, by the booking's row.
func (r *record) has(seat int32) bool {
	return r != nil && (r.Status == bookingapi.Pending || r.Status == bookingapi.Booked) && slices.Contains(r.Seats, seat)
}

// state is one event as a decision sees it: what was read under the head's
// lock, plus the effects of the commands decided before in the same batch.
// Only apply changes it.
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
	taken    bitset             // every claimed seat; nil unless a command lets us choose
	lapsing  int                // how many seats in taken were read because their hold had lapsed

	// what apply has done so far in this batch
	entries   []ledger.Entry
	fresh     map[string]bool    // bookings without a row yet
	dirty     map[string]*record // bookings with a row that changed: as the row is
	moved     map[string]string  // bookings with a row whose account or address is another: the account before
	saleDirty bool
	scratch   []byte
}

// priced is a price list spread over the seats of a plan.
type priced struct {
	*seating.Prices
	plan   *seating.Plan
	tierOf []uint8 // by seat; seating.NoTier where it has no price
}

// of is the tier of a seat; one without a name or a price where there is none.
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

// total is the price of seats, and the fees in it, in minor units.
func (p *priced) total(seats []int32) (amount, fees int64) {
	for _, s := range seats {
		t := p.of(s)
		amount += t.Price
		fees += t.Fees
	}
	return amount, fees
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

// lapsed reports whether a hold has ended although its claim is still there.
func (s *state) lapsed(c claim) bool { return c.until != 0 && c.until <= s.now }

// apply carries out one effect and appends its ledger entry. Claims go first:
// whose they are until then is told from the booking as it was before.
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
		b.Status, b.ExpiresAt, b.PaymentID = bookingapi.Booked, 0, e.payment
	case ledger.Expired:
		s.freeAll(s.bookings[e.booking], e.seats)
		s.touch(e.booking).Status = bookingapi.Expired
	case ledger.Released, ledger.Cancelled:
		s.giveBack(e)
	}
	s.append(e)
}

// count notes a booking with those it counts for, once with each.
func (s *state) count(b *record) {
	for _, to := range []*buyer{s.buyers[b.UserID], s.emails[b.address]} {
		if to != nil && !slices.ContainsFunc(to.bookings, func(h held) bool { return h.id == b.ID }) {
			to.bookings = append(to.bookings, reduced(b))
		}
	}
}

// move notes that a booking goes to another account, or counts for an address.
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

// giveBack frees some or all seats of a booking, which is cancelled when none
// is left. A cancelled booking keeps its last seats for the record.
func (s *state) giveBack(e effect) {
	old := s.bookings[e.booking]
	s.freeAll(old, e.seats)
	b := s.touch(e.booking)
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

// touch marks a booking as changed and returns a copy that may be changed:
// what was handed out before stays as it was.
func (s *state) touch(id string) *record {
	old := s.bookings[id]
	if _, ok := s.dirty[id]; !ok && !s.fresh[id] {
		s.dirty[id] = old
	}
	b := *old
	s.bookings[id] = &b
	return &b
}

// claimAll gives an effect's seats to its booking; old is the booking as it was,
// nil when it is new. Seats that it did not have must be free.
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

// freeAll makes seats of a booking free.
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
	if b := s.bookings[e.booking]; b != nil {
		b.Seq = s.seq
	}
}
