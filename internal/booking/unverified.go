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

// unverified limits what people without a verified email address hold, since a script can
// create any number of accounts. It refuses only when less than half of an event's
// seats are free. There are two limits, which grow with the size of the event:
//
//   - For each client address; an IPv6 /64 network counts as one. It limits seats times
//     time held without payment, including seats that were swapped or given back: a
//     live hold counts with its full duration, and a hold that ended unpaid counts, for
//     a while, with the time for which it was held.
//   - For all unverified people together. It limits the seats that they hold now.
//
// A hold with an unknown outcome counts until it is known not to exist. The counts are
// in the memory of this node only, and are lost when it stops. People with a verified
// address are never counted: thousands of them may share one client address.
type unverified struct {
	some   atomic.Bool // whether anything is counted
	mu     sync.Mutex
	holds  map[string]*unverifiedHold // by booking id
	from   map[origin]map[string]*unverifiedHold
	events map[string]*unverifiedEvent // by event id
}

// unverifiedEvent counts the seats of one event that unverified people hold.
type unverifiedEvent struct {
	holds map[string]*unverifiedHold
	seats int   // held now, or up to a second ago
	exact int64 // when expired holds were last subtracted, µs since 1970
}

// origin is an event and a client address.
type origin struct{ eventID, client string }

type unverifiedHold struct {
	at     origin
	seats  int   // seats that it has or may have; these count
	all    int   // how many of seats are in the event's sum
	known  int   // seats that it has as of seq
	seq    int64 // ledger version of the last known change
	open   int   // requests whose outcome is not known; an unclear one stays until the hold ends
	asked  int   // the most seats that an open request asks for
	began  int64 // µs since 1970
	until  int64 // µs since 1970; 0: no hold is known
	unsure int64 // µs since 1970: when it ends at the latest if the decision stays unknown
	ended  int64 // µs since 1970; 0: not yet
	most   int64 // µs after began that count: the duration of a hold
	since  int64 // µs since 1970: since when it has this number of seats
	used   int64 // what it held before that, in seats times µs
}

const (
	clientShare     = 20   // one client address may hold a 20th of an event under pressure
	clientLeast     = 2    // but at least the customer limit of two people
	fullHold        = 1000 // units that a seat counts if held for the full duration of a hold
	unverifiedShare = 2    // all unverified people together may hold half of what is not sold, but at least the limit of one customer

	recount = 1_000_000 // µs
)

func newUnverified() *unverified {
	return &unverified{holds: map[string]*unverifiedHold{}, from: map[origin]map[string]*unverifiedHold{}, events: map[string]*unverifiedEvent{}}
}

// clientOf returns the client address of a request, for IPv6 its /64 network; "" if
// unknown.
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

// admit counts a hold of n seats before it is requested, or refuses it. done must be
// called with the decision, if there is one; it is nil for callers who are not
// counted.
func (s *Service) admit(ctx context.Context, caller caller.Caller, v *view, bookingID string, n int) (done func(bookingapi.Booking, error), err error) {
	client := clientOf(ctx)
	if caller.Verified || caller.Administers() || client == "" {
		return nil, nil
	}
	if err := ctx.Err(); err != nil { // the request would never be submitted
		return nil, err
	}
	ask := asking{at: origin{v.eventID, client}, bookingID: bookingID, seats: n, now: s.now().UnixMicro()}
	counts := v.counts()
	total := int(counts.Free + counts.Held + counts.Sold)
	v.mu.RLock()
	ask.mostFrom = max(clientLeast*int(v.sale.LimitPerCustomer), total/clientShare)
	ask.mostOfAll = max(int(v.sale.LimitPerCustomer), int(counts.Free+counts.Held)/unverifiedShare)
	ask.holdFor = v.sale.HoldFor
	v.mu.RUnlock()
	ask.pressed = int(counts.Free)*2 < total
	if err := s.unverified.reserve(&ask); err != nil {
		return nil, err
	}
	return func(b bookingapi.Booking, err error) { s.unverified.decided(bookingID, b, err, s.now().UnixMicro()) }, nil
}

// asking is a hold that an unverified person requests.
type asking struct {
	at        origin
	bookingID string
	seats     int
	now       int64 // µs since 1970
	holdFor   int64 // µs
	pressed   bool  // less than half of the seats are free
	mostFrom  int   // seats for one client address
	mostOfAll int   // seats for all unverified people
}

