package booking

import (
	"context"
	"database/sql"
	"fmt"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/ledger"
)

// lapsing is a row of lapsing: ledger entries of an event that made holds end at
// the same time. It leads the janitor to their bookings and decides nothing.
type lapsing struct {
	until       int64
	eventID     string
	first, last int64 // seqs; entries in between with another until are not meant
}

// lapses are the ends that this batch has given to holds and that are still
// theirs after it. A swap keeps the end of the hold, which has its row already.
func (s *state) lapses() []lapsing {
	var list []lapsing
	for i := range s.entries {
		e := &s.entries[i]
		if e.Kind != ledger.Held && e.Kind != ledger.Extended {
			continue
		}
		if b := s.bookings[e.BookingID]; b.Status != bookingapi.Pending || b.ExpiresAt != e.Until {
			continue
		}
		list = noted(list, e)
	}
	return list
}

func noted(list []lapsing, e *ledger.Entry) []lapsing {
	for i := range list {
		if list[i].until == e.Until {
			list[i].last = e.Seq
			return list
		}
	}
	return append(list, lapsing{e.Until, e.EventID, e.Seq, e.Seq})
}

// By keys that begin with the event, but for what is due: that is looked for in all
// events, by the end of the holds. The booking is looked at in a subquery of its own: as a join
// PostgreSQL may plan to scan the table, once and for all, when it is small.
const (
	sqlDue = `SELECT expires_at, event_id, first_seq, last_seq FROM lapsing
		WHERE (expires_at, event_id, first_seq) > ($1, $2, $3) AND expires_at <= $4 ORDER BY expires_at, event_id, first_seq LIMIT $5`
	sqlLapsed = `SELECT DISTINCT booking_id FROM ledger l WHERE event_id = $1 AND seq >= $2 AND seq <= $3 AND until = $4
		AND (SELECT b.status = 'pending' AND b.expires_at = l.until FROM bookings b WHERE b.event_id = l.event_id AND b.id = l.booking_id) ORDER BY booking_id`
	sqlForget = `DELETE FROM lapsing WHERE expires_at = $1 AND event_id = $2 AND first_seq = $3`
)

// due lists what has lapsed by now, after a row, in order.
func (s *Service) due(ctx context.Context, after lapsing, now int64) ([]lapsing, error) {
	rows, err := s.db.Reader().QueryContext(ctx, sqlDue, after.until, after.eventID, after.first, now, sweepRows)
	if err != nil {
		return nil, fmt.Errorf("list lapsed holds: %w", err)
	}
	defer rows.Close()
	var list []lapsing
	for rows.Next() {
		var l lapsing
		if err := rows.Scan(&l.until, &l.eventID, &l.first, &l.last); err != nil {
			return nil, fmt.Errorf("list lapsed holds: %w", err)
		}
		list = append(list, l)
	}
	return list, rows.Err()
}

// pending lists the bookings of a row that are still pending until its end. Once
// there are none, there never will be any again.
func (s *Service) pending(ctx context.Context, l lapsing) ([]string, error) {
	return s.ids(ctx, sqlLapsed, l.eventID, l.first, l.last, l.until)
}

func (s *Service) forget(ctx context.Context, over []lapsing) error {
	if len(over) == 0 {
		return nil
	}
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		stmt, err := tx.PrepareContext(ctx, sqlForget)
		if err != nil {
			return err
		}
		defer stmt.Close()
		for _, l := range over {
			if _, err := stmt.ExecContext(ctx, l.until, l.eventID, l.first); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("forget lapsed holds: %w", err)
	}
	return nil
}
