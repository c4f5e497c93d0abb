package booking

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"boxoffice/internal/booking/tables"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/ledger"
)

// extension is by how many µs a hold is prolonged, once, while it is being paid.
const extension = 10 * 60_000_000

// errLookAgain refuses a command whose seats, section or tier were looked up in
// another version of the plan or of the prices than the event has now. The service
// looks them up again.
var errLookAgain = errors.New("booking: the plan or the prices have changed since the command was made")

// decide returns what a command does to an event: the effects, in order, or a
// refusal. It is pure: it reads the state, changes nothing, and uses neither clock,
// nor database, nor randomness.
func decide(s *state, c *command) ([]effect, answer) {
	if c.do == doSetSale {
		return decideSale(s, c)
	}
	if !s.exists {
		return nil, answer{err: errs.Missing("event")}
	}
	switch c.do {
	case doHold:
		return decideHold(s, c)
	case doGrant:
		return decideGrant(s, c)
	}
	b := s.bookings[c.bookingID]
	if b == nil || !mayTouch(b, c.caller) {
		return nil, answer{err: errs.Missing("booking")}
	}
	switch c.do {
	case doSwap:
		return decideSwap(s, c, b)
	case doAdopt:
		return decideAdopt(s, c, b)
	case doExtend:
		return decideExtend(s, b)
	case doConfirm:
		return decideConfirm(s, c, b)
	case doCancel:
		return decideCancel(s, c, b)
	case doGiveBack:
		return decideGiveBack(s, c, b)
	case doReseat:
		return decideReseat(s, c, b)
	default:
		return decideExpire(s, b)
	}
}

// mayChange keeps organizers from changing their customers' bookings. They may read
// them, and change only seats that they have blocked or given away.
func mayChange(b *record, c caller.Caller) error {
	if c.MayRead(b.UserID) || b.PriceVersion == bookingapi.FreeOfCharge {
		return nil
	}
	return errs.New(errs.Forbidden, "not-yours-to-change", "Only its owner can change this booking.")
}

// seen refuses a change when the booking is not at the version that the caller has
// seen; 0: any.
func seen(b *bookingapi.Booking, version int64) error {
	if version != 0 && version != b.Seq {
		return errs.New(errs.Precondition, "changed-meanwhile", "The booking has changed since you read it.")
	}
	return nil
}

// mayTouch reports whether a caller may know about a booking: its owner, the
// organizer of its event, admins and our own jobs may.
func mayTouch(b *record, c caller.Caller) bool {
	return c.MayRead(b.UserID) || c.MayOrganize(b.OrganizerID)
}

func decideHold(s *state, c *command) ([]effect, answer) {
	if b := s.bookings[c.bookingID]; b != nil { // the key was used before
		return nil, replayed(b, c, c.caller.UserID)
	}
	if err := s.selling(); err != nil {
		return nil, answer{err: err}
	}
	p := s.buying(c.caller)
	if err := s.overBookings(p); err != nil {
		return nil, answer{err: err}
	}
	if err := s.overLimit(p, "", max(len(c.seats), c.quantity)); err != nil {
		if _, taking := s.take(c.seats, ""); taking != nil {
			err = s.orYours(p, c.seats, taking, err)
		}
		return nil, answer{err: err}
	}
	if err := s.paused(p); err != nil {
		return nil, answer{err: err}
	}
	effects, a := s.hold(c, person{p.user, addressOf(c.caller)}, s.today())
	if errs.Is(a.err, "seats-taken") {
		a.err = s.orYours(p, c.seats, a.err, a.err)
	}
	return effects, a
}

// orYours returns already-yours if the person has one of the gone seats; otherwise
// it returns the given error.
func (s *state) orYours(p person, seats []int32, gone, otherwise error) error {
	yours := s.yours(p, seats)
	labels, ok := errs.Of(gone).Extra["seats"].([]string)
	if yours == "" || !ok {
		return otherwise
	}
	return alreadyYours(yours, labels)
}

// alreadyYours is the refusal for somebody who already has some of the seats.
func alreadyYours(bookingID string, gone []string) *errs.Error {
	return errs.New(errs.Conflict, "already-yours", "You already have some of these seats, in booking %s.", bookingID).
		With("booking_id", bookingID).With("seats", gone)
}

// replayed answers a command whose booking exists already: the request was repeated,
// or its key was used for another one.
func replayed(b *record, c *command, user string) answer {
	if b.UserID != user || !bytes.Equal(b.Fingerprint, c.fingerprint) {
		return answer{err: errs.New(errs.Invalid, "idempotency-key-reused", "This Idempotency-Key was used for another request.")}
	}
	return answer{booking: b.ID}
}

