package payment

import (
	"context"
	"fmt"

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
		for i := range list {
			if err := s.store.do(ctx, &latePosting{list[i]}); err != nil {
				return err
			}
			last = rowKey{list[i].EventID, list[i].ID}
		}
		if len(list) < atOnce {
			return nil
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
type latePosting struct{ p record }

func (w *latePosting) apply(t *batchTx) error {
	n, err := t.exec(sqlPostedNow, w.p.EventID, w.p.ID, w.p.Version)
	if err != nil || n == 0 {
		return err
	}
	before, err := t.inJournal(&w.p)
	if err != nil || before == w.p.balance() {
		return err
	}
	text := append(append(append([]byte(nil), `{"p":"`...), w.p.ID...), `","s":"`+paymentapi.StepOpening+`"`...)
	t.post(&w.p, string(append(appendLines(text, before, w.p.balance()), '}')))
	return nil
}

// inJournal adds up what the journal has of a payment, but for the gateway's fees.
func (t *batchTx) inJournal(p *record) (b balance, err error) {
	q := sqldb.Querier(t.tx)
	postingsBy(t.ctx, q, p.EventID, func(one paymentapi.Posting, failed error) bool {
		if err = failed; err == nil && one.PaymentID == p.ID && one.Step != paymentapi.StepFee { // which does not follow from the row
			for _, l := range one.Lines {
				for i, name := range paymentapi.Accounts {
					if name == l.Account {
						b[i] += l.Amount
					}
				}
			}
		}
		return err == nil
	}, sqlStory, p.EventID, ofPayment(p.ID), "", "~")
	return b, err
}

// ofPayment is a pattern of the rows that speak of a payment.
func ofPayment(id string) string { return `%{"p":"` + id + `"%` }
