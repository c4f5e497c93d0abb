package booking

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"boxoffice/internal/booking/audit"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/id"
)

// oracle is a second, naive implementation that predicts the answer to every command. It
// decides one command at a time and knows nothing about batches or databases.
type oracle struct {
	w        *world
	now      int64
	open     bool // the sale
	waived   bool // buyers need no verified address
	limit    int
	seats    map[int32]claim
	bookings map[string]*oracleBooking
}

type oracleBooking struct {
	who
	seats    []int32
	until    int64
	status   bookingapi.Status
	payment  string
	extended bool
	made     int64
	released int64
	gift     bool
	before   []int32 // seats given back while others stayed
}

// who owns a booking: an account, and an address (0: none) with its standing.
type who struct {
	user     string
	mail     byte
	standing standing
}

func (o *oracle) caller(c caller.Caller) who {
	switch {
	case c.Email[0] == 0:
		return who{user: c.UserID}
	case c.Verified:
		return who{c.UserID, c.Email[0], proved}
	}
	return who{c.UserID, c.Email[0], typed}
}

// holds returns the person to whom the limits of holds apply: a typed address counts
// where it need not be verified.
func (o *oracle) holds(p who) who {
	switch {
	case p.standing == waiting:
		p.standing = proved
	case p.standing == typed && !o.waived:
		p.mail, p.standing = 0, proved
	}
	return p
}

// pays returns the person whose limit is checked when a booking is paid.
func (o *oracle) pays(b *oracleBooking) who {
	if b.standing == waiting {
		return who{b.user, b.mail, proved}
	}
	return b.who
}

// counts reports whether a booking counts for somebody.
func (p who) counts(b *oracleBooking) bool {
	return b.user == p.user || p.mail != 0 && b.mail == p.mail && (b.standing == proved || b.standing == typed && p.standing == typed)
}

// refused is the prediction for commands that may be refused for several reasons.
const refused = "a refusal"

func (o *oracle) price(seats []int32) (sum int64) {
	for _, s := range seats {
		sum += 1000
		if s > 15 { // the pit
			sum -= 500
		}
	}
	return sum
}

func (o *oracle) free(seat int32) bool {
	c, ok := o.seats[seat]
	return !ok || c.until != 0 && c.until <= o.now
}

// live counts the seats that somebody has, except those of one booking.
func (o *oracle) live(p who, except string) (seats int) {
	for id, b := range o.bookings {
		if p.counts(b) && id != except && !b.gift && (b.status == bookingapi.Booked || b.status == bookingapi.Pending && b.until > o.now) {
			seats += len(b.seats)
		}
	}
	return seats
}

// many returns the slug of the refusal for somebody who would have too many seats. It
// depends on whether their own are too many, or only together with those of others who
// use the same address.
func (o *oracle) many(p who, except string, more int) string {
	if p.standing == typed && o.live(who{user: p.user}, except)+more <= o.limit {
		return "address-at-limit"
	}
	return "too-many-seats"
}

// paused reports whether somebody has held too much without paying.
func (o *oracle) paused(p who) bool {
	var idle, last int64
	for _, b := range o.bookings {
		if !p.counts(b) || b.gift {
			continue
		}
		end := b.released
		if b.status == bookingapi.Expired || b.status == bookingapi.Pending && b.until <= o.now {
			end = b.until
		}
		if end > o.now-30*minute {
			idle += min(8*minute, max(8*minute/5, end-b.made))
			last = max(last, end)
		}
	}
	holds := (idle + 4*minute) / (8 * minute)
	return holds >= 2 && o.now < last+min(minute/2<<(holds-2), 8*minute)
}

// drop ends the holds that have expired on any of the seats.
func (o *oracle) drop(seats []int32, own string) {
	for _, s := range seats {
		if c, ok := o.seats[s]; ok && c.booking != own {
			o.release(c.booking, bookingapi.Expired)
		}
	}
}

func (o *oracle) release(booking string, status bookingapi.Status) {
	b := o.bookings[booking]
	for _, s := range b.seats {
		delete(o.seats, s)
	}
	switch {
	case status == bookingapi.Cancelled && b.status == bookingapi.Pending:
		b.released = o.now
	case status == bookingapi.Cancelled && b.status == bookingapi.Expired:
		b.released = b.until
	}
	b.status = status
}

func (o *oracle) claim(booking string, until int64) {
	for _, s := range o.bookings[booking].seats {
		o.seats[s] = claim{booking, until}
	}
}