// hold makes a booking of the wanted seats at the given prices.
func (s *state) hold(c *command, who person, p *priced) ([]effect, answer) {
	seats, err := s.wanted(c, p, nil)
	if err != nil {
		return nil, answer{err: err}
	}
	effects, err := s.take(seats, "")
	if err != nil {
		return nil, answer{err: err}
	}
	until := s.now + s.sale.HoldFor
	amount, fees := p.total(seats)
	made := &record{Row: tables.Row{
		Booking: bookingapi.Booking{
			ID: c.bookingID, EventID: s.eventID, UserID: who.user, OrganizerID: s.sale.OrganizerID,
			Status: bookingapi.Pending, Seats: seats, CreatedAt: s.now, ExpiresAt: until,
			Amount: amount, Fees: fees, Currency: s.sale.Currency,
			PlanID: s.sale.PlanID, PlanVersion: s.sale.PlanVersion, PriceVersion: p.Version,
		},
		Fingerprint: c.fingerprint,
	}, address: who.address}
	return append(effects, effect{
		kind: ledger.Held, booking: c.bookingID, seats: seats, until: until,
		amount: amount, currency: s.sale.Currency, made: made,
	}), answer{booking: c.bookingID}
}

// decideGrant takes seats out of the sale, as a hold that is booked at once at no
// cost. Opening times and limits do not apply.
func decideGrant(s *state, c *command) ([]effect, answer) {
	if !c.caller.MayOrganize(s.sale.OrganizerID) {
		return nil, answer{err: errs.Missing("event")}
	}
	if b := s.bookings[c.bookingID]; b != nil {
		return nil, replayed(b, c, c.heir)
	}
	if s.sale.Status == eventapi.Cancelled {
		return nil, answer{err: errs.New(errs.Conflict, "event-cancelled", "The event was cancelled.")}
	}
	gifts := 0
	s.each(person{user: c.heir}, func(h held) {
		if h.gift {
			gifts++
		}
	})
	if c.heir != "" && gifts >= maxGifts {
		return nil, answer{err: errs.New(errs.Conflict, "too-many-gifts", "This account has already received complimentary seats of the event %d times, which is the maximum.", gifts)}
	}
	effects, a := s.hold(c, person{user: c.heir}, s.prices[s.freeKey()])
	if a.err != nil {
		return nil, a
	}
	held := effects[len(effects)-1]
	return append(effects, effect{
		kind: ledger.Booked, booking: c.bookingID, seats: held.seats, amount: held.amount, currency: held.currency, payment: c.grant,
	}), a
}

func decideSwap(s *state, c *command, b *record) ([]effect, answer) {
	if err := mayChange(b, c.caller); err != nil {
		return nil, answer{err: err}
	}
	if err := seen(&b.Booking, c.version); err != nil {
		return nil, answer{err: err}
	}
	if b.Status != bookingapi.Pending || b.ExpiresAt <= s.now {
		return nil, answer{err: errs.New(errs.Conflict, "hold-over", "Only seats that are still held can be swapped; this booking is %s.", s.statusOf(b))}
	}
	if err := s.selling(); err != nil {
		return nil, answer{err: err}
	}
	if c.at.plan() != bookingKey(&b.Booking).plan() {
		return nil, answer{err: errLookAgain}
	}
	if sameSeats(c.seats, b.Seats) {
		return nil, answer{booking: b.ID}
	}
	if err := s.overLimit(s.holder(b), b.ID, max(len(c.seats), c.quantity)); err != nil {
		return nil, answer{err: err}
	}
	p := s.today()
	seats, err := s.wanted(c, p, b)
	if err != nil {
		return nil, answer{err: err}
	}
	effects, err := s.take(seats, b.ID)
	if err != nil {
		return nil, answer{err: err}
	}
	made := *b
	made.Seats, made.PriceVersion, made.GivenBack = seats, p.Version, without(b.GivenBack, seats)
	made.Amount, made.Fees = p.total(seats)
	return append(effects, effect{
		kind: ledger.Swapped, booking: b.ID, seats: seats, until: b.ExpiresAt,
		amount: made.Amount, currency: b.Currency, made: &made,
	}), answer{booking: b.ID}
}

func decideExtend(s *state, b *record) ([]effect, answer) {
	if b.Status != bookingapi.Pending || b.ExpiresAt <= s.now {
		return nil, answer{err: errs.New(errs.Conflict, "hold-over", "This booking is %s.", s.statusOf(b))}
	}
	if b.Extended {
		return nil, answer{booking: b.ID}
	}
	return []effect{{kind: ledger.Extended, booking: b.ID, seats: b.Seats, until: b.ExpiresAt + extension}}, answer{booking: b.ID}
}

