package booking

import (
	"sync"

	"boxoffice/internal/message"
)

// recent remembers the bookings that this node has committed last: a payment
// asks for its booking moments after the hold, and then confirms it. Records in
// it do not change.
type recent struct {
	mu       sync.RWMutex
	m, older map[string]*record
}

const recentMost = 10_000

// keep remembers what a batch has changed.
func (r *recent) keep(s *state) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.m) >= recentMost {
		r.m, r.older = map[string]*record{}, r.m
	}
	for id := range s.fresh {
		r.m[id] = s.bookings[id]
	}
	for id := range s.dirty {
		r.m[id] = s.bookings[id]
	}
	for id := range s.moved {
		r.m[id] = s.bookings[id]
	}
}

// forget drops the bookings that another node has changed.
func (r *recent) forget(entries []message.Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range entries {
		delete(r.m, entries[i].BookingID)
		delete(r.older, entries[i].BookingID)
	}
}

// get is a booking as it was remembered; nil if it was not.
func (r *recent) get(id string) *record {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if b := r.m[id]; b != nil {
		return b
	}
	return r.older[id]
}

// known are the bookings to be confirmed as this node has committed them last:
// they need not be read. What is decided about them holds only if the database
// has them like that, which their write checks: it asks for the version that was
// remembered.
func (w *writer) known(items []*item, l *lessons) map[string]*record {
	if l.careful {
		return nil
	}
	known := make(map[string]*record, len(items))
	for _, it := range items {
		if c := &it.Value.cmd; c.do == doConfirm {
			if b := w.recent.get(c.bookingID); b != nil {
				known[b.ID] = b
			}
		}
	}
	return known
}

// notFree leaves out the seats that are free. Under the head's lock a view at the
// head's version is exact. If it were wrong after all, the seat's primary key
// would say so when the claim is written.
func (r *reading) notFree(seats []int32) []int32 {
	s := r.state
	v := r.w.views.peek(s.eventID)
	if v == nil || r.learned.careful || len(seats) == 0 {
		return seats
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	if v.seq != s.seq {
		return seats
	}
	_, rest := v.split(seats)
	return rest
}
