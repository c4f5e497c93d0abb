package event

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/bus"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/jobs"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/userapi"
)

// A change of an event commits together with a message (topic "events") that offers the
// new state of its sale to the booking side, and with a row of event_outbox, which waits
// for the answer. The booking side takes the states of an event in order and answers each
// by a message of its own (topic "sales"). The request that made the change has both
// consumed at once and waits a while for the answer; if that fails, the bus goes on.
//
// If the booking side refuses a state for good, the event becomes what it was before, as
// a new version, and remembers the refusal. If it is not known what the event was before,
// or that is refused as well, the event takes over the state that the booking side has,
// which is never refused. Once a state is accepted, another message says how the event
// differs from what was told last.

// Name is the name of the consumer of answers.
const Name = "event"

const (
	handOverTime = 5 * time.Second // how long a request waits
	importWidth  = 16              // events that an import hands over concurrently

	// Rows of event_outbox without a message are those of an older version of this
	// program, which hands them over itself unless it was stopped.
	enlistAfter = 4 * time.Second
	enlistEvery = 2 * time.Second
	enlistRows  = 200
)

// Refusal is a change of an event that the booking side has refused.
type Refusal struct {
	Version int64     `json:"version"` // version of the event that was refused
	At      time.Time `json:"at"`
	Type    string    `json:"type"`
	Detail  string    `json:"detail"`
}

// Refusal returns the last change if it was refused, otherwise nil.
func (e *stored) Refusal() *Refusal {
	var r Refusal
	if e.Refused == "" || codec.ReadKnown([]byte(e.Refused), &r) != nil {
		return nil
	}
	return &r
}

// enqueue offers the state of an event's sale to the booking side. If it is refused, the
// event goes back to before; nil for new events.
func (s *Service) enqueue(ctx context.Context, tx *sql.Tx, e, before *stored) error {
	sale, err := saleToHandOver(ctx, tx, e)
	if err != nil {
		return err
	}
	undo := ""
	if before != nil {
		raw, err := codec.Marshal(before)
		if err != nil {
			return fmt.Errorf("outbox: %w", err)
		}
		undo = string(raw)
	}
	due := s.now().Add(enlistAfter).UnixMicro()
	if _, err := tx.ExecContext(ctx, `INSERT INTO event_outbox (event_id, version, sale, undo, attempts, due_at, failure, sent) VALUES ($1, $2, $3, $4, 0, $5, '', TRUE)`,
		e.ID, e.Version, sale, undo, due); err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	return s.offer(ctx, tx, e.ID, e.Version, sale)
}

// offer adds the message that offers a state. The transaction has written the event's
// row, so that the messages of an event are in order.
func (s *Service) offer(ctx context.Context, tx *sql.Tx, eventID string, version int64, sale string) error {
	body, err := codec.Marshal(eventapi.ChangedMessage{Version: version, Sale: codec.Raw(sale)})
	if err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	return s.outbox.Add(ctx, tx, bus.Draft{Key: eventID, Type: eventapi.TypeChanged, Body: body})
}

// saleToHandOver is the state of an event's sale as JSON, with the version in which
// the event's time or venue changed last.
func saleToHandOver(ctx context.Context, tx *sql.Tx, e *stored) (string, error) {
	sale := e.sale()
	err := tx.QueryRowContext(ctx, `SELECT coalesce(max(version), 0) FROM event_changes WHERE event_id = $1`, e.ID).Scan(&sale.ChangedVersion) // primary key
	if err != nil {
		return "", fmt.Errorf("outbox: %w", err)
	}
	raw, err := codec.Marshal(sale)
	if err != nil {
		return "", fmt.Errorf("outbox: %w", err)
	}
	return string(raw), nil
}

// handOver has a change handed over now, and returns the event as it is then. It is
// Pending if the booking side has not answered in time. The error is the booking side's
// refusal. The hand-over does not end when the client gives up.
func (s *Service) handOver(ctx context.Context, e stored) (stored, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), handOverTime)
	defer cancel()
	v := versionOf{e.ID, e.Version}
	s.refused.expect(v)
	s.forget(e.ID)
	failed := s.deliver(ctx, e.ID) // the bus goes on with what failed
	s.forget(e.ID)
	refusal := s.refused.outcome(v)
	s.outbox.Bell().Ring()
	now, err := s.read(ctx, e.ID)
	switch {
	case err != nil:
		return e, nil // the change is stored: answer with what was written
	case now.Version == e.Version:
		return now, nil
	case refusal == nil: // another node may have brought it
		if r := now.Refusal(); r != nil && r.Version == e.Version {
			refusal = r
		}
	}
	if refusal != nil {
		return e, errs.New(errs.Conflict, refusal.Type, "%s", refusal.Detail)
	}
	if failed == nil {
		e.Synced = e.Version // changed once more since
	}
	return e, nil
}

// Outbox holds the messages about events.
func (s *Service) Outbox() bus.Outbox { return s.outbox }

