package payment

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"boxoffice/internal/id"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/sqldb"
)

// Row is what an auditor compares with the bookings: a captured payment has
// exactly one booked booking, or all of it was refunded.
type Row struct {
	ID, BookingID, EventID, UserID string
	Attempt                        int64
	Amount, Refunded               int64 // minor units
	Currency                       string
	Status                         paymentapi.Status
	GaveUp                         bool // see record
}

// Named reports whether the row has the id that its booking and attempt give it.
func (r *Row) Named() bool {
	return r.ID == paymentID(r.BookingID, r.Attempt)
}

// Took reports whether the payment has paid its booking, whatever went back since.
func (r *Row) Took() bool {
	return r.Status == paymentapi.Captured || r.Status == paymentapi.Refunded && !r.GaveUp
}

// By a range of the primary key.
const sqlLedger = `SELECT id, booking_id, event_id, user_id, attempt, amount, refunded, currency, status, ends_as <> ''
	FROM payments WHERE id >= $1 AND id < $2 ORDER BY id`

// Ledger yields all payments of an event, or of all events if eventID is "", in
// the order of their ids. An error of yield ends it and is returned.
func Ledger(ctx context.Context, q sqldb.Querier, eventID string, yield func(Row) error) error {
	rows, err := q.QueryContext(ctx, sqlLedger, eventID, eventID+"~") // ids are below "~"
	if err != nil {
		return fmt.Errorf("list payments: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var r Row
		if err := rows.Scan(&r.ID, &r.BookingID, &r.EventID, &r.UserID, &r.Attempt, &r.Amount, &r.Refunded,
			&r.Currency, (*string)(&r.Status), &r.GaveUp); err != nil {
			return fmt.Errorf("list payments: %w", err)
		}
		if err := yield(r); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Events lists the events that have payments by the payments' ids, in order: a step
// of the primary key for each. What the rows themselves say may differ: see Row.
func Events(ctx context.Context, q sqldb.Querier) (ids []string, err error) {
	for after := ""; ; {
		var one string
		err := q.QueryRowContext(ctx, `SELECT id FROM payments WHERE id > $1 ORDER BY id LIMIT 1`, after).Scan(&one)
		if errors.Is(err, sql.ErrNoRows) {
			return ids, nil
		}
		if err != nil {
			return nil, fmt.Errorf("list events of payments: %w", err)
		}
		event := one[:min(id.Len, len(one))]
		if len(ids) == 0 || ids[len(ids)-1] != event {
			ids = append(ids, event)
		}
		after = max(event+"~", one) // always further, whatever an id looks like
	}
}

// RefundRow is a refund as an auditor compares it with the bookings' ledger and
// with its payment.
type RefundRow struct {
	ID, BookingID, PaymentID string
	Seq                      int64 // of the ledger entry that it is for
	Amount                   int64 // minor units
	Status                   string
}

// Named reports whether the row has the id that its event and entry give it.
func (r *RefundRow) Named(eventID string) bool { return r.ID == refundID(eventID, r.Seq) }

// Done reports whether the money has gone back.
func (r *RefundRow) Done() bool { return r.Status == refundDone }

// Needless reports whether there was no money to go back.
func (r *RefundRow) Needless() bool { return r.Status == refundNeedless }

// RefundLedger yields all refunds of an event. Each entry of its ledger that gives
// money back has one, up to the entry upTo; later ones may have one already.
func RefundLedger(ctx context.Context, q sqldb.Querier, eventID string, yield func(RefundRow) error) (upTo int64, err error) {
	// By the primary key of each.
	err = q.QueryRowContext(ctx, `SELECT seq FROM refund_cursors WHERE event_id = $1`, eventID).Scan(&upTo)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("read refund cursor: %w", err)
	}
	rows, err := q.QueryContext(ctx, `SELECT id, seq, booking_id, payment_id, amount, status FROM refunds WHERE id > $1 AND id < $2`,
		eventID+":", eventID+";")
	if err != nil {
		return 0, fmt.Errorf("list refunds: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var r RefundRow
		if err := rows.Scan(&r.ID, &r.Seq, &r.BookingID, &r.PaymentID, &r.Amount, &r.Status); err != nil {
			return 0, fmt.Errorf("list refunds: %w", err)
		}
		if err := yield(r); err != nil {
			return 0, err
		}
	}
	return upTo, rows.Err()
}

// Unsettled counts the payments and the refunds of an event, or of all events if
// eventID is "", that are still under way. A cancelled entry of the ledger whose
// refund has no row yet is not among them: see RefundLedger.
func Unsettled(ctx context.Context, q sqldb.Querier, eventID string) (payments, refunds int64, err error) {
	// By ranges of the primary keys.
	const query = `SELECT (SELECT count(*) FROM payments WHERE id >= $1 AND id < $2 AND ` + underWay + `),
		(SELECT count(*) FROM refunds WHERE id >= $1 AND id < $2 AND status = 'pending')`
	if err := q.QueryRowContext(ctx, query, eventID, eventID+"~").Scan(&payments, &refunds); err != nil { // ids are below "~"
		return 0, 0, fmt.Errorf("count open payments: %w", err)
	}
	return payments, refunds, nil
}

// Migrate brings the tables up to date, or says that a database that is only read is
// of another version.
func Migrate(ctx context.Context, db *sqldb.DB) error { return db.Migrate(ctx, "payment", migrations) }
