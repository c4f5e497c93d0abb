package booking

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"boxoffice/internal/errs"
	"boxoffice/internal/message"
)

// crowd bounds what people without a verified address hold from one client address,
// IPv6 /64 networks being one: a script makes accounts as it likes. It bites only
// under pressure, when less than half of an event's seats are free; the bound grows
// with the event. What counts is time held without paying: holds that last count
// whole, those that came to nothing for a while as long as they were held. It is in
// memory, of this node alone and until it ends. People whose address is verified
// are never counted: thousands of them may share one client address.
type crowd struct {
	some  atomic.Bool // there is anything to look for
	mu    sync.Mutex
	holds map[string]*crowdHold // by booking id
	from  map[origin]map[string]*crowdHold
}

// origin is an event and a client address.
type origin struct{ eventID, client string }

type crowdHold struct {
	at     origin
	seats  int
	began  int64 // µs since 1970
	until  int64 // µs since 1970; 0: not decided yet
	ended  int64 // µs since 1970; 0: not yet
	before int   // seats that it had before the swap that is under way
}

const (
	crowdShare = 20 // so many such clients share an event under pressure
	crowdLeast = 2  // people with all seats that a customer may have, at least
)

func newCrowd() *crowd {
	return &crowd{holds: map[string]*crowdHold{}, from: map[origin]map[string]*crowdHold{}}
}

// clientOf is the client address of a request, of IPv6 its /64 network; "" when it
// is unknown.
func clientOf(ctx context.Context) string {
	text := message.ClientFrom(ctx)
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
// says what came of it. A caller who is not counted is always admitted.
func (s *Service) admit(ctx context.Context, caller message.Caller, v *view, bookingID string, n int) (done func(message.Booking, error), err error) {
	client := clientOf(ctx)
	if caller.Verified || caller.Administers() || client == "" {
		return func(message.Booking, error) {}, nil
	}
	now, counts := s.now().UnixMicro(), v.counts()
	total := int(counts.Free + counts.Held + counts.Sold)
	v.mu.RLock()
	most := max(crowdLeast*int(v.sale.LimitPerCustomer), total/crowdShare)
	holdFor := v.sale.HoldFor
	v.mu.RUnlock()
	pressed := int(counts.Free)*2 < total
	if !s.crowd.reserve(origin{v.eventID, client}, bookingID, n, most, pressed, now, holdFor) {
		return nil, errs.New(errs.TooMany, "many-held-unverified",
			"Many seats of this event are held from your network by people whose e-mail address is not verified. Please verify yours, or try again in a few minutes.").
			After(time.Minute)
	}
	return func(b message.Booking, err error) { s.crowd.decided(bookingID, b, err, s.now().UnixMicro()) }, nil
}

// reserve counts n seats for a booking unless that is too much.
func (c *crowd) reserve(at origin, bookingID string, n, most int, pressed bool, now, holdFor int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	used := int64(0) // seats times µs
	for id, h := range c.from[at] {
		end := h.end(now)
		switch {
		case end != 0 && end < now-lapseWindow:
			c.drop(id)
		case id == bookingID:
		case end == 0:
			used += int64(h.seats) * holdFor
		default:
			used += int64(h.seats) * min(max(end-h.began, 0), holdFor)
		}
	}
	if pressed && used+int64(n)*holdFor > int64(most)*holdFor {
		return false
	}
	h := c.holds[bookingID]
	if h == nil {
		h = &crowdHold{at: at, began: now}
		c.holds[bookingID] = h
		if c.from[at] == nil {
			c.from[at] = map[string]*crowdHold{}
		}
		c.from[at][bookingID] = h
		c.some.Store(true)
	}
	h.before, h.seats = h.seats, n
	return true
}

// end is when a hold ended; 0: it lasts.
func (h *crowdHold) end(now int64) int64 {
	if h.ended == 0 && h.until != 0 && h.until <= now {
		return h.until
	}
	return h.ended
}

// decided notes what came of a hold or a swap that was counted.
func (c *crowd) decided(bookingID string, b message.Booking, err error, now int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.holds[bookingID]
	switch {
	case h == nil:
	case err != nil && h.until == 0:
		c.drop(bookingID)
	case err != nil:
		h.seats = h.before
	case b.Status == message.Pending:
		h.until, h.seats = b.ExpiresAt, len(b.Seats)
	case b.Status == message.Booked:
		c.drop(bookingID)
	case h.ended == 0: // a request that was sent again
		h.ended = now
	}
}

// hear follows what becomes of the holds that are counted.
func (c *crowd) hear(entries []message.Entry) {
	if !c.some.Load() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range entries {
		e := &entries[i]
		h := c.holds[e.BookingID]
		if h == nil {
			continue
		}
		switch e.Kind {
		case message.EntryBooked, message.EntryCancelled:
			c.drop(e.BookingID)
		case message.EntryExpired, message.EntryReleased:
			if h.ended == 0 {
				h.ended = e.At
			}
		case message.EntryHeld, message.EntryExtended, message.EntrySwapped:
			h.until, h.seats = e.Until, len(e.Seats)
		}
	}
}

// forget stops counting a booking: its owner's address was verified.
func (c *crowd) forget(bookingID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(bookingID)
}

func (c *crowd) drop(bookingID string) {
	h := c.holds[bookingID]
	if h == nil {
		return
	}
	delete(c.holds, bookingID)
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
