package event

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/jobs"
	"boxoffice/internal/sqldb"
)

// A change of an event commits together with the new state of its sale, which waits in
// the outbox until the booking side has taken or refused it. The request that made the
// change hands the state over and waits a while for the result. If that fails, the
// worker (Run) tries again.
//
// States of one event are handed over in order. A cancellation may overtake an earlier
// state that fails; other states may do so once the earlier one has failed
// longAttempts times. If the booking side refuses a state for good (errs.Conflict), the
// event becomes what it was before, as a new version, and remembers the refusal. If it
// is not known what the event was before, or that is refused as well, the event takes
// over the state that the booking side has, which is never refused. Every other failure
// is tried again.

// Limits of hand-overs.
const (
	handOverTime = 3 * time.Second // for one attempt, and so how long a request waits
	firstAttempt = 4 * time.Second // until the worker takes up what a request left behind
	firstBackOff = 250 * time.Millisecond
	lastBackOff  = time.Minute

	outboxEvery = 500 * time.Millisecond
	outboxRows  = 200 // events that one round of the worker takes up
	outboxWidth = 16  // that are handed over side by side

	longAttempts = 5 // after which a state that fails does not hold up later ones
)

// pending is a row of the outbox.
type pending struct {
	eventID  string
	version  int64
	sale     bookingapi.Sale
	undo     string
	attempts int64

	unreadable error // what is wrong with the row: it fails like any other, and can be overtaken
}

// Refusal is a change of an event that the booking side has refused.
type Refusal struct {
	Version int64     `json:"version"` // of the event, that never came about
	At      time.Time `json:"at"`
	Type    string    `json:"type"`
	Detail  string    `json:"detail"`
}

// Refusal returns the last change if it was refused, otherwise nil.
func (e *stored) Refusal() *Refusal {
	var r Refusal
	if e.Refused == "" || json.Unmarshal([]byte(e.Refused), &r) != nil {
		return nil
	}
	return &r
}

// enqueue writes the state of an event's sale into the outbox. If the state is refused,
// the event goes back to before; nil for new events.
func (s *Service) enqueue(ctx context.Context, tx *sql.Tx, e, before *stored) error {
	sale, err := saleToHandOver(ctx, tx, e)
	if err != nil {
		return err
	}
	undo := ""
	if before != nil {
		raw, err := json.Marshal(before)
		if err != nil {
			return fmt.Errorf("outbox: %w", err)
		}
		undo = string(raw)
	}
	due := s.now().Add(firstAttempt).UnixMicro()
	if _, err := tx.ExecContext(ctx, `INSERT INTO event_outbox (event_id, version, sale, undo, attempts, due_at, failure) VALUES ($1, $2, $3, $4, 0, $5, '')`,
		e.ID, e.Version, sale, undo, due); err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	return nil
}

// saleToHandOver is the state of an event's sale as JSON, with the version in which
// the event's time or venue changed last.
func saleToHandOver(ctx context.Context, tx *sql.Tx, e *stored) (string, error) {
	sale := e.sale()
	err := tx.QueryRowContext(ctx, `SELECT coalesce(max(version), 0) FROM event_changes WHERE event_id = $1`, e.ID).Scan(&sale.ChangedVersion) // primary key
	if err != nil {
		return "", fmt.Errorf("outbox: %w", err)
	}
	raw, err := json.Marshal(sale)
	if err != nil {
		return "", fmt.Errorf("outbox: %w", err)
	}
	return string(raw), nil
}

// handOver hands over the states of a changed event, and returns the event as it is
// then. It is Pending if the booking side did not answer in time. The error is the
// booking side's refusal. The hand-over does not end when the client gives up.
func (s *Service) handOver(ctx context.Context, e stored) (stored, error) {
	ctx = context.WithoutCancel(ctx)
	s.forget(e.ID)
	refused, failed := s.deliver(ctx, e.ID)
	if err := refused[e.Version]; err != nil {
		return e, err
	}
	now, err := s.read(ctx, e.ID)
	switch {
	case err != nil:
		return e, nil // the change is stored; what of it can be told is what was written
	case now.Version == e.Version:
		return now, nil
	}
	if r := now.Refusal(); r != nil && r.Version == e.Version { // the worker was faster
		return e, errs.New(errs.Conflict, r.Type, "%s", r.Detail)
	}
	if failed == nil {
		e.Synced = e.Version // changed once more since
	}
	return e, nil
}