// check carries out a command and reports a different answer as an error.
func (o *oracle) check(t *rapid.T, c *command, a answer, got bookingapi.Booking) {
	want := o.verdict(c, got)
	said := "ok"
	if a.err != nil {
		said = a.err.(*errs.Error).Type
	}
	if said != want && (want != refused || a.err == nil) {
		t.Fatalf("%s %+v: answer %s (%v), want %s", c.do, *c, said, a.err, want)
	}
}

func (o *oracle) verdict(c *command, got bookingapi.Booking) string {
	b := o.bookings[c.bookingID]
	switch c.do {
	case doSetSale:
		o.open = c.sale.Status == eventapi.OnSale
		return "ok"
	case doHold:
		return o.hold(c, b, got)
	case doGrant:
		return o.grant(c, b)
	case doReseat:
		return o.reseat(c, b)
	}
	if b == nil || c.caller != caller.System && c.caller.UserID != b.user {
		return "not-found"
	}
	alive := b.status == bookingapi.Pending && b.until > o.now
	switch c.do {
	case doAdopt:
		return o.adopt(c, b, alive)
	case doSwap:
		return o.swap(c, b, alive, got)
	case doExtend:
		if !alive {
			return "hold-over"
		}
		if !b.extended {
			b.extended = true
			b.until += extension
			o.claim(c.bookingID, b.until)
		}
		if got.ExpiresAt != b.until {
			return fmt.Sprintf("a hold until %d", b.until)
		}
		return "ok"
	case doConfirm:
		return o.confirm(c, b, alive, got)
	case doCancel:
		return o.cancel(c, b, alive)
	default: // expire
		if b.status == bookingapi.Pending && !alive {
			o.release(c.bookingID, bookingapi.Expired)
		}
		return "ok"
	}
}

func (o *oracle) cancel(c *command, b *oracleBooking, alive bool) string {
	seats := c.seats
	if len(seats) == 0 {
		seats = b.seats
	}
	more := without(seats, b.before) // in case that it was sent before
	switch {
	case b.status == bookingapi.Cancelled:
	case c.payment != "" && b.status == bookingapi.Booked && b.payment != c.payment:
	case len(without(more, b.seats)) > 0:
		return refused
	case len(more) == 0:
	case b.status == bookingapi.Expired, c.payment == "" && b.status == bookingapi.Pending && !alive: // given up for good, as a whole
		if len(more) < len(b.seats) {
			return "hold-over"
		}
		if b.status == bookingapi.Pending {
			o.release(c.bookingID, bookingapi.Expired)
		}
		b.status, b.released = bookingapi.Cancelled, b.until // its seats are others'
	case len(more) == len(b.seats):
		o.release(c.bookingID, bookingapi.Cancelled)
	default:
		for _, s := range more {
			delete(o.seats, s)
		}
		b.seats, b.before = without(b.seats, more), append(b.before, more...)
	}
	return "ok"
}

func (o *oracle) hold(c *command, b *oracleBooking, got bookingapi.Booking) string {
	if b != nil {
		if b.user != c.caller.UserID { // it went to another account
			return refused
		}
		return "ok"
	}
	if !o.open {
		return "sale-not-open"
	}
	made := o.caller(c.caller)
	p, owner := o.holds(made), made
	if owner.standing == typed {
		owner.mail = 0
	}
	mine := slices.ContainsFunc(c.seats, func(s int32) bool { return !o.free(s) && owner.counts(o.bookings[o.seats[s].booking]) })
	if o.live(p, "")+max(len(c.seats), c.quantity) > o.limit {
		if mine {
			return "already-yours"
		}
		return o.many(p, "", max(len(c.seats), c.quantity))
	}
	if o.paused(p) {
		return "hold-cooldown"
	}
	seats, said := o.chosen(c, got)
	if said != "" {
		return said
	}
	for _, s := range seats {
		if !o.free(s) && mine {
			return "already-yours"
		}
	}
	for _, s := range seats {
		if !o.free(s) {
			return "seats-taken"
		}
	}
	o.drop(seats, "")
	o.bookings[c.bookingID] = &oracleBooking{who: made, seats: seats, until: o.now + 8*minute, status: bookingapi.Pending, made: o.now}
	o.claim(c.bookingID, o.now+8*minute)
	return "ok"
}

