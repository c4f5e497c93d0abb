package report

import (
	"context"
	"slices"
	"sync"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/ledger"
)

// pace counts an event's bookings by minute. It consumes the event's ledger.
type pace struct {
	reading sync.Mutex // held by the one goroutine that reads the ledger

	mu      sync.Mutex
	seq     int64
	minutes map[int64]sold // by minute since 1970
}

// sold counts the bookings of a minute, paid ones and those that cost nothing.
type sold struct{ paid, free int64 }

const minute = 60_000_000 // µs

// Cursor returns how far the ledger was read; see ledger.Consumer.
func (p *pace) Cursor(string) (seq int64, follows bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seq, true
}

// Consume counts the bookings that were paid.
func (p *pace) Consume(entries []ledger.Entry, _ bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range entries {
		e := &entries[i]
		if e.Seq != p.seq+1 {
			continue
		}
		p.seq = e.Seq
		if e.Kind != ledger.Booked {
			continue
		}
		n := p.minutes[e.At/minute]
		if e.Amount > 0 {
			n.paid++
		} else {
			n.free++
		}
		p.minutes[e.At/minute] = n
	}
}

// Pace returns how fast an event sells, as of seq or later, oldest minute first.
// Bookings that cost nothing count only if all seats of the event do (gratis);
// otherwise they are blocked or complimentary seats.
func (r *Reports) Pace(ctx context.Context, eventID string, seq int64, gratis bool) (bookingapi.Pace, error) {
	t := r.tally(eventID)
	t.pace.reading.Lock()
	defer t.pace.reading.Unlock()
	if err := t.follower.Read(ctx, eventID, seq); err != nil {
		return nil, err
	}
	return t.pace.list(gratis), nil
}

func (p *pace) list(gratis bool) bookingapi.Pace {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make(bookingapi.Pace, 0, len(p.minutes))
	for m, n := range p.minutes {
		bookings := n.paid
		if gratis {
			bookings += n.free
		}
		if bookings > 0 {
			out = append(out, bookingapi.PaceMinute{At: time.UnixMicro(m * minute).UTC(), Bookings: bookings})
		}
	}
	slices.SortFunc(out, func(a, b bookingapi.PaceMinute) int { return a.At.Compare(b.At) })
	return out
}
