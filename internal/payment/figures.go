package payment

import (
	"context"
	"fmt"

	"boxoffice/internal/paymentapi"
)

// Money is returned by refunds for cancelled bookings, and without a refund if it
// was taken for a payment that had been given up. Refunds are read by
// refunds_by_event; payments by a range of the index payments_given_up, since a
// payment's id begins with its event's. A refund that failed, and that a person has given
// back in another way, is none of them.
const (
	sqlRefundFigures = refundFigures + `CASE WHEN status = 'failed' AND handled <> '' THEN 'handled' ELSE status END` + andGivenUp

	// The same for an event of which some bookings were paid in the other mode: their refunds
	// are apart. Payments are read by ranges of the primary key.
	sqlRefundFiguresApart = refundFigures + `CASE WHEN status = 'failed' AND handled <> '' THEN 'handled' WHEN status = 'needless' THEN status
			WHEN EXISTS (SELECT 1 FROM payments p WHERE p.event_id = $1 COLLATE "C" AND p.id > (r.booking_id || '-') COLLATE "C" AND p.id < (r.booking_id || '.') COLLATE "C"
				AND p.status IN ('captured', 'refunded') AND p.ends_as = '' AND p.gateway <> '' AND p.test <> $3) THEN 'other'
			ELSE status END` + andGivenUp

	refundFigures = `SELECT status, count(*), CAST(coalesce(sum(amount), 0) AS BIGINT) FROM (SELECT `
	andGivenUp    = ` AS status, amount FROM refunds r WHERE event_id = $1 COLLATE "C"
		UNION ALL
		SELECT CASE WHEN gateway <> '' AND test <> $3 THEN 'other' WHEN status = 'refunded' THEN 'done' ELSE 'pending' END, amount FROM payments /*sqlite: INDEXED BY payments_given_up*/
		WHERE ends_as <> '' AND event_id = $1 COLLATE "C" AND id > $1 AND id < $2 AND status IN ('refunded', 'returning') AND amount > 0
	) AS back GROUP BY status`
)

// What is owed to the buyers of payments that took money, by the payment's currency. Payments
// are read by ranges of the primary key.
const sqlOwed = `SELECT currency, CAST(sum(amount) AS BIGINT) FROM (
		SELECT r.amount - r.elsewhere AS amount, (SELECT p.currency FROM payments p WHERE p.event_id = $1 COLLATE "C" AND p.id > (r.booking_id || '-') COLLATE "C" AND p.id < (r.booking_id || '.') COLLATE "C"
			AND p.status IN ('captured', 'refunded') AND p.ends_as = '' AND (p.gateway = '' OR p.test = $2) LIMIT 1) AS currency
		FROM refunds r WHERE r.event_id = $1 COLLATE "C" AND (r.status = 'pending' OR r.status = 'failed' AND r.handled = '')
	) AS open WHERE currency IS NOT NULL GROUP BY currency`

// Owed is what of an event's sales is still to be refunded, by currency, in minor units:
// refunds that are not made yet, or have failed and were not given back in another way, less
// what was given back for them on the gateway's own pages. Money of payments that were given
// up was no sale, and is left out; so are payments of the other mode, test or live.
func (s *Service) Owed(ctx context.Context, eventID string) (map[string]int64, error) {
	rows, err := s.store.db.Reader().QueryContext(ctx, s.store.db.Text(sqlOwed), eventID, s.test)
	if err != nil {
		return nil, fmt.Errorf("add up open refunds: %w", err)
	}
	defer rows.Close()
	owed := map[string]int64{}
	for rows.Next() {
		var currency string
		var amount int64
		if err := rows.Scan(&currency, &amount); err != nil {
			return nil, fmt.Errorf("add up open refunds: %w", err)
		}
		owed[currency] = amount
	}
	return owed, rows.Err()
}

// refundsOf sums up the money of an event that is being returned, for whatever
// reason.
func (s *Service) refundsOf(ctx context.Context, eventID string) (paymentapi.Refunds, error) {
	var out paymentapi.Refunds
	others, err := s.OtherMode(ctx, eventID)
	if err != nil {
		return out, err
	}
	query := sqlRefundFigures
	if len(others) > 0 {
		query = sqlRefundFiguresApart
	}
	rows, err := s.store.db.Reader().QueryContext(ctx, s.store.db.Text(query), eventID, eventID+"~", s.test)
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
		case "other":
			out.Other = f
		}
	}
	return out, rows.Err()
}