// deliver hands over an event's states in order, until none is left or one cannot be
// settled now. It returns the refusals by version.
func (s *Service) deliver(ctx context.Context, eventID string) (refused map[int64]*errs.Error, err error) {
	for {
		p, err := s.firstPending(ctx, eventID)
		if err != nil || p == nil {
			return refused, err
		}
		err = s.attempt(ctx, p)
		if err != nil && errs.KindOf(err) != errs.Conflict {
			if later := s.overtaking(ctx, p); later != nil {
				if failed := s.attempt(ctx, later); failed == nil || errs.KindOf(failed) == errs.Conflict {
					p, err = later, failed
				}
			}
		}
		switch {
		case err == nil:
			err = s.settle(ctx, p)
		case errs.KindOf(err) == errs.Conflict && p.sale.Status != eventapi.Cancelled:
			if refused == nil {
				refused = map[int64]*errs.Error{}
			}
			refused[p.version] = errs.Of(err)
			err = s.refuse(ctx, p, errs.Of(err))
		default:
			return refused, errors.Join(err, s.postpone(ctx, p, err))
		}
		if err != nil {
			return refused, err
		}
	}
}

// attempt hands over one state. A panic counts as a failure of this state.
func (s *Service) attempt(ctx context.Context, p *pending) error {
	if p.unreadable != nil {
		return p.unreadable
	}
	ctx, cancel := context.WithTimeout(ctx, handOverTime)
	defer cancel()
	return jobs.Catch(func() error { return s.sales.SetSales(ctx, map[string]bookingapi.Sale{p.eventID: p.sale}) })
}

// firstPending returns the oldest state of an event in the outbox, nil if there is none.
func (s *Service) firstPending(ctx context.Context, eventID string) (*pending, error) {
	p := &pending{eventID: eventID}
	var sale string
	err := s.db.Reader().QueryRowContext(ctx, `SELECT version, sale, undo, attempts FROM event_outbox WHERE event_id = $1 ORDER BY version LIMIT 1`, eventID). // primary key
																					Scan(&p.version, &sale, &p.undo, &p.attempts)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read outbox: %w", err)
	}
	if err := json.Unmarshal([]byte(sale), &p.sale); err != nil {
		p.unreadable = fmt.Errorf("read outbox: version %d: %w", p.version, err)
	}
	return p, nil
}

// overtaking returns the newest state of an event, if that may overtake a stuck one: it
// cancels the event, or the stuck one has failed too often. States are complete, so
// skipping earlier ones loses nothing.
func (s *Service) overtaking(ctx context.Context, stuck *pending) *pending {
	p := &pending{eventID: stuck.eventID}
	var sale string
	err := s.db.Reader().QueryRowContext(ctx, `SELECT version, sale, undo, attempts FROM event_outbox WHERE event_id = $1 AND version > $2 ORDER BY version DESC LIMIT 1`,
		stuck.eventID, stuck.version).Scan(&p.version, &sale, &p.undo, &p.attempts) // primary key
	if err != nil || json.Unmarshal([]byte(sale), &p.sale) != nil {
		return nil
	}
	if p.sale.Status != eventapi.Cancelled && stuck.attempts < longAttempts {
		return nil
	}
	return p
}

// settle deletes a state that the booking side has taken, and those before it.
func (s *Service) settle(ctx context.Context, p *pending) error {
	defer s.forget(p.eventID)
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM event_outbox WHERE event_id = $1 AND version <= $2`, p.eventID, p.version); err != nil {
			return fmt.Errorf("settle: %w", err)
		}
		return noteSettled(ctx, tx, p.eventID, p.version)
	})
}

func noteSettled(ctx context.Context, tx *sql.Tx, eventID string, version int64) error {
	if _, err := tx.ExecContext(ctx, `UPDATE events SET synced_version = $1 WHERE id = $2 AND synced_version < $1`, version, eventID); err != nil {
		return fmt.Errorf("settle: %w", err)
	}
	return nil
}

// postpone notes a failure, and when to try again.
func (s *Service) postpone(ctx context.Context, p *pending, cause error) error {
	wait := min(firstBackOff<<min(p.attempts, 20), lastBackOff)
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE event_outbox SET attempts = attempts + 1, due_at = $1, failure = $2 WHERE event_id = $3 AND version = $4`,
			s.now().Add(wait).UnixMicro(), fmt.Sprintf("%.500s", cause), p.eventID, p.version)
		return err
	})
	if err != nil {
		return fmt.Errorf("postpone: %w", err)
	}
	return nil
}

