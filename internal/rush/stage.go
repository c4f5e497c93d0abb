package rush

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"boxoffice/internal/eventapi"
)

// plan is a seating plan as a fan's browser caches it.
type plan struct {
	Sections []section `json:"sections"`
	Seats    []struct {
		Label string `json:"label"`
	} `json:"seats"`
}

type section struct {
	ID               string `json:"id"`
	First            int    `json:"first"`
	Count            int    `json:"count"`
	GeneralAdmission bool   `json:"general_admission"`
	Rows             []row  `json:"rows"`
}

type row struct {
	First int `json:"first"`
	Count int `json:"count"`
}

// show is an event on sale.
type show struct {
	id    string
	limit int // live seats a fan may have
	plan  *plan
	free  []atomic.Int32 // by section, as last seen
	left  atomic.Int32   // free seats in all
	taken atomic.Int32   // sold seats, as last seen
	held  atomic.Int32
	over  chan struct{} // closed when all is sold, and nobody will give any of it back
	once  sync.Once
	opens time.Time
	ended atomic.Int64 // ns after opens

	deciding atomic.Int32 // fans who have seats, and may yet give them back
	returns  atomic.Int32 // number of times that seats were given back
}

// stage shows one event after the other.
type stage struct {
	call      *call
	organizer string // token
	seats     int
	limit     int
	more      bool // further events once one is sold out
	mu        sync.Mutex
	shows     []*show
	now       atomic.Pointer[show]
}

// open creates an event and puts it on sale.
func (s *stage) open(ctx context.Context, n int) (*show, error) {
	var event struct {
		ID string `json:"id"`
	}
	err := s.call.post("/events", s.organizer, 201, map[string]any{
		"title": fmt.Sprintf("Rehearsal %d", n+1), "event_time": time.Now().Add(90 * 24 * time.Hour).UTC().Format(time.RFC3339),
		"venue": map[string]any{"name": "Rehearsal Arena", "time_zone": "UTC"}, "plan": map[string]any{"template": "arena", "seats": s.seats},
		"currency": "EUR", "tiers": []map[string]any{
			{"name": "Floor", "price": 9900, "fees": 900, "categories": []string{"Floor"}},
			{"name": "Lower", "price": 6900, "fees": 600, "categories": []string{"Lower level"}},
			{"name": "Upper", "price": 3900, "fees": 300, "categories": []string{"Upper level"}},
		},
		"status": eventapi.OnSale, "limit_per_customer": s.limit,
	}, &event)
	if err != nil {
		return nil, fmt.Errorf("create event: %w", err)
	}
	return s.join(ctx, event.ID)
}

// join joins an event that is on sale.
func (s *stage) join(_ context.Context, eventID string) (*show, error) {
	var event struct {
		Status eventapi.Status `json:"status"`
		Limit  int             `json:"limit_per_customer"`
		Opens  time.Time       `json:"sale_opens_at"`
	}
	if err := s.call.get("/events/"+eventID, s.organizer, &event); err != nil {
		return nil, err
	}
	if event.Status != eventapi.OnSale {
		return nil, fmt.Errorf("event %s is %s, so nothing can be sold: give it a price and put it on sale first", eventID, event.Status)
	}
	if event.Opens.After(time.Now()) {
		return nil, fmt.Errorf("the sale of event %s opens at %s, so nothing can be sold before: begin then, or move it", eventID, event.Opens.Format(time.RFC3339))
	}
	sh := &show{id: eventID, limit: event.Limit, over: make(chan struct{}), plan: &plan{}}
	if n := len(s.shows); n > 0 && s.seats == len(s.shows[n-1].plan.Seats) {
		sh.plan = s.shows[n-1].plan // the same plan, which a browser has in its cache
	} else if err := s.call.get("/events/"+eventID+"/plan", s.organizer, sh.plan); err != nil {
		return nil, err
	}
	sh.free = make([]atomic.Int32, len(sh.plan.Sections))
	if err := s.look(sh); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.shows = append(s.shows, sh)
	s.mu.Unlock()
	return sh, nil
}

// look reads the sections' counts once for all fans, like a cache in front of the
// server.
func (s *stage) look(sh *show) error {
	var sum struct {
		Sections []struct {
			Free int32 `json:"free"`
			Held int32 `json:"held"`
			Sold int32 `json:"sold"`
		} `json:"sections"`
	}
	returns := sh.returns.Load()
	if err := s.call.get("/events/"+sh.id+"/seats", s.organizer, &sum); err != nil {
		return err
	}
	var free, held, sold int32
	for i, sec := range sum.Sections {
		sh.free[i].Store(sec.Free)
		free, held, sold = free+sec.Free, held+sec.Held, sold+sec.Sold
	}
	sh.left.Store(free)
	sh.held.Store(held)
	sh.taken.Store(sold)
	// All may be sold in the moment before a fan cancels: whoever could have done so
	// since the counts were taken is still deciding, or has returned seats.
	if free == 0 && held == 0 && sh.deciding.Load() == 0 && sh.returns.Load() == returns {
		sh.once.Do(func() { sh.ended.Store(int64(time.Since(sh.opens))); close(sh.over) })
	}
	return nil
}

// watch keeps the counts fresh, and opens the next event before one is sold out. It
// ends with ctx.
func (s *stage) watch(ctx context.Context, failed func(error)) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var next *show
	var old []*show // seats of earlier events may become free again
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		sh := s.now.Load()
		if err := s.look(sh); err != nil && ctx.Err() == nil {
			failed(err)
		}
		for _, o := range old {
			if err := s.look(o); err != nil && ctx.Err() == nil {
				failed(err)
			}
		}
		if !s.more {
			continue
		}
		if left := int(sh.left.Load()); next == nil && left < s.seats*3/10 {
			var err error
			if next, err = s.open(ctx, len(s.shows)); err != nil && ctx.Err() == nil {
				failed(err)
			}
		}
		if next != nil && int(sh.left.Load()) <= s.seats/200 {
			next.opens = time.Now()
			s.now.Store(next)
			if old = append(old, sh); len(old) > 2 {
				old = old[1:]
			}
			next = nil
		}
	}
}

// section chooses a random section with free seats, more likely one with many; -1 if
// all are full.
func (sh *show) section(rnd *rand.Rand) int {
	left := int(sh.left.Load())
	if left <= 0 {
		return -1
	}
	n := rnd.IntN(left)
	for i := range sh.free {
		if n -= int(sh.free[i].Load()); n < 0 {
			return i
		}
	}
	return len(sh.free) - 1
}