// chosen returns the seats of a command: those that it names, or those that were chosen
// for it, if there are enough; otherwise the expected refusal.
func (o *oracle) chosen(c *command, got bookingapi.Booking) (seats []int32, said string) {
	if c.quantity == 0 {
		return c.seats, ""
	}
	fit := 0
	for s := range o.w.plan.Seats {
		own := c.do == doSwap && o.seats[int32(s)].booking == c.bookingID
		if (o.free(int32(s)) || own) && (c.section < 0 || o.w.plan.SectionOf(int32(s)) == c.section) {
			fit++
		}
	}
	if fit < c.quantity {
		return nil, "sold-out"
	}
	if len(got.Seats) != c.quantity {
		return nil, fmt.Sprintf("%d seats", c.quantity)
	}
	return got.Seats, ""
}

func (o *oracle) grant(c *command, b *oracleBooking) string {
	switch {
	case c.caller.UserID != organizer || c.caller.Role != caller.Organizer: // also who was one once
		return "not-found"
	case b != nil && b.user != c.heir:
		return "idempotency-key-reused"
	case b != nil:
		return "ok"
	}
	for _, s := range c.seats {
		if !o.free(s) {
			return "seats-taken"
		}
	}
	o.drop(c.seats, "")
	o.bookings[c.bookingID] = &oracleBooking{who: who{user: c.heir}, seats: c.seats, status: bookingapi.Booked, payment: c.grant, gift: true}
	o.claim(c.bookingID, 0)
	return "ok"
}

// reseat moves a sold booking for the organizer.
func (o *oracle) reseat(c *command, b *oracleBooking) string {
	switch {
	case b == nil || c.caller.Role != caller.Organizer:
		return "not-found"
	case b.status == bookingapi.Cancelled:
		return "booking-cancelled"
	case b.status != bookingapi.Booked:
		return "not-sold"
	case sameSeats(c.seats, b.seats):
		return "ok"
	case len(c.seats) != len(b.seats):
		return refused
	case o.price(c.seats) != o.price(b.seats) && !b.gift:
		return "price-differs"
	case slices.ContainsFunc(c.seats, func(s int32) bool { return !o.free(s) && o.seats[s].booking != c.bookingID }):
		return "seats-taken"
	}
	o.drop(c.seats, c.bookingID)
	for _, s := range b.seats {
		delete(o.seats, s)
	}
	b.seats, b.before = c.seats, without(b.before, c.seats)
	o.claim(c.bookingID, 0)
	return "ok"
}

func (o *oracle) adopt(c *command, b *oracleBooking, alive bool) string {
	if b.user != c.from && b.user != c.heir {
		return "not-found"
	}
	to := who{c.heir, b.mail, b.standing}
	if c.email[0] != 0 && (b.mail == 0 || b.standing != proved) {
		to.mail, to.standing = c.email[0], proved
	}
	switch heir := (who{c.heir, c.email[0], proved}); {
	case to == b.who:
		return "ok"
	case alive && o.live(heir, c.bookingID)+len(b.seats) > o.limit:
		if b.user == c.heir {
			b.mail, b.standing = to.mail, waiting
		}
		return "too-many-seats"
	case b.status == bookingapi.Pending && !alive:
		o.release(c.bookingID, bookingapi.Expired)
	}
	b.who = to
	return "ok"
}

func (o *oracle) swap(c *command, b *oracleBooking, alive bool, got bookingapi.Booking) string {
	if !alive {
		return "hold-over"
	}
	if !o.open {
		return "sale-not-open"
	}
	if sameSeats(c.seats, b.seats) {
		return "ok"
	}
	if n := max(len(c.seats), c.quantity); o.live(o.holds(b.who), c.bookingID)+n > o.limit {
		return o.many(o.holds(b.who), c.bookingID, n)
	}
	seats, said := o.chosen(c, got)
	if said != "" {
		return said
	}
	for _, s := range seats {
		if !o.free(s) && o.seats[s].booking != c.bookingID {
			return "seats-taken"
		}
	}
	o.drop(seats, c.bookingID)
	for _, s := range b.seats {
		delete(o.seats, s)
	}
	b.seats, b.before = seats, without(b.before, seats)
	o.claim(c.bookingID, b.until)
	return "ok"
}

