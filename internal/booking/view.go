package booking

import (
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/codec"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/ledger"
)

// The states of a seat in the compact form, one character each.
const (
	seatFree = bookingapi.SeatFree
	seatHeld = bookingapi.SeatHeld
	seatSold = bookingapi.SeatSold
)

// view is a node's copy of an event's seat status at ledger version seq. It serves
// seat maps, counts and candidates, and it may refuse early, but never grants a seat.
// Ledger entries are applied to it in order; when it is missing, it is filled from the
// tables.
type view struct {
	eventID string

	mu      sync.RWMutex
	seq     int64
	sale    bookingapi.Sale
	priced  *priced          // the plan, and the current prices
	status  []byte           // by seat: seatFree, seatHeld, seatSold
	until   []int64          // by seat: end of the hold, µs since 1970
	owner   []uint64         // by seat: the mark of the booking that has it; 0: none
	owners  map[uint64]int32 // number of seats by mark
	filled  []uint64         // owners when the view was filled, sorted; never changes
	taken   bitset
	held    int32
	sold    int32
	earlier int64         // no hold ends before this, µs since 1970
	changed chan struct{} // closed and replaced when seq grows

	encoded atomic.Pointer[encodedSeats]

	filling atomic.Bool  // it is not complete yet
	used    atomic.Int64 // when it was last asked for, µs since 1970
	behind  atomic.Bool  // the last batch of this node found newer entries of other nodes
	checked atomic.Int64 // when it was last compared with the ledger, µs since 1970; only with several nodes
}

var ownerSeed = maphash.MakeSeed()

// ownerOf returns the mark of a booking in views, a hash of its id.
func ownerOf(bookingID string) uint64 { return maphash.String(ownerSeed, bookingID) }

const never = int64(1) << 62

func newView(eventID string, seq int64, sale bookingapi.Sale, p *priced) *view {
	n := len(p.plan.Seats)
	v := &view{
		eventID: eventID, seq: seq, sale: sale, priced: p,
		status: make([]byte, n), until: make([]int64, n), owner: make([]uint64, n), owners: make(map[uint64]int32, n/4), taken: newBitset(n),
		earlier: never, changed: make(chan struct{}),
	}
	for i := range v.status {
		v.status[i] = seatFree
	}
	return v
}

// version is the view's ledger version.
func (v *view) version() int64 {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.seq
}

// put sets one seat; booking "" frees it. Seats that are not in the plan are ignored.
func (v *view) put(seat int32, c claim) {
	if seat < 0 || int(seat) >= len(v.status) {
		return
	}
	switch v.status[seat] {
	case seatHeld:
		v.held--
	case seatSold:
		v.sold--
	}
	v.until[seat] = c.until
	if c.booking == "" {
		v.own(seat, 0)
		v.status[seat] = seatFree
		v.taken.clear(seat)
		return
	}
	v.own(seat, ownerOf(c.booking))
	v.taken.set(seat)
	if c.until == 0 {
		v.status[seat] = seatSold
		v.sold++
		return
	}
	v.status[seat] = seatHeld
	v.held++
	v.earlier = min(v.earlier, c.until)
}

// own gives a seat to the booking with a mark; 0: to nobody.
func (v *view) own(seat int32, mark uint64) {
	before := v.owner[seat]
	if before == mark {
		return
	}
	if before != 0 {
		if v.owners[before]--; v.owners[before] == 0 {
			delete(v.owners, before)
		}
	}
	if mark != 0 {
		v.owners[mark]++
	}
	v.owner[seat] = mark
}

// apply applies one entry, which must be the next. It reports false when the view is
// stale and must be filled anew: after a change of the plan or the prices, or when a
// seat is not in the plan.
func (v *view) apply(e *ledger.Entry) bool {
	for _, seat := range e.Seats {
		if int(seat) >= len(v.status) {
			return false
		}
	}
	c := claim{e.BookingID, e.Until}
	switch e.Kind {
	case ledger.Sale:
		var sale bookingapi.Sale
		if codec.ReadKnown([]byte(e.Sale), &sale) != nil || saleKey(v.eventID, &sale) != saleKey(v.eventID, &v.sale) {
			return false
		}
		v.sale = sale
	case ledger.Swapped:
		mark := ownerOf(e.BookingID)
		for seat := 0; v.owners[mark] > 0 && seat < len(v.owner); seat++ {
			if v.owner[seat] == mark {
				v.put(int32(seat), claim{})
			}
		}
	case ledger.Booked:
		c.until = 0
	case ledger.Expired, ledger.Released, ledger.Cancelled:
		c.booking = ""
	}
	for _, seat := range e.Seats {
		v.put(seat, c)
	}
	v.seq = e.Seq
	return true
}

// gone returns the labels of seats that another booking than this one has: sold, or
// held beyond now.
func (v *view) gone(bookingID string, seats []int32, now int64) []string {
	mark := ownerOf(bookingID)
	var labels []string
	v.mu.RLock()
	defer v.mu.RUnlock()
	for _, s := range seats {
		if int(s) >= len(v.status) || v.status[s] == seatFree || v.owner[s] == mark || v.status[s] == seatHeld && v.until[s] <= now {
			continue
		}
		labels = append(labels, v.priced.plan.Seats[s].Label)
	}
	return labels
}

// had reports whether a booking has seats, or had some when the view was filled.
func (v *view) had(bookingID string) bool {
	mark := ownerOf(bookingID)
	if _, found := slices.BinarySearch(v.filled, mark); found {
		return true
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.owners[mark] > 0
}

// holder returns the mark of the booking that has a seat, 0 for none, and whether the
// seat is only held.
func (v *view) holder(seat int32) (mark uint64, held bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if seat < 0 || int(seat) >= len(v.status) {
		return 0, false
	}
	return v.owner[seat], v.status[seat] == seatHeld
}

// split separates the free seats from the others, whose claims have to be read.
func (v *view) split(seats []int32) (free, rest []int32) {
	for _, s := range seats {
		if s >= 0 && int(s) < len(v.status) && v.status[s] == seatFree {
			free = append(free, s)
		} else {
			rest = append(rest, s)
		}
	}
	return free, rest
}

// expired lists up to limit seats whose hold has ended by now.
func (v *view) expired(now int64, limit int) []int32 {
	if v.earlier > now {
		return nil
	}
	var seats []int32
	earliest := never
	for s, until := range v.until {
		if v.status[s] != seatHeld {
			continue
		}
		if until <= now && len(seats) < limit {
			seats = append(seats, int32(s))
		}
		earliest = min(earliest, until)
	}
	v.earlier = earliest
	return seats
}

// organizedBy reports whether a caller is the event's organizer or an admin.
func (v *view) organizedBy(c caller.Caller) bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return c.MayOrganize(v.sale.OrganizerID)
}

// hiddenFrom reports whether the event is a draft that a caller may not see.
func (v *view) hiddenFrom(c caller.Caller) bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.sale.Status == eventapi.Draft && !c.MayOrganize(v.sale.OrganizerID)
}

// draft reports whether the event is not public yet.
func (v *view) draft() bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.sale.Status == eventapi.Draft
}

// counts returns the event's numbers of seats by state.
func (v *view) counts() bookingapi.Counts {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return bookingapi.Counts{Free: int32(len(v.status)) - v.held - v.sold, Held: v.held, Sold: v.sold, Seq: v.seq}
}
