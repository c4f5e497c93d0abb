package payment

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"boxoffice/internal/codec"
	"boxoffice/internal/payment/reconcile"
	"boxoffice/internal/paymentapi"
)

// By ranges of the primary key.
const (
	sqlDayPosted = `SELECT postings FROM payments_journal WHERE event_id = $1 AND id >= $2 AND id < $3 AND currency = $4`
	sqlPostDay   = `INSERT INTO payments_journal (event_id, id, currency, postings) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`
)

const (
	feesOfRow  = 1000   // postings in a row of the journal
	feesAtOnce = 20_000 // that are kept before they are written
)

// dayFees posts the fees and payouts of a day's list at the end of that day. The row's id
// follows from the day and from how many rows there are, and a line that is posted is not
// posted again: so whoever compares the day again, or on another node, adds only what is
// missing.
type dayFees struct {
	s    *Service
	at   int64 // µs since 1970: the end of the day
	list []reconcile.Movement
}

// Fee implements reconcile.Costs. The lines of an event come one after another.
func (f *dayFees) Fee(ctx context.Context, m reconcile.Movement) error {
	if n := len(f.list); n >= feesAtOnce || n > 0 && (eventOf(f.list[0].Charge) != eventOf(m.Charge) || f.list[0].Currency != m.Currency) {
		if err := f.Done(ctx); err != nil {
			return err
		}
	}
	f.list = append(f.list, m)
	return nil
}

// Payout implements reconcile.Costs.
func (f *dayFees) Payout(ctx context.Context, m reconcile.Movement) error {
	return f.post(ctx, "", m.Currency, []reconcile.Movement{m})
}

// Done implements reconcile.Costs.
func (f *dayFees) Done(ctx context.Context) error {
	if len(f.list) == 0 {
		return nil
	}
	err := f.post(ctx, eventOf(f.list[0].Charge), f.list[0].Currency, f.list)
	f.list = f.list[:0]
	return err
}

// post posts what is not posted of some lines of an event; "": payouts.
func (f *dayFees) post(ctx context.Context, event, currency string, lines []reconcile.Movement) error {
	prefix := fmt.Sprintf("%017d-day-", f.at)
	err := f.s.store.db.Write(ctx, func(tx *sql.Tx) error {
		has, rows, err := postedOn(ctx, tx, event, prefix, currency)
		if err != nil {
			return err
		}
		var texts []string
		for i := range lines {
			if m := &lines[i]; !has[m.ID] {
				has[m.ID] = true
				texts = append(texts, feePosting(m))
			}
		}
		for len(texts) > 0 {
			n := min(len(texts), feesOfRow)
			res, err := tx.ExecContext(ctx, sqlPostDay, event, fmt.Sprintf("%s%06d", prefix, rows), currency, "["+strings.Join(texts[:n], ",")+"]")
			if err != nil {
				return err
			}
			if added, err := res.RowsAffected(); err != nil || added == 0 {
				return errFirst(err, errChanged) // by another node: the day is compared again
			}
			texts, rows = texts[n:], rows+1
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("post fees and payouts: %w", err)
	}
	return nil
}

func errFirst(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// postedOn are the lines of a day that are posted, by their names at the gateway, and the
// number of their rows.
func postedOn(ctx context.Context, tx *sql.Tx, event, prefix, currency string) (has map[string]bool, n int, err error) {
	rows, err := tx.QueryContext(ctx, sqlDayPosted, event, prefix, prefix+"~", currency)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	has = map[string]bool{}
	for ; rows.Next(); n++ {
		var text []byte
		var list []storedPosting
		if err := rows.Scan(&text); err != nil {
			return nil, 0, err
		}
		if err := codec.ReadKnown(text, &list); err != nil {
			return nil, 0, err
		}
		for _, p := range list {
			has[p.Key] = true
		}
	}
	return has, n, rows.Err()
}

// feePosting is a fee, or a payout, as a row has it. The key is the gateway's name of the
// line.
func feePosting(m *reconcile.Movement) string {
	payment, step, moved := m.Charge, paymentapi.StepFee, balance{inGateway: -m.Fee, inGatewayFees: m.Fee}
	if payment == "" {
		step, moved = paymentapi.StepPayout, balance{inGateway: -m.Amount - m.Fee, inGatewayFees: m.Fee, inPayout: m.Amount}
	}
	text := append(appendText([]byte(`{"p":`), payment), `,"s":"`+step+`","k":`...)
	text = appendText(text, m.ID)
	if m.Reference != "" {
		text = appendText(append(text, `,"f":`...), m.Reference)
	}
	return string(append(appendLines(text, balance{}, moved), '}'))
}

var _ reconcile.Costs = (*dayFees)(nil)
