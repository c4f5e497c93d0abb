package notices

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"time"

	"boxoffice/internal/codec"
)

//go:embed migrations
var migrations embed.FS

const (
	// All by the primary key.
	sqlTake   = `INSERT INTO payments_notices (event_id, provider, id, payments, at, done_at) VALUES ($1, $2, $3, $4, $5, 0) ON CONFLICT DO NOTHING`
	sqlDone   = `UPDATE payments_notices SET done_at = $1 WHERE event_id = $2 AND provider = $3 AND id = $4`
	sqlShrink = `UPDATE payments_notices SET payments = $1 WHERE event_id = $2 AND provider = $3 AND id = $4`

	// By payments_notices_done.
	sqlOpen   = `SELECT event_id, provider, id, payments, at FROM payments_notices WHERE done_at = 0 AND at >= $1 AND at < $2 ORDER BY at LIMIT $3`
	sqlForget = `DELETE FROM payments_notices WHERE done_at > 0 AND done_at < $1 OR done_at = 0 AND at < $1`
)

// key is the key of a row.
type key struct{ event, provider, id string }

// notice is a message that names payments.
type notice struct {
	key
	payments []string
	echo     bool  // see provider.Notice; of a message that was left it is not known
	at       int64 // when it came, µs since 1970; only of one that was left
}

// take stores a message; fresh is false if it is known already.
func (s *Service) take(ctx context.Context, n *notice, at time.Time) (fresh bool, err error) {
	text, err := codec.Marshal(n.payments)
	if err != nil {
		return false, fmt.Errorf("store a gateway's message: %w", err)
	}
	err = s.write(ctx, "store a gateway's message", func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, sqlTake, n.event, n.provider, n.id, string(text), at.UnixMicro())
		if err != nil {
			return err
		}
		rows, err := r.RowsAffected()
		fresh = rows == 1
		return err
	})
	return fresh, err
}

// done records that the gateway was asked about all payments of a message.
func (s *Service) done(ctx context.Context, k key) error {
	return s.write(ctx, "end a gateway's message", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, sqlDone, s.now().UnixMicro(), k.event, k.provider, k.id)
		return err
	})
}

// keep leaves a message the payments that are still to be asked about.
func (s *Service) keep(ctx context.Context, n *notice) error {
	text, err := codec.Marshal(n.payments)
	if err != nil {
		return fmt.Errorf("keep a gateway's message: %w", err)
	}
	return s.write(ctx, "keep a gateway's message", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, sqlShrink, string(text), n.event, n.provider, n.id)
		return err
	})
}

func (s *Service) write(ctx context.Context, what string, fn func(*sql.Tx) error) error {
	if err := s.db.Write(ctx, fn); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// open lists messages that came between two times and are not done, the oldest first. from
// is in µs since 1970.
func (s *Service) open(ctx context.Context, from int64, before time.Time, limit int) ([]notice, error) {
	rows, err := s.db.Reader().QueryContext(ctx, sqlOpen, from, before.UnixMicro(), limit)
	if err != nil {
		return nil, fmt.Errorf("list gateways' messages: %w", err)
	}
	defer rows.Close()
	var list []notice
	for rows.Next() {
		var n notice
		var text []byte
		if err := rows.Scan(&n.event, &n.provider, &n.id, &text, &n.at); err != nil {
			return nil, fmt.Errorf("list gateways' messages: %w", err)
		}
		if err := codec.ReadKnown(text, &n.payments); err != nil {
			return nil, fmt.Errorf("message %q: %w", n.id, err)
		}
		list = append(list, n)
	}
	return list, rows.Err()
}

// forget deletes messages that were done long ago, and those about which the gateway could
// not be asked for as long: the reconciler has reported their payments meanwhile.
func (s *Service) forget(ctx context.Context) error {
	return s.write(ctx, "forget gateways' messages", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, sqlForget, s.now().Add(-remember).UnixMicro())
		return err
	})
}
