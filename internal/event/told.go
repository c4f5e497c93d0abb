package event

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"boxoffice/internal/bus"
	"boxoffice/internal/codec"
	"boxoffice/internal/eventapi"
)

// facts are what other services are told of an event.
func (e *stored) facts() eventapi.Facts {
	return eventapi.Facts{
		Title: e.Title, Status: e.Status, Announced: e.Announced, StartsAt: e.StartsAt, Date: e.LocalDate,
		EndsAt: e.EndsAt, EndDate: e.EndDate, TimeZone: e.TimeZone, Venue: e.Venue.Name, Address: e.Venue.Address, City: e.Venue.City, Country: e.Venue.Country,
	}
}

// tell adds a message about a version that the booking side has accepted, if it differs
// from what was told last. The transaction has written the event's row.
func (s *Service) tell(ctx context.Context, tx *sql.Tx, eventID string, version int64) error {
	var told string
	if err := tx.QueryRowContext(ctx, `SELECT told FROM events WHERE id = $1`, eventID).Scan(&told); err != nil {
		return fmt.Errorf("tell: %w", err)
	}
	after, err := factsOf(ctx, tx, eventID, version)
	if err != nil || after == nil {
		return err
	}
	m := eventapi.SettledMessage{Version: version, After: *after}
	if m.Before, err = lastTold(ctx, tx, eventID, told); err != nil {
		return err
	}
	raw, err := codec.Marshal(m.After)
	if err != nil {
		return fmt.Errorf("tell: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `UPDATE events SET told = $1 WHERE id = $2`, string(raw), eventID); err != nil {
		return fmt.Errorf("tell: %w", err)
	}
	if version == 1 || m.Before != nil && *m.Before == m.After { // nobody knew the event, or nothing differs
		return nil
	}
	body, err := codec.Marshal(m)
	if err != nil {
		return fmt.Errorf("tell: %w", err)
	}
	return s.outbox.Add(ctx, tx, bus.Draft{Key: eventID, Type: eventapi.TypeSettled, Body: body})
}

// lastTold are the facts that were told last. Those of an event that was last settled by
// an older version of this program are what the first change since goes back to; nil: they
// are not known.
func lastTold(ctx context.Context, tx *sql.Tx, eventID, told string) (*eventapi.Facts, error) {
	if told != "" {
		var f eventapi.Facts
		if codec.ReadKnown([]byte(told), &f) == nil {
			return &f, nil
		}
	}
	return undone(tx.QueryRowContext(ctx, `SELECT undo FROM event_outbox WHERE event_id = $1 ORDER BY version LIMIT 1`, eventID)) // primary key
}

// factsOf are the facts of a version of an event that is the current one, or before one
// that waits; nil: they are not known, and the next version tells them.
func factsOf(ctx context.Context, tx *sql.Tx, eventID string, version int64) (*eventapi.Facts, error) {
	e, err := scanEvent(tx.QueryRowContext(ctx, `SELECT `+eventColumns+eventFrom+`WHERE e.id = $1`, eventID))
	switch {
	case err != nil:
		return nil, fmt.Errorf("tell: %w", err)
	case e.Version == version:
		f := e.facts()
		return &f, nil
	}
	return undone(tx.QueryRowContext(ctx, `SELECT undo FROM event_outbox WHERE event_id = $1 AND version = $2`, eventID, version+1)) // primary key
}

// undone are the facts of the event that a change goes back to; nil if that is not known.
func undone(row *sql.Row) (*eventapi.Facts, error) {
	var undo string
	err := row.Scan(&undo)
	if errors.Is(err, sql.ErrNoRows) || undo == "" && err == nil {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("tell: %w", err)
	}
	var e stored
	if codec.ReadKnown([]byte(undo), &e) != nil {
		return nil, nil
	}
	f := e.facts()
	return &f, nil
}

// versionOf names a version of an event.
type versionOf struct {
	eventID string
	version int64
}

// refusals are the changes that requests of this process wait for, and their refusals:
// the event remembers only the last one.
type refusals struct {
	mu   sync.Mutex
	list map[versionOf]*Refusal
}

func (r *refusals) expect(v versionOf) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.list == nil {
		r.list = map[versionOf]*Refusal{}
	}
	r.list[v] = nil
}

// note keeps a refusal if a request waits for it.
func (r *refusals) note(v versionOf, why *Refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, expected := r.list[v]; expected {
		r.list[v] = why
	}
}

// outcome is the refusal that a request waited for; nil: there was none.
func (r *refusals) outcome(v versionOf) *Refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	why := r.list[v]
	delete(r.list, v)
	return why
}