func (o *oracle) confirm(c *command, b *oracleBooking, alive bool, got bookingapi.Booking) string {
	switch {
	case b.status == bookingapi.Booked && c.payment == b.payment:
		return "ok"
	case b.status == bookingapi.Booked:
		return "already-booked"
	case b.status == bookingapi.Cancelled:
		return "booking-cancelled"
	case c.amount != o.price(b.seats):
		return "amount-differs"
	}
	if !alive {
		if c.started == 0 || c.started > b.until+2*minute || o.now > b.until+30*minute {
			return "paid-too-late"
		}
		if !o.open {
			return "sale-not-open"
		}
		if o.live(o.pays(b), c.bookingID)+len(b.seats) > o.limit {
			return o.many(o.pays(b), c.bookingID, len(b.seats))
		}
		if slices.ContainsFunc(b.seats, func(s int32) bool { return !o.free(s) && o.seats[s].booking != c.bookingID }) {
			if said := o.instead(c, b, got); said != "" {
				return said
			}
		}
		o.drop(b.seats, c.bookingID)
	}
	if b.standing == waiting {
		if o.live(o.pays(b), c.bookingID)+len(b.seats) > o.limit {
			return "too-many-seats"
		}
		b.standing = proved
	}
	b.status, b.payment = bookingapi.Booked, c.payment
	o.claim(c.bookingID, 0)
	return "ok"
}

// instead gives a booking other seats of the same prices, if it may have them and there
// are enough; otherwise it returns the expected refusal.
func (o *oracle) instead(c *command, b *oracleBooking, got bookingapi.Booking) string {
	number := func(seats []int32, p int64) int {
		return len(slices.DeleteFunc(slices.Clone(seats), func(s int32) bool { return o.price([]int32{s}) != p }))
	}
	var free []int32
	for s := range int32(len(o.w.plan.Seats)) {
		if o.free(s) {
			free = append(free, s)
		}
	}
	for _, s := range b.seats {
		if p := o.price([]int32{s}); !c.others || number(b.seats, p) > number(free, p) || o.w.plan.Seats[s].Accessible {
			return "seats-gone"
		}
	}
	for _, s := range b.seats {
		if p := o.price([]int32{s}); number(got.Seats, p) != number(b.seats, p) || got.Late != bookingapi.OtherSeats || !slices.Equal(got.Held, b.seats) {
			return "as many seats of each price"
		}
	}
	if len(without(got.Seats, free)) > 0 {
		return "free seats"
	}
	b.seats, b.before = got.Seats, without(b.before, got.Seats)
	return ""
}

// generator makes commands that are likely to conflict with each other.
type generator struct {
	t       *rapid.T
	w       *world
	eventID string
	version int64
	waived  bool // buyers need no verified address
	ids     []string
	owners  map[string]caller.Caller // by booking
	users   []string
}

// person returns a caller; some have an address, and two have the same one.
func (g *generator) person() caller.Caller {
	n := rapid.IntRange(0, len(g.users)-1).Draw(g.t, "user")
	c := fan(g.users[n])
	c.Email[0] = []byte{1, 1, 2, 0, 0}[n]
	c.Verified = c.Email[0] != 0 && rapid.Bool().Draw(g.t, "verified")
	return c
}

func (g *generator) command() command {
	c := looked(command{eventID: g.eventID, section: -1, tier: -1})
	kinds := []action{doHold, doHold, doHold, doHold, doConfirm, doConfirm, doSwap, doCancel, doExpire, doExtend, doGrant, doAdopt, doReseat}
	c.do = rapid.SampledFrom(kinds).Draw(g.t, "do")
	if c.do == doHold {
		g.hold(&c)
		return c
	}
	if c.do == doGrant {
		g.grant(&c)
		return c
	}
	c.bookingID = rapid.SampledFrom(append(g.ids, id.Booking(g.eventID, "", "none"))).Draw(g.t, "booking")
	switch c.do {
	case doSwap:
		g.choose(&c)
	case doReseat:
		c.caller = rapid.SampledFrom([]caller.Caller{boss(), boss(), boss(), fan("u1")}).Draw(g.t, "organizer")
		c.organizing = &organizing{reason: "The stalls are closed."}
		c.seats = g.seats()
	case doCancel:
		switch rapid.IntRange(0, 4).Draw(g.t, "part") {
		case 0, 1:
			c.seats = []int32{rapid.Int32Range(0, 3).Draw(g.t, "which")} // complete makes a seat of it
		case 2:
			c.payment, c.unpaid = rapid.SampledFrom([]string{"p-" + c.bookingID, "p-other"}).Draw(g.t, "payment"), true
		}
	case doAdopt:
		heir, from := g.person(), g.owners[c.bookingID].UserID
		c.heir = rapid.SampledFrom([]string{heir.UserID, from}).Draw(g.t, "heir")
		c.from = rapid.SampledFrom([]string{from, from, "u9"}).Draw(g.t, "from")
		if heir.Verified {
			c.email = heir.Email
		}
	case doConfirm:
		c.payment = rapid.SampledFrom([]string{"p-" + c.bookingID, "p-" + c.bookingID, "p-other"}).Draw(g.t, "payment")
		c.currency = "EUR"
		c.started = max(0, g.w.clock.Load()-rapid.SampledFrom([]int64{0, 0, minute, 3 * minute, 25 * minute, 1 << 60}).Draw(g.t, "started"))
		c.amount = rapid.SampledFrom([]int64{0, 0, 0, 1}).Draw(g.t, "amount")
		c.others = rapid.Bool().Draw(g.t, "others")
	}
	if c.do == doSwap || c.do == doCancel {
		c.caller = rapid.SampledFrom([]caller.Caller{caller.System, caller.System, caller.System, fan("u9")}).Draw(g.t, "caller")
	}
	return c
}

