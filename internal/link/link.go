package link

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"boxoffice/internal/errs"
	"boxoffice/internal/sqldb"
)

//go:embed migrations
var migrations embed.FS

// Links makes and checks the tokens of signed links.
type Links struct {
	db  *sqldb.DB
	key []byte
	now func() time.Time
	get *sql.Stmt
}

// New migrates the table. The key must stay the same: mailed links depend on it.
func New(ctx context.Context, db *sqldb.DB, key []byte, now func() time.Time) (*Links, error) {
	if err := db.Migrate(ctx, "link", migrations); err != nil {
		return nil, err
	}
	get, err := db.PrepareRead(ctx, `SELECT version FROM order_links WHERE booking_id = $1`) // by primary key
	if err != nil {
		return nil, fmt.Errorf("links: %w", err)
	}
	return &Links{db: db, key: key, now: now, get: get}, nil
}

// Token returns the currently valid token of an order's link.
func (l *Links) Token(ctx context.Context, bookingID string) (string, error) {
	version, err := l.version(ctx, bookingID)
	return l.token(bookingID, version), err
}

// Tokens returns the tokens of many orders, by booking id, read in one statement.
func (l *Links) Tokens(ctx context.Context, bookingIDs []string) (map[string]string, error) {
	out := make(map[string]string, len(bookingIDs))
	for _, id := range bookingIDs {
		out[id] = l.token(id, 0)
	}
	among, arg, err := l.db.Among(bookingIDs)
	if err != nil {
		return nil, fmt.Errorf("read links: %w", err)
	}
	rows, err := l.db.Reader().QueryContext(ctx, `SELECT booking_id, version FROM order_links WHERE booking_id `+among, arg)
	if err != nil {
		return nil, fmt.Errorf("read links: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var version int64
		if err := rows.Scan(&id, &version); err != nil {
			return nil, fmt.Errorf("read links: %w", err)
		}
		out[id] = l.token(id, version)
	}
	return out, rows.Err()
}

// Check refuses a token that does not belong to an order, or no longer does, as if
// the order did not exist.
func (l *Links) Check(ctx context.Context, bookingID, token string) error {
	good, err := l.Token(ctx, bookingID)
	if err != nil {
		return err
	}
	if !hmac.Equal([]byte(token), []byte(good)) {
		return errs.Missing("booking")
	}
	return nil
}

// Renew replaces the link with the token seen ("": whichever is current); all
// earlier links become invalid. If seen was replaced before, it does nothing: the
// same request was sent twice.
func (l *Links) Renew(ctx context.Context, bookingID, seen string) error {
	err := l.db.Write(ctx, func(tx *sql.Tx) error {
		if err := l.lockRecipient(ctx, tx, bookingID); err != nil {
			return err
		}
		if seen == "" {
			return l.renew(ctx, tx, bookingID)
		}
		version, err := l.version(ctx, bookingID)
		if err != nil || !hmac.Equal([]byte(seen), []byte(l.token(bookingID, version))) {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO order_links (booking_id, version, changed_at) VALUES ($1, $2, $3)
			ON CONFLICT (booking_id) DO UPDATE SET version = excluded.version, changed_at = excluded.changed_at
			WHERE order_links.version = $4`, bookingID, version+1, l.now().UnixMicro(), version)
		return err
	})
	if err != nil {
		return fmt.Errorf("new link: %w", err)
	}
	return nil
}

func (l *Links) renew(ctx context.Context, tx *sql.Tx, bookingID string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO order_links (booking_id, version, changed_at) VALUES ($1, 1, $2)
		ON CONFLICT (booking_id) DO UPDATE SET version = order_links.version + 1, changed_at = excluded.changed_at`, bookingID, l.now().UnixMicro())
	return err
}

func (l *Links) version(ctx context.Context, bookingID string) (int64, error) {
	var version int64
	err := l.get.QueryRowContext(l.db.Quick(ctx), bookingID).Scan(&version)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("read link: %w", err)
	}
	return version, nil
}

func (l *Links) token(bookingID string, version int64) string {
	mac := hmac.New(sha256.New, l.key)
	mac.Write([]byte("order:" + bookingID))
	if version > 0 {
		fmt.Fprintf(mac, ":%d", version) // an id contains no colon
	}
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:18])
}
