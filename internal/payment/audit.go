package payment

import (
	"context"
	"fmt"

	"boxoffice/internal/sqldb"
)

// Row is what an auditor compares with the bookings: a captured payment has
// exactly one booked booking, or all of it was refunded.
type Row struct {
	ID, BookingID, EventID, UserID string
	Attempt                        int64
	Amount, Refunded               int64 // minor units
	Currency                       string
	Status                         Status
}

// By a range of the primary key.
const sqlLedger = `SELECT id, booking_id, event_id, user_id, attempt, amount, refunded, currency, status
	FROM payments WHERE id >= $1 AND id < $2 ORDER BY id`

// Ledger yields all payments of an event, or of all events if eventID is "", in
// the order of their ids. An error of yield ends it and is returned.
func Ledger(ctx context.Context, db *sqldb.DB, eventID string, yield func(Row) error) error {
	rows, err := db.Reader().QueryContext(ctx, db.Text(sqlLedger), eventID, eventID+"~") // ids are below "~"
	if err != nil {
		return fmt.Errorf("list payments: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var r Row
		if err := rows.Scan(&r.ID, &r.BookingID, &r.EventID, &r.UserID, &r.Attempt, &r.Amount, &r.Refunded,
			&r.Currency, (*string)(&r.Status)); err != nil {
			return fmt.Errorf("list payments: %w", err)
		}
		if err := yield(r); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Unsettled counts the payments and the refunds that are still under way.
func Unsettled(ctx context.Context, db *sqldb.DB) (payments, refunds int64, err error) {
	const query = `SELECT (SELECT count(*) FROM payments WHERE ` + underWay + `),
		(SELECT count(*) FROM refunds WHERE status = 'pending')`
	if err := db.Reader().QueryRowContext(ctx, db.Text(query)).Scan(&payments, &refunds); err != nil {
		return 0, 0, fmt.Errorf("count open payments: %w", err)
	}
	return payments, refunds, nil
}
