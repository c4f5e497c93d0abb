package app

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"boxoffice/internal/booking"
	"boxoffice/internal/event"
	"boxoffice/internal/payment"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/settings"
	"boxoffice/internal/sqldb"
)

// Verify replays ledgers against the tables.
type Verify struct {
	settings.Storage
	Event string `help:"Only the event with this id." unset:"all events" placeholder:"ID"`
}

// Run verifies; the error is the first difference.
func (v Verify) Run(ctx context.Context, out io.Writer) error {
	if err := settings.CheckID("--event", v.Event); err != nil {
		return err
	}
	db, err := OpenToRead(ctx, v.Storage)
	if err != nil {
		return err
	}
	defer db.Close()
	start := time.Now()
	sum, err := VerifyAll(ctx, db, v.Event)
	var diff booking.Difference
	if errors.As(err, &diff) {
		return fmt.Errorf("the ledger and the tables disagree: %w", err)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "ok: %s of %s replay to %s, %s and %s (%s)\n",
		settings.Counted(sum.Entries, "ledger entry", "ledger entries"), settings.Counted(sum.Events, "event", "events"),
		settings.Counted(sum.Bookings, "booking", "bookings"), settings.Counted(sum.Claims, "claim", "claims"),
		settings.Counted(sum.Payments, "payment", "payments"), time.Since(start).Round(time.Millisecond))
	return nil
}

// Verified says what a verification has seen.
type Verified struct {
	booking.Verified
	Payments int64
}

// VerifyAll replays the ledger of one event ("": of all) against the tables of the
// Booking Service, its bookings against the price lists of the Event Service, and its
// money against the Payment Service. The error is a booking.Difference when they
// disagree.
func VerifyAll(ctx context.Context, db *sqldb.DB, eventID string) (Verified, error) {
	catalogue, err := event.OpenCatalogue(ctx, db)
	if err != nil {
		return Verified{}, err
	}
	if err := payment.Migrate(ctx, db); err != nil {
		return Verified{}, err
	}
	var sum Verified
	known := map[string]bool{}
	sum.Verified, err = booking.VerifyWith(ctx, db, eventID, booking.Beside{Plans: catalogue,
		Bills: func(ctx context.Context, tx *sql.Tx, eventID string, bills map[string]*booking.Bill) error {
			known[eventID] = true
			m := accounts{eventID: eventID, bills: bills, done: map[string]int64{}, needless: map[string]string{}, paid: map[string]bool{}}
			err := m.verify(ctx, tx)
			sum.Payments += m.seen
			return err
		}})
	if err != nil || eventID != "" {
		return sum, err
	}
	// An event that was made since then has nothing that could differ.
	paid, err := payment.Events(ctx, db.Reader())
	for _, id := range paid {
		if known[id] {
			continue
		}
		switch has, err := booking.HasSale(ctx, db, id); {
		case err != nil:
			return sum, err
		case !has:
			return sum, unsold(ctx, db, id)
		}
	}
	return sum, err
}

// unsold is what is wrong with the payments of an event without a row in sales:
// they may say that they are another's.
func unsold(ctx context.Context, db *sqldb.DB, eventID string) error {
	m := accounts{eventID: eventID}
	err := payment.Ledger(ctx, db.Reader(), eventID, func(p payment.Row) error { return m.named(&p) })
	if err == nil {
		err = m.differ("it has payments, but no row in sales")
	}
	return err
}

// accounts compares the payments and refunds of an event with what its ledger says.
type accounts struct {
	eventID  string
	bills    map[string]*booking.Bill
	done     map[string]int64  // by payment: what has gone back for entries of the ledger
	needless map[string]string // by payment: a refund that it had no money for
	paid     map[string]bool   // bookings whose own payment was seen
	seen     int64             // payments
}

func (m *accounts) differ(format string, args ...any) error {
	return booking.Difference{EventID: m.eventID, Text: fmt.Sprintf(format, args...)}
}

func (m *accounts) verify(ctx context.Context, tx *sql.Tx) error {
	if err := m.refunds(ctx, tx); err != nil {
		return err
	}
	if err := payment.Ledger(ctx, tx, m.eventID, m.payment); err != nil {
		return err
	}
	if id, ok := least(m.done, func(string, int64) bool { return true }); ok {
		return m.differ("refunds says that %d went back from payment %q, which does not exist", m.done[id], id)
	}
	if id, ok := least(m.bills, func(id string, _ *booking.Bill) bool { return !m.paid[id] }); ok {
		return m.differ("bookings.payment_id of %s is %q, but there is no such payment for it", id, m.bills[id].PaymentID)
	}
	return nil
}

