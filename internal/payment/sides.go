package payment

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"boxoffice/internal/payment/provider"
	"boxoffice/internal/payment/reconcile"
	"boxoffice/internal/paymentapi"
)

// sides gives the reconciler the payments and the journal. It reads by keys, or what is
// under way; only refunds that were refused are looked for in all refunds.
type sides struct{ s *Service }

const (
	// By ranges of the primary key.
	sqlSides = `SELECT p.id, p.booking_id, p.status, p.ends_as, p.amount, p.refunded, p.currency, p.reference, p.try, p.created_at, p.updated_at, p.history,
		p.gateway, p.account, p.test, p.excess, p.excess_back
		FROM /*sqlite: json_each($1) AS j CROSS JOIN payments p*/ /*postgres: json_array_elements_text(CAST($1 AS JSON)) AS j(value) JOIN payments p*/
		ON p.event_id = substr(j.value, 1, 16) /*postgres: COLLATE "C"*/ AND p.id > j.value || '-' AND p.id < j.value || '.'`

	// By refunds_open; and over all refunds, by the primary key.
	sqlRefundsStuck = `SELECT event_id, seq, id, booking_id, payment_id, amount, reason, created_at FROM refunds
		WHERE status = 'pending' AND id > $1 AND created_at < $2 ORDER BY id LIMIT $3`
	// By payments_disputed.
	sqlDisputed = `SELECT event_id, id FROM payments WHERE dispute = 'open' AND (event_id, id) > ($1, $2) ORDER BY event_id, id LIMIT $3`

	sqlRefundsFailed = `SELECT event_id, seq, id, booking_id, payment_id, amount, reason, updated_at FROM refunds
		WHERE (event_id, seq) > ($1 COLLATE "C", $2) AND status = 'failed' AND handled = '' AND updated_at >= $3 AND updated_at < $4 ORDER BY event_id COLLATE "C", seq LIMIT $5`
)

// OfBookings implements reconcile.Record.
func (c sides) OfBookings(ctx context.Context, bookings []string) (map[string][]reconcile.Payment, error) {
	db := c.s.store.db
	rows, err := db.Browse().QueryContext(ctx, db.Text(sqlSides), list(bookings))
	if err != nil {
		return nil, fmt.Errorf("read payments: %w", err)
	}
	defer rows.Close()
	out := make(map[string][]reconcile.Payment, len(bookings))
	for rows.Next() {
		var r record
		if err := rows.Scan(&r.ID, &r.BookingID, (*string)(&r.Status), (*string)(&r.end), &r.Amount, &r.Refunded, &r.Currency, &r.reference, &r.try,
			&r.CreatedAt, &r.UpdatedAt, &r.History, &r.gateway, &r.account, &r.test, &r.excess, &r.excessBack); err != nil {
			return nil, fmt.Errorf("read payments: %w", err)
		}
		p, err := r.side()
		if err != nil {
			return nil, err
		}
		p.Away = c.s.foreign(&r)
		_, p.Lists = c.s.gateway.(provider.Refunds)
		out[r.BookingID] = append(out[r.BookingID], p)
	}
	for _, list := range out {
		if len(list) > 1 { // in the order of the attempts, which end their ids
			slices.SortFunc(list, func(a, b reconcile.Payment) int {
				return cmp.Or(cmp.Compare(len(a.ID), len(b.ID)), cmp.Compare(a.ID, b.ID))
			})
		}
	}
	return out, rows.Err()
}

