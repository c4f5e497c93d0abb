package wallet

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"boxoffice/internal/bus"
	"boxoffice/internal/codec"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/ledger"
	"boxoffice/internal/paymentapi"
)

const (
	mostWaiting  = 20_000 // entries in memory
	issuesAtOnce = 500
	saveEvery    = 30 * time.Second // cursors that moved without a pass
)

// follow reads the ledgers of events with passes.
type follow struct {
	s        *Service
	follower *ledger.Follower

	mu      sync.Mutex
	cursors map[string]*cursor // by event id; empty while another node does the work
	waiting []ledger.Entry     // those that may concern a pass, in order
	look    bool               // entries may have been missed

	// Only the checks use these.
	looked, saved time.Time
}

// cursor is how far an event's ledger was read, and how far that is stored.
type cursor struct{ seen, stored int64 }

func newFollow(s *Service) *follow {
	f := &follow{s: s, cursors: map[string]*cursor{}}
	f.follower = ledger.NewFollower(s.cfg.Bookings, f)
	return f
}

// hear receives committed entries, and must return at once.
func (f *follow) hear(entries []ledger.Entry) {
	f.mu.Lock()
	idle := len(f.cursors) == 0
	f.mu.Unlock()
	if idle {
		return
	}
	behind := f.follower.Hear(entries)
	f.mu.Lock()
	work := behind || len(f.waiting) > 0
	f.mu.Unlock()
	if work {
		f.s.kick()
	}
}

// Cursor implements ledger.Consumer.
func (f *follow) Cursor(eventID string) (seq int64, follows bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.cursors[eventID]
	if c == nil {
		return 0, false
	}
	return c.seen, true
}

// Consume implements ledger.Consumer. While too many entries wait, it leaves those that
// were handed over: the next round reads them.
func (f *follow) Consume(entries []ledger.Entry, read bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.cursors[entries[0].EventID]
	if c == nil {
		return
	}
	if !read && len(f.waiting) >= mostWaiting {
		f.look = true
		return
	}
	for i := range entries {
		e := &entries[i]
		if e.Seq != c.seen+1 {
			continue
		}
		c.seen = e.Seq
		if e.Kind == ledger.Cancelled || e.Kind == ledger.Swapped && e.Until == 0 {
			f.waiting = append(f.waiting, *e)
		}
	}
}

// rest forgets everything: another node does the work.
func (f *follow) rest() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cursors, f.waiting = map[string]*cursor{}, nil
}

// round reads what is new of events with passes, and notes which passes are due.
func (f *follow) round(ctx context.Context) error {
	events, err := f.s.store.events(ctx)
	if err != nil {
		return err
	}
	f.take(events)
	if len(events) == 0 {
		return nil
	}
	return errors.Join(f.reissued(ctx, events), f.lookAtHeads(ctx), f.follower.CatchUp(ctx, nil, f.apply), f.apply(ctx))
}

// take follows these events, and no others.
func (f *follow) take(events map[string]followed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for eventID, at := range events {
		if f.cursors[eventID] == nil {
			f.cursors[eventID], f.look = &cursor{at.seq, at.seq}, true
		}
	}
	for eventID := range f.cursors {
		if _, has := events[eventID]; !has {
			delete(f.cursors, eventID)
		}
	}
}

// lookAtHeads looks at the heads of the ledgers, if entries may have been missed: those of
// other nodes may not arrive here.
func (f *follow) lookAtHeads(ctx context.Context) error {
	f.mu.Lock()
	due := f.look || f.s.cfg.DB.Shared() && time.Since(f.looked) >= ledger.LookPause(f.s.cfg.Bookings)
	f.look = false
	var ids []string
	for eventID := range f.cursors {
		ids = append(ids, eventID)
	}
	f.mu.Unlock()
	if !due {
		return nil
	}
	f.looked = time.Now()
	err := f.follower.Look(ctx, ids)
	if err != nil {
		f.mu.Lock()
		f.look = true
		f.mu.Unlock()
	}
	return err
}

