package payment

import (
	"context"
	"fmt"

	"boxoffice/internal/ledger"
)

const (
	sqlAddRefund = `INSERT INTO refunds (id, event_id, seq, booking_id, payment_id, amount, status, reason, created_at, updated_at)
		VALUES ($1, $2, $3, $4, '', $5, 'pending', '', $6, $6) ON CONFLICT DO NOTHING`

	// By refunds_by_event.
	sqlEndRefund = `UPDATE refunds SET status = $1, reason = $2, payment_id = $3, updated_at = $4
		WHERE event_id = $5 COLLATE "C" AND seq = $6 AND status = 'pending'`

	sqlSetCursor = `INSERT INTO refund_cursors (event_id, seq) VALUES ($1, $2)
		ON CONFLICT (event_id) DO UPDATE SET seq = excluded.seq WHERE refund_cursors.seq < excluded.seq`

	sqlCursors = `SELECT event_id, seq FROM refund_cursors`

	// By the index refunds_open, over all events.
	sqlOpenRefunds = `SELECT event_id, seq, id, booking_id, amount FROM refunds WHERE status = 'pending' AND id > $1 ORDER BY id LIMIT $2`
)

// intake makes refunds of ledger entries and moves cursors.
type intake struct {
	entries []ledger.Entry
	cursors map[string]int64
	now     int64
}

func (w *intake) apply(t *batchTx) error {
	for _, e := range w.entries {
		if _, err := t.exec(sqlAddRefund, refundID(e.EventID, e.Seq), e.EventID, e.Seq, e.BookingID, e.Amount, w.now); err != nil {
			return err
		}
	}
	for event, seq := range w.cursors {
		if _, err := t.exec(sqlSetCursor, event, seq); err != nil {
			return err
		}
	}
	return nil
}

// endRefund ends a refund and, when money went back, notes that in its payment:
// one transaction, so that it is counted once.
type endRefund struct {
	openRefund
	paymentID      string
	status, reason string
	now            int64
	ended          bool // by this write
}

func (w *endRefund) apply(t *batchTx) error {
	n, err := t.exec(sqlEndRefund, w.status, w.reason, w.paymentID, w.now, w.eventID, w.seq)
	w.ended = n == 1
	if err != nil || !w.ended || w.status != refundDone {
		return err
	}
	p, found, err := t.one(sqlByID, w.eventID, w.paymentID)
	if err != nil || !found {
		return fmt.Errorf("payment %s of refund %s: found %t: %w", w.paymentID, w.id, found, err)
	}
	e := event{kind: evRefunded, amount: w.amount}
	s, _, err := next(p.state(), e)
	if err != nil {
		return fmt.Errorf("refund %s: %w", w.id, err)
	}
	m := move{from: p, to: p.moved(s, e, w.now)}
	if err := m.apply(t); err != nil {
		return err
	}
	if !m.moved {
		return fmt.Errorf("payment %s: %w", w.paymentID, errChanged)
	}
	return nil
}

// openRefund is a refund that is to be made.
type openRefund struct {
	eventID       string
	seq           int64 // of its ledger entry
	id, bookingID string
	amount        int64
}

func (s *store) openRefunds(ctx context.Context, after string, limit int) ([]openRefund, error) {
	rows, err := s.db.Reader().QueryContext(ctx, s.db.Text(sqlOpenRefunds), after, limit)
	if err != nil {
		return nil, fmt.Errorf("list open refunds: %w", err)
	}
	defer rows.Close()
	var list []openRefund
	for rows.Next() {
		var f openRefund
		if err := rows.Scan(&f.eventID, &f.seq, &f.id, &f.bookingID, &f.amount); err != nil {
			return nil, fmt.Errorf("list open refunds: %w", err)
		}
		list = append(list, f)
	}
	return list, rows.Err()
}

func (s *store) savedCursors(ctx context.Context) (map[string]int64, error) {
	rows, err := s.db.Reader().QueryContext(ctx, s.db.Text(sqlCursors))
	if err != nil {
		return nil, fmt.Errorf("read refund cursors: %w", err)
	}
	defer rows.Close()
	cursors := map[string]int64{}
	for rows.Next() {
		var event string
		var seq int64
		if err := rows.Scan(&event, &seq); err != nil {
			return nil, fmt.Errorf("read refund cursors: %w", err)
		}
		cursors[event] = seq
	}
	return cursors, rows.Err()
}
