package payment

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"boxoffice/internal/id"
	"boxoffice/internal/jobs"
	"boxoffice/internal/paymentapi"
)

// asCapture is what the mail about a payment needs.
func (p *record) asCapture() paymentapi.Capture {
	return paymentapi.Capture{PaymentID: p.ID, UserID: p.UserID}
}

// Tell mails buyers that they have paid. It returns the payments whose buyers must be
// told later, and one of the reasons. After a crash it may be called again for payments
// that it has dealt with, and rarely for one that was not captured after all, so it
// looks at the booking.
type Tell func(ctx context.Context, list []paymentapi.Capture) (again []paymentapi.Capture, why error)

// Payments of an event that are captured together are noted in one row of
// payments_paid, in the transaction that captures them. One node at a time works the rows off,
// continuously; a row goes once all its payments were told. So neither a crash nor
// a mail server that is away for long loses any.
const (
	tellEvery   = 500 * time.Millisecond
	tellAtOnce  = 256 // about how many payments are told together
	tellRows    = 16  // rows of payments_paid that are read together, of at most maxBatch payments each
	tellTimeout = 30 * time.Second

	// All by payments_paid_by_event.
	sqlNotePaid  = `INSERT INTO payments_paid (event_id, id, payments) VALUES ($1, $2, $3)`
	sqlPaid      = `SELECT event_id, id, payments FROM payments_paid WHERE (event_id, id) > ($1, $2) ORDER BY event_id, id LIMIT $3`
	sqlTold      = `DELETE FROM payments_paid WHERE event_id = $1 AND id = $2`
	sqlTellAgain = `UPDATE payments_paid SET payments = $1 WHERE event_id = $2 AND id = $3`
)

// paidRow is a row of payments_paid.
type paidRow struct {
	rowKey
	list []paymentapi.Capture
	bad  bool // it cannot be read
}

// notePaid notes some captured payments. The rows' ids are their own: two nodes may
// each have tried to capture the same payment.
func notePaid(list []paymentapi.Capture) (rows []noted) {
	byEvent := map[string][]paymentapi.Capture{}
	for _, p := range list {
		event := eventOf(p.PaymentID)
		byEvent[event] = append(byEvent[event], p)
	}
	for event, list := range byEvent {
		rows = append(rows, noted{rowKey{event, id.Token()}, asPairs(list)})
	}
	return rows
}

// asPairs is a list as the column payments has it.
func asPairs(list []paymentapi.Capture) string {
	pairs := make([][2]string, len(list))
	for i, p := range list {
		pairs[i] = [2]string{p.PaymentID, p.UserID}
	}
	raw, err := json.Marshal(pairs)
	if err != nil {
		panic(err) // they are strings
	}
	return string(raw)
}

// paid lists rows of payments_paid, in the order of their keys.
func (s *store) paid(ctx context.Context, after rowKey, limit int) ([]paidRow, error) {
	rows, err := s.db.Reader().QueryContext(ctx, s.db.Text(sqlPaid), after.event, after.id, limit)
	if err != nil {
		return nil, fmt.Errorf("list payments to be told: %w", err)
	}
	defer rows.Close()
	var list []paidRow
	for rows.Next() {
		var r paidRow
		var text string
		if err := rows.Scan(&r.event, &r.id, &text); err != nil {
			return nil, fmt.Errorf("list payments to be told: %w", err)
		}
		var pairs [][2]string
		r.bad = json.Unmarshal([]byte(text), &pairs) != nil
		for _, p := range pairs {
			r.list = append(r.list, paymentapi.Capture{PaymentID: p[0], UserID: p[1]})
		}
		list = append(list, r)
	}
	return list, rows.Err()
}

// teller works payments_paid off.
type teller struct {
	s     *Service
	tell  Tell         // nil: nobody is told
	later jobs.Retries // rows of which something could not be told, by id
}

