package link

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"boxoffice/internal/message"
	"boxoffice/internal/sqldb"
)

// Give notes whom an order is for; a mail is due then if there is an address. The
// same recipient again, of whom again is false, changes nothing.
func (l *Links) Give(ctx context.Context, bookingID string, to message.Person, again bool) error {
	return l.write(ctx, `INSERT INTO recipients (booking_id, name, email, mailed_at) VALUES ($1, $2, $3, 0)
		ON CONFLICT (booking_id) DO UPDATE SET name = excluded.name, email = excluded.email,
			mailed_at = CASE WHEN recipients.email <> excluded.email OR $4 = 1 THEN 0 ELSE recipients.mailed_at END`,
		bookingID, to.Name, to.Email, number(again))
}

func number(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

// Mailed notes that an order's mail has gone to an address.
func (l *Links) Mailed(ctx context.Context, bookingID, email string) error {
	return l.write(ctx, `UPDATE recipients SET mailed_at = $3 WHERE booking_id = $1 AND email = $2`, bookingID, email, l.now().UnixMicro())
}

// Forget forgets whom an order was for.
func (l *Links) Forget(ctx context.Context, bookingID string) error {
	return l.write(ctx, `DELETE FROM recipients WHERE booking_id = $1`, bookingID)
}

// Due are orders whose mail has not gone yet, with whom they are for.
func (l *Links) Due(ctx context.Context, limit int) (map[string]message.Recipient, error) {
	return l.recipients(ctx, `mailed_at = 0 AND email <> '' ORDER BY booking_id LIMIT $1`, limit) // recipients_due
}

// Recipients are whom orders are for, by booking id, for those that are noted.
func (l *Links) Recipients(ctx context.Context, bookingIDs []string) (map[string]message.Recipient, error) {
	if l.db.Dialect() != sqldb.SQLite {
		return l.recipients(ctx, `booking_id = ANY (CAST($1 AS TEXT[]))`, bookingIDs)
	}
	raw, err := json.Marshal(bookingIDs)
	if err != nil {
		return nil, fmt.Errorf("recipients: %w", err)
	}
	return l.recipients(ctx, `booking_id IN (SELECT value FROM json_each($1))`, string(raw))
}

func (l *Links) recipients(ctx context.Context, which string, arg any) (map[string]message.Recipient, error) {
	rows, err := l.db.Reader().QueryContext(ctx, `SELECT booking_id, name, email, mailed_at FROM recipients WHERE `+which, arg)
	if err != nil {
		return nil, fmt.Errorf("recipients: %w", err)
	}
	defer rows.Close()
	out := map[string]message.Recipient{}
	for rows.Next() {
		var id string
		var r message.Recipient
		if err := rows.Scan(&id, &r.Name, &r.Email, &r.MailedAt); err != nil {
			return nil, fmt.Errorf("recipients: %w", err)
		}
		out[id] = r
	}
	return out, rows.Err()
}

func (l *Links) write(ctx context.Context, query string, args ...any) error {
	err := l.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, query, args...)
		return err
	})
	if err != nil {
		return fmt.Errorf("recipients: %w", err)
	}
	return nil
}
