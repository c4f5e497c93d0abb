package booking

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/ledger"
)

// crowd bounds what people without a verified address hold: a script makes accounts
// as it likes. It bites only under pressure, when less than half of an event's seats
// are free. There are two bounds, both of which grow with the event:
//
//   - From one client address, IPv6 /64 networks being one. What counts is time held
//     without paying, seats times time, whatever is swapped or given back meanwhile:
//     holds that last count whole, those that came to nothing for a while as long as
//     they were held.
//   - For all unverified people together. What counts is the seats that they hold now.
//
// What may have been held counts until it is known that it is not. It is in memory,
// of this node alone and until it ends. People whose address is verified are never
// counted: thousands of them may share one client address.
type crowd struct {
	some   atomic.Bool // there is anything to look for
	mu     sync.Mutex
	holds  map[string]*crowdHold // by booking id
	from   map[origin]map[string]*crowdHold
	events map[string]*crowdEvent // by event id
}

// crowdEvent counts the seats of one event that unverified people hold.
type crowdEvent struct {
	holds map[string]*crowdHold
	seats int   // held now, or a second ago
	exact int64 // when the holds that had lapsed were last left out, µs since 1970
}

// origin is an event and a client address.
type origin struct{ eventID, client string }

type crowdHold struct {
	at     origin
	seats  int   // that count: it has them, or may have them
	all    int   // of seats, those in the event's sum
	known  int   // seats that it has as of seq
	seq    int64 // ledger version of the last change that was heard of
	open   int   // requests that nobody has heard the outcome of; an unclear one stays until the hold ends
	asked  int   // the most seats that an open request asks for
	began  int64 // µs since 1970
	until  int64 // µs since 1970; 0: nobody knows of a hold
	unsure int64 // µs since 1970: when it has ended if nobody hears what was decided
	ended  int64 // µs since 1970; 0: not yet
	most   int64 // µs from began that count: what a hold lasts
	since  int64 // µs since 1970: so long it has had these seats
	used   int64 // what it had held until then, in seats times µs
}

const (
	crowdShare = 20   // so many such clients share an event under pressure
	crowdLeast = 2    // people with all seats that a customer may have, at least
	crowdSeat  = 1000 // what a seat counts that is held for as long as a hold lasts
	crowdAll   = 2    // all unverified people together hold one part in so many of what is not sold, or what one customer may have

	recount = 1_000_000 // µs
)

func newCrowd() *crowd {
	return &crowd{holds: map[string]*crowdHold{}, from: map[origin]map[string]*crowdHold{}, events: map[string]*crowdEvent{}}
}

// clientOf is the client address of a request, of IPv6 its /64 network; "" when it
// is unknown.
func clientOf(ctx context.Context) string {
	text := caller.ClientFrom(ctx)
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Unmap().Is4() {
		return text
	}
	network, err := addr.Prefix(64)
	if err != nil {
		return text
	}
	return network.String()
}

// admit counts a hold of n seats that is about to be asked for, or refuses it; done
// is to be told what was decided, if anything was. It is nil for callers who are
// not counted.
func (s *Service) admit(ctx context.Context, caller caller.Caller, v *view, bookingID string, n int) (done func(bookingapi.Booking, error), err error) {
	client := clientOf(ctx)
	if caller.Verified || caller.Administers() || client == "" {
		return nil, nil
	}
	if err := ctx.Err(); err != nil { // nothing would be asked for
		return nil, err
	}
	ask := asking{at: origin{v.eventID, client}, bookingID: bookingID, seats: n, now: s.now().UnixMicro()}
	counts := v.counts()
	total := int(counts.Free + counts.Held + counts.Sold)
	v.mu.RLock()
	ask.mostFrom = max(crowdLeast*int(v.sale.LimitPerCustomer), total/crowdShare)
	ask.mostOfAll = max(int(v.sale.LimitPerCustomer), int(counts.Free+counts.Held)/crowdAll)
	ask.holdFor = v.sale.HoldFor
	v.mu.RUnlock()
	ask.pressed = int(counts.Free)*2 < total
	if err := s.crowd.reserve(&ask); err != nil {
		return nil, err
	}
	return func(b bookingapi.Booking, err error) { s.crowd.decided(bookingID, b, err, s.now().UnixMicro()) }, nil
}