// run works until ctx ends, while this node has the lease.
func (t *teller) run(ctx context.Context) {
	var trouble jobs.Trouble
	_ = jobs.Every(ctx, tellEvery, nil, func(ctx context.Context) error {
		err := t.s.guarded(ctx, "confirmations", func() error { return t.round(ctx) })
		if err = t.later.Outcome(err); err == nil && !t.s.lease.Held(ctx) { // another node does the work
			err = jobs.ErrNotOver
		}
		trouble.Log(ctx, t.s.log, slog.LevelWarn, "confirmations are delayed", err)
		return nil
	})
}

// TellPaid tells at once what is to be told, by tell.
func (s *Service) TellPaid(ctx context.Context, tell Tell) error {
	return (&teller{s, tell, retries()}).round(ctx)
}

// round tells what is due.
func (t *teller) round(ctx context.Context) error {
	if t.tell == nil || !t.s.lease.Held(ctx) {
		t.later.Forget()
		t.s.metrics.tellingLate.Set(0)
		return nil
	}
	var failed error
	end := t.later.Round()
	for last := (rowKey{}); ctx.Err() == nil; {
		rows, err := t.s.store.paid(ctx, last, tellRows)
		if err == nil && len(rows) == 0 {
			end()
			t.s.metrics.tellingLate.Set(float64(t.later.Len()))
		}
		if err != nil || len(rows) == 0 {
			return errors.Join(failed, err)
		}
		last = rows[len(rows)-1].rowKey
		for len(rows) > 0 {
			n, some := 0, 0
			for n < len(rows) && (n == 0 || some+len(rows[n].list) <= tellAtOnce) {
				some += len(rows[n].list)
				n++
			}
			if err := t.some(ctx, rows[:n]); err != nil {
				failed = err // one of them will do for the log
			}
			rows = rows[n:]
		}
	}
	return ctx.Err()
}

// some tells the payments of some rows, and deletes those rows. Of a row of which
// something could not be told that is kept, and tried again later each time.
func (t *teller) some(ctx context.Context, rows []paidRow) error {
	now := t.s.now()
	var list []paymentapi.Capture
	var due []paidRow
	for _, r := range rows {
		switch {
		case !t.later.Due(r.id, now):
			continue
		case r.bad:
			t.later.Failed(r.id, now)
			t.s.log.ErrorContext(ctx, "a row of payments_paid cannot be read", "id", r.id)
			continue
		}
		due, list = append(due, r), append(list, r.list...)
	}
	if len(due) == 0 {
		return nil
	}
	again := map[paymentapi.Capture]bool{}
	bounded, cancel := context.WithTimeout(ctx, tellTimeout)
	defer cancel()
	var why error
	err := t.s.guarded(ctx, "telling that payments were made", func() error {
		var left []paymentapi.Capture
		left, why = t.tell(bounded, list)
		for _, p := range left {
			again[p] = true
		}
		return nil
	})
	if err != nil && len(due) > 1 { // one of them may be the reason
		for i := range due {
			err = errors.Join(err, t.some(ctx, due[i:i+1]))
		}
		return err
	}
	if err != nil {
		t.later.Failed(due[0].id, now)
		return err
	}
	var over []rowKey
	left := map[rowKey]string{}
	for _, r := range due {
		all := len(r.list)
		r.list = slices.DeleteFunc(r.list, func(p paymentapi.Capture) bool { return !again[p] })
		switch {
		case len(r.list) == 0:
			over = append(over, r.rowKey)
			t.later.Done(r.id)
			continue
		case len(r.list) < all:
			left[r.rowKey] = asPairs(r.list)
		}
		t.later.Failed(r.id, now)
	}
	return errors.Join(why, t.s.store.told(ctx, over, left))
}

// told deletes rows of payments_paid, and leaves others with fewer payments.
func (s *store) told(ctx context.Context, over []rowKey, left map[rowKey]string) error {
	if len(over)+len(left) == 0 {
		return nil
	}
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		for _, k := range over {
			if _, err := tx.ExecContext(ctx, sqlTold, k.event, k.id); err != nil {
				return err
			}
		}
		for row, payments := range left {
			if _, err := tx.ExecContext(ctx, sqlTellAgain, payments, row.event, row.id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("payments that were told: %w", err)
	}
	return nil
}