// Consumer consumes the booking side's answers, and messages about accounts.
func (s *Service) Consumer() bus.Consumer {
	return bus.Consumer{Name: Name, Topics: []string{bookingapi.SalesTopic, userapi.Topic}, Taken: s.taken, Consume: s.consume}
}

// consume consumes messages of one topic.
func (s *Service) consume(ctx context.Context, list []bus.Message) (func(context.Context, *sql.Tx) error, error) {
	if list[0].Topic == userapi.Topic {
		return nil, s.organizersGone(ctx, list)
	}
	return s.hearAnswers(ctx, list)
}

// hearAnswers returns what the answers mean for their events.
func (s *Service) hearAnswers(ctx context.Context, list []bus.Message) (func(context.Context, *sql.Tx) error, error) {
	answers := make([]bookingapi.AnswerMessage, len(list))
	sold := map[string]*stored{}
	for i := range list {
		m := &list[i]
		if err := codec.ReadKnown(m.Body, &answers[i]); err != nil {
			return nil, bus.Impossible(errors.New("read an answer: " + err.Error())) // an end of its text is no lost connection
		}
		if m.Type != bookingapi.TypeRefused || sold[m.Key] != nil {
			continue
		}
		var err error
		if sold[m.Key], err = s.asSold(ctx, m.Key); err != nil {
			return nil, bus.NotNow(fmt.Errorf("refuse: %w", err))
		}
	}
	return func(ctx context.Context, tx *sql.Tx) error {
		for i := range list {
			m, a := &list[i], &answers[i]
			var err error
			switch m.Type {
			case bookingapi.TypeAccepted:
				err = s.settle(ctx, tx, m.Key, a.Version)
			case bookingapi.TypeRefused:
				r := &Refusal{a.Version, s.now().UTC(), a.Type, a.Detail}
				if err = s.refuse(ctx, tx, m.Key, r, sold[m.Key]); err == nil {
					s.refused.note(versionOf{m.Key, a.Version}, r)
				}
			}
			if err != nil {
				return err
			}
			s.forget(m.Key)
		}
		return nil
	}, nil
}

// settle deletes a state that the booking side has accepted, and those before it, and
// tells other services how the event differs from what they were told last.
func (s *Service) settle(ctx context.Context, tx *sql.Tx, eventID string, version int64) error {
	res, err := tx.ExecContext(ctx, `UPDATE events SET synced_version = $1 WHERE id = $2 AND synced_version < $1`, version, eventID)
	if err != nil {
		return fmt.Errorf("settle: %w", err)
	}
	n, err := res.RowsAffected()
	if err != nil || n == 0 { // a later one was accepted
		return err
	}
	if err := s.tell(ctx, tx, eventID, version); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM event_outbox WHERE event_id = $1 AND version <= $2`, eventID, version); err != nil {
		return fmt.Errorf("settle: %w", err)
	}
	return nil
}

// refuse deletes a state that the booking side has refused for good, and makes the
// event what it was before. If the event has been changed again since, the later state
// keeps waiting and inherits the state to go back to. If it has been cancelled, it stays
// cancelled, otherwise as it was before the refused change.
func (s *Service) refuse(ctx context.Context, tx *sql.Tx, eventID string, r *Refusal, sold *stored) error {
	note, err := codec.Marshal(r)
	if err != nil {
		return fmt.Errorf("refuse: %w", err)
	}
	undo := ""
	err = tx.QueryRowContext(ctx, `DELETE FROM event_outbox WHERE event_id = $1 AND version = $2 RETURNING undo`, eventID, r.Version).Scan(&undo)
	if errors.Is(err, sql.ErrNoRows) {
		return nil // a node of an older version has done it
	}
	if err != nil {
		return fmt.Errorf("refuse: %w", err)
	}
	e, err := scanEvent(tx.QueryRowContext(ctx, `SELECT `+eventColumns+eventFrom+`WHERE e.id = $1`, eventID))
	switch {
	case err != nil:
		return fmt.Errorf("refuse: %w", err)
	case e.Version > r.Version && e.Status != eventapi.Cancelled:
		_, err := tx.ExecContext(ctx, `UPDATE event_outbox SET undo = $1 WHERE event_id = $2 AND version =
			(SELECT min(version) FROM event_outbox WHERE event_id = $2 AND version > $3)`, undo, eventID, r.Version)
		return err
	case undo == "" && sold == nil:
		return bus.NotNow(errors.New("refuse: it is not known what the event was before"))
	case undo == "":
		return s.goBack(ctx, tx, &e, sold, string(note))
	}
	var was stored
	if err := codec.ReadKnown([]byte(undo), &was); err != nil {
		return errors.New("refuse: " + err.Error()) // an end of its text is no lost connection
	}
	if err := deleteChanges(ctx, tx, e.ID, was.Version); err != nil {
		return err
	}
	return s.goBack(ctx, tx, &e, &was, string(note))
}

// asSold returns an event as the booking side sells it, if one of its states has no
// state to go back to; otherwise nil.
func (s *Service) asSold(ctx context.Context, eventID string) (*stored, error) {
	var unknown bool
	if err := s.db.Reader().QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM event_outbox WHERE event_id = $1 AND undo = '')`, eventID).Scan(&unknown); err != nil || !unknown { // primary key
		return nil, err
	}
	e, err := s.read(ctx, eventID)
	if err != nil {
		return nil, err
	}
	sale, err := bookingapi.One(ctx, s.sales.Sales, "event", eventID)
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

