package payment

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
)

// What people give back on the gateway's own pages is set off, once, against refunds of the
// booking that are owed at that time. That is noted with the refunds, in the transaction
// that learns of the money; when such money comes back, they are owed again.
const (
	// These use refunds_by_event. It is seldom that they run.
	sqlRefundsOfBooking = `SELECT seq, amount, elsewhere, status, reason, handled, attempt, updated_at FROM refunds
		WHERE event_id = $1 COLLATE "C" AND booking_id = $2 ORDER BY seq`
	sqlSetOff = `UPDATE refunds SET elsewhere = $1, status = $2, reason = $3, handled = $4,
			updated_at = CASE WHEN updated_at < CAST($5 AS BIGINT) THEN CAST($5 AS BIGINT) ELSE updated_at + 1 END
		WHERE event_id = $6 COLLATE "C" AND seq = $7 AND updated_at = $8`
	sqlOwedAgain = `UPDATE refunds SET status = 'pending', reason = '',
			updated_at = CASE WHEN updated_at < CAST($1 AS BIGINT) THEN CAST($1 AS BIGINT) ELSE updated_at + 1 END
		WHERE event_id = $2 COLLATE "C" AND booking_id = $3 AND status = 'needless' AND reason = 'charged-back'`
	sqlRefundChanged    = `SELECT updated_at FROM refunds WHERE event_id = $1 COLLATE "C" AND seq = $2`
	sqlHandledOfBooking = `SELECT count(*) FROM refunds WHERE event_id = $1 COLLATE "C" AND booking_id = $2 AND handled <> '' AND elsewhere < amount`
)

// elsewhereFailed is why a refund has failed that was needless, because its money was given
// back on the gateway's own pages, and came back from there.
const elsewhereFailed = paymentapi.ElsewhereFailed

// owedRefund is a refund, as far as money is set off against it.
type owedRefund struct {
	seq, amount             int64
	elsewhere               int64 // what is set off, minor units
	status, reason, handled string
	attempt, updatedAt      int64
	owed                    int64 // what came back of what was given back by hand for one that is done
}

// rank is the order in which money is set off against refunds; negative: none is.
func (r *owedRefund) rank() int {
	switch {
	case r.status == refundFailed && r.handled != "":
		return 3
	case r.status == refundFailed:
		return 0
	case r.status == refundPending:
		return 1
	case r.status == refundNeedless && r.reason == chargedBack:
		return 2
	}
	return -1
}

// setOffAmong sets an amount off: against the refund that it is exact for, if there is one.
func setOffAmong(list []owedRefund, amount int64) {
	if amount <= 0 {
		return
	}
	var order []*owedRefund
	for i := range list {
		if list[i].rank() >= 0 && list[i].elsewhere < list[i].amount {
			order = append(order, &list[i])
		}
	}
	slices.SortStableFunc(order, func(a, b *owedRefund) int { return cmp.Compare(a.rank(), b.rank()) })
	if i := slices.IndexFunc(order, func(r *owedRefund) bool { return r.amount-r.elsewhere == amount }); i >= 0 {
		order = order[i : i+1]
	}
	// The money may have been for another one that a person has handled.
	handled := slices.ContainsFunc(list, func(r owedRefund) bool { return r.handled != "" && r.elsewhere < r.amount })
	for _, r := range order {
		part := min(amount, r.amount-r.elsewhere)
		r.elsewhere += part
		amount -= part
		if r.status == refundFailed && r.handled == "" && r.elsewhere == r.amount && !handled {
			r.status, r.reason = refundNeedless, refundedElsewhere
		}
	}
}

// cameBackAmong takes an amount back that was set off: from the refund that it is exact for,
// if there is one. A person decides about refunds that were over. lost is what has come back
// before of what is set off against those that are done.
func cameBackAmong(list []owedRefund, amount, lost int64) {
	type covered struct {
		*owedRefund
		by int64
	}
	var order []covered
	for i := range list {
		r := covered{&list[i], list[i].elsewhere}
		if r.status == refundDone {
			r.by -= min(lost, r.by)
			lost -= r.elsewhere - r.by
		}
		if r.by > 0 {
			order = append(order, r)
		}
	}
	slices.Reverse(order)
	slices.SortStableFunc(order, func(a, b covered) int { return cmp.Compare(a.rank(), b.rank()) }) // those that are over first
	if i := slices.IndexFunc(order, func(r covered) bool { return r.by == amount }); i >= 0 {
		order = order[i : i+1]
	}
	for _, r := range order {
		part := min(amount, r.by)
		if part == 0 {
			return
		}
		whole := r.elsewhere == r.amount
		if r.status == refundDone { // the rest of it was made, and not again: a person gives this back
			amount -= part
			r.owed += part
			continue
		}
		r.elsewhere -= part
		amount -= part
		if whole && r.handled != "" || r.status == refundNeedless && r.reason == refundedElsewhere {
			r.handled = ""
			r.status, r.reason = refundFailed, elsewhereFailed
		}
	}
}

// unset is what of an amount that was given back by hand is not set off. Negative: so much is
// set off against refunds that are done, and came back.
func unset(list []owedRefund, elsewhere int64) int64 {
	for i := range list {
		elsewhere -= list[i].elsewhere
	}
	return elsewhere
}

// setOff sets off what was given back elsewhere; negative: it came back. What came back of
// refunds that are done is owed first.
func (t *batchTx) setOff(p *record, amount int64) error {
	return t.changeRefunds(p, func(list []owedRefund) {
		if left := unset(list, p.elsewhere); amount < 0 {
			cameBackAmong(list, -amount, max(amount-left, 0))
		} else {
			setOffAmong(list, min(amount, left))
		}
	})
}

