package payment

import (
	"context"
	"fmt"

	"boxoffice/internal/paymentapi"
)

// Money is returned by refunds for cancelled bookings, and without a refund if it
// was taken for a payment that had been given up. Refunds are read by
// refunds_by_event; payments by a range of the index payments_given_up, since a
// payment's id begins with its event's.
const sqlRefundFigures = `SELECT status, count(*), CAST(coalesce(sum(amount), 0) AS BIGINT) FROM (
		SELECT status, amount FROM refunds WHERE event_id = $1 COLLATE "C"
		UNION ALL
		SELECT CASE status WHEN 'refunded' THEN 'done' ELSE 'pending' END, amount FROM payments /*sqlite: INDEXED BY payments_given_up*/
		WHERE ends_as <> '' AND event_id = $1 COLLATE "C" AND id > $1 AND id < $2 AND status IN ('refunded', 'returning') AND amount > 0
	) AS back GROUP BY status`

// refundsOf sums up the money of an event that is being returned, for whatever
// reason.
func (s *Service) refundsOf(ctx context.Context, eventID string) (paymentapi.Refunds, error) {
	var out paymentapi.Refunds
	rows, err := s.store.db.Reader().QueryContext(ctx, s.store.db.Text(sqlRefundFigures), eventID, eventID+"~")
	if err != nil {
		return out, fmt.Errorf("count refunds: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var status string
		var f paymentapi.RefundFigure
		if err := rows.Scan(&status, &f.Count, &f.Amount); err != nil {
			return out, fmt.Errorf("count refunds: %w", err)
		}
		switch status {
		case refundDone:
			out.Done = f
		case refundPending:
			out.Pending = f
		case refundFailed:
			out.Failed = f
		}
	}
	return out, rows.Err()
}
