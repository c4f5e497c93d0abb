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