// enlist makes messages of what an older version of this program, without messages, has
// left: rows of event_outbox that are due at a time, and changes without a row.
func (s *Service) enlist(ctx context.Context, at time.Time) error {
	rows, err := s.db.Reader().QueryContext(ctx, `SELECT event_id, version FROM event_outbox WHERE due_at <= $1 AND NOT sent ORDER BY event_id, version LIMIT $2`,
		at.UnixMicro(), enlistRows) // event_outbox_due
	if err != nil {
		return fmt.Errorf("read outbox: %w", err)
	}
	left, err := scanVersions(rows)
	if err != nil {
		return err
	}
	rows, err = s.db.Reader().QueryContext(ctx, `SELECT id, version FROM events AS e WHERE e.synced_version < e.version AND NOT EXISTS
		(SELECT 1 FROM event_outbox AS o WHERE o.event_id = e.id) LIMIT $1`, enlistRows) // events_unsynced
	if err != nil {
		return fmt.Errorf("read outbox: %w", err)
	}
	older, err := scanVersions(rows)
	if err != nil || len(left)+len(older) == 0 {
		return err
	}
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		for _, v := range older {
			if err := s.enlistOlder(ctx, tx, v); err != nil {
				return err
			}
		}
		for _, v := range left {
			if err := s.enlistLeft(ctx, tx, v); err != nil {
				return err
			}
		}
		return nil
	})
	s.outbox.Bell().Ring()
	return err
}

// enlistLeft makes a message of a row of event_outbox that is none yet.
func (s *Service) enlistLeft(ctx context.Context, tx *sql.Tx, v versionOf) error {
	if _, err := tx.ExecContext(ctx, `UPDATE events SET version = version WHERE id = $1`, v.eventID); err != nil { // for the order of its messages
		return fmt.Errorf("outbox: %w", err)
	}
	var sale string
	err := tx.QueryRowContext(ctx, `UPDATE event_outbox SET sent = TRUE WHERE event_id = $1 AND version = $2 AND NOT sent RETURNING sale`, v.eventID, v.version).Scan(&sale)
	if errors.Is(err, sql.ErrNoRows) {
		return nil // it was handed over meanwhile
	}
	if err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	return s.offer(ctx, tx, v.eventID, v.version, sale)
}

// enlistOlder offers a change of a version of this program that had no outbox.
func (s *Service) enlistOlder(ctx context.Context, tx *sql.Tx, v versionOf) error {
	res, err := tx.ExecContext(ctx, `UPDATE events SET version = version WHERE id = $1 AND version = $2 AND synced_version < version
		AND NOT EXISTS (SELECT 1 FROM event_outbox WHERE event_id = $1)`, v.eventID, v.version)
	if err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err // it was changed meanwhile
	}
	e, err := scanEvent(tx.QueryRowContext(ctx, `SELECT `+eventColumns+eventFrom+`WHERE e.id = $1`, v.eventID))
	if err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	return s.enqueue(ctx, tx, &e, nil)
}

func scanVersions(rows *sql.Rows) (list []versionOf, err error) {
	defer rows.Close()
	for rows.Next() {
		var v versionOf
		if err := rows.Scan(&v.eventID, &v.version); err != nil {
			return nil, fmt.Errorf("read outbox: %w", err)
		}
		list = append(list, v)
	}
	return list, rows.Err()
}

// Run is the service's background work, on one node at a time: after an upgrade it hands
// over what the version before has left, and updates the search index. It returns when
// ctx ends.
func (s *Service) Run(ctx context.Context) error {
	lease, err := sqldb.NewLease(ctx, s.db, "event-outbox")
	if err != nil {
		return err
	}
	defer func() { lease.Release(context.WithoutCancel(ctx)) }()
	folded, early := false, enlistAfter // requests of a crashed node hand over nothing anymore
	var waits, unsearched jobs.Trouble
	return jobs.Every(ctx, enlistEvery, nil, func(ctx context.Context) error {
		if !lease.Held(ctx) {
			return nil
		}
		err := s.enlist(ctx, s.now().Add(early))
		early = 0
		waits.Log(ctx, s.log, slog.LevelError, "changes of events wait to be handed over", err)
		if !folded {
			folded, err = s.refold(ctx)
			unsearched.Log(ctx, s.log, slog.LevelError, "events wait to be indexed for the search", err)
		}
		return nil
	})
}