func decideConfirm(s *state, c *command, b *record) ([]effect, answer) {
	refuse := func(slug, text string) ([]effect, answer) {
		return nil, answer{err: errs.New(errs.Conflict, slug, "%s", text)}
	}
	switch {
	case b.Status == bookingapi.Booked && b.PaymentID == c.payment:
		return nil, answer{booking: b.ID}
	case b.Status == bookingapi.Booked:
		return refuse("already-booked", "This booking is paid already.")
	case b.Status == bookingapi.Cancelled:
		return refuse("booking-cancelled", "This booking was cancelled.")
	case s.sale.Status == eventapi.Cancelled:
		return refuse("event-cancelled", "The event was cancelled.")
	case c.amount != b.Amount || c.currency != b.Currency:
		return refuse("amount-differs", "The payment is not over the booking's amount.")
	}
	sold := effect{kind: ledger.Booked, booking: b.ID, seats: b.Seats, amount: b.Amount, currency: b.Currency, payment: c.payment}
	var effects []effect
	if b.Status != bookingapi.Pending || b.ExpiresAt <= s.now {
		var err error
		if effects, err = s.payLate(c, b, &sold); err != nil {
			return nil, answer{err: err}
		}
	}
	if b.standing == waiting {
		if err := s.overLimit(s.payer(b), b.ID, len(b.Seats)); err != nil {
			return nil, answer{err: err}
		}
		made := *b
		made.standing = proved
		effects = append(effects, effect{kind: noEntry, booking: b.ID, made: &made})
	}
	return append(effects, sold), answer{booking: b.ID}
}

// payLate takes the seats of an expired hold again, as if they were requested now, or
// others that the buyer has allowed; sold then has them. Its payment must have begun in
// time, and the seats must still cost the same.
func (s *state) payLate(c *command, b *record, sold *effect) ([]effect, error) {
	late := errs.New(errs.Conflict, "paid-too-late", "The hold had expired before it was paid.")
	switch {
	case c.started == 0 || c.started > b.ExpiresAt+bookingapi.LateStart || s.now > b.ExpiresAt+bookingapi.LateConfirm:
		return nil, late
	case bookingKey(&b.Booking) != saleKey(s.eventID, &s.sale):
		return nil, late
	}
	if err := s.selling(); err != nil {
		return nil, err
	}
	for _, seat := range b.Seats {
		if !s.today().sells(seat) {
			return nil, late
		}
	}
	if amount, _ := s.today().total(b.Seats); amount != b.Amount || s.sale.Currency != b.Currency {
		return nil, late
	}
	if err := s.overLimit(s.payer(b), b.ID, len(b.Seats)); err != nil {
		return nil, err
	}
	// The pause after unpaid holds does not apply: this hold is being paid, and a refusal
	// until later would keep the buyer's money reserved.
	sold.late = bookingapi.SameSeats
	effects, err := s.take(b.Seats, b.ID)
	if err != nil && c.others {
		if seats := s.alternatives(b); seats != nil {
			sold.late, sold.seats = bookingapi.OtherSeats, seats
			effects, err = s.take(seats, b.ID)
		}
	}
	if err != nil {
		return nil, errs.New(errs.Conflict, "seats-gone", "The hold had expired, and somebody else has the seats now.")
	}
	return effects, nil
}

// alternatives returns the best free seats instead of those of an expired booking: as
// many of each tier, in the same section if there are enough; nil if there are too few.
// Nothing stands in for a wheelchair place.
func (s *state) alternatives(b *record) []int32 {
	if b.Status != bookingapi.Expired || s.taken == nil {
		return nil
	}
	p := s.today()
	var tiers []int
	number, section := map[int]int{}, map[int]int{} // by tier; section -1: several
	for _, seat := range b.Seats {
		if s.plan.Seats[seat].Accessible {
			return nil
		}
		tier, sec := int(p.tierOf[seat]), s.plan.SectionOf(seat)
		if number[tier]++; number[tier] == 1 {
			tiers, section[tier] = append(tiers, tier), sec
		} else if section[tier] != sec {
			section[tier] = -1
		}
	}
	var seats []int32
	for _, tier := range tiers {
		some := s.choose(p, number[tier], section[tier], tier, nil)
		if some == nil && section[tier] >= 0 {
			some = s.choose(p, number[tier], -1, tier, nil)
		}
		if some == nil {
			return nil
		}
		seats = append(seats, some...)
	}
	return seats
}

func decideExpire(s *state, b *record) ([]effect, answer) {
	if b.Status != bookingapi.Pending || b.ExpiresAt > s.now {
		return nil, answer{booking: b.ID}
	}
	return []effect{expire(b)}, answer{booking: b.ID}
}

func expire(b *record) effect {
	return effect{kind: ledger.Expired, booking: b.ID, seats: b.Seats}
}

