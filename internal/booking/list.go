package booking

import (
	"context"
	"fmt"
	"strings"

	"boxoffice/internal/bookingapi"
)

// bookingWithOrganizer reads a booking and whose event it is for.
const bookingWithOrganizer = `SELECT b.id, b.event_id, b.user_id, b.status, b.seats, b.created_at, b.expires_at, b.amount, b.fees, b.currency,
	b.plan_id, b.plan_version, b.price_version, b.payment_id, b.fingerprint, b.extended, b.seq, b.email_key, b.released_at, b.given_back, s.organizer_id
	FROM bookings b JOIN sales s ON s.event_id = b.event_id`

// By bookings_by_event, and the primary key of sales.
const sqlShown = bookingWithOrganizer + ` WHERE b.event_id = $1 COLLATE "C" AND b.id = $2`

// withTail scans one more column than the scanner's caller knows of.
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

// List shows bookings in the order of their ids, which is stable while others
// come in.
func (s *Service) List(ctx context.Context, f bookingapi.Filter) ([]bookingapi.Booking, error) {
	var where []string
	var args []any
	add := func(cond string, v any) {
		args = append(args, v)
		where = append(where, fmt.Sprintf(cond, len(args)))
	}
	add("b.id > $%d", f.After)
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
	args = append(args, f.Limit)
	query := bookingWithOrganizer + ` WHERE ` + strings.Join(where, " AND ") + fmt.Sprintf(` ORDER BY b.id LIMIT $%d`, len(args))
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
