package payment

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/ledger"
	"boxoffice/internal/paymentapi"
)

var errEventNotCancelled = errs.New(errs.Conflict, "event-not-cancelled", "Only the refunds of a cancelled event can be paused.")

var errRefundNotFailed = errs.New(errs.Conflict, "refund-not-failed", "Only a refund that has failed can be given back in another way.")

// refundJob is a row of payments_refund_jobs; version 0: there is none.
type refundJob struct {
	paused    bool
	by        string
	changedAt int64
	version   int64
}

const (
	sqlRefundJob = `SELECT paused, by_id, changed_at, version FROM payments_refund_jobs WHERE event_id = $1`

	sqlBeginRefundJob = `INSERT INTO payments_refund_jobs (event_id, paused, by_id, changed_at, version) VALUES ($1, $2, $3, $4, 1) ON CONFLICT DO NOTHING`

	// Compare-and-set.
	sqlChangeRefundJob = `UPDATE payments_refund_jobs SET paused = $2, by_id = $3, changed_at = $4, version = version + 1 WHERE event_id = $1 AND version = $5`

	// These use refunds_by_event.
	sqlFailedRefunds = `SELECT seq FROM refunds WHERE event_id = $1 COLLATE "C" AND seq > $2 AND status = 'failed' AND handled = '' ORDER BY seq LIMIT $3`
	sqlRetryRefund   = `UPDATE refunds SET status = 'pending', reason = '', updated_at = CASE WHEN updated_at < CAST($1 AS BIGINT) THEN CAST($1 AS BIGINT) ELSE updated_at + 1 END
		WHERE event_id = $2 COLLATE "C" AND seq = $3 AND status = 'failed' AND handled = ''`
	sqlDelayRefund = `UPDATE refunds SET reason = $1, updated_at = CASE WHEN updated_at < CAST($2 AS BIGINT) THEN CAST($2 AS BIGINT) ELSE updated_at + 1 END
		WHERE event_id = $3 COLLATE "C" AND seq = $4 AND status = 'pending'`

	sqlHandleRefund = `UPDATE refunds SET handled = $1, handled_by = $2, updated_at = CASE WHEN updated_at < CAST($3 AS BIGINT) THEN CAST($3 AS BIGINT) ELSE updated_at + 1 END
		WHERE event_id = $4 COLLATE "C" AND seq = $5 AND status = 'failed'`

	sqlHandled = `SELECT booking_id, attempt, amount, reason FROM refunds WHERE event_id = $1 COLLATE "C" AND seq = $2`

	sqlCountRefunds = `SELECT CASE WHEN status = 'failed' AND handled <> '' THEN 'handled' ELSE status END, count(*), CAST(coalesce(sum(amount), 0) AS BIGINT)
		FROM refunds WHERE event_id = $1 COLLATE "C" GROUP BY 1`

	sqlStuckRefunds = `SELECT seq, id, booking_id, payment_id, CASE WHEN elsewhere < amount THEN amount - elsewhere ELSE amount END, status, reason, updated_at, handled FROM refunds
		WHERE event_id = $1 COLLATE "C" AND seq > $2 AND (status = 'failed' OR status = 'pending' AND reason <> '') ORDER BY seq LIMIT $3`
	sqlLastRefund = `SELECT coalesce((SELECT seq FROM refund_cursors WHERE event_id = $1), 0)`
)

func (s *store) refundJob(ctx context.Context, eventID string) (j refundJob, err error) {
	err = s.db.Reader().QueryRowContext(ctx, s.db.Text(sqlRefundJob), eventID).Scan(&j.paused, &j.by, &j.changedAt, &j.version)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return j, fmt.Errorf("read refund job: %w", err)
	}
	return j, nil
}

// changeJob pauses or resumes the refunds of an event.
type changeJob struct {
	eventID string
	paused  bool
	by      string
	version int64 // as shown; 0: any
	now     int64

	stale bool // the job has another version
}