// side is a payment as the reconciler sees it.
func (p *record) side() (reconcile.Payment, error) {
	steps, err := p.steps()
	out := reconcile.Payment{
		ID: p.ID, BookingID: p.BookingID, Status: p.Status, GivenUp: p.GivenUp(), Amount: p.Amount, Refunded: p.Refunded,
		Currency: p.Currency, Reference: p.reference, Methods: p.try, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt,
		Excess: p.excess, ExcessBack: p.excessBack,
		With: reconcile.Gateway{Name: p.gateway, Account: p.account, Test: p.test},
	}
	withdrawn := map[string]bool{} // by dispute
	for _, s := range steps {
		m := reconcile.Movement{Charge: p.ID, Amount: s.Amount, Currency: p.Currency, At: s.At.UnixMicro()}
		switch s.Status {
		case paymentapi.Captured:
			m.Kind, m.Amount = provider.Captured, p.taken()
			if slices.ContainsFunc(steps, func(s paymentapi.Step) bool { return s.Status == paymentapi.TakenOtherwise }) {
				m.Later = p.excess
			}
		case paymentapi.Returning: // it turned out to be captured
			if p.Status != paymentapi.Refunded {
				continue
			}
			m.Kind, m.Amount = provider.Captured, p.taken()
		case paymentapi.Refunded, paymentapi.PartlyRefunded, paymentapi.ExcessReturned:
			m.Kind, m.Excess = provider.Refunded, s.Status == paymentapi.ExcessReturned
		case paymentapi.RefundedElsewhere:
			m.Kind, m.Elsewhere = provider.Refunded, true
		case paymentapi.RefundCameBack, paymentapi.ExcessCameBack:
			m.Kind = provider.RefundFailed
		case paymentapi.Disputed:
			m.Kind, withdrawn[s.Dispute] = provider.Disputed, true
		case paymentapi.DisputeLost:
			if ofDispute(withdrawn, s.Dispute) {
				continue // the money went when it was opened
			}
			m.Kind, withdrawn[s.Dispute] = provider.Disputed, true
		case paymentapi.DisputeWon:
			m.Kind, m.Unposted = provider.DisputeWonBack, !ofDispute(withdrawn, s.Dispute)
			withdrawn[s.Dispute] = false
			if m.Unposted { // it was opened and won before anybody asked
				opened := m
				opened.Kind = provider.Disputed
				out.Movements = append(out.Movements, opened)
			}
		default:
			continue
		}
		again := p.GivenUp() && slices.ContainsFunc(out.Movements, func(was reconcile.Movement) bool { return was.Kind == m.Kind }) // it was undone twice
		if m.Amount != 0 && !again {
			out.Movements = append(out.Movements, m)
		}
	}
	return out, err
}

// ofDispute reports whether a dispute is among those that have withdrawn money. An earlier
// version has not said which one it was.
func ofDispute(withdrawn map[string]bool, id string) bool {
	if !withdrawn[id] && withdrawn[""] {
		withdrawn[id], withdrawn[""] = true, false
	}
	return withdrawn[id]
}

// Open implements reconcile.Record.
func (c sides) Open(ctx context.Context, before, from, to time.Time) iter.Seq2[reconcile.Finding, error] {
	return func(yield func(reconcile.Finding, error) bool) {
		err := c.stuck(ctx, before.UnixMicro(), yield)
		if err == nil {
			err = c.refusedRefunds(ctx, from.UnixMicro(), to.UnixMicro(), yield)
		}
		if err == nil { // last: there are many while an event's refunds are paused
			err = c.stuckRefunds(ctx, before.UnixMicro(), yield)
		}
		if err != nil && err != errEnough { //nolint:errorlint // the value itself
			yield(reconcile.Finding{}, err)
		}
	}
}

// errEnough ends a list whose reader wants no more.
var errEnough = fmt.Errorf("enough")

// stuck yields payments that are not final since before a time, in µs since 1970.
func (c sides) stuck(ctx context.Context, before int64, yield func(reconcile.Finding, error) bool) error {
	seen := map[string]bool{}
	show := func(ids []string) error {
		open, err := c.s.store.open(ctx, ids)
		if err != nil {
			return err
		}
		for _, p := range open {
			if p.UpdatedAt >= before || seen[p.ID] {
				continue
			}
			seen[p.ID] = true
			f := reconcile.Finding{Kind: reconcile.Stuck, Gateway: c.s.away(&p), PaymentID: p.ID, BookingID: p.BookingID, Reference: p.reference, Amount: p.Amount, Currency: p.Currency, At: time.UnixMicro(p.UpdatedAt).UTC()}
			if f.Gateway != "" {
				f.Kind = reconcile.OtherGateway
			}
			if !yield(f, nil) {
				return errEnough
			}
		}
		return nil
	}
	for after := (rowKey{}); ; {
		rows, err := c.s.store.startedBatches(ctx, after, recoverRows)
		if err != nil {
			return err
		}
		for _, r := range rows {
			after = r.rowKey
			if err := show(r.payments); err != nil {
				return err
			}
		}
		if len(rows) < recoverRows {
			break
		}
	}
	for after := (rowKey{}); ; {
		rows, err := c.s.store.unwinding(ctx, after, recoverAtOnce)
		if err != nil || len(rows) == 0 {
			return err
		}
		_, ids := columnsOf(rows)
		if err := show(ids); err != nil {
			return err
		}
		after = rows[len(rows)-1]
	}
}

