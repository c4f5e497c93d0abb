package payment

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/sqldb"
)

// Audit compares the payments and refunds of an event with what its ledger says
// about the money of its bookings, by booking id, in one snapshot of the database.
// It returns how many payments it has seen; the error is a bookingapi.Difference if
// they disagree.
func (Auditor) Audit(ctx context.Context, tx *sql.Tx, eventID string, bills map[string]*bookingapi.Bill) (payments int64, err error) {
	m := accounts{eventID: eventID, bills: bills, done: map[string]int64{}, needless: map[string]int64{}, paid: map[string]bool{}}
	if err = m.verify(ctx, tx); err == nil {
		err = m.journal(ctx, tx)
	}
	return m.seen, err
}

// AuditUnsold finds payments of an event without a sale whose id belongs to another
// event.
func (Auditor) AuditUnsold(ctx context.Context, q sqldb.Querier, eventID string) error {
	m := accounts{eventID: eventID}
	err := Ledger(ctx, q, eventID, func(p Row) error { return m.named(&p) })
	if err == nil {
		err = m.differ("it has payments, but no row in sales")
	}
	return err
}

// accounts is the state of one comparison.
type accounts struct {
	eventID  string
	bills    map[string]*bookingapi.Bill
	done     map[string]int64 // by payment: what has gone back for entries of the ledger
	needless map[string]int64 // by payment: refunds for which it had no money
	paid     map[string]bool  // bookings whose own payment was seen
	seen     int64            // payments
}

func (m *accounts) differ(format string, args ...any) error {
	return bookingapi.Difference{EventID: m.eventID, Text: fmt.Sprintf(format, args...)}
}

func (m *accounts) verify(ctx context.Context, tx *sql.Tx) error {
	if err := m.refunds(ctx, tx); err != nil {
		return err
	}
	if err := Ledger(ctx, tx, m.eventID, m.payment); err != nil {
		return err
	}
	if id, ok := least(m.done, func(string, int64) bool { return true }); ok {
		return m.differ("refunds says that %d went back from payment %q, which does not exist", m.done[id], id)
	}
	if id, ok := least(m.bills, func(id string, _ *bookingapi.Bill) bool { return !m.paid[id] }); ok {
		return m.differ("bookings.payment_id of %s is %q, but there is no such payment for it", id, m.bills[id].PaymentID)
	}
	return nil
}

// journal compares the journal with the payments.
func (m *accounts) journal(ctx context.Context, q sqldb.Querier) error {
	wrong, err := Journal(ctx, q, m.eventID)
	if err == nil && wrong != "" {
		err = m.differ("%s", wrong)
	}
	return err
}

// least returns the smallest key that satisfies meant.
func least[V any](of map[string]V, meant func(string, V) bool) (first string, found bool) {
	for id, v := range of {
		if (!found || id < first) && meant(id, v) {
			first, found = id, true
		}
	}
	return first, found
}

// refunds compares refunds with the entries that return money.
func (m *accounts) refunds(ctx context.Context, tx *sql.Tx) error {
	has := map[int64]bool{}
	upTo, err := RefundLedger(ctx, tx, m.eventID, func(r RefundRow) error {
		var back bookingapi.Back
		if b := m.bills[r.BookingID]; b != nil {
			if i := slices.IndexFunc(b.Back, func(back bookingapi.Back) bool { return back.Seq == r.Seq }); i >= 0 {
				back = b.Back[i]
			}
		}
		if !r.Named(m.eventID) || back.Amount != r.Amount {
			return m.differ("refund %s gives back %d for entry %d of booking %s, but the ledger says %d", r.ID, r.Amount, r.Seq, r.BookingID, back.Amount)
		}
		has[r.Seq] = true
		switch {
		case r.Done():
			m.done[r.PaymentID] += r.Amount - r.Elsewhere
		case r.Needless():
			m.needless[r.PaymentID] += r.Amount
		}
		return nil
	})
	if err != nil {
		return err
	}
	missing := func(b bookingapi.Back) bool { return b.Seq <= upTo && !has[b.Seq] }
	if id, ok := least(m.bills, func(_ string, b *bookingapi.Bill) bool { return slices.ContainsFunc(b.Back, missing) }); ok {
		b := m.bills[id].Back[slices.IndexFunc(m.bills[id].Back, missing)]
		return m.differ("ledger entry %d gives back %d for booking %s, but refunds has no row for it", b.Seq, b.Amount, id)
	}
	return nil
}

// payment compares one payment with its booking, and with its refunds.
func (m *accounts) payment(p Row) error {
	m.seen++
	b := m.bills[p.BookingID]
	own := b != nil && b.PaymentID == p.ID // it is the one that the booking was sold by
	done := m.done[p.ID]
	delete(m.done, p.ID)
	if err := m.named(&p); err != nil {
		return err
	}
	if own {
		m.paid[p.BookingID] = true
		if p.Amount != b.Amount || p.Currency != b.Currency {
			return m.differ("payments.amount of %s is %d %s, but booking %s was sold for %d %s", p.ID, p.Amount, p.Currency, p.BookingID, b.Amount, b.Currency)
		}
	}
	if back := done + m.returned(&p) + p.Elsewhere; p.Refunded != back {
		return m.differ("payments.refunded of %s, which is %s, is %d, but %d went back", p.ID, p.Status, p.Refunded, back)
	}
	if all := p.Amount > 0 && p.Refunded == p.Amount; p.Took() && all != (p.Status == paymentapi.Refunded) {
		return m.differ("payments.status of %s is %s, but %d of %d went back", p.ID, p.Status, p.Refunded, p.Amount)
	}
	if p.Took() {
		return m.took(&p, b, own)
	}
	if own && b.Status == bookingapi.Booked && p.Status.Final() {
		return m.differ("booking %s is sold by payment %s, which is %s", p.BookingID, p.ID, p.Status)
	}
	return nil
}

// named compares a payment's id with its row's booking and event.
func (m *accounts) named(p *Row) error {
	if p.Named() && p.EventID == m.eventID {
		return nil
	}
	return m.misplaced(p)
}

func (m *accounts) misplaced(p *Row) error {
	return m.differ("payment %s is attempt %d for booking %s of event %s, which have another id", p.ID, p.Attempt, p.BookingID, p.EventID)
}

// returned is the money that a payment returned because it was given up, without a
// refund of its own.
func (m *accounts) returned(p *Row) int64 {
	if p.GivenUp && p.Status == paymentapi.Refunded {
		return p.Amount
	}
	return 0
}

// took compares a payment that took money.
func (m *accounts) took(p *Row, b *bookingapi.Bill, own bool) error {
	if !own {
		return m.differ("payment %s is %s, but it has sold no booking", p.ID, p.Status)
	}
	missing := max(p.ExcessBack-p.Excess, 0) // it was never taken
	if needless := m.needless[p.ID]; needless > p.Disputed+p.Elsewhere+missing {
		return m.differ("refunds of %d were needless, but payment %s is %s, and %d went back otherwise", needless, p.ID, p.Status, p.Disputed+p.Elsewhere)
	}
	owed := b.Amount // what remains after all refunds
	for _, back := range b.Back {
		owed -= back.Amount
	}
	if b.Status != bookingapi.Booked && owed != b.Kept {
		return m.differ("payment %s keeps %d %s, but booking %s is %s", p.ID, owed, p.Currency, p.BookingID, b.Status)
	}
	return nil
}
