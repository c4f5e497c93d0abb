package booking

import (
	"context"
	"database/sql"
	"fmt"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/sqldb"
)

// sqlSold reads the head, and all sold seats with their bookings, by keys that begin with
// the event. One statement sees one ledger version.
const sqlSold = `SELECT s.seq, s.plan_id, s.plan_version, s.seats, c.seat, c.booking_id, b.price_version = -1 AND b.payment_id = 'block'
	FROM sales s LEFT JOIN claims c ON c.event_id = s.event_id AND c.expires_at IS NULL
	LEFT JOIN bookings b ON b.event_id = c.event_id COLLATE "C" AND b.id = c.booking_id WHERE s.event_id = $1`

// Admitting tells who owns seats from a database, for tools that run without the service.
func Admitting(db *sqldb.DB) bookingapi.Admitting { return admitting{db} }

type admitting struct{ db *sqldb.DB }

// Sold returns the seats of an event that are sold or given away; see bookingapi.Admitting.
func (s *Service) Sold(ctx context.Context, eventID string) (bookingapi.SoldSeats, error) {
	return admitting{s.db}.Sold(ctx, eventID)
}

// Holders returns the bookings that own seats now; see bookingapi.Admitting.
func (s *Service) Holders(ctx context.Context, eventID string, seats []int32) (map[int32]string, error) {
	return admitting{s.db}.Holders(ctx, eventID, seats)
}

// Sold implements bookingapi.Admitting.
func (a admitting) Sold(ctx context.Context, eventID string) (out bookingapi.SoldSeats, err error) {
	rows, err := a.db.Reader().QueryContext(ctx, a.db.Text(sqlSold), eventID)
	if err != nil {
		return out, fmt.Errorf("read sold seats: %w", err)
	}
	defer rows.Close()
	found, last := false, ""
	for rows.Next() {
		var seats int
		var seat sql.NullInt64
		var booking sql.NullString
		var block sql.NullBool
		if err := rows.Scan(&out.Seq, &out.PlanID, &out.PlanVersion, &seats, &seat, &booking, &block); err != nil {
			return out, fmt.Errorf("read sold seats: %w", err)
		}
		if !found {
			found, out.Bookings = true, make([]string, seats)
		}
		if !seat.Valid || block.Bool {
			continue
		}
		if seat.Int64 < 0 || seat.Int64 >= int64(seats) {
			return out, fmt.Errorf("read sold seats: event %s has %d seats, and seat %d is sold", eventID, seats, seat.Int64)
		}
		if booking.String != last {
			last = booking.String // neighbours often share a booking, and then its text
		}
		out.Bookings[seat.Int64] = last
	}
	if err := rows.Err(); err != nil {
		return out, fmt.Errorf("read sold seats: %w", err)
	}
	if !found {
		return out, errs.Missing("event")
	}
	return out, nil
}

// sqlHolders reads the owners of seats by the primary key of claims, and their bookings by
// bookings_by_event.
const sqlHolders = `SELECT c.seat, c.booking_id FROM claims c JOIN bookings b ON b.event_id = c.event_id COLLATE "C" AND b.id = c.booking_id
	WHERE c.event_id = $1 AND c.seat /*sqlite: IN (SELECT value FROM json_each($2))*/
		/*postgres: = ANY (ARRAY(SELECT CAST(json_array_elements_text(CAST($2 AS JSON)) AS BIGINT)))*/
	AND c.expires_at IS NULL AND NOT (b.price_version = -1 AND b.payment_id = 'block')`

// Holders implements bookingapi.Admitting.
func (a admitting) Holders(ctx context.Context, eventID string, seats []int32) (map[int32]string, error) {
	out := make(map[int32]string, len(seats))
	switch {
	case len(seats) == 0:
		return out, nil
	case len(seats) > bookingapi.MaxHolders:
		return nil, fmt.Errorf("holders of %d seats: at most %d", len(seats), bookingapi.MaxHolders)
	}
	list, err := codec.Marshal(seats)
	if err != nil {
		return nil, fmt.Errorf("read holders: %w", err)
	}
	rows, err := a.db.Reader().QueryContext(ctx, a.db.Text(sqlHolders), eventID, string(list))
	if err != nil {
		return nil, fmt.Errorf("read holders: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var seat int32
		var booking string
		if err := rows.Scan(&seat, &booking); err != nil {
			return nil, fmt.Errorf("read holders: %w", err)
		}
		out[seat] = booking
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read holders: %w", err)
	}
	return out, nil
}
