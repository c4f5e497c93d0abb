package payment

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"boxoffice/internal/paymentapi"
	"boxoffice/internal/sqldb"
)

const (
	// By payments_by_event; it reads all payments, once after a start.
	sqlUnposted = `SELECT ` + columns + ` FROM payments WHERE (event_id, id) > ($1, $2) AND posted < version
		AND status IN ('captured', 'refunded', 'returning') ORDER BY event_id, id LIMIT $3`
	sqlPostedNow = `UPDATE payments SET posted = version WHERE event_id = $1 COLLATE "C" AND id = $2 AND version = $3 AND posted < version`
)

// postLate posts what programs have done that keep no journal. They may run beside this
// one during an upgrade, or after it when it is taken back for a while.
func (s *Service) postLate(ctx context.Context) error {
	const atOnce = 500
	for last := (rowKey{}); ; {
		list, err := s.store.unposted(ctx, last, atOnce)
		if err != nil {
			return err
		}
		for one := range eventsOf(list) {
			// What the journal has of a payment changes only with its row, which is compared when
			// it is posted.
			sums, err := journalSums(ctx, s.store.db.Reader(), one)
			if err != nil {
				return err
			}
			for i := range one {
				if err := s.store.do(ctx, &latePosting{one[i], sums[one[i].ID]}); err != nil {
					return err
				}
				last = rowKey{one[i].EventID, one[i].ID}
			}
		}
		if len(list) < atOnce {
			return nil
		}
	}
}

// eventsOf yields the parts of a list, in the order of events, that are of one event.
func eventsOf(list []record) iter.Seq[[]record] {
	return func(yield func([]record) bool) {
		for len(list) > 0 {
			n := slices.IndexFunc(list, func(p record) bool { return p.EventID != list[0].EventID })
			if n < 0 {
				n = len(list)
			}
			if !yield(list[:n]) {
				return
			}
			list = list[n:]
		}
	}
}

func (s *store) unposted(ctx context.Context, after rowKey, limit int) ([]record, error) {
	rows, err := s.db.Reader().QueryContext(ctx, s.db.Text(sqlUnposted), after.event, after.id, limit)
	if err != nil {
		return nil, fmt.Errorf("list payments that are not in the journal: %w", err)
	}
	defer rows.Close()
	var list []record
	for rows.Next() {
		var p record
		if err := scan(rows, &p); err != nil {
			return nil, fmt.Errorf("list payments that are not in the journal: %w", err)
		}
		list = append(list, p)
	}
	return list, rows.Err()
}

// latePosting posts what a payment has moved, and the journal does not have.
type latePosting struct {
	p      record
	before balance // what the journal has of it
}

func (w *latePosting) apply(t *batchTx) error {
	n, err := t.exec(sqlPostedNow, w.p.EventID, w.p.ID, w.p.Version)
	if err != nil || n == 0 {
		return err
	}
	if w.before == w.p.balance() {
		return nil
	}
	text := append(append(append([]byte(nil), `{"p":"`...), w.p.ID...), `","s":"`+paymentapi.StepOpening+`"`...)
	t.post(&w.p, string(append(appendLines(text, w.before, w.p.balance()), '}')))
	return nil
}

// inJournal adds up what the journal has of a payment, but for the gateway's fees. It reads
// all that was written since the payment began, which only those need that a program without
// a journal has changed.
func (t *batchTx) inJournal(p *record) (balance, error) {
	sums, err := journalSums(t.ctx, t.tx, []record{*p})
	return sums[p.ID], err
}

// journalSums adds up what the journal has of payments of one event, but for the gateway's
// fees.
func journalSums(ctx context.Context, q sqldb.Querier, list []record) (map[string]balance, error) {
	sums := make(map[string]balance, len(list))
	begin := list[0].CreatedAt
	for i := range list {
		sums[list[i].ID] = balance{}
		begin = min(begin, list[i].CreatedAt)
	}
	take := func(row *journalRow) error {
		if len(list) == 1 && !bytes.Contains(row.postings, []byte(list[0].ID)) {
			return nil
		}
		all, err := row.shown()
		for i := range all {
			if b, ok := sums[all[i].PaymentID]; ok {
				b.add(&all[i])
				sums[all[i].PaymentID] = b
			}
		}
		return err
	}
	err := journalRows(ctx, q, list[0].EventID, "", rowBound(time.UnixMicro(1), ""), take) // what the journal began with has no time
	if err == nil {
		err = journalRows(ctx, q, list[0].EventID, rowBound(time.UnixMicro(max(begin-clocksDiffer.Microseconds(), 1)), ""), "~", take)
	}
	return sums, err
}