func (w *changeJob) apply(t *batchTx) error {
	w.stale = false
	var was refundJob
	err := t.stmt(sqlRefundJob).QueryRowContext(t.ctx, w.eventID).Scan(&was.paused, &was.by, &was.changedAt, &was.version)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	err = nil
	if w.version != 0 && w.version != was.version+1 {
		w.stale = true
		return nil
	}
	if was.paused != w.paused {
		var n int64
		if was.version == 0 {
			n, err = t.exec(sqlBeginRefundJob, w.eventID, w.paused, w.by, w.now)
		} else {
			n, err = t.exec(sqlChangeRefundJob, w.eventID, w.paused, w.by, w.now, was.version)
		}
		if err != nil {
			return err
		}
		if n != 1 {
			return fmt.Errorf("refunds of event %s: %w", w.eventID, errChanged)
		}
	}
	return nil
}

// retryRefunds has some refunds that have failed tried again.
type retryRefunds struct {
	eventID string
	seqs    []int64
	now     int64
}

func (w *retryRefunds) apply(t *batchTx) error {
	for _, seq := range w.seqs {
		if _, err := t.exec(sqlRetryRefund, w.now, w.eventID, seq); err != nil {
			return err
		}
	}
	return nil
}

// handleRefund notes how a person has given back the money of a refund that failed.
type handleRefund struct {
	eventID  string
	seq      int64
	note, by string
	now      int64
	noted    bool // it had failed
}

func (w *handleRefund) apply(t *batchTx) error {
	n, err := t.exec(sqlHandleRefund, w.note, w.by, w.now, w.eventID, w.seq)
	if w.noted = n == 1; err != nil || !w.noted {
		return err
	}
	f := paymentapi.FailedRefund{Seq: w.seq, Handled: true, At: w.now}
	if err := t.stmt(sqlHandled).QueryRowContext(t.ctx, w.eventID, w.seq).Scan(&f.BookingID, &f.Attempt, &f.Amount, &f.Reason); err != nil {
		return err
	}
	t.refundsFailed = append(t.refundsFailed, f)
	return nil
}

// retryFailed has all refunds of an event that have failed tried again, but for those that
// a person has handled. It goes through
// them once, in small transactions: payments are written in between, and what fails again
// meanwhile waits for the next request.
func (s *Service) retryFailed(ctx context.Context, eventID string) error {
	w := retryRefunds{eventID: eventID, now: s.micros()}
	for after := int64(0); ; after = w.seqs[len(w.seqs)-1] {
		var err error
		if w.seqs, err = s.store.failedRefunds(ctx, eventID, after, refundsAtOnce); err != nil || len(w.seqs) == 0 {
			return err
		}
		if err := s.store.do(ctx, &w); err != nil {
			return err
		}
	}
}

func (s *store) failedRefunds(ctx context.Context, eventID string, after int64, limit int) (seqs []int64, err error) {
	rows, err := s.db.Reader().QueryContext(ctx, s.db.Text(sqlFailedRefunds), eventID, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list failed refunds: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var seq int64
		if err := rows.Scan(&seq); err != nil {
			return nil, fmt.Errorf("list failed refunds: %w", err)
		}
		seqs = append(seqs, seq)
	}
	return seqs, rows.Err()
}

// delayRefunds notes that the last attempt at some refunds failed.
type delayRefunds struct {
	list []openRefund
	now  int64
}

func (w *delayRefunds) apply(t *batchTx) error {
	for i := range w.list {
		if _, err := t.exec(sqlDelayRefund, paymentapi.RefundDelayed, w.now, w.list[i].eventID, w.list[i].seq); err != nil {
			return err
		}
	}
	return nil
}

