package payment

import (
	"context"
	"fmt"

	"boxoffice/internal/id"
	"boxoffice/internal/paymentapi"
)

// By the index refunds_failed.
const sqlUnmade = `SELECT booking_id, amount - elsewhere, handled <> '', attempt > 1 OR reason = '` + elsewhereFailed + `', updated_at
	FROM refunds /*sqlite: INDEXED BY refunds_failed*/ WHERE status = 'failed' AND amount > elsewhere AND event_id = $2 COLLATE "C" AND booking_id `

// Unmade returns the refunds of some bookings that have failed, by booking, the oldest first.
func (s *Service) Unmade(ctx context.Context, bookingIDs []string) (map[string][]paymentapi.Unmade, error) {
	byEvent := map[string][]string{}
	for _, b := range bookingIDs {
		byEvent[id.Event(b)] = append(byEvent[id.Event(b)], b)
	}
	out := map[string][]paymentapi.Unmade{}
	for event, bookings := range byEvent {
		if err := s.store.unmade(ctx, event, bookings, out); err != nil {
			return nil, fmt.Errorf("read failed refunds: %w", err)
		}
	}
	return out, nil
}

// unmade adds those of bookings of an event.
func (s *store) unmade(ctx context.Context, eventID string, bookingIDs []string, out map[string][]paymentapi.Unmade) error {
	among, arg, err := s.db.Among(bookingIDs)
	if err != nil {
		return err
	}
	rows, err := s.db.Reader().QueryContext(ctx, s.db.Text(sqlUnmade+among+` ORDER BY seq`), arg, eventID)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var booking string
		var u paymentapi.Unmade
		if err := rows.Scan(&booking, &u.Amount, &u.Handled, &u.CameBack, &u.At); err != nil {
			return err
		}
		out[booking] = append(out[booking], u)
	}
	return rows.Err()
}
