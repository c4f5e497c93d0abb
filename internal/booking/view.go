package booking

import (
	"encoding/json"
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/ledger"
)

// The states of a seat in the compact status form, one character each.
const (
	seatFree = bookingapi.SeatFree
	seatHeld = bookingapi.SeatHeld
	seatSold = bookingapi.SeatSold
)

// view is a node's memory of one event at ledger version seq. It serves maps,
// counts and candidates, and it may say no early; it never says yes. It is fed
// by ledger entries, in order, and filled anew when it is missing.
type view struct {
	eventID string

	mu      sync.RWMutex
	seq     int64
	sale    bookingapi.Sale
	priced  *priced          // the plan, and the current prices
	status  []byte           // by seat: seatFree, seatHeld, seatSold
	until   []int64          // by seat: end of the hold, µs since 1970
	owner   []uint64         // by seat: the mark of the booking that has it; 0: none
	owners  map[uint64]int32 // how many seats each of them has
	filled  []uint64         // owners when the view was filled, in order; fixed
	taken   bitset
	held    int32
	sold    int32
	earlier int64         // no hold ends before this, µs since 1970
	changed chan struct{} // closed and replaced when seq grows

	encoded atomic.Pointer[encodedSeats]

	filling atomic.Bool  // it is not whole yet
	used    atomic.Int64 // when it was asked for last, µs since 1970
	behind  atomic.Bool  // other nodes had sold on when a batch of this one looked last
	checked atomic.Int64 // when it was compared with the ledger last, µs since 1970; several nodes only
}

var ownerSeed = maphash.MakeSeed()

// ownerOf is the mark of a booking in a view.
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

// version is the ledger version that the view shows.
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

// own gives a seat to the booking with a mark; 0: to none.
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

// apply takes one entry, which must be the next. A sale entry that changes the
// plan or the prices makes the view stale, and so does a seat that is not in the
// plan; apply then reports false, and the view must be filled anew.
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
		if json.Unmarshal([]byte(e.Sale), &sale) != nil || saleKey(v.eventID, &sale) != saleKey(v.eventID, &v.sale) {
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

// gone names the seats that somebody else than this booking has for certain:
// sold, or held beyond now.
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

// holder is the mark of the booking that has a seat, 0 for none, and whether it is
// only held.
func (v *view) holder(seat int32) (mark uint64, held bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if seat < 0 || int(seat) >= len(v.status) {
		return 0, false
	}
	return v.owner[seat], v.status[seat] == seatHeld
}

// split tells the seats that are free from those that have to be looked at.
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

// lapsed lists up to limit held seats whose hold ends by now.
func (v *view) lapsed(now int64, limit int) []int32 {
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

// organizedBy reports whether a caller may see and change what belongs to the
// event's organizer.
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

// counts are the event's seats by state.
func (v *view) counts() bookingapi.Counts {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return bookingapi.Counts{Free: int32(len(v.status)) - v.held - v.sold, Held: v.held, Sold: v.sold, Seq: v.seq}
}