// RefundJob implements paymentapi.RefundJobs.
func (s *Service) RefundJob(ctx context.Context, who caller.Caller, eventID string, after int64, limit int) (paymentapi.RefundJob, error) {
	sale, err := s.organizedSale(ctx, who, eventID)
	if err != nil {
		return paymentapi.RefundJob{}, err
	}
	return s.showJob(ctx, eventID, &sale, after, limit)
}

// ChangeRefundJob implements paymentapi.RefundJobs.
func (s *Service) ChangeRefundJob(ctx context.Context, who caller.Caller, eventID string, c paymentapi.RefundJobChange) (paymentapi.RefundJob, error) {
	sale, err := s.organizedSale(ctx, who, eventID)
	if err != nil {
		return paymentapi.RefundJob{}, err
	}
	if c.Paused && sale.Status != eventapi.Cancelled {
		return paymentapi.RefundJob{}, errEventNotCancelled
	}
	w := changeJob{eventID: eventID, paused: c.Paused, by: who.UserID, version: c.Version, now: s.micros()}
	if err := s.store.do(ctx, &w); err != nil {
		return paymentapi.RefundJob{}, err
	}
	if w.stale {
		return paymentapi.RefundJob{}, errs.New(errs.Precondition, "changed-meanwhile", "The refunds were paused or resumed in the meantime.")
	}
	if c.Handled != nil {
		h := handleRefund{eventID: eventID, seq: c.Handled.Seq, note: c.Handled.Note, by: who.UserID, now: s.micros()}
		if err := s.store.do(ctx, &h); err != nil {
			return paymentapi.RefundJob{}, err
		}
		if !h.noted {
			return paymentapi.RefundJob{}, errRefundNotFailed
		}
	}
	if c.Retry {
		if err := s.retryFailed(ctx, eventID); err != nil {
			return paymentapi.RefundJob{}, err
		}
	}
	if !c.Paused {
		s.refunds.poke()
	}
	return s.showJob(ctx, eventID, &sale, 0, paymentapi.RefundsListed)
}

func (s *Service) organizedSale(ctx context.Context, who caller.Caller, eventID string) (bookingapi.Sale, error) {
	if !who.SignedIn() {
		return bookingapi.Sale{}, errs.New(errs.Unauthenticated, "sign-in-required", "Sign in to see refunds.")
	}
	sale, err := bookingapi.One(ctx, s.buyers.Sales, "event", eventID)
	if err == nil && !who.MayOrganize(sale.OrganizerID) {
		err = errs.Missing("event")
	}
	return sale, err
}

func (s *Service) showJob(ctx context.Context, eventID string, sale *bookingapi.Sale, after int64, limit int) (paymentapi.RefundJob, error) {
	out := paymentapi.RefundJob{EventID: eventID, Currency: sale.Currency, Items: []paymentapi.StuckRefund{}}
	job, err := s.store.refundJob(ctx, eventID)
	if err != nil {
		return out, err
	}
	out.ChangedAt, out.Version = job.changedAt, job.version+1
	// In the order in which a refund moves on, so that none is missed between two reads.
	if sale.Status == eventapi.Cancelled {
		f, err := s.buyers.Figures(ctx, eventID)
		if err != nil && errs.KindOf(err) != errs.NotFound {
			return out, err
		}
		out.Left = paymentapi.RefundFigure{Count: f.Bookings, Amount: f.Amount}
	}
	whole, err := s.unread(ctx, eventID, &out.Left)
	if err != nil {
		return out, err
	}
	if err := s.countRefunds(ctx, eventID, &out); err != nil {
		return out, err
	}
	out.Owed = paymentapi.RefundFigure{Count: out.Done.Count + out.Handled.Count + out.Failed.Count + out.Left.Count, Amount: out.Done.Amount + out.Handled.Amount + out.Failed.Amount + out.Left.Amount}
	switch {
	case job.paused:
		out.State = paymentapi.RefundsPaused
	case out.Left.Count > 0 || !whole:
		out.State = paymentapi.RefundsRunning
	default:
		out.State = paymentapi.RefundsDone
	}
	return out, s.stuckRefunds(ctx, eventID, after, limit, &out)
}

