package payment

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"boxoffice/internal/codec"
	"boxoffice/internal/ledger"
	"boxoffice/internal/paymentapi"
)

const (
	sqlAddRefund = `INSERT INTO refunds (id, event_id, seq, booking_id, payment_id, amount, status, reason, created_at, updated_at)
		VALUES ($1, $2, $3, $4, '', $5, 'pending', '', $6, $6) ON CONFLICT DO NOTHING`

	// By refunds_by_event. updated_at only grows: it tells a refund that is tried again from
	// one that never failed. That the money went back is true whatever the row says, but for
	// an attempt that has failed since.
	sqlEndRefund = `UPDATE refunds SET status = $1, reason = $2, payment_id = $3, attempt = $9,
			elsewhere = CASE WHEN $1 = 'needless' AND $2 = 'refunded-elsewhere' THEN amount ELSE elsewhere END,
			updated_at = CASE WHEN updated_at < CAST($4 AS BIGINT) THEN CAST($4 AS BIGINT) ELSE updated_at + 1 END
		WHERE event_id = $5 COLLATE "C" AND seq = $6 AND attempt = $8 AND (status = 'pending' AND updated_at = $7 OR $1 = 'done' AND status <> 'done')`

	// The same for one whose money has come back. Its key is spent.
	sqlFailRefund = `UPDATE refunds SET status = 'failed', reason = $1, attempt = attempt + 1,
			updated_at = CASE WHEN updated_at < CAST($2 AS BIGINT) THEN CAST($2 AS BIGINT) ELSE updated_at + 1 END
		WHERE event_id = $3 COLLATE "C" AND seq = $4 AND payment_id = $5 AND status = 'done' AND attempt = $6`

	sqlSetCursor = `INSERT INTO refund_cursors (event_id, seq) VALUES ($1, $2)
		ON CONFLICT (event_id) DO UPDATE SET seq = excluded.seq WHERE refund_cursors.seq < excluded.seq`

	sqlCursors = `SELECT event_id, seq FROM refund_cursors`

	// By refunds_by_event.
	sqlRefundsOf = `SELECT seq, status, payment_id, amount, reason, updated_at, attempt FROM refunds WHERE event_id = $1 COLLATE "C"
		AND seq /*sqlite: IN (SELECT value FROM json_each($2))*/ /*postgres: = ANY (ARRAY(SELECT CAST(json_array_elements_text(CAST($2 AS JSON)) AS BIGINT)))*/`

	// By the index refunds_open, over all events.
	sqlOpenRefunds = `SELECT event_id, seq, id, booking_id, amount, reason, created_at, updated_at, attempt, elsewhere FROM refunds WHERE status = 'pending' AND id > $1 ORDER BY id LIMIT $2`

	// Few events were ever paused.
	sqlPausedEvents = `SELECT event_id FROM payments_refund_jobs WHERE paused`
)

// intake creates refunds for ledger entries and moves cursors.
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

// endRefund ends a refund and, if money was returned, adds it to its payment and notes
// that its buyer is to be told, in the same transaction: all that happens once.
type endRefund struct {
	openRefund
	paymentID      string
	status, reason string
	give           int64 // the part of it that was not given back by hand, minor units
	short          int64 // the part of that which was never taken, minor units
	spent          bool  // its key: it was made with it, and has failed, or it was declined with it
	now            int64
	ended          bool // by this write
}

func (w *endRefund) apply(t *batchTx) error {
	attempt := w.attempt
	if w.spent {
		attempt++
	}
	n, err := t.exec(sqlEndRefund, w.status, w.reason, w.paymentID, w.now, w.eventID, w.seq, w.updatedAt, w.attempt, attempt)
	w.ended = n == 1
	if w.ended && w.status == refundFailed {
		t.refundsFailed = append(t.refundsFailed, w.failed())
	}
	if err != nil || !w.ended || w.status != refundDone {
		return err
	}
	p, found, err := t.one(sqlByID, w.eventID, w.paymentID)
	if err != nil || !found {
		return fmt.Errorf("payment %s of refund %s: found %t: %w", w.paymentID, w.id, found, err)
	}
	e := event{kind: evRefunded, amount: w.give, short: w.short, key: w.key()}
	s, _, err := next(p.state(), e)
	if err != nil {
		return fmt.Errorf("refund %s: %w", w.id, err)
	}
	m := move{from: p, to: p.moved(s, e, w.now), cause: e}
	if err := m.apply(t); err != nil {
		return err
	}
	if !m.moved {
		return fmt.Errorf("payment %s: %w", w.paymentID, errChanged)
	}
	if w.short < w.give {
		t.back = append(t.back, m.to.refunded(w))
	}
	if p.elsewhere > 0 || w.give < w.amount {
		return t.covers(&m.to, w.seq, w.amount-w.give)
	}
	return nil
}

// openRefund is a refund that is still to be made.
type openRefund struct {
	eventID       string
	seq           int64 // of its ledger entry
	id, bookingID string
	amount        int64
	reason        string // why the last attempt failed; "": there was none, or it did not
	createdAt     int64
	updatedAt     int64 // when the row was read
	attempt       int64 // counts the keys, from 1
	failed        bool  // this process has tried it without a clear answer
	elsewhere     int64 // what was given back on the gateway's own pages and is set off against it, minor units
}