// asking is a hold that an unverified person asks for.
type asking struct {
	at        origin
	bookingID string
	seats     int
	now       int64 // µs since 1970
	holdFor   int64 // µs
	pressed   bool  // the event is in demand
	mostFrom  int   // seats for one client address
	mostOfAll int   // seats for all unverified people
}

// reserve counts the seats unless that is too much.
func (c *crowd) reserve(a *asking) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	used := c.usedFrom(a)
	switch {
	case !a.pressed:
	case used+c.wanted(a) > int64(a.mostFrom)*crowdSeat:
		return errs.New(errs.TooMany, "many-held-unverified",
			"Many seats of this event are held from your network by people whose email address is not verified. Please verify yours, or try again in a few minutes.").
			After(time.Minute)
	case c.heldByAll(a)+a.seats > a.mostOfAll:
		return errs.New(errs.TooMany, "many-held-unverified",
			"Many of the remaining seats are held by people whose email address is not verified. Please verify yours, or try again in a few minutes.").
			After(time.Minute)
	}
	h := c.holds[a.bookingID]
	if h == nil {
		h = c.add(a)
	}
	h.open++
	h.asked = max(h.asked, a.seats)
	h.unsure = a.now + a.holdFor
	c.count(a.bookingID, h, a.now)
	return nil
}

// count makes a hold count for all seats that it may have. It is dropped when it
// has none and no request can still give it any.
func (c *crowd) count(bookingID string, h *crowdHold, now int64) {
	if h.open == 0 {
		h.asked = 0
		if h.known == 0 && h.ended == 0 {
			c.drop(bookingID)
			return
		}
	}
	n := max(h.known, h.asked)
	h.change(n, now)
	if h.ended != 0 {
		n = 0
	}
	c.sum(h, n)
}

// noteHeld notes what a booking has from now on, according to a version of the ledger.
func (h *crowdHold) noteHeld(seats int, until, seq int64) {
	h.known, h.until, h.seq = seats, until, seq
}

// noteEnded notes that a hold has come to nothing.
func (h *crowdHold) noteEnded(at, seq int64) {
	if h.ended == 0 {
		h.ended = at
	}
	h.known, h.seq = 0, seq
}

// notePaid notes that a hold has become a booking, which does not count.
func (h *crowdHold) notePaid(seq int64) {
	h.known, h.until, h.ended, h.seq = 0, 0, 0, seq
}

// usedFrom adds up how long one client address has held how many seats of the
// event lately, in parts of crowdSeat.
func (c *crowd) usedFrom(a *asking) (used int64) {
	for id, h := range c.from[a.at] {
		end := h.end(a.now)
		switch {
		case end != 0 && end < a.now-lapseWindow:
			c.drop(id)
		case id == a.bookingID:
		case end == 0:
			used += h.share(h.whole(h.seats, a.now))
		default:
			used += h.share(h.spent(end))
		}
	}
	return used
}

// share is seats times µs as parts of crowdSeat, rounded up: of the time that this
// hold was given, since holds that are made later may last longer or shorter.
func (h *crowdHold) share(held int64) int64 {
	most := max(h.most, 1)
	return (held*crowdSeat + most - 1) / most
}

// wanted is how much the requested hold will count if it lasts, in parts of crowdSeat.
func (c *crowd) wanted(a *asking) int64 {
	if h := c.holds[a.bookingID]; h != nil {
		return h.share(h.whole(a.seats, a.now))
	}
	return int64(a.seats) * crowdSeat
}

// spent is how long a hold has had its seats at a given time, in seats times µs.
func (h *crowdHold) spent(now int64) int64 {
	return h.used + int64(h.seats)*max(min(now, h.began+h.most)-h.since, 0)
}

// whole is what a hold counts that continues with n seats until it ends, in seats
// times µs: at least as much as if it had had n seats from the beginning.
func (h *crowdHold) whole(n int, now int64) int64 {
	left := max(h.began+h.most-max(now, h.since), 0)
	return max(int64(n)*h.most, h.spent(now)+int64(n)*left)
}

// change gives a hold another number of seats from now on.
func (h *crowdHold) change(n int, now int64) {
	if end := h.end(now); end != 0 {
		now = min(now, end)
	}
	if now > h.since {
		h.used, h.since = h.spent(now), now
	}
	h.seats = n
}

