package payment

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

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

const rowColumns = `SELECT id, booking_id, event_id, user_id, attempt, amount, refunded, currency, status, ends_as <> '' FROM payments`

// Ledger yields all payments of an event, or of all events if eventID is "", in
// the order of their ids. An error of yield ends it and is returned.
func Ledger(ctx context.Context, q sqldb.Querier, eventID string, yield func(Row) error) error {
	if eventID == "" {
		return each(ctx, q, yield, rowColumns+` ORDER BY id`)
	}
	return each(ctx, q, yield, rowColumns+` WHERE event_id = $1 AND id >= $1 AND id < $2 ORDER BY id`, eventID, eventID+"~") // primary key; ids are below "~"
}

// Misplaced finds payments whose id does not begin with their event's: a difference
// names the first. It looks through all of them.
func Misplaced(ctx context.Context, q sqldb.Querier) error {
	return each(ctx, q, func(r Row) error { return (&accounts{eventID: r.EventID}).misplaced(&r) }, rowColumns+` WHERE substr(id, 1, $1) <> event_id ORDER BY id`, id.Len)
}

func each(ctx context.Context, q sqldb.Querier, yield func(Row) error, query string, args ...any) error {
	rows, err := q.QueryContext(ctx, query, args...)
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

// Events lists the events that have payments, in order. It looks through all of them.
func Events(ctx context.Context, q sqldb.Querier) ([]string, error) {
	ids, err := sqldb.Texts(ctx, q, `SELECT DISTINCT event_id FROM payments`)
	if err != nil {
		return nil, fmt.Errorf("list events of payments: %w", err)
	}
	slices.Sort(ids)
	return ids, nil
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
	rows, err := q.QueryContext(ctx, `SELECT id, seq, booking_id, payment_id, amount, status FROM refunds WHERE event_id = $1 AND id > $2 AND id < $3`,
		eventID, eventID+":", eventID+";")
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
	query, args := `SELECT (SELECT count(*) FROM payments WHERE event_id = $1 AND id >= $1 AND id < $2 AND `+underWay+`),
		(SELECT count(*) FROM refunds WHERE event_id = $1 AND id >= $1 AND id < $2 AND status = 'pending')`, []any{eventID, eventID + "~"} // primary keys
	if eventID == "" {
		query, args = `SELECT (SELECT count(*) FROM payments WHERE `+underWay+`), (SELECT count(*) FROM refunds WHERE status = 'pending')`, nil
	}
	if err := q.QueryRowContext(ctx, query, args...).Scan(&payments, &refunds); err != nil {
		return 0, 0, fmt.Errorf("count open payments: %w", err)
	}
	return payments, refunds, nil
}

// Migrate brings the tables up to date, or says that a database that is only read is
// of another version.
func Migrate(ctx context.Context, db *sqldb.DB) error { return db.Migrate(ctx, "payment", migrations) }