// again reports whether the gateway may have been asked for it before: since it was noted,
// or, as far as this process knows, by one that has done the work until a time, µs since 1970.
func (f *openRefund) again(since int64) bool {
	return f.failed || f.updatedAt > f.createdAt || f.createdAt <= since
}

// key is the gateway's idempotency key. Another one is used only when the refund that was
// made with the last has failed for good: so no money goes back twice.
func (f *openRefund) key() string {
	if f.attempt > 1 {
		return f.id + "." + strconv.FormatInt(f.attempt, 10)
	}
	return f.id
}

// openRefunds lists some of the refunds that are open, in the order of their ids, without
// those that are paused. An event's refunds have ids side by side, so that however many are
// paused, one page of them is read.
func (s *store) openRefunds(ctx context.Context, after string, limit int) ([]openRefund, error) {
	for {
		list, err := s.pendingRefunds(ctx, after, limit)
		if err != nil || len(list) == 0 {
			return nil, err
		}
		paused, err := s.pausedEvents(ctx)
		if err != nil {
			return nil, err
		}
		last := list[len(list)-1].eventID
		if list = slices.DeleteFunc(list, func(f openRefund) bool { return paused[f.eventID] }); len(list) > 0 {
			return list, nil
		}
		after = last + ";" // behind all ids with a colon
	}
}

func (s *store) pausedEvents(ctx context.Context) (map[string]bool, error) {
	rows, err := s.reads[sqlPausedEvents].QueryContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("list paused refunds: %w", err)
	}
	defer rows.Close()
	paused := map[string]bool{}
	for rows.Next() {
		var event string
		if err := rows.Scan(&event); err != nil {
			return nil, fmt.Errorf("list paused refunds: %w", err)
		}
		paused[event] = true
	}
	return paused, rows.Err()
}

// pendingRefunds lists some of the refunds that are open, whether or not they are paused.
func (s *store) pendingRefunds(ctx context.Context, after string, limit int) ([]openRefund, error) {
	rows, err := s.reads[sqlOpenRefunds].QueryContext(ctx, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list open refunds: %w", err)
	}
	defer rows.Close()
	var list []openRefund
	for rows.Next() {
		var f openRefund
		if err := rows.Scan(&f.eventID, &f.seq, &f.id, &f.bookingID, &f.amount, &f.reason, &f.createdAt, &f.updatedAt, &f.attempt, &f.elsewhere); err != nil {
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

// RefundsOf implements paymentapi.Reads.
func (s *Service) RefundsOf(ctx context.Context, eventID string, seqs []int64) (map[int64]paymentapi.Refund, error) {
	raw, err := codec.Marshal(seqs)
	if err != nil {
		return nil, fmt.Errorf("read refunds: %w", err)
	}
	db := s.store.db
	rows, err := db.Reader().QueryContext(ctx, db.Text(sqlRefundsOf), eventID, string(raw))
	if err != nil {
		return nil, fmt.Errorf("read refunds: %w", err)
	}
	defer rows.Close()
	out := map[int64]paymentapi.Refund{}
	for rows.Next() {
		var seq int64
		var r paymentapi.Refund
		if err := rows.Scan(&seq, &r.Status, &r.PaymentID, &r.Amount, &r.Reason, &r.UpdatedAt, &r.Attempt); err != nil {
			return nil, fmt.Errorf("read refunds: %w", err)
		}
		out[seq] = r
	}
	return out, rows.Err()
}

// failRefund records that a refund which was made has failed: the money is back, and a
// person decides how the buyer gets it. from is the payment as it was before the gateway
// was asked.
type failRefund struct {
	from     record
	seq      int64 // of its ledger entry
	attempt  int64 // at the refund, from 1
	key      string
	amount   int64 // minor units
	reason   string
	now      int64
	failed   bool // by this write
	overtook bool // the payment has changed since the gateway was asked
}

func (w *failRefund) apply(t *batchTx) error {
	w.failed, w.overtook = false, false
	p, found, err := t.one(sqlByID, w.from.EventID, w.from.ID)
	if err != nil || !found {
		return fmt.Errorf("payment %s of refund %s: found %t: %w", w.from.ID, w.key, found, err)
	}
	if p.Version != w.from.Version {
		w.overtook = true
		return nil
	}
	n, err := t.exec(sqlFailRefund, w.reason, w.now, p.EventID, w.seq, p.ID, w.attempt)
	if w.failed = n == 1; err != nil || !w.failed {
		return err
	}
	e := event{kind: evRefundFailed, amount: w.amount, key: w.key, reason: w.reason}
	if p.excessBack < 0 { // less was given back than the refund is for
		list, err := t.refundsOfBooking(&p)
		if err != nil {
			return fmt.Errorf("refund %s: %w", w.key, err)
		}
		if i := slices.IndexFunc(list, func(r owedRefund) bool { return r.seq == w.seq }); i >= 0 {
			e.amount = list[i].amount - list[i].elsewhere
			e.short = e.amount - w.amount
		}
	}
	s, _, err := next(p.state(), e)
	if err != nil {
		return fmt.Errorf("refund %s: %w", w.key, err)
	}
	m := move{from: p, to: p.moved(s, e, w.now), cause: e}
	if err := m.apply(t); err != nil {
		return err
	}
	if !m.moved {
		return fmt.Errorf("payment %s: %w", p.ID, errChanged)
	}
	t.refundsFailed = append(t.refundsFailed, w.failedLater())
	return t.owesAll(&m.to, w.seq)
}