// listedAtOnce is how many refunds are listed at once.
const listedAtOnce = recoverAtOnce

// refusedRefunds yields refunds that have failed from ≤ t < to, in µs since 1970.
func (c sides) refusedRefunds(ctx context.Context, from, to int64, yield func(reconcile.Finding, error) bool) error {
	if from >= to {
		return nil
	}
	event, seq := "", int64(0)
	for {
		page, err := c.refunds(ctx, reconcile.RefundFailed, sqlRefundsFailed, event, seq, from, to, listedAtOnce)
		if err != nil {
			return err
		}
		for _, f := range page {
			if event, seq = f.event, f.seq; !yield(f.Finding, nil) {
				return errEnough
			}
		}
		if len(page) < listedAtOnce {
			return nil
		}
	}
}

// stuckRefunds yields refunds that are not made since before a time, in µs since 1970.
func (c sides) stuckRefunds(ctx context.Context, before int64, yield func(reconcile.Finding, error) bool) error {
	for after := ""; ; {
		page, err := c.refunds(ctx, reconcile.RefundStuck, sqlRefundsStuck, after, before, listedAtOnce)
		if err != nil || len(page) == 0 {
			return err
		}
		if err := c.elsewhere(ctx, page); err != nil {
			return err
		}
		for _, f := range page {
			if after = f.Refund; !yield(f.Finding, nil) {
				return errEnough
			}
		}
	}
}

// foundRefund is a refund that is reported.
type foundRefund struct {
	event string
	seq   int64
	reconcile.Finding
}

// refunds reads a page of refunds.
func (c sides) refunds(ctx context.Context, kind reconcile.FindingKind, query string, args ...any) (page []foundRefund, err error) {
	rows, err := c.s.store.db.Browse().QueryContext(ctx, c.s.store.db.Text(query), args...)
	if err != nil {
		return nil, fmt.Errorf("list refunds: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		f := foundRefund{Finding: reconcile.Finding{Kind: kind}}
		var reason string
		var at int64
		if err := rows.Scan(&f.event, &f.seq, &f.Refund, &f.BookingID, &f.PaymentID, &f.Amount, &reason, &at); err != nil {
			return nil, fmt.Errorf("list refunds: %w", err)
		}
		if reason == "no-payment" { // there is nothing to give back, and the ledger's verification says so
			f.PaymentID = ""
		}
		f.At = time.UnixMicro(at).UTC()
		page = append(page, f)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list refunds: %w", err)
	}
	return page, nil
}

// elsewhere marks refunds of payments that were begun with another gateway.
func (c sides) elsewhere(ctx context.Context, list []foundRefund) error {
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = list[i].BookingID
	}
	payments, err := c.s.store.latestOf(ctx, ids)
	if err != nil {
		return err
	}
	for i := range list {
		f := &list[i]
		if p, ok := payments[f.BookingID]; ok && c.s.foreign(&p) {
			f.Kind, f.PaymentID, f.Gateway, f.Currency = reconcile.OtherGateway, p.ID, c.s.away(&p), p.Currency
		}
	}
	return nil
}

// Ask implements reconcile.Record.
func (c sides) Ask(ctx context.Context, paymentID string) error { return c.s.Ask(ctx, paymentID) }

// journalled is the migration that has made the journal.
const journalled = 11

// Since implements reconcile.Journal: programs without a journal may have run for a while
// after it was made.
func (c sides) Since(ctx context.Context) (time.Time, error) {
	return c.s.store.db.MigratedAt(ctx, "payment", journalled)
}

// Movements implements reconcile.Journal.
func (c sides) Movements(ctx context.Context, from, to time.Time) iter.Seq2[reconcile.Movement, error] {
	return func(yield func(reconcile.Movement, error) bool) {
		for p, err := range Postings(ctx, c.s.store.db.Browse(), "", from, to) {
			if err != nil {
				yield(reconcile.Movement{}, err)
				return
			}
			if m, ok := moved(&p); ok && !yield(m, nil) {
				return
			}
		}
	}
}

