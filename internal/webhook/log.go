package webhook

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/webhookapi"
)

// The log: what was sent to an endpoint, and what the receiver has answered.

const deliveryColumns = `d.message_id, m.type, m.event_id, d.at, d.status, d.tries, d.due_at, d.last_at, d.last_status, d.last_failure`

func scanDelivery(row interface{ Scan(...any) error }, more ...any) (d webhookapi.Delivery, err error) {
	var at, due, last int64
	to := append([]any{&d.MessageID, &d.Type, &d.EventID, &at, &d.Status, &d.Tries, &due, &last, &d.Last.Status, &d.Last.Failure}, more...)
	if err := row.Scan(to...); err != nil {
		return d, err
	}
	d.At, d.Last.At, d.Last.Number = timeOf(at), timeOf(last), d.Tries
	if d.Status == webhookapi.Waiting && due != atOnce {
		d.NextAt = timeOf(due)
	}
	return d, nil
}

// Deliveries implements webhookapi.Service. A cursor is the time and id of the last
// delivery of the page before.
func (s *Service) Deliveries(ctx context.Context, c caller.Caller, id, cursor string, limit int) (list []webhookapi.Delivery, next string, err error) {
	if _, err := s.own(ctx, c, id); err != nil {
		return nil, "", err
	}
	query := `SELECT ` + deliveryColumns + ` FROM webhook_deliveries d JOIN webhook_messages m ON m.id = d.message_id WHERE d.endpoint_id = $1`
	args := []any{id}
	if cursor != "" {
		at, messageID, ok := strings.Cut(cursor, ".")
		micros, err := strconv.ParseInt(at, 10, 64)
		if !ok || err != nil {
			return nil, "", errs.Bad("cursor", "bad-cursor", "is not the next_cursor of a page")
		}
		query, args = query+` AND (d.at, d.message_id) < ($2, $3)`, append(args, micros, messageID)
	}
	rows, err := s.store.db.Reader().QueryContext(ctx, query+` ORDER BY d.at DESC, d.message_id DESC LIMIT `+strconv.Itoa(limit+1), args...) // webhook_deliveries_log
	if err != nil {
		return nil, "", fmt.Errorf("read deliveries: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		d, err := scanDelivery(rows)
		if err != nil {
			return nil, "", fmt.Errorf("read deliveries: %w", err)
		}
		list = append(list, d)
	}
	if len(list) > limit {
		list = list[:limit]
		last := &list[limit-1]
		next = strconv.FormatInt(last.At.UnixMicro(), 10) + "." + last.MessageID
	}
	return list, next, rows.Err()
}

// Delivery implements webhookapi.Service.
func (s *Service) Delivery(ctx context.Context, c caller.Caller, id, messageID string) (webhookapi.Delivery, error) {
	if _, err := s.own(ctx, c, id); err != nil {
		return webhookapi.Delivery{}, err
	}
	var body string
	d, err := scanDelivery(s.store.db.Reader().QueryRowContext(ctx, `SELECT `+deliveryColumns+`, m.body
		FROM webhook_deliveries d JOIN webhook_messages m ON m.id = d.message_id WHERE d.endpoint_id = $1 AND d.message_id = $2`, id, messageID), &body) // primary keys
	if errors.Is(err, sql.ErrNoRows) {
		return d, errs.Missing("delivery")
	}
	if err != nil {
		return d, fmt.Errorf("read delivery: %w", err)
	}
	d.Body = body
	rows, err := s.store.db.Reader().QueryContext(ctx, `SELECT number, at, took, status, failure, answer FROM webhook_attempts
		WHERE endpoint_id = $1 AND message_id = $2 ORDER BY number`, id, messageID) // primary key
	if err != nil {
		return d, fmt.Errorf("read attempts: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var a webhookapi.Attempt
		var at, took int64
		if err := rows.Scan(&a.Number, &at, &took, &a.Status, &a.Failure, &a.Answer); err != nil {
			return d, fmt.Errorf("read attempts: %w", err)
		}
		a.At, a.Took = timeOf(at), time.Duration(took)*time.Microsecond
		d.Attempts = append(d.Attempts, a)
	}
	if n := len(d.Attempts); n > 0 {
		d.Last = d.Attempts[n-1]
	}
	return d, rows.Err()
}

// replayMost is how many failed deliveries one request sends again.
const replayMost = 10_000

// Replay implements webhookapi.Service.
func (s *Service) Replay(ctx context.Context, c caller.Caller, id string, r webhookapi.Replay) (n int, err error) {
	if err := s.on(ctx, c, id); err != nil {
		return 0, err
	}
	err = s.store.db.Write(ctx, func(tx *sql.Tx) error {
		now := s.now().UnixMicro()
		which, args := `message_id = $3`, []any{id, now, r.MessageID, atOnce} // primary key
		if r.MessageID == "" {
			since := int64(0)
			if !r.Since.IsZero() {
				since = r.Since.UnixMicro()
			}
			which = `message_id IN (SELECT message_id FROM webhook_deliveries
				WHERE endpoint_id = $1 AND status = 'failed' AND at >= $3 ORDER BY at LIMIT ` + strconv.Itoa(replayMost) + `)` // webhook_deliveries_failed
			args[2], args[3] = since, now
		}
		res, err := tx.ExecContext(ctx, `UPDATE webhook_deliveries SET status = 'waiting', step = 0, began_at = $2, due_at = $4 WHERE endpoint_id = $1 AND `+which, args...)
		if err != nil {
			return err
		}
		again, err := res.RowsAffected()
		if n = int(again); err != nil || n == 0 {
			return err
		}
		return poke(ctx, tx, id)
	})
	if err != nil {
		return 0, fmt.Errorf("replay: %w", err)
	}
	if n == 0 && r.MessageID != "" {
		return 0, errs.Missing("delivery")
	}
	s.look()
	return n, nil
}

// SendTest implements webhookapi.Service.
func (s *Service) SendTest(ctx context.Context, c caller.Caller, id string) (string, error) {
	if err := s.on(ctx, c, id); err != nil {
		return "", err
	}
	m, err := testMessage(id, s.now())
	if err != nil {
		return "", err
	}
	err = s.store.db.Write(ctx, func(tx *sql.Tx) error {
		if err := s.store.add(ctx, tx, &m, []string{id}, s.now()); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE webhook_deliveries SET due_at = $3 WHERE endpoint_id = $1 AND message_id = $2`, id, m.id, atOnce); err != nil {
			return err
		}
		return poke(ctx, tx, id)
	})
	if err != nil {
		return "", fmt.Errorf("send test: %w", err)
	}
	s.look()
	return m.id, nil
}

// on refuses what cannot be sent while an endpoint is off.
func (s *Service) on(ctx context.Context, c caller.Caller, id string) error {
	e, err := s.own(ctx, c, id)
	if err == nil && !e.Enabled {
		err = errs.New(errs.Conflict, "webhook-off", "The webhook is switched off.")
	}
	return err
}