// heldByAll counts the seats of the event that unverified people hold, without
// those of the booking that is asked for. Holds that have lapsed are looked for
// only when it matters, and not more than once a second.
func (c *crowd) heldByAll(a *asking) int {
	e := c.events[a.at.eventID]
	if e == nil {
		return 0
	}
	own := 0
	if h := c.holds[a.bookingID]; h != nil {
		own = h.all
	}
	if e.seats-own+a.seats > a.mostOfAll && a.now >= e.exact+recount {
		e.exact = a.now
		for _, h := range e.holds {
			if h.end(a.now) != 0 {
				c.sum(h, 0)
			}
		}
		if h := c.holds[a.bookingID]; h != nil {
			own = h.all
		}
	}
	return e.seats - own
}

// add begins to count a booking.
func (c *crowd) add(a *asking) *crowdHold {
	h := &crowdHold{at: a.at, began: a.now, since: a.now, unsure: a.now + a.holdFor, most: a.holdFor}
	if c.from[a.at] == nil {
		c.from[a.at] = map[string]*crowdHold{}
	}
	if c.events[a.at.eventID] == nil {
		c.events[a.at.eventID] = &crowdEvent{holds: map[string]*crowdHold{}}
	}
	c.holds[a.bookingID], c.from[a.at][a.bookingID], c.events[a.at.eventID].holds[a.bookingID] = h, h, h
	c.some.Store(true)
	return h
}

// sum makes n seats of a hold count for its event.
func (c *crowd) sum(h *crowdHold, n int) {
	c.events[h.at.eventID].seats += n - h.all
	h.all = n
}

// end is when a hold ended; 0: it lasts.
func (h *crowdHold) end(now int64) int64 {
	switch {
	case h.ended != 0:
		return h.ended
	case h.until == 0 && h.unsure <= now:
		return h.unsure
	case h.until != 0 && h.until <= now:
		return h.until
	}
	return 0
}

// decided notes what the writer has decided of a hold or a swap that was counted.
// A refusal says nothing of what other requests for the same booking have got.
func (c *crowd) decided(bookingID string, b bookingapi.Booking, err error, now int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.holds[bookingID]
	if h == nil {
		return
	}
	h.open = max(h.open-1, 0)
	switch {
	case err != nil, b.Seq < h.seq:
	case b.Status == bookingapi.Pending:
		h.noteHeld(len(b.Seats), b.ExpiresAt, b.Seq)
	case b.Status == bookingapi.Booked:
		h.notePaid(b.Seq)
	default: // a request that was sent again
		h.noteEnded(now, b.Seq)
	}
	c.count(bookingID, h, now)
}

// hear follows what becomes of the holds that are counted.
func (c *crowd) hear(entries []ledger.Entry) {
	if !c.some.Load() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range entries {
		e := &entries[i]
		h := c.holds[e.BookingID]
		if h == nil || e.Seq < h.seq {
			continue
		}
		switch e.Kind {
		case ledger.Booked, ledger.Cancelled:
			h.notePaid(e.Seq)
		case ledger.Expired, ledger.Released:
			h.noteEnded(e.At, e.Seq)
		case ledger.Held, ledger.Extended, ledger.Swapped:
			h.noteHeld(len(e.Seats), e.Until, e.Seq)
		default:
			continue
		}
		c.count(e.BookingID, h, e.At)
	}
}

// proved stops counting a booking whose owner has a verified address; zero: they
// have none. A hold that stays a visitor's, since the person whom they turned
// out to be would have too much with it, still counts: or one verified address would be enough for
// any number of visitors.
func (c *crowd) proved(bookingID string, email caller.EmailKey) {
	if email == (caller.EmailKey{}) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(bookingID)
}

func (c *crowd) drop(bookingID string) {
	h := c.holds[bookingID]
	if h == nil {
		return
	}
	c.sum(h, 0)
	delete(c.holds, bookingID)
	e := c.events[h.at.eventID]
	if delete(e.holds, bookingID); len(e.holds) == 0 {
		delete(c.events, h.at.eventID)
	}
	if delete(c.from[h.at], bookingID); len(c.from[h.at]) == 0 {
		delete(c.from, h.at)
	}
	c.some.Store(len(c.holds) > 0)
}

// sweep forgets what counts no more.
func (c *crowd) sweep(now int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, h := range c.holds {
		if end := h.end(now); end != 0 && end < now-lapseWindow {
			c.drop(id)
		}
	}
}