// refuse deletes a state that the booking side has refused for good, and makes the
// event what it was before. If the event has been changed again since, the later state
// stays in the outbox and inherits the state to go back to. If it has been cancelled,
// it stays cancelled, otherwise as it was before the refused change.
func (s *Service) refuse(ctx context.Context, p *pending, refusal *errs.Error) error {
	defer s.forget(p.eventID)
	note, err := json.Marshal(Refusal{p.version, s.now().UTC(), refusal.Type, refusal.Detail})
	if err != nil {
		return fmt.Errorf("refuse: %w", err)
	}
	followed, err := s.follow(ctx, p)
	if err != nil {
		return fmt.Errorf("refuse: %w", err)
	}
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `DELETE FROM event_outbox WHERE event_id = $1 AND version = $2`, p.eventID, p.version)
		if err != nil {
			return fmt.Errorf("refuse: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return err // another node has done it
		}
		e, err := scanEvent(tx.QueryRowContext(ctx, `SELECT `+eventColumns+eventFrom+`WHERE e.id = $1`, p.eventID))
		switch {
		case err != nil:
			return fmt.Errorf("refuse: %w", err)
		case e.Version > p.version && e.Status != eventapi.Cancelled:
			_, err := tx.ExecContext(ctx, `UPDATE event_outbox SET undo = $1 WHERE event_id = $2 AND version =
				(SELECT min(version) FROM event_outbox WHERE event_id = $2 AND version > $3)`, p.undo, p.eventID, p.version)
			return err
		case followed != nil:
			return s.goBack(ctx, tx, &e, followed, string(note))
		}
		var was stored
		if err := json.Unmarshal([]byte(p.undo), &was); err != nil {
			return fmt.Errorf("refuse: %w", err)
		}
		if err := deleteChanges(ctx, tx, e.ID, was.Version); err != nil {
			return err
		}
		return s.goBack(ctx, tx, &e, &was, string(note))
	})
	if errors.Is(err, errChanged) {
		return nil // it was changed meanwhile: the state is still in the outbox
	}
	return err
}

// follow returns the event of a refused state as the booking side sells it, if the
// outbox does not say what the event was before; otherwise nil.
func (s *Service) follow(ctx context.Context, p *pending) (*stored, error) {
	if p.undo != "" {
		return nil, nil
	}
	e, err := s.read(ctx, p.eventID)
	if err != nil {
		return nil, err
	}
	sale, err := bookingapi.One(ctx, s.sales.Sales, "event", p.eventID)
	if err != nil {
		return nil, err
	}
	if err := s.sellAs(ctx, &e, &sale); err != nil {
		return nil, err
	}
	if sale.Status == eventapi.Cancelled {
		e.Status = eventapi.Cancelled
	}
	return &e, nil
}

// goBack makes an event what it was before a refused change. The new state has no state
// to go back to in turn.
func (s *Service) goBack(ctx context.Context, tx *sql.Tx, e, was *stored, note string) error {
	if e.Status == eventapi.Cancelled {
		was.Status = eventapi.Cancelled
	}
	was.Version, was.Refused = e.Version+1, note
	if _, err := tx.ExecContext(ctx, `DELETE FROM event_outbox WHERE event_id = $1`, e.ID); err != nil { // the new state has what they had
		return fmt.Errorf("refuse: %w", err)
	}
	if err := updateEvent(ctx, tx, was, e.Version); err != nil {
		return err
	}
	return s.enqueue(ctx, tx, was, nil)
}

// Sync hands over once what is due: states that requests left behind, and states that
// failed before. Events do not wait for each other; the error joins their errors.
func (s *Service) Sync(ctx context.Context) error { return s.syncUntil(ctx, s.now()) }