// unread adds the cancellations of an event that have no row yet. The node that does the
// work knows how far it has read the ledger, also where no cursor is saved; others read on
// from the saved cursor, which is seldom far behind, and not more than some pages: whole is
// false if there may be more.
func (s *Service) unread(ctx context.Context, eventID string, left *paymentapi.RefundFigure) (whole bool, err error) {
	const page, pages = 1000, 10
	todo, seq := s.refunds.noted(eventID)
	if seq == 0 {
		if err := s.store.db.Reader().QueryRowContext(ctx, s.store.db.Text(sqlLastRefund), eventID).Scan(&seq); err != nil {
			return false, fmt.Errorf("read refund cursor: %w", err)
		}
	}
	if err := s.withoutRow(ctx, eventID, todo, left); err != nil {
		return false, err
	}
	for range pages {
		entries, err := s.refunds.ledgers.Entries(ctx, eventID, seq, page)
		if err != nil {
			return false, err
		}
		if err := s.withoutRow(ctx, eventID, entries, left); err != nil {
			return false, err
		}
		if len(entries) < page {
			return true, nil
		}
		seq = entries[len(entries)-1].Seq
	}
	return false, nil
}

// withoutRow adds those of an event's entries that need a refund and have no row.
func (s *Service) withoutRow(ctx context.Context, eventID string, entries []ledger.Entry, left *paymentapi.RefundFigure) error {
	amounts := map[int64]int64{}
	for i := range entries {
		if e := &entries[i]; e.Kind == ledger.Cancelled && e.Amount > 0 {
			amounts[e.Seq] = e.Amount
		}
	}
	if len(amounts) == 0 {
		return nil
	}
	known, err := s.RefundsOf(ctx, eventID, slices.Collect(maps.Keys(amounts)))
	if err != nil {
		return err
	}
	for seq, amount := range amounts {
		if _, ok := known[seq]; !ok {
			left.Count++
			left.Amount += amount
		}
	}
	return nil
}

func (s *Service) countRefunds(ctx context.Context, eventID string, out *paymentapi.RefundJob) error {
	rows, err := s.store.db.Reader().QueryContext(ctx, s.store.db.Text(sqlCountRefunds), eventID)
	if err != nil {
		return fmt.Errorf("count refunds: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var status string
		var f paymentapi.RefundFigure
		if err := rows.Scan(&status, &f.Count, &f.Amount); err != nil {
			return fmt.Errorf("count refunds: %w", err)
		}
		switch status {
		case refundDone:
			out.Done = f
		case refundFailed:
			out.Failed = f
		case paymentapi.RefundHandled:
			out.Handled = f
		case refundPending:
			out.Left.Count += f.Count
			out.Left.Amount += f.Amount
		}
	}
	return rows.Err()
}

func (s *Service) stuckRefunds(ctx context.Context, eventID string, after int64, limit int, out *paymentapi.RefundJob) error {
	rows, err := s.store.db.Reader().QueryContext(ctx, s.store.db.Text(sqlStuckRefunds), eventID, after, limit+1)
	if err != nil {
		return fmt.Errorf("list failed refunds: %w", err)
	}
	defer rows.Close()
	last := int64(0)
	for rows.Next() {
		if len(out.Items) == limit {
			out.Next = last
			break
		}
		var r paymentapi.StuckRefund
		if err := rows.Scan(&last, &r.ID, &r.BookingID, &r.PaymentID, &r.Amount, &r.Status, &r.Reason, &r.UpdatedAt, &r.Note); err != nil {
			return fmt.Errorf("list failed refunds: %w", err)
		}
		if r.Seq = last; r.Status == refundFailed && r.Note != "" {
			r.Status = paymentapi.RefundHandled
		}
		out.Items = append(out.Items, r)
	}
	return rows.Err()
}
