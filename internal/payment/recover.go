package payment

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/errs"
)

const (
	recoverAtOnce = 512 // about how many payments one round of recovery takes up
	recoverRows   = 16  // rows of payments_begun read together, each of at most maxBatch payments

	lookAfter = 2 * bookingapi.LateConfirm // after a hold's end, in µs: what was decided in time may be committed later
)

// Recover takes up payments that are not final, have not changed for a few seconds and
// are not driven by this process, for example after a crash. It returns how many; they
// continue in the background. Two processes may take up the same payment, since every
// step is idempotent and every change of the row a compare-and-set.
//
// A round ends when it has taken up enough, and the next one continues from there, so
// stuck payments do not block the rest. Only one call may run at a time.
func (s *Service) Recover(ctx context.Context) (int, error) {
	n, err := s.recoverUnwinding(ctx)
	m, err2 := s.recoverStarted(ctx)
	return n + m, errors.Join(err, err2)
}

// stuck is a payment to which something impossible has happened.
type stuck struct {
	version int64
	until   time.Time // recovery leaves it alone; zero: it is tried once more, since an event may have come late
}

const (
	stuckTime = 10 * time.Minute // until recovery takes up a payment again to which something impossible has happened
	stuckMost = 10_000           // payments of which that is remembered
)

// isStuck notes that a payment needs a person; news is false if that is known already.
func (s *Service) isStuck(p *record) (news bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was, known := s.stuck[p.ID]
	if !known && len(s.stuck) >= stuckMost {
		clear(s.stuck)
	}
	if news = !known || was.version != p.Version; news {
		s.stuck[p.ID] = stuck{version: p.Version}
	} else {
		s.stuck[p.ID] = stuck{p.Version, s.now().Add(stuckTime)}
	}
	return news
}

// rests reports whether a payment needs a person and is as it was when that was found out.
func (s *Service) rests(p *record) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	was, known := s.stuck[p.ID]
	return known && was.version == p.Version && s.now().Before(was.until)
}

// recoverUnwinding takes up payments that are being given up.
func (s *Service) recoverUnwinding(ctx context.Context) (int, error) {
	if s.full() {
		return 0, nil
	}
	rows, err := s.store.unwinding(ctx, s.unwound, recoverAtOnce)
	if err != nil || len(rows) == 0 {
		s.unwound = rowKey{}
		return 0, err
	}
	_, ids := columnsOf(rows)
	open, err := s.store.open(ctx, ids)
	if err != nil {
		return 0, err
	}
	started := 0
	var failed error
	for _, row := range rows {
		p, ok := open[row.id]
		if !ok {
			if p, ok, err = s.bookedSince(ctx, row); err != nil {
				failed = err // one of them is enough for the log
			}
		}
		if ok && s.takeUpOne(p) {
			started++
		}
	}
	if s.unwound = rows[len(rows)-1]; len(rows) < recoverAtOnce {
		s.unwound = rowKey{}
	}
	return started, failed
}

// bookedSince checks a payment that was given up without cancelling its hold (see
// leaves): a confirmation under way at that time may have booked the hold since, and
// the process that sent it may be gone. It reports whether the booking must be
// cancelled now. The row is deleted once no confirmation can book the hold any more.
func (s *Service) bookedSince(ctx context.Context, row rowKey) (p record, booked bool, err error) {
	if p, err = s.store.payment(ctx, row.id); err != nil {
		return p, false, err
	}
	b, err := s.bookings.Recent(ctx, p.BookingID)
	switch {
	case err != nil && errs.KindOf(err) != errs.NotFound:
		return p, false, err
	case !p.Status.Final(): // taken up again since; the next round handles it
		return p, false, nil
	case err == nil && b.Status == bookingapi.Booked && b.PaymentID == p.ID:
		return p, p.over(), nil
	case err == nil && (b.Status == bookingapi.Pending || b.Status == bookingapi.Expired) && b.ReadAt <= b.ExpiresAt+lookAfter:
		return p, false, nil
	}
	return p, false, s.store.do(ctx, &unwound{row})
}