// apply stores what the waiting entries say, event by event, and how far it was read.
func (f *follow) apply(ctx context.Context) error {
	f.mu.Lock()
	waiting, now := f.waiting, f.s.cfg.Now()
	f.waiting = nil
	save := now.Sub(f.saved) >= saveEvery
	seqs := map[string]int64{}
	for eventID, c := range f.cursors {
		if c.seen > c.stored {
			seqs[eventID] = c.seen
		}
	}
	f.mu.Unlock()
	by := map[string][]ledger.Entry{}
	for i := range waiting {
		by[waiting[i].EventID] = append(by[waiting[i].EventID], waiting[i])
	}
	var failed error
	for eventID, seq := range seqs {
		if len(by[eventID]) == 0 && !save {
			continue
		}
		if err := f.s.store.apply(ctx, eventID, by[eventID], seq, now); err != nil {
			f.again(eventID)
			failed = errors.Join(failed, err)
			continue
		}
		f.mu.Lock()
		if c := f.cursors[eventID]; c != nil {
			c.stored = max(c.stored, seq)
		}
		f.mu.Unlock()
	}
	if save {
		f.saved = now
	}
	return failed
}

// again reads an event again from where the table says.
func (f *follow) again(eventID string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.cursors[eventID]; c != nil {
		c.seen = c.stored
	}
	f.waiting = slices.DeleteFunc(f.waiting, func(e ledger.Entry) bool { return e.EventID == eventID })
	f.look = true
}

// reissued finds the bookings whose tickets were replaced.
func (f *follow) reissued(ctx context.Context, events map[string]followed) (failed error) {
	if f.s.cfg.Issues == nil {
		return nil
	}
	revs, err := f.s.cfg.Issues.IssueRevs(ctx, slices.Collect(maps.Keys(events)))
	if err != nil {
		return fmt.Errorf("replaced tickets: %w", err)
	}
	for eventID, rev := range revs {
		for after := events[eventID].rev; after < rev; {
			bookings, last, err := f.s.cfg.Issues.Reissued(ctx, eventID, after, issuesAtOnce)
			if err == nil && last > after {
				err = f.s.store.reissued(ctx, eventID, bookings, last, f.s.cfg.Now())
			}
			if err != nil {
				failed = errors.Join(failed, fmt.Errorf("replaced tickets of event %s: %w", eventID, err))
			}
			if err != nil || last <= after {
				break
			}
			after = last
		}
	}
	return failed
}

// Consumers consumes the messages about events that have changed, and about money that
// went back.
func (s *Service) Consumers() []bus.Consumer {
	if !s.Offers().Apple {
		return nil
	}
	return []bus.Consumer{{Name: "wallets", Topics: []string{eventapi.Topic, paymentapi.ReturnsTopic}, Taken: s.taken, Consume: s.consume, Consumed: s.kick}}
}

func (s *Service) consume(_ context.Context, list []bus.Message) (func(context.Context, *sql.Tx) error, error) {
	var events, bookings []string
	for i := range list {
		m := &list[i]
		if m.Topic == eventapi.Topic {
			if m.Type == eventapi.TypeSettled {
				events = append(events, m.Key)
			}
			continue
		}
		var body paymentapi.ReturnedMessage
		if err := codec.ReadKnown(m.Body, &body); err != nil {
			return nil, bus.Impossible(fmt.Errorf("wallets: message %s %s: %w", m.Topic, m.ID, err))
		}
		for _, r := range body.Returned {
			bookings = append(bookings, r.BookingID())
		}
	}
	if len(events) == 0 && len(bookings) == 0 {
		return nil, nil
	}
	slices.Sort(events)
	slices.Sort(bookings)
	now := s.cfg.Now()
	return func(ctx context.Context, tx *sql.Tx) error {
		return errors.Join(dueEvents(ctx, tx, slices.Compact(events), now), dueBookings(ctx, tx, slices.Compact(bookings), now))
	}, nil
}
