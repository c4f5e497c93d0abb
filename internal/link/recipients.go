package link

import (
	"context"
	"crypto/hmac"
	"database/sql"
	"errors"
	"fmt"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/sqldb"
)

// NotAgain is a time at which no mail was sent; see Give.
const NotAgain = -1

// Give records the recipient of an order; a mail is then due if there is an address.
// An address that has already had the mail gets it again only if mailed is the time
// of that mail, so a request that is sent twice mails once. Another address gets a
// new link in the same transaction, so that no address receives the link of another.
func (l *Links) Give(ctx context.Context, bookingID string, to caller.Person, mailed int64) error {
	err := l.db.Write(ctx, func(tx *sql.Tx) error {
		// A row to lock: another node may be changing the recipient of the same
		// order.
		if _, err := tx.ExecContext(ctx, `INSERT INTO recipients (booking_id, name, email, mailed_at) VALUES ($1, '', '', 0) ON CONFLICT DO NOTHING`, bookingID); err != nil {
			return err
		}
		var old string
		if err := tx.QueryRowContext(ctx, l.db.Text(`SELECT email FROM recipients WHERE booking_id = $1 /*postgres: FOR UPDATE*/`), bookingID).Scan(&old); err != nil {
			return err
		}
		if old != "" && old != to.Email {
			if err := l.renew(ctx, tx, bookingID); err != nil {
				return err
			}
		}
		return l.give(ctx, tx, bookingID, to, mailed)
	})
	if err != nil {
		return fmt.Errorf("recipients: %w", err)
	}
	return nil
}

func (l *Links) give(ctx context.Context, tx *sql.Tx, bookingID string, to caller.Person, mailed int64) error {
	_, err := tx.ExecContext(ctx, `UPDATE recipients SET name = $2, email = $3,
		mailed_at = CASE WHEN email <> $3 OR mailed_at = $4 THEN 0 ELSE mailed_at END,
		turn = turn + CASE WHEN email <> $3 OR mailed_at = $4 THEN 1 ELSE 0 END WHERE booking_id = $1`,
		bookingID, to.Name, to.Email, mailed) // primary key
	return err
}

// Mailed records that a mail with a link's token was sent to an address. The mail
// stays due if the order has another link or another recipient by now.
func (l *Links) Mailed(ctx context.Context, bookingID, email, token string) error {
	err := l.db.Write(ctx, func(tx *sql.Tx) error {
		if err := l.lockRecipient(ctx, tx, bookingID); err != nil {
			return err
		}
		current, err := l.Token(ctx, bookingID)
		if err != nil || !hmac.Equal([]byte(token), []byte(current)) {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE recipients SET mailed_at = $3 WHERE booking_id = $1 AND email = $2`, bookingID, email, l.now().UnixMicro())
		return err
	})
	if err != nil {
		return fmt.Errorf("recipients: %w", err)
	}
	return nil
}

// lockRecipient locks the row of an order's recipient, if there is one, until the
// transaction ends: recording a mail and renewing its link exclude each other.
func (l *Links) lockRecipient(ctx context.Context, tx *sql.Tx, bookingID string) error {
	var one string
	err := tx.QueryRowContext(ctx, l.db.Text(`SELECT booking_id FROM recipients WHERE booking_id = $1 /*postgres: FOR UPDATE*/`), bookingID).Scan(&one) // primary key
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}

// Forget deletes the recipient of an order.
func (l *Links) Forget(ctx context.Context, bookingID string) error {
	return l.write(ctx, `DELETE FROM recipients WHERE booking_id = $1`, bookingID)
}

// Due lists the orders whose mail has not been sent yet, in order, after a given
// one.
func (l *Links) Due(ctx context.Context, after string, limit int) ([]string, error) {
	ids, err := sqldb.Texts(ctx, l.db.Reader(), `SELECT booking_id FROM recipients
		WHERE mailed_at = 0 AND email <> '' AND booking_id > $1 ORDER BY booking_id LIMIT $2`, after, limit) // recipients_due
	if err != nil {
		return nil, fmt.Errorf("recipients: %w", err)
	}
	return ids, nil
}

// Recipients returns the recorded recipients of orders, by booking id.
func (l *Links) Recipients(ctx context.Context, bookingIDs []string) (map[string]bookingapi.Recipient, error) {
	among, arg, err := l.db.Among(bookingIDs)
	if err != nil {
		return nil, fmt.Errorf("recipients: %w", err)
	}
	return l.recipients(ctx, `booking_id `+among, arg)
}

func (l *Links) recipients(ctx context.Context, which string, arg any) (map[string]bookingapi.Recipient, error) {
	rows, err := l.db.Reader().QueryContext(ctx, `SELECT booking_id, name, email, mailed_at, turn FROM recipients WHERE `+which, arg)
	if err != nil {
		return nil, fmt.Errorf("recipients: %w", err)
	}
	defer rows.Close()
	out := map[string]bookingapi.Recipient{}
	for rows.Next() {
		var id string
		var r bookingapi.Recipient
		if err := rows.Scan(&id, &r.Name, &r.Email, &r.MailedAt, &r.Turn); err != nil {
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