// owesAll has a refund that has come back owed with what was given back for it by hand and came
// back before.
func (t *batchTx) owesAll(p *record, seq int64) error {
	return t.changeRefunds(p, func(list []owedRefund) {
		if i := slices.IndexFunc(list, func(r owedRefund) bool { return r.seq == seq }); i >= 0 {
			list[i].elsewhere -= min(max(-unset(list, p.elsewhere), 0), list[i].elsewhere)
		}
	})
}

// covers notes how much of a refund that is done was given back by hand. What was set off
// against it beyond that is set off against others. If some of it came back before that was
// known, a person gives it back.
func (t *batchTx) covers(p *record, seq, covered int64) error {
	return t.changeRefunds(p, func(list []owedRefund) {
		if i := slices.IndexFunc(list, func(r owedRefund) bool { return r.seq == seq }); i >= 0 {
			amount := list[i].elsewhere - covered
			list[i].elsewhere = covered
			left := unset(list, p.elsewhere)
			list[i].owed = max(min(-amount, -left), 0)
			setOffAmong(list, min(amount, left))
		}
	})
}

// owedAgain has it decided anew about refunds that were needless because of a dispute.
func (t *batchTx) owedAgain(p *record) error {
	_, err := t.exec(sqlOwedAgain, p.UpdatedAt, p.EventID, p.BookingID)
	return err
}

// changeRefunds changes refunds of a payment's booking.
func (t *batchTx) changeRefunds(p *record, change func([]owedRefund)) error {
	list, err := t.refundsOfBooking(p)
	if err != nil {
		return fmt.Errorf("refunds of booking %s: %w", p.BookingID, err)
	}
	was := slices.Clone(list)
	change(list)
	for i, r := range list {
		if r.owed > 0 {
			t.refundsFailed = append(t.refundsFailed, r.cameBack(p, r.owed))
			r.owed = 0
		}
		if r == was[i] {
			continue
		}
		n, err := t.exec(sqlSetOff, r.elsewhere, r.status, r.reason, r.handled, p.UpdatedAt, p.EventID, r.seq, r.updatedAt)
		if err == nil && n != 1 {
			err = errChanged
		}
		if err != nil {
			return fmt.Errorf("refund %s: %w", refundID(p.EventID, r.seq), err)
		}
		if r.owedAgain(&was[i]) {
			t.refundsFailed = append(t.refundsFailed, r.cameBack(p, was[i].elsewhere-r.elsewhere))
		}
	}
	return nil
}

// cameBack is the message that money came back which was given back by hand for a refund.
func (r *owedRefund) cameBack(p *record, amount int64) paymentapi.FailedRefund {
	return paymentapi.FailedRefund{BookingID: p.BookingID, Seq: r.seq, Attempt: r.attempt, Amount: amount, Reason: elsewhereFailed, CameBack: true, At: p.UpdatedAt}
}

// owedAgain reports whether a refund was over, because money was set off against it, and is
// so no more. The buyer was told of that money.
func (r *owedRefund) owedAgain(was *owedRefund) bool {
	return r.status == refundFailed && r.elsewhere < was.elsewhere && (was.status == refundNeedless || was.handled != "")
}

func (t *batchTx) refundsOfBooking(p *record) (list []owedRefund, err error) {
	rows, err := t.stmt(sqlRefundsOfBooking).QueryContext(t.ctx, p.EventID, p.BookingID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var r owedRefund
		if err := rows.Scan(&r.seq, &r.amount, &r.elsewhere, &r.status, &r.reason, &r.handled, &r.attempt, &r.updatedAt); err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, rows.Err()
}

// isSetOff ends a refund against which money was set off, if nothing is left of it to give
// back. A person decides about one whose money may have been given back for another that a
// person has handled.
func (r *refunder) isSetOff(ctx context.Context, p *record, end *endRefund) (over bool, err error) {
	if made, err := r.made(ctx, p, end); made || err != nil {
		return true, r.finishMade(ctx, end, err)
	}
	var handled int64
	db := r.s.store.db
	if err := db.Reader().QueryRowContext(ctx, db.Text(sqlHandledOfBooking), end.eventID, end.bookingID).Scan(&handled); err != nil {
		return true, fmt.Errorf("refund %s: %w", end.id, err)
	}
	switch {
	case p.Status == paymentapi.Refunded, end.elsewhere == end.amount && handled == 0:
		end.status, end.reason = refundNeedless, refundedElsewhere
	case handled > 0:
		end.status, end.reason = refundFailed, refundedElsewhere
	default:
		return false, nil
	}
	return true, r.finish(ctx, end)
}

// refundChanged returns when a refund was last changed.
func (s *store) refundChanged(ctx context.Context, f *openRefund) (at int64, err error) {
	err = s.db.Reader().QueryRowContext(ctx, s.db.Text(sqlRefundChanged), f.eventID, f.seq).Scan(&at)
	return at, err
}

// made reports whether a refund was made already, and the answer was lost.
func (r *refunder) made(ctx context.Context, p *record, end *endRefund) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	list, err := r.s.refundsAt(ctx, p, p.try)
	i := slices.IndexFunc(list, func(at provider.Refund) bool { return at.Key == end.key() && !at.Failed })
	if i >= 0 {
		end.give = list[i].Amount
		end.short = min(max(end.amount-end.elsewhere-end.give, 0), max(p.excessBack-p.excess, 0))
		end.give += end.short
	}
	return i >= 0, err
}

// finishMade records a refund that was made already.
func (r *refunder) finishMade(ctx context.Context, end *endRefund, err error) error {
	if err != nil {
		return fmt.Errorf("refund %s: %w", end.id, err)
	}
	end.status, end.reason = refundDone, ""
	return r.finish(ctx, end)
}