// syncUntil hands over what is due at a time.
func (s *Service) syncUntil(ctx context.Context, at time.Time) error {
	if err := s.enlist(ctx); err != nil {
		return err
	}
	ids, err := s.due(ctx, at)
	if err != nil {
		return err
	}
	failed := make([]error, len(ids))
	var group errgroup.Group
	group.SetLimit(outboxWidth)
	for i, eventID := range ids {
		group.Go(func() error {
			err := jobs.Catch(func() error {
				_, err := s.deliver(ctx, eventID)
				return err
			})
			if caught := (*jobs.Panic)(nil); errors.As(err, &caught) {
				err = fmt.Errorf("%w\n%s", err, caught.Stack)
			}
			if err != nil {
				failed[i] = fmt.Errorf("event %s: %w", eventID, err)
			}
			return nil
		})
	}
	_ = group.Wait()
	return errors.Join(failed...)
}

// noneFailed returns jobs.ErrNotOver while a failed state waits for its next attempt.
// It reads the whole outbox, which is usually short.
func (s *Service) noneFailed(ctx context.Context) error {
	var left bool
	if err := s.db.Reader().QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM event_outbox WHERE attempts > 0)`).Scan(&left); err != nil {
		return fmt.Errorf("read outbox: %w", err)
	}
	if left {
		return jobs.ErrNotOver
	}
	return nil
}

// due lists events whose oldest state is due at a time, the longest waiting first.
func (s *Service) due(ctx context.Context, at time.Time) ([]string, error) {
	ids, err := sqldb.Texts(ctx, s.db.Reader(), `SELECT event_id FROM event_outbox AS o WHERE due_at <= $1 AND version =
		(SELECT min(version) FROM event_outbox AS f WHERE f.event_id = o.event_id) ORDER BY due_at LIMIT $2`, at.UnixMicro(), outboxRows) // event_outbox_due
	if err != nil {
		return nil, fmt.Errorf("read outbox: %w", err)
	}
	return ids, nil
}

// enlist puts changes into the outbox that an older version of this program, which had
// no outbox, has not handed over.
func (s *Service) enlist(ctx context.Context) error {
	rows, err := s.db.Reader().QueryContext(ctx, `SELECT `+eventColumns+eventFrom+`WHERE e.synced_version < e.version AND NOT EXISTS
		(SELECT 1 FROM event_outbox AS o WHERE o.event_id = e.id) LIMIT $1`, outboxRows) // events_unsynced
	if err != nil {
		return fmt.Errorf("read outbox: %w", err)
	}
	list, err := scanEvents(rows)
	if err != nil || len(list) == 0 {
		return err
	}
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		for i := range list {
			sale, err := saleToHandOver(ctx, tx, &list[i])
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO event_outbox (event_id, version, sale, undo, attempts, due_at, failure)
				SELECT $1, $2, $3, '', 0, 0, '' FROM events WHERE id = $1 AND version = $2 AND synced_version < $2
				ON CONFLICT (event_id, version) DO NOTHING`, list[i].ID, list[i].Version, sale); err != nil {
				return fmt.Errorf("outbox: %w", err)
			}
		}
		return nil
	})
}

// Run is the service's background work, on one node at a time: it hands over what the
// outbox holds, and updates the search index after an upgrade. It returns when ctx ends.
func (s *Service) Run(ctx context.Context) error {
	lease, err := sqldb.NewLease(ctx, s.db, "event-outbox")
	if err != nil {
		return err
	}
	defer func() { lease.Release(context.WithoutCancel(ctx)) }()
	folded, early := false, firstAttempt // requests of a node that has died hand nothing over any more
	var waits, unsearched jobs.Trouble
	return jobs.Every(ctx, outboxEvery, nil, func(ctx context.Context) error {
		if !lease.Held(ctx) {
			return nil
		}
		err := s.syncUntil(ctx, s.now().Add(early))
		early = 0
		if err == nil && waits.Lasts() {
			err = s.noneFailed(ctx)
		}
		waits.Log(ctx, s.log, slog.LevelError, "changes of events wait to reach their sales", err)
		if !folded {
			folded, err = s.refold(ctx)
			unsearched.Log(ctx, s.log, slog.LevelError, "events wait to be indexed for the search", err)
		}
		return nil
	})
}