// reserve counts the seats, or refuses when that would exceed a limit.
func (c *unverified) reserve(a *asking) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	used := c.usedFrom(a)
	switch {
	case !a.pressed:
	case used+c.wanted(a) > int64(a.mostFrom)*fullHold:
		return errs.New(errs.TooMany, "many-held-unverified",
			"Many seats for this event are held from your network by people whose email address is not verified. Please verify yours, or try again in a few minutes.").
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

// count has a hold count for all seats that it may have. It is dropped when it has
// none and no open request can give it any.
func (c *unverified) count(bookingID string, h *unverifiedHold, now int64) {
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

// noteHeld notes how many seats a booking has as of a version of the ledger.
func (h *unverifiedHold) noteHeld(seats int, until, seq int64) {
	h.known, h.until, h.seq = seats, until, seq
}

// noteEnded notes that a hold has ended unpaid.
func (h *unverifiedHold) noteEnded(at, seq int64) {
	if h.ended == 0 {
		h.ended = at
	}
	h.known, h.seq = 0, seq
}

// notePaid notes that a hold was paid, so that it no longer counts.
func (h *unverifiedHold) notePaid(seq int64) {
	h.known, h.until, h.ended, h.seq = 0, 0, 0, seq
}

// usedFrom adds up seats times time that one client address has held lately of the
// event, in units of 1/fullHold of a full hold.
func (c *unverified) usedFrom(a *asking) (used int64) {
	for id, h := range c.from[a.at] {
		end := h.end(a.now)
		switch {
		case end != 0 && end < a.now-unpaidWindow:
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

// share converts seats times µs into units, rounded up, relative to the duration that
// this hold was given: holds made later may last longer or shorter.
func (h *unverifiedHold) share(held int64) int64 {
	most := max(h.most, 1)
	return (held*fullHold + most - 1) / most
}

// wanted is how many units the requested hold counts if it lasts to its end.
func (c *unverified) wanted(a *asking) int64 {
	if h := c.holds[a.bookingID]; h != nil {
		return h.share(h.whole(a.seats, a.now))
	}
	return int64(a.seats) * fullHold
}

// spent is what a hold has used up to a given time, in seats times µs.
func (h *unverifiedHold) spent(now int64) int64 {
	return h.used + int64(h.seats)*max(min(now, h.began+h.most)-h.since, 0)
}

// whole is what a hold counts, in seats times µs, if it continues with n seats to its
// end: at least as much as if it had had n seats from the beginning.
func (h *unverifiedHold) whole(n int, now int64) int64 {
	left := max(h.began+h.most-max(now, h.since), 0)
	return max(int64(n)*h.most, h.spent(now)+int64(n)*left)
}

// change sets the number of seats of a hold from now on.
func (h *unverifiedHold) change(n int, now int64) {
	if end := h.end(now); end != 0 {
		now = min(now, end)
	}
	if now > h.since {
		h.used, h.since = h.spent(now), now
	}
	h.seats = n
}

// heldByAll counts the seats of the event that unverified people hold, except those
// of the requested booking. It subtracts expired holds only when that matters, and at
// most once a second.
func (c *unverified) heldByAll(a *asking) int {
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

// add starts counting a booking.
func (c *unverified) add(a *asking) *unverifiedHold {
	h := &unverifiedHold{at: a.at, began: a.now, since: a.now, unsure: a.now + a.holdFor, most: a.holdFor}
	if c.from[a.at] == nil {
		c.from[a.at] = map[string]*unverifiedHold{}
	}
	if c.events[a.at.eventID] == nil {
		c.events[a.at.eventID] = &unverifiedEvent{holds: map[string]*unverifiedHold{}}
	}
	c.holds[a.bookingID], c.from[a.at][a.bookingID], c.events[a.at.eventID].holds[a.bookingID] = h, h, h
	c.some.Store(true)
	return h
}

// sum has n seats of a hold count in its event's sum.
func (c *unverified) sum(h *unverifiedHold, n int) {
	c.events[h.at.eventID].seats += n - h.all
	h.all = n
}

// end returns when a hold ended; 0: it has not.
func (h *unverifiedHold) end(now int64) int64 {
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

// decided notes the writer's decision on a counted hold or swap. A refusal says
// nothing about other requests for the same booking.
func (c *unverified) decided(bookingID string, b bookingapi.Booking, err error, now int64) {
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
	default: // a repeated request
		h.noteEnded(now, b.Seq)
	}
	c.count(bookingID, h, now)
}

// hear follows the counted holds in the ledger.
func (c *unverified) hear(entries []ledger.Entry) {
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
			if e.Until == 0 { // a sold booking has moved
				h.notePaid(e.Seq)
				break
			}
			h.noteHeld(len(e.Seats), e.Until, e.Seq)
		default:
			continue
		}
		c.count(e.BookingID, h, e.At)
	}
}

// proved stops counting a booking whose owner has a verified address; zero: none. A
// hold that could not be moved from a guest to a verified person, because of that
// person's limit, still counts: otherwise one verified address would be enough for
// any number of guests.
func (c *unverified) proved(bookingID string, email caller.EmailKey) {
	if email == (caller.EmailKey{}) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(bookingID)
}

func (c *unverified) drop(bookingID string) {
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

// sweep forgets holds that no longer count.
func (c *unverified) sweep(now int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, h := range c.holds {
		if end := h.end(now); end != 0 && end < now-unpaidWindow {
			c.drop(id)
		}
	}
}