// selling returns nil if seats may be taken now.
func (s *state) selling() error {
	switch {
	case s.sale.Status == eventapi.Draft:
		return errs.Missing("event")
	case s.sale.Status == eventapi.Cancelled:
		return errs.New(errs.Conflict, "event-cancelled", "The event was cancelled.")
	case s.sale.Status != eventapi.OnSale || s.sale.PriceVersion == 0:
		return errs.New(errs.Conflict, "sale-not-open", "The event is not on sale.")
	case s.now < s.sale.OpensAt:
		return errs.New(errs.Conflict, "sale-not-open", "The sale opens at %s.", stamp(s.sale.OpensAt)).
			With("opens_at", stamp(s.sale.OpensAt)).After(time.Duration(s.sale.OpensAt-s.now) * time.Microsecond)
	case s.sale.ClosesAt != 0 && s.now >= s.sale.ClosesAt:
		return errs.New(errs.Conflict, "sale-closed", "The sale ended at %s.", stamp(s.sale.ClosesAt))
	}
	return nil
}

// wanted returns the seats that a command asks for: those it names, or the best free
// ones. A swap may choose among its own seats too.
func (s *state) wanted(c *command, p *priced, own *record) ([]int32, error) {
	if c.at != saleKey(s.eventID, &s.sale) {
		return nil, errLookAgain
	}
	if len(c.seats) > 0 {
		for i, seat := range c.seats {
			switch {
			case seat < 0 || int(seat) >= len(s.plan.Seats):
				return nil, errs.Bad("seats", "seat-not-in-plan", "names a seat that is not in the plan")
			case slices.Contains(c.seats[:i], seat):
				return nil, errs.Bad("seats", "seat-twice", "names %s twice", s.label(seat))
			case !p.sells(seat):
				return nil, errs.New(errs.Conflict, "not-for-sale", "Seat %s is not for sale.", s.label(seat))
			}
		}
		return c.seats, nil
	}
	if c.quantity < 1 {
		return nil, errs.Bad("quantity", "at-least-one", "must be at least 1")
	}
	seats := s.choose(p, c.quantity, c.section, c.tier, own)
	if seats == nil {
		return nil, errs.New(errs.Conflict, "sold-out", "Fewer than %d matching seats are left.", c.quantity)
	}
	return seats, nil
}

// take makes seats available: it expires whole bookings whose holds have ended, and
// refuses if somebody else has one of the seats. The seats of booking own count as
// free.
func (s *state) take(seats []int32, own string) ([]effect, error) {
	var effects []effect
	var gone []string
	for _, seat := range seats {
		c := s.claims.of(seat)
		switch {
		case c.booking == "" || c.booking == own:
		case !s.expired(c):
			gone = append(gone, s.label(seat))
		case !slices.ContainsFunc(effects, func(e effect) bool { return e.booking == c.booking }):
			effects = append(effects, expire(s.bookings[c.booking]))
		}
	}
	if len(gone) > 0 {
		return nil, taken(gone)
	}
	return effects, nil
}

// taken is the refusal that names the seats that somebody else has.
func taken(labels []string) *errs.Error {
	detail := "Somebody was faster: " + labels[0] + " is gone."
	if len(labels) > 1 {
		detail = "Somebody was faster: some of these seats are gone."
	}
	return (&errs.Error{Kind: errs.Conflict, Type: "seats-taken", Detail: detail}).With("seats", labels)
}

// label returns the label of a seat in the event's plan.
func (s *state) label(seat int32) string {
	if seat < 0 || int(seat) >= len(s.plan.Seats) {
		return "a seat"
	}
	return s.plan.Seats[seat].Label
}

// today is the event's current price list.
func (s *state) today() *priced { return s.prices[saleKey(s.eventID, &s.sale)] }

// freeKey names the price list of seats that the organizer takes out of the sale.
func (s *state) freeKey() priceKey {
	k := saleKey(s.eventID, &s.sale)
	k.priceVersion = bookingapi.FreeOfCharge
	return k
}

// statusOf is a booking's status to be shown now: an ended hold counts as expired.
func (s *state) statusOf(b *record) bookingapi.Status {
	if b.Status == bookingapi.Pending && b.ExpiresAt <= s.now {
		return bookingapi.Expired
	}
	return b.Status
}

// without returns seats that are not in less, in the same order.
func without(seats, less []int32) []int32 {
	return slices.DeleteFunc(slices.Clone(seats), func(n int32) bool { return slices.Contains(less, n) })
}

func sameSeats(a, b []int32) bool {
	if len(a) != len(b) {
		return false
	}
	for _, x := range a {
		if !slices.Contains(b, x) {
			return false
		}
	}
	return true
}

// stamp writes µs since 1970 as RFC 3339 in UTC.
func stamp(us int64) string { return time.UnixMicro(us).UTC().Format(time.RFC3339) }
