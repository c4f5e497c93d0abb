package booking

import (
	"context"
	"database/sql"
	"fmt"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/ledger"
)

// expiry is a row of the table lapsing: the range of an event's ledger entries that
// gave holds the same end. The janitor finds their bookings by it; it decides nothing.
type expiry struct {
	until       int64
	eventID     string
	first, last int64 // sequence numbers; entries between them with another until do not count
}

// expiries lists the ends that this batch has given to holds and that they still have
// after it. A swap keeps the end of its hold, which already has a row.
func (s *state) expiries() []expiry {
	var list []expiry
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

func noted(list []expiry, e *ledger.Entry) []expiry {
	for i := range list {
		if list[i].until == e.Until {
			list[i].last = e.Seq
			return list
		}
	}
	return append(list, expiry{e.Until, e.EventID, e.Seq, e.Seq})
}

// All of these go by keys that begin with the event, except sqlDue, which looks through all
// events by the end of the holds. sqlExpired reads the booking in a subquery: planned as a
// join while the table is small, PostgreSQL may scan the table from then on.
const (
	sqlDue = `SELECT expires_at, event_id, first_seq, last_seq FROM lapsing
		WHERE (expires_at, event_id, first_seq) > ($1, $2, $3) AND expires_at <= $4 ORDER BY expires_at, event_id, first_seq LIMIT $5`
	sqlExpired = `SELECT DISTINCT booking_id FROM ledger l WHERE event_id = $1 AND seq >= $2 AND seq <= $3 AND until = $4
		AND (SELECT b.status = 'pending' AND b.expires_at = l.until FROM bookings b WHERE b.event_id = l.event_id AND b.id = l.booking_id) ORDER BY booking_id`
	sqlForget = `DELETE FROM lapsing WHERE expires_at = $1 AND event_id = $2 AND first_seq = $3`
)

// due lists the rows after a given one whose holds have expired by now, in order.
func (s *Service) due(ctx context.Context, after expiry, now int64) ([]expiry, error) {
	rows, err := s.db.Query(ctx, sqlDue, after.until, after.eventID, after.first, now, sweepRows)
	if err != nil {
		return nil, fmt.Errorf("list expired holds: %w", err)
	}
	defer rows.Close()
	var list []expiry
	for rows.Next() {
		var l expiry
		if err := rows.Scan(&l.until, &l.eventID, &l.first, &l.last); err != nil {
			return nil, fmt.Errorf("list expired holds: %w", err)
		}
		list = append(list, l)
	}
	return list, rows.Err()
}

// pending lists the bookings that a row leads to and that are still pending with its
// end. Once there are none, there will never be any again.
func (s *Service) pending(ctx context.Context, l expiry) ([]string, error) {
	return s.ids(ctx, sqlExpired, l.eventID, l.first, l.last, l.until)
}

func (s *Service) forget(ctx context.Context, over []expiry) error {
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
		return fmt.Errorf("forget expired holds: %w", err)
	}
	return nil
}