func (g *generator) hold(c *command) {
	c.caller = g.person()
	if rapid.IntRange(0, 9).Draw(g.t, "again") == 0 && len(g.ids) > 0 { // a request sent twice
		c.bookingID = rapid.SampledFrom(g.ids).Draw(g.t, "booking")
		c.fingerprint = []byte("same")
		c.caller = g.owners[c.bookingID]
		c.seats = g.seats()
		return
	}
	c.fingerprint = []byte("same")
	c.bookingID = id.Booking(g.eventID, c.caller.UserID, fmt.Sprint("k", len(g.ids)))
	g.ids = append(g.ids, c.bookingID)
	g.owners[c.bookingID] = c.caller
	g.choose(c)
}

// choose names seats or a quantity.
func (g *generator) choose(c *command) {
	if rapid.Bool().Draw(g.t, "choose") {
		c.quantity = rapid.IntRange(1, 4).Draw(g.t, "quantity")
		c.section = rapid.IntRange(-1, 2).Draw(g.t, "section")
		return
	}
	c.seats = g.seats()
}

// grant blocks seats or gives them away, sometimes twice with one id.
func (g *generator) grant(c *command) {
	c.caller = rapid.SampledFrom([]caller.Caller{{UserID: organizer, Role: caller.Organizer}, {UserID: organizer, Role: caller.Organizer}, fan("u1"), fan(organizer)}).Draw(g.t, "organizer")
	c.grant = rapid.SampledFrom([]string{bookingapi.Block, bookingapi.Complimentary}).Draw(g.t, "grant")
	if c.grant == bookingapi.Complimentary {
		c.heir = rapid.SampledFrom(g.users).Draw(g.t, "heir")
	}
	c.fingerprint = []byte("same")
	c.bookingID = id.Booking(g.eventID, organizer, fmt.Sprint("g", rapid.IntRange(0, 9).Draw(g.t, "again")))
	c.seats = g.seats()
	if !slices.Contains(g.ids, c.bookingID) {
		g.ids = append(g.ids, c.bookingID)
		g.owners[c.bookingID] = fan(c.heir)
	}
}

func (g *generator) seats() []int32 {
	all := rapid.SliceOfNDistinct(rapid.Int32Range(0, 15), 1, 3, rapid.ID[int32]).Draw(g.t, "seats") // not the pit
	return all
}

