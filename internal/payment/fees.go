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

const feesOfRow = 1000 // postings in a row of the journal, and in a transaction: purchases wait for it

// dayFees posts the fees and payouts of a day's list at the end of that day. The row's id
// follows from the day and from how many rows there are, and a line that is posted is not
// posted again: so whoever compares the day again, or on another node, adds only what is
// missing.
//
// What is posted is read once for each event, outside of any transaction. It stays true
// until somebody else adds a row, which then has the id of the next row here.
type dayFees struct {
	s  *Service
	at int64 // µs since 1970: the end of the day

	event, currency string          // whose lines come now; "": payouts
	has             map[string]bool // their lines that are posted, or in next, by their names at the gateway; nil: not read yet
	rows            int             // that they have
	next            []string        // postings of the next row
}

// Fee implements reconcile.Costs. The lines of an event come one after another.
func (f *dayFees) Fee(ctx context.Context, m reconcile.Movement, of *reconcile.Payment) error {
	return f.add(ctx, eventOf(m.Charge), &m, of.With)
}

// Payout implements reconcile.Costs.
func (f *dayFees) Payout(ctx context.Context, m reconcile.Movement) error {
	return f.add(ctx, "", &m, reconcile.Gateway{Name: f.s.provider, Test: f.s.test})
}

// Done implements reconcile.Costs.
func (f *dayFees) Done(ctx context.Context) error {
	err := f.write(ctx)
	f.has = nil
	return err
}

// add posts a line of an event unless it is posted; "": a payout.
func (f *dayFees) add(ctx context.Context, event string, m *reconcile.Movement, at reconcile.Gateway) error {
	if f.has == nil || f.event != event || f.currency != m.Currency {
		if err := f.Done(ctx); err != nil {
			return err
		}
		f.event, f.currency = event, m.Currency
		if err := f.read(ctx); err != nil {
			return fmt.Errorf("read fees and payouts: %w", err)
		}
	}
	if f.has[m.ID] {
		return nil
	}
	f.has[m.ID] = true
	if f.next = append(f.next, feePosting(m, at)); len(f.next) < feesOfRow {
		return nil
	}
	return f.write(ctx)
}

// write writes the next row.
func (f *dayFees) write(ctx context.Context) error {
	if len(f.next) == 0 {
		return nil
	}
	id, postings := fmt.Sprintf("%s%06d", f.prefix(), f.rows), "["+strings.Join(f.next, ",")+"]"
	f.next = f.next[:0]
	err := f.s.store.db.Write(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, sqlPostDay, f.event, id, f.currency, postings)
		if err != nil {
			return err
		}
		added, err := res.RowsAffected()
		if err == nil && added == 0 {
			err = errChanged // by another node: the day is compared again
		}
		return err
	})
	if err != nil {
		f.has = nil
		return fmt.Errorf("post fees and payouts: %w", err)
	}
	f.rows++
	return nil
}

// prefix begins the ids of the day's rows.
func (f *dayFees) prefix() string { return dayPrefix(f.at) }

func dayPrefix(at int64) string { return fmt.Sprintf("%017d-day-", at) }

// read reads what is posted of the day.
func (f *dayFees) read(ctx context.Context) error {
	rows, err := f.s.store.db.Reader().QueryContext(ctx, sqlDayPosted, f.event, f.prefix(), f.prefix()+"~", f.currency)
	if err != nil {
		return err
	}
	defer rows.Close()
	has, n := map[string]bool{}, 0
	for ; rows.Next(); n++ {
		var text []byte
		var list []struct {
			Key string `json:"k"`
		}
		if err := rows.Scan(&text); err != nil {
			return err
		}
		if err := codec.ReadKnown(text, &list); err != nil {
			return err
		}
		for _, p := range list {
			has[p.Key] = true
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	f.has, f.rows = has, n
	return nil
}

// feePosting is a fee, or a payout, as a row has it. The key is the gateway's name of the
// line.
func feePosting(m *reconcile.Movement, at reconcile.Gateway) string {
	payment, step, moved := m.Charge, paymentapi.StepFee, balance{inGateway: -m.Fee, inGatewayFees: m.Fee}
	if payment == "" {
		step, moved = paymentapi.StepPayout, balance{inGateway: -m.Amount - m.Fee, inGatewayFees: m.Fee, inPayout: m.Amount}
	}
	text := append(appendText([]byte(`{"p":`), payment), `,"s":"`+step+`","k":`...)
	text = appendText(text, m.ID)
	if m.Reference != "" {
		text = appendText(append(text, `,"f":`...), m.Reference)
	}
	text = appendGateway(text, at.Name, at.Account, at.Test)
	return string(append(appendLines(text, balance{}, moved), '}'))
}

var _ reconcile.Costs = (*dayFees)(nil)
