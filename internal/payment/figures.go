package payment

import (
	"context"
	"fmt"

	"boxoffice/internal/message"
)

// By a range of the primary key: a refund's id begins with its event's.
const sqlRefundFigures = `SELECT status, count(*), CAST(coalesce(sum(amount), 0) AS BIGINT) FROM refunds
	WHERE id > $1 AND id < $2 GROUP BY status`

// RefundsOf is the money of an event that goes back, by how far it got.
func (s *Service) RefundsOf(ctx context.Context, eventID string) (message.Refunds, error) {
	var out message.Refunds
	rows, err := s.store.db.Reader().QueryContext(ctx, s.store.db.Text(sqlRefundFigures), eventID+":", eventID+";")
	if err != nil {
		return out, fmt.Errorf("count refunds: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var status string
		var f message.RefundFigure
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
