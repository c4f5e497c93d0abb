package payment

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/id"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/sqldb"
)

// Row is what an auditor compares with the bookings: a captured payment belongs to
// exactly one booked booking, or was fully refunded.
type Row struct {
	ID, BookingID, EventID, UserID string
	Attempt                        int64
	Amount, Refunded               int64 // minor units
	Currency                       string
	Status                         paymentapi.Status
	GivenUp                        bool  // see record
	Fees, Tax, Disputed, Elsewhere int64 // minor units: see record
	Gateway, Account               string
	Test                           bool
	Transferred                    int64 // minor units: see record
	Excess, ExcessBack             int64 // minor units: see record
	Posted                         bool  // the journal has all of it: see record
}

// Named reports whether the row's id is the one that follows from its booking and
// attempt.
func (r *Row) Named() bool {
	return r.ID == paymentID(r.BookingID, r.Attempt)
}

// Took reports whether the payment paid for its booking, even if it was refunded
// later.
func (r *Row) Took() bool {
	return r.Status == paymentapi.Captured || r.Status == paymentapi.Refunded && !r.GivenUp
}

const rowColumns = `SELECT id, booking_id, event_id, user_id, attempt, amount, refunded, currency, status, ends_as <> '', fees, tax, disputed, elsewhere, posted = version, gateway, account, test, transferred, excess, excess_back FROM payments`

// Ledger yields all payments of an event, or of all events if eventID is "", in
// the order of their ids. An error of yield ends it and is returned.
func Ledger(ctx context.Context, q sqldb.Querier, eventID string, yield func(Row) error) error {
	if eventID == "" {
		return each(ctx, q, yield, rowColumns+` ORDER BY id`)
	}
	return each(ctx, q, yield, rowColumns+` WHERE event_id = $1 AND id >= $1 AND id < $2 ORDER BY id`, eventID, eventID+"~") // primary key; ids are below "~"
}

// Auditor compares payments and refunds with the ledgers of events, and the journal with
// both.
type Auditor struct{}

// Misplaced returns a difference that names the first payment whose id does not
// begin with its event's id, or a fault of the journal of what belongs to no event. It
// scans all payments.
func (Auditor) Misplaced(ctx context.Context, q sqldb.Querier) error {
	if err := each(ctx, q, func(r Row) error { return (&accounts{eventID: r.EventID}).misplaced(&r) }, rowColumns+` WHERE substr(id, 1, $1) <> event_id ORDER BY id`, id.Len); err != nil {
		return err
	}
	wrong, err := Journal(ctx, q, "") // what belongs to no event
	if err == nil && wrong != "" {
		err = bookingapi.Difference{Text: wrong}
	}
	return err
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
			&r.Currency, (*string)(&r.Status), &r.GivenUp, &r.Fees, &r.Tax, &r.Disputed, &r.Elsewhere, &r.Posted, &r.Gateway, &r.Account, &r.Test, &r.Transferred, &r.Excess, &r.ExcessBack); err != nil {
			return fmt.Errorf("list payments: %w", err)
		}
		if err := yield(r); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Events lists the events that have payments or postings, in order. It scans all of them.
func (Auditor) Events(ctx context.Context, q sqldb.Querier) ([]string, error) {
	ids, err := sqldb.Texts(ctx, q, `SELECT event_id FROM payments UNION SELECT event_id FROM payments_journal WHERE event_id <> ''`)
	if err != nil {
		return nil, fmt.Errorf("list events of payments: %w", err)
	}
	slices.Sort(ids)
	return ids, nil
}

// RefundRow is what an auditor compares with the bookings' ledger and with the
// payment.
type RefundRow struct {
	ID, BookingID, PaymentID string
	Seq                      int64 // of the ledger entry that it is for
	Amount                   int64 // minor units
	Elsewhere                int64 // the part of it that was given back on the gateway's own pages
	Status                   string
}

// Named reports whether the row's id is the one that follows from its event and
// entry.
func (r *RefundRow) Named(eventID string) bool { return r.ID == refundID(eventID, r.Seq) }

// Done reports whether the money has gone back.
func (r *RefundRow) Done() bool { return r.Status == refundDone }

// Needless reports whether there was no money to return.
func (r *RefundRow) Needless() bool { return r.Status == refundNeedless }

// RefundLedger yields all refunds of an event. Each ledger entry up to upTo that
// returns money has one; later entries may have one already.
func RefundLedger(ctx context.Context, q sqldb.Querier, eventID string, yield func(RefundRow) error) (upTo int64, err error) {
	// By the primary key of each.
	err = q.QueryRowContext(ctx, `SELECT seq FROM refund_cursors WHERE event_id = $1`, eventID).Scan(&upTo)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("read refund cursor: %w", err)
	}
	rows, err := q.QueryContext(ctx, `SELECT id, seq, booking_id, payment_id, amount, elsewhere, status FROM refunds WHERE event_id = $1 AND id > $2 AND id < $3`,
		eventID, eventID+":", eventID+";")
	if err != nil {
		return 0, fmt.Errorf("list refunds: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var r RefundRow
		if err := rows.Scan(&r.ID, &r.Seq, &r.BookingID, &r.PaymentID, &r.Amount, &r.Elsewhere, &r.Status); err != nil {
			return 0, fmt.Errorf("list refunds: %w", err)
		}
		if err := yield(r); err != nil {
			return 0, err
		}
	}
	return upTo, rows.Err()
}

// Unsettled counts the payments and refunds of an event, or of all events if eventID
// is "", that are still under way. It misses cancelled ledger entries whose refund
// has no row yet: see RefundLedger.
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

// BegunWith counts the payments of an event ("": of all) that are over money, by the
// gateway that they were begun with.
func BegunWith(ctx context.Context, q sqldb.Querier, eventID string) (list []paymentapi.Begun, err error) {
	query, args := `SELECT gateway, test, count(*), count(CASE WHEN `+underWay+` THEN 1 END) FROM payments WHERE amount > 0`, []any(nil)
	if eventID != "" {
		query, args = query+` AND event_id = $1 AND id >= $1 AND id < $2`, []any{eventID, eventID + "~"} // primary key; ids are below "~"
	}
	rows, err := q.QueryContext(ctx, query+` GROUP BY gateway, test ORDER BY gateway, test`, args...)
	if err != nil {
		return nil, fmt.Errorf("count payments by gateway: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var b paymentapi.Begun
		if err := rows.Scan(&b.Gateway, &b.Test, &b.Payments, &b.Open); err != nil {
			return nil, fmt.Errorf("count payments by gateway: %w", err)
		}
		list = append(list, b)
	}
	return list, rows.Err()
}

// Migrate brings the tables up to date. On a read-only database it fails if their
// version differs.
func Migrate(ctx context.Context, db *sqldb.DB) error { return db.Migrate(ctx, "payment", migrations) }