// least is the first key, in order, of those that are meant.
func least[V any](of map[string]V, meant func(string, V) bool) (first string, found bool) {
	for id, v := range of {
		if (!found || id < first) && meant(id, v) {
			first, found = id, true
		}
	}
	return first, found
}

// refunds compares refunds with the entries that give money back.
func (m *accounts) refunds(ctx context.Context, tx *sql.Tx) error {
	has := map[int64]bool{}
	upTo, err := payment.RefundLedger(ctx, tx, m.eventID, func(r payment.RefundRow) error {
		var back booking.Back
		if b := m.bills[r.BookingID]; b != nil {
			if i := slices.IndexFunc(b.Back, func(back booking.Back) bool { return back.Seq == r.Seq }); i >= 0 {
				back = b.Back[i]
			}
		}
		if !r.Named(m.eventID) || back.Amount != r.Amount {
			return m.differ("refund %s gives back %d for entry %d of booking %s, but the ledger says %d", r.ID, r.Amount, r.Seq, r.BookingID, back.Amount)
		}
		has[r.Seq] = true
		switch {
		case r.Done():
			m.done[r.PaymentID] += r.Amount
		case r.Needless():
			m.needless[r.PaymentID] = r.ID
		}
		return nil
	})
	if err != nil {
		return err
	}
	missing := func(b booking.Back) bool { return b.Seq <= upTo && !has[b.Seq] }
	if id, ok := least(m.bills, func(_ string, b *booking.Bill) bool { return slices.ContainsFunc(b.Back, missing) }); ok {
		b := m.bills[id].Back[slices.IndexFunc(m.bills[id].Back, missing)]
		return m.differ("ledger entry %d gives back %d for booking %s, but refunds has no row for it", b.Seq, b.Amount, id)
	}
	return nil
}

// payment compares one payment with its booking, and with its refunds.
func (m *accounts) payment(p payment.Row) error {
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
	if back := done + m.returned(&p); p.Refunded != back {
		return m.differ("payments.refunded of %s, which is %s, is %d, but %d went back", p.ID, p.Status, p.Refunded, back)
	}
	if all := p.Amount > 0 && p.Refunded == p.Amount; p.Took() && all != (p.Status == paymentapi.Refunded) {
		return m.differ("payments.status of %s is %s, but %d of %d went back", p.ID, p.Status, p.Refunded, p.Amount)
	}
	if p.Took() {
		return m.took(&p, b, own)
	}
	if own && b.Status == "booked" && p.Status.Final() {
		return m.differ("booking %s is sold by payment %s, which is %s", p.BookingID, p.ID, p.Status)
	}
	return nil
}

// named compares a payment's id with what the row says that it is for.
func (m *accounts) named(p *payment.Row) error {
	if p.Named() && p.EventID == m.eventID {
		return nil
	}
	return m.differ("payment %s is attempt %d for booking %s of event %s, which have another id", p.ID, p.Attempt, p.BookingID, p.EventID)
}

// returned is the money of a payment that was returned because the payment was
// given up, without a refund of its own.
func (m *accounts) returned(p *payment.Row) int64 {
	if p.GaveUp && p.Status == paymentapi.Refunded {
		return p.Amount
	}
	return 0
}

// took compares a payment that took its money.
func (m *accounts) took(p *payment.Row, b *booking.Bill, own bool) error {
	if !own {
		return m.differ("payment %s is %s, but it has sold no booking", p.ID, p.Status)
	}
	if id := m.needless[p.ID]; id != "" {
		return m.differ("refund %s was needless, but payment %s is %s", id, p.ID, p.Status)
	}
	owed := b.Amount // to be kept, once all refunds are made
	for _, back := range b.Back {
		owed -= back.Amount
	}
	if b.Status != "booked" && owed != 0 {
		return m.differ("payment %s keeps %d %s, but booking %s is %s", p.ID, owed, p.Currency, p.BookingID, b.Status)
	}
	return nil
}