// moved is what a posting has moved at the gateway; ok is false if that is nothing, and
// the posting adds up.
func moved(p *paymentapi.Posting) (m reconcile.Movement, ok bool) {
	if p.PaymentID == "" || p.Step == paymentapi.StepOpening || p.Step == paymentapi.StepFee ||
		p.Step == string(paymentapi.TakenOtherwise) { // a part of the capture: see Movement.Later
		return m, false
	}
	m = reconcile.Movement{Charge: p.PaymentID, Reference: p.Reference, Currency: p.Currency, At: p.At}
	for _, l := range p.Lines {
		m.Off += l.Amount
	}
	m.Amount = p.AtGateway()
	switch {
	case m.Amount > 0 && p.Step == string(paymentapi.DisputeWon):
		m.Kind = provider.DisputeWonBack
	case m.Amount > 0 && (p.Step == string(paymentapi.RefundCameBack) || p.Step == string(paymentapi.ExcessCameBack)):
		m.Kind = provider.RefundFailed
	case m.Amount > 0:
		m.Kind = provider.Captured
	case m.Amount < 0 && (p.Step == string(paymentapi.Disputed) || p.Step == string(paymentapi.DisputeLost)):
		m.Kind, m.Amount = provider.Disputed, -m.Amount
	case m.Amount < 0:
		m.Kind, m.Amount = provider.Refunded, -m.Amount
	}
	return m, m.Kind != "" || m.Off != 0
}

// Reconcile compares a day with the gateway's list, asks the gateway about payments of
// which it knows more, and stores what came of it if the day is over. day is in UTC.
func (s *Service) Reconcile(ctx context.Context, day time.Time) (*paymentapi.DayReport, error) {
	r, err := s.compare(ctx, day)
	if err != nil {
		return nil, err
	}
	return r, s.keepByHand(ctx, day, r)
}

// compare does the same, posts the fees and payouts of the day in the journal, and keeps no
// report.
func (s *Service) compare(ctx context.Context, day time.Time) (*paymentapi.DayReport, error) {
	if err := s.askDisputes(ctx); err != nil {
		return nil, err
	}
	from := day.UTC().Truncate(24 * time.Hour)
	c := sides{s}
	to := from.AddDate(0, 0, 1)
	sources := reconcile.Sources{Journal: c, Record: c, Now: s.now, Costs: &dayFees{s: s, at: to.UnixMicro() - 1}}
	if books, ok := s.gateway.(provider.Books); ok {
		sources.Gateway = books
	}
	return reconcile.Run(ctx, sources, from, to)
}

// disputesAtOnce is how many open disputes are listed at once.
const disputesAtOnce = 100

// askDisputes asks the gateway how far the open disputes are. One that is lost moves no
// money, so that the day's list does not tell; refunds wait for it. What the gateway does
// not answer is asked on the next day.
func (s *Service) askDisputes(ctx context.Context) error {
	var event, last string
	for {
		list, err := s.store.disputed(ctx, event, last)
		if err != nil || len(list) == 0 {
			return err
		}
		for _, k := range list {
			if err := s.Ask(ctx, k.id); err != nil && ctx.Err() == nil {
				s.log.WarnContext(ctx, "the gateway does not say how far a dispute is", "payment", k.id, "error", err)
			}
		}
		event, last = list[len(list)-1].event, list[len(list)-1].id
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// disputed lists some payments whose disputes are open, behind a payment.
func (s *store) disputed(ctx context.Context, event, id string) (list []rowKey, err error) {
	rows, err := s.db.Reader().QueryContext(ctx, s.db.Text(sqlDisputed), event, id, disputesAtOnce)
	if err != nil {
		return nil, fmt.Errorf("list disputed payments: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var k rowKey
		if err := rows.Scan(&k.event, &k.id); err != nil {
			return nil, fmt.Errorf("list disputed payments: %w", err)
		}
		list = append(list, k)
	}
	return list, rows.Err()
}

var _ interface {
	reconcile.Record
	reconcile.Journal
} = sides{}