// takeUpOne continues a payment if no process seems to drive it.
func (s *Service) takeUpOne(p record) bool {
	if p.UpdatedAt > s.micros()-s.stale.Microseconds() || s.driven(p.ID) || s.full() || s.foreign(&p) || s.rests(&p) {
		return false
	}
	first := evResume
	if p.Status.Final() {
		first = evBooked // see bookedSince
	}
	s.start(p, first, nil)
	return true
}

func (s *Service) recoverStarted(ctx context.Context) (int, error) {
	started := 0
	for {
		if s.full() { // what is open need not be read
			return started, nil
		}
		rows, err := s.store.startedBatches(ctx, s.recovered, recoverRows)
		if err != nil {
			return started, err
		}
		n, enough, err := s.takeUp(ctx, rows, recoverAtOnce-started)
		started += n
		switch {
		case err != nil || enough:
			return started, err
		case len(rows) < recoverRows:
			s.recovered = rowKey{}
			return started, nil
		}
	}
}

// takeUp continues the stale payments of some rows, in order, until there are
// enough. Rows whose payments are all final are deleted; rows with stale payments
// are reduced to the open ones, so that the next round reads less.
func (s *Service) takeUp(ctx context.Context, rows []startedRow, most int) (started int, enough bool, err error) {
	if len(rows) == 0 {
		return 0, false, nil
	}
	var ids []string
	var over []rowKey
	for _, r := range rows {
		ids = append(ids, r.payments...)
	}
	open, err := s.store.open(ctx, ids)
	if err != nil {
		return 0, false, err
	}
	shrunk := map[rowKey][]string{}
	for _, r := range rows {
		if enough = started >= most || s.full(); enough {
			break
		}
		var left []string
		stale := false
		for _, id := range r.payments {
			p, ok := open[id]
			if !ok {
				continue
			}
			left = append(left, id)
			if s.takeUpOne(p) {
				stale = true
				started++
			}
		}
		switch {
		case r.bad:
			s.log.ErrorContext(ctx, "a row of payments_begun cannot be read", "id", r.id)
		case len(left) == 0:
			over = append(over, r.rowKey)
		case stale && len(left) < len(r.payments):
			shrunk[r.rowKey] = left
		}
		s.recovered = r.rowKey
	}
	return started, enough, s.store.tidy(ctx, over, shrunk)
}

// By payments_unwinding_by_event.
const sqlUnwinding = `SELECT event_id, id FROM payments_unwinding WHERE (event_id, id) > ($1, $2) ORDER BY event_id, id LIMIT $3`

// unwinding lists payments that are being given up, in the order of their rows' keys.
func (s *store) unwinding(ctx context.Context, after rowKey, limit int) (list []rowKey, err error) {
	rows, err := s.reads[sqlUnwinding].QueryContext(ctx, after.event, after.id, limit)
	if err != nil {
		return nil, fmt.Errorf("list payments that are given up: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var k rowKey
		if err := rows.Scan(&k.event, &k.id); err != nil {
			return nil, fmt.Errorf("list payments that are given up: %w", err)
		}
		list = append(list, k)
	}
	return list, rows.Err()
}

// tidy deletes rows of payments_begun, and reduces others to the payments that are
// left.
func (s *store) tidy(ctx context.Context, over []rowKey, shrunk map[rowKey][]string) error {
	if len(over)+len(shrunk) == 0 {
		return nil
	}
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		for _, k := range over {
			if _, err := tx.ExecContext(ctx, sqlOver, k.event, k.id); err != nil {
				return err
			}
		}
		for row, payments := range shrunk {
			if _, err := tx.ExecContext(ctx, sqlShrink, list(payments), row.event, row.id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("tidy payments begun: %w", err)
	}
	return nil
}

func (s *Service) driven(paymentID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.drives[paymentID] != nil
}
