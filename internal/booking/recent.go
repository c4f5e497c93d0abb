package booking

import (
	"sync"

	"boxoffice/internal/message"
)

// recent remembers the bookings that this node has committed last: a payment
// asks for its booking moments after the hold.
type recent struct {
	mu       sync.RWMutex
	m, older map[string]message.Booking
}

const recentMost = 10_000

// keep remembers what a batch has changed.
func (r *recent) keep(s *state) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.m) >= recentMost {
		r.m, r.older = map[string]message.Booking{}, r.m
	}
	for id := range s.fresh {
		r.m[id] = s.bookings[id].Booking
	}
	for id := range s.dirty {
		r.m[id] = s.bookings[id].Booking
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

func (r *recent) get(id string) (message.Booking, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	b, ok := r.m[id]
	if !ok {
		b, ok = r.older[id]
	}
	return b, ok
}