// Random histories of buyers, payments and the janitor, in random batches and with random
// passing of time: every answer equals the oracle's, no seat has two live claims, free +
// held + sold is the size of the plan, and a replay of the ledger gives the tables.
func TestRandomHistories(t *testing.T) {
	w := newWorld(t)
	rapid.Check(t, func(t *rapid.T) {
		waived := rapid.Bool().Draw(t, "waived")
		ev := w.event(func(s *bookingapi.Sale) { s.UnverifiedBuyers = waived })
		g := &generator{t: t, w: w, eventID: ev, version: 1, waived: waived, owners: map[string]caller.Caller{}, users: []string{"u1", "u2", "u3", "u4", "u5"}}
		o := &oracle{w: w, open: true, waived: waived, limit: 4, seats: map[int32]claim{}, bookings: map[string]*oracleBooking{}}
		for range rapid.IntRange(3, 25).Draw(t, "batches") {
			w.pass(rapid.SampledFrom([]int64{0, 1, minute / 4, minute, 3 * minute, 8*minute - 1, 8 * minute, 20 * minute}).Draw(t, "pass"))
			o.now = w.clock.Load()
			if rapid.IntRange(0, 3).Draw(t, "restart") == 0 {
				w.forget(ev)
			}
			var items []*item
			if rapid.IntRange(0, 14).Draw(t, "sale") == 0 {
				items = append(items, g.sale())
			} else {
				for range rapid.IntRange(1, 6).Draw(t, "size") {
					c := g.command()
					g.complete(&c, o)
					items = append(items, &item{Value: &job{cmd: c}})
				}
			}
			answers, err := w.s.writers[0].settle(context.Background(), &load{items: items})
			if err != nil {
				t.Fatalf("batch failed: %v", err)
			}
			for i, it := range items {
				o.check(t, &it.Value.cmd, answers[i], it.Value.booking)
			}
			o.compare(t, ev)
		}
		if _, err := audit.VerifyWith(context.Background(), w.db, ev, audit.Beside{Plans: w}); err != nil {
			t.Fatal(err)
		}
	})
}

// sale opens or closes the sale.
func (g *generator) sale() *item {
	g.version++
	s := g.w.sale()
	s.EventVersion, s.UnverifiedBuyers = g.version, g.waived
	s.Status = rapid.SampledFrom([]eventapi.Status{eventapi.OnSale, eventapi.OnSale, eventapi.Published}).Draw(g.t, "status")
	return &item{Value: &job{cmd: command{do: doSetSale, eventID: g.eventID, sale: &s}}}
}

// complete fills in what a cooperative client would know about the booking.
func (g *generator) complete(c *command, o *oracle) {
	b := o.bookings[c.bookingID]
	switch {
	case b == nil:
		c.seats = g.named(c)
	case c.do == doReseat && rapid.IntRange(0, 4).Draw(g.t, "as many") > 0:
		c.seats = rapid.SliceOfNDistinct(rapid.Int32Range(0, 17), len(b.seats), len(b.seats), rapid.ID[int32]).Draw(g.t, "seats")
	case c.do == doConfirm && c.amount == 0:
		c.amount = o.price(b.seats) // unless it is swapped within this very batch
	case c.do == doCancel && len(c.seats) == 1:
		all := append(slices.Clone(b.seats), b.before...)
		c.seats = []int32{all[int(c.seats[0])%len(all)]}
	}
}

// named returns a command's seats; none for a cancellation of an unknown booking.
func (g *generator) named(c *command) []int32 {
	if c.do == doCancel {
		return nil
	}
	return c.seats
}

// forget puts the node into the state after a restart.
func (w *world) forget(eventID string) {
	w.s.views.forget(eventID)
	w.s.recent.m, w.s.recent.older = newMemory(), newMemory()
}

// compare checks claims, counts and the view.
func (o *oracle) compare(t *rapid.T, eventID string) {
	held, sold := int32(0), int32(0)
	for _, c := range o.seats {
		if c.until == 0 {
			sold++
		} else {
			held++
		}
	}
	got, err := bookingapi.One(context.Background(), o.w.s.Counts, "event", eventID)
	if err != nil {
		t.Fatal(err)
	}
	want := bookingapi.Counts{Free: int32(len(o.w.plan.Seats)) - held - sold, Held: held, Sold: sold, Seq: got.Seq}
	if got != want {
		t.Fatalf("counts are %+v, want %+v", got, want)
	}
	owners := map[uint64]int32{}
	for _, c := range o.seats {
		if c.booking != "" {
			owners[ownerOf(c.booking)]++
		}
	}
	if v := o.w.s.views.peek(eventID); v != nil && !maps.Equal(v.owners, owners) {
		t.Fatalf("owners are %v, want %v", v.owners, owners)
	}
	v, err := o.w.s.views.fill(context.Background(), eventID) // from the tables
	if err != nil {
		t.Fatal(err)
	}
	for seat := range v.status {
		if c := o.seats[int32(seat)]; c.booking != "" && v.owner[seat] != ownerOf(c.booking) || v.until[seat] != c.until {
			t.Fatalf("seat %d should be %+v's", seat, c)
		}
	}
	if v.held != held || v.sold != sold || v.seq != got.Seq {
		t.Fatalf("tables have %d held and %d sold at %d, want %d and %d at %d", v.held, v.sold, v.seq, held, sold, got.Seq)
	}
}
