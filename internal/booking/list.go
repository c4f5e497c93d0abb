package booking

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/id"
)

const shownColumns = `b.id, b.event_id, b.user_id, b.status, b.seats, b.created_at, b.expires_at, b.amount, b.fees, b.currency,
	b.plan_id, b.plan_version, b.price_version, b.payment_id, b.fingerprint, b.extended, b.seq, b.email_key, b.released_at, b.given_back, b.paid_left, b.late`

// bookingWithOrganizer reads a booking and the organizer of its event.
const bookingWithOrganizer = `SELECT ` + shownColumns + `, s.organizer_id FROM bookings b JOIN sales s ON s.event_id = b.event_id`

// ticketed is the condition that a booking has tickets, or had them when its event was
// cancelled. Without the first parameter the ledger is asked when that was.
const ticketed = `(b.status = 'booked' OR b.status = 'cancelled' AND s.status = 'cancelled' AND b.payment_id <> '' AND b.seq > coalesce(CAST($%d AS BIGINT),
		(` + sqlSaleEnd + `)))
	AND NOT (b.price_version = -1 AND b.payment_id = 'block')`

// sqlSaleEnd finds the last entry about an event's sale, by the ledger's primary key. A
// cancelled sale does not change any more, so it is its end.
const sqlSaleEnd = `SELECT l.seq FROM ledger l WHERE l.event_id = $%d AND l.kind = 'sale' ORDER BY l.seq DESC LIMIT 1`

// saleEnd returns the ledger version at which an event was cancelled. Not valid: it was
// not. It remembers the answer, because 20,000 entries may follow.
func (s *Service) saleEnd(ctx context.Context, eventID string) (sql.NullInt64, error) {
	if known, ok := s.ended.Load(eventID); ok {
		return known.(sql.NullInt64), nil
	}
	var status string
	err := s.db.Reader().QueryRowContext(ctx, `SELECT status FROM sales WHERE event_id = $1`, eventID).Scan(&status) // primary key
	if errors.Is(err, sql.ErrNoRows) || err == nil && status != string(eventapi.Cancelled) {
		return sql.NullInt64{}, nil
	}
	var end sql.NullInt64
	if err == nil {
		err = s.db.Reader().QueryRowContext(ctx, fmt.Sprintf(sqlSaleEnd, 1), eventID).Scan(&end)
	}
	if err != nil {
		return end, fmt.Errorf("end of a sale: %w", err)
	}
	s.ended.Store(eventID, end)
	return end, nil
}

// By bookings_by_event, and the primary key of sales.
const sqlShown = bookingWithOrganizer + ` WHERE b.event_id = $1 COLLATE "C" AND b.id = $2`

// withTail scans one more column than its caller asks for.
type withTail struct {
	scanner
	tail any
}

func (w withTail) Scan(dest ...any) error { return w.scanner.Scan(append(dest, w.tail)...) }

func scanWithOrganizer(row scanner) (bookingapi.Booking, error) {
	var organizer string
	r, err := scanBooking(withTail{row, &organizer})
	if err != nil {
		return bookingapi.Booking{}, err
	}
	r.OrganizerID = organizer
	return r.shown(), nil
}

// List returns bookings in the order of their ids, which stays stable while new ones
// arrive.
func (s *Service) List(ctx context.Context, f bookingapi.Filter) ([]bookingapi.Booking, error) {
	var where []string
	var args []any
	add := func(cond string, v any) {
		args = append(args, v)
		where = append(where, fmt.Sprintf(cond, len(args)))
	}
	// The order of ids, since they begin with the event's, but by a key.
	args = append(args, f.After[:min(id.Len, len(f.After))], f.After)
	where = append(where, `(b.event_id COLLATE "C", b.id) > ($1, $2)`)
	if f.UserID != "" {
		add("b.user_id = $%d", f.UserID) // bookings_by_user
	}
	if f.EventID != "" {
		add(`b.event_id = $%d COLLATE "C"`, f.EventID) // bookings_by_event
	}
	if f.Organizer != "" {
		add("s.organizer_id = $%d", f.Organizer)
	}
	if f.HeldAt != 0 {
		add("b.expires_at > $%d", f.HeldAt)
		add("b.status = $%d", string(bookingapi.Pending))
	}
	if f.Status != "" {
		add("b.status = $%d", string(f.Status))
	}
	if f.MadeUntil != 0 {
		add("b.created_at <= $%d", f.MadeUntil)
	}
	if f.Ticketed {
		end, err := s.saleEnd(ctx, f.EventID)
		if err != nil {
			return nil, err
		}
		args = append(args, end, f.EventID)
		where = append(where, fmt.Sprintf(ticketed, len(args)-1, len(args)))
	}
	args = append(args, f.Limit)
	query := bookingWithOrganizer + ` WHERE ` + strings.Join(where, " AND ") + fmt.Sprintf(` ORDER BY b.event_id COLLATE "C", b.id LIMIT $%d`, len(args))
	rows, err := s.db.Reader().QueryContext(ctx, s.db.Text(query), args...)
	if err != nil {
		return nil, fmt.Errorf("list bookings: %w", err)
	}
	defer rows.Close()
	var out []bookingapi.Booking
	for rows.Next() {
		b, err := scanWithOrganizer(rows)
		if err != nil {
			return nil, fmt.Errorf("list bookings: %w", err)
		}
		out = append(out, b)
	}
	return out, rows.Err()
}
