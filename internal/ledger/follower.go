package ledger

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
)

// Source reads ledgers.
type Source interface {
	// Heads returns the seq of the last entry of each of these events, or of all events
	// if eventIDs is nil. Events without a ledger are left out.
	Heads(ctx context.Context, eventIDs []string) (map[string]int64, error)
	// Entries returns up to limit entries of an event that follow seq after, in order.
	Entries(ctx context.Context, eventID string, after int64, limit int) ([]Entry, error)
}

// Consumer consumes the ledgers of events and keeps its own cursors, in memory or in
// tables of its own. Its methods may be called from several goroutines.
type Consumer interface {
	// Cursor returns the seq of the last entry of an event that was consumed; 0: none.
	// follows is false when the consumer does not want the event's entries now.
	Cursor(eventID string) (seq int64, follows bool)
	// Consume takes entries of one event, in order and without gaps. It ignores those
	// up to its cursor, and stops at an entry that does not follow it: the Follower
	// then reads again from the cursor. read is true for entries read from the Source,
	// and false for those handed to Hear.
	Consume(entries []Entry, read bool)
}

// Follower delivers the ledgers of events to a Consumer: each entry in order and
// without gaps. Entries can be handed to it as they are committed (Hear); missed ones
// are read from the Source, a page at a time (CatchUp, Read). It continues from the
// Consumer's cursors, so a new Follower may replace it at any time.
type Follower struct {
	source   Source
	consumer Consumer

	mu    sync.Mutex
	heads map[string]int64 // highest known seq, of the events in which the consumer is behind
}

// pageSize bounds the entries in memory while a consumer catches up.
const pageSize = 1000

// ErrEnd is returned by Read when a ledger ends before the requested seq.
var ErrEnd = errors.New("ledger: it ends earlier")

// NewFollower returns a follower for one consumer.
func NewFollower(source Source, consumer Consumer) *Follower {
	return &Follower{source: source, consumer: consumer, heads: map[string]int64{}}
}

// Hear takes entries that were just committed, in runs of one event each. It never
// waits for the Source. It reports whether the consumer is behind, that is, whether
// CatchUp has to read earlier entries.
func (f *Follower) Hear(entries []Entry) (behind bool) {
	for len(entries) > 0 {
		n := 1
		for n < len(entries) && entries[n].EventID == entries[0].EventID {
			n++
		}
		run := entries[:n]
		entries = entries[n:]
		seq, follows := f.consumer.Cursor(run[0].EventID)
		switch last := run[n-1].Seq; {
		case !follows || last <= seq:
		case run[0].Seq > seq+1:
			f.note(run[0].EventID, last)
			behind = true
		default:
			f.consumer.Consume(run, false)
		}
	}
	return behind
}

// note records the highest known seq of an event.
func (f *Follower) note(eventID string, head int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.heads[eventID] = max(f.heads[eventID], head)
}

// Look asks the Source for the heads of ledgers (of all events if eventIDs is nil),
// and notes where the consumer is behind.
func (f *Follower) Look(ctx context.Context, eventIDs []string) error {
	heads, err := f.source.Heads(ctx, eventIDs)
	if err != nil {
		return fmt.Errorf("heads of the ledgers: %w", err)
	}
	for eventID, head := range heads {
		if seq, follows := f.consumer.Cursor(eventID); follows && seq < head {
			f.note(eventID, head)
		}
	}
	return nil
}

// CatchUp reads the noted entries that the consumer lacks of these events, or of all
// events if eventIDs is nil. room, unless nil, is called before each page, so that the
// consumer can process what it has; an error from room ends CatchUp. An event that
// cannot be read does not block the others.
func (f *Follower) CatchUp(ctx context.Context, eventIDs []string, room func(context.Context) error) error {
	var failed []error
	for eventID, head := range f.behind(eventIDs) {
		for more := true; more; {
			if room != nil {
				if err := room(ctx); err != nil {
					return errors.Join(append(failed, err)...)
				}
			}
			var err error
			if more, err = f.page(ctx, eventID, head); err != nil {
				failed, more = append(failed, err), false
			}
		}
	}
	return errors.Join(failed...)
}

// behind returns the noted heads of these events, or of all if eventIDs is nil.
func (f *Follower) behind(eventIDs []string) map[string]int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if eventIDs == nil {
		return maps.Clone(f.heads)
	}
	some := map[string]int64{}
	for _, eventID := range eventIDs {
		if head, ok := f.heads[eventID]; ok {
			some[eventID] = head
		}
	}
	return some
}

// Read reads one event up to a seq. It fails with ErrEnd when the ledger ends before
// that; the consumer then has the whole ledger.
func (f *Follower) Read(ctx context.Context, eventID string, upTo int64) error {
	for {
		if more, err := f.page(ctx, eventID, upTo); err != nil || !more {
			return err
		}
	}
}

// page reads the next page of an event. more reports whether the consumer is still
// behind the head.
func (f *Follower) page(ctx context.Context, eventID string, head int64) (more bool, err error) {
	after, follows := f.consumer.Cursor(eventID)
	if !follows || after >= head {
		f.done(eventID, after, follows)
		return false, nil
	}
	fail := func(err error) (bool, error) { return false, fmt.Errorf("read ledger of event %s: %w", eventID, err) }
	entries, err := f.source.Entries(ctx, eventID, after, int(min(head-after, pageSize)))
	if err != nil {
		return fail(err)
	}
	if len(entries) == 0 {
		return fail(fmt.Errorf("%w: at %d, before %d", ErrEnd, after, head))
	}
	for i := range entries {
		if entries[i].Seq != after+1+int64(i) {
			return fail(fmt.Errorf("it does not go on after %d", after+int64(i)))
		}
	}
	f.consumer.Consume(entries, true)
	now, follows := f.consumer.Cursor(eventID)
	if follows && now <= after {
		return fail(fmt.Errorf("the consumer does not go on after %d", after))
	}
	f.done(eventID, now, follows)
	return follows && now < head, nil
}

// done removes the note that the consumer is behind, once it has caught up.
func (f *Follower) done(eventID string, seq int64, follows bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !follows || seq >= f.heads[eventID] {
		delete(f.heads, eventID)
	}
}
