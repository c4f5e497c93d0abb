package event

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
)

// recent keeps events that were read a moment ago. This node's changes are seen at
// once, those of other nodes when a signal says so, and otherwise within freshFor.
type recent struct {
	events *otter.Cache[string, cached]

	mu      sync.Mutex // held while a value of changes decides whether an event is kept
	changes uint64     // how often forget was called
}

// cached is an event and when it was read.
type cached struct {
	event stored
	at    time.Time
}

const (
	// freshFor is how long another node's change may go unseen.
	freshFor = time.Second
	// changedSignal is the subject of signals that an event has changed. Their body is the
	// event's id.
	changedSignal = "events"
)

func newRecent() *recent {
	return &recent{events: otter.Must(&otter.Options[string, cached]{MaximumSize: 10_000})}
}

// get reads an event that a caller may see.
func (s *Service) get(ctx context.Context, caller caller.Caller, eventID string) (stored, error) {
	e, ok := s.recently(eventID)
	if !ok {
		read, err := s.readAll(ctx, []string{eventID})
		if err != nil {
			return stored{}, err
		}
		if e, ok = read[eventID]; !ok {
			return stored{}, errs.Missing("event")
		}
	}
	if !e.public() && !caller.MayOrganize(e.OrganizerID) {
		return stored{}, errs.Missing("event")
	}
	return e, nil
}

// recently returns an event if it was read within freshFor.
func (s *Service) recently(eventID string) (stored, bool) {
	c, ok := s.recent.events.GetIfPresent(eventID)
	return c.event, ok && s.now().Sub(c.at) <= freshFor
}

// readAtOnce is how many events one statement reads by id.
const readAtOnce = 500

// readAll reads events by id from the database, and keeps them for a moment.
func (s *Service) readAll(ctx context.Context, ids []string) (map[string]stored, error) {
	out := map[string]stored{}
	for len(ids) > 0 {
		some := ids[:min(len(ids), readAtOnce)]
		ids = ids[len(some):]
		now, changes := s.now(), s.recent.seen()
		in, args := placeholders(some)
		rows, err := s.db.Reader().QueryContext(ctx, `SELECT `+eventColumns+eventFrom+`WHERE e.id IN (`+in+`)`, args...) // primary keys
		if err != nil {
			return nil, fmt.Errorf("read events: %w", err)
		}
		list, err := scanEvents(rows)
		if err != nil {
			return nil, err
		}
		for _, e := range list {
			out[e.ID] = e
			s.recent.keep(cached{e, now}, changes)
		}
	}
	return out, nil
}

// keep keeps an event that was read when there had been a number of changes. If there
// are more by now, it may have been read before one of them, and is not kept.
func (r *recent) keep(c cached, changes uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.changes == changes {
		r.events.Set(c.event.ID, c)
	}
}

// seen returns the number of changes so far.
func (r *recent) seen() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changes
}

// forget makes the next reader of an event read it anew, on all nodes.
func (s *Service) forget(eventID string) {
	s.recent.forget(eventID)
	if s.signals != nil {
		s.signals.Publish(changedSignal, []byte(eventID))
	}
}

// hearChanged takes a changedSignal of another node.
func (s *Service) hearChanged(body []byte) { s.recent.forget(string(body)) }

func (r *recent) forget(eventID string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changes++
	r.events.Invalidate(eventID)
}

// read reads an event from the database.
func (s *Service) read(ctx context.Context, eventID string) (stored, error) {
	e, err := scanEvent(s.db.Reader().QueryRowContext(ctx, `SELECT `+eventColumns+eventFrom+`WHERE e.id = $1`, eventID)) // primary keys
	if errors.Is(err, sql.ErrNoRows) {
		return e, errs.Missing("event")
	}
	if err != nil {
		return e, fmt.Errorf("read event: %w", err)
	}
	return e, nil
}
