package payment

import (
	"database/sql"
	"testing"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/paymentapi"
)

// The refunds of an event are counted by how far they got, and no other's.
func TestRefundsOf(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	const event, other = "06a1b2c3d4e5f6g7", "06a1b2c3d4e5f6g8"
	err := w.db.Write(ctx, func(tx *sql.Tx) error {
		for i, r := range []struct {
			event, status string
			amount        int64
		}{{event, refundDone, 500}, {event, refundDone, 700}, {event, refundPending, 900}, {event, refundFailed, 40}, {event, refundNeedless, 1}, {other, refundDone, 77}} {
			if _, err := tx.ExecContext(ctx, sqlAddRefund, refundID(r.event, int64(i+1)), r.event, i+1, "b", r.amount, 1); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `UPDATE refunds SET status = $1 WHERE id = $2`, r.status, refundID(r.event, int64(i+1))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := w.refundsOf(ctx, event)
	want := paymentapi.Refunds{Done: paymentapi.RefundFigure{Count: 2, Amount: 1200}, Pending: paymentapi.RefundFigure{Count: 1, Amount: 900}, Failed: paymentapi.RefundFigure{Count: 1, Amount: 40}}
	if err != nil || got != want {
		t.Errorf("%+v, want %+v (%v)", got, want, err)
	}
}

// Money that was taken for a payment that was given up, and went back by itself, is
// among the refunds of its event.
func TestReturnedMoneyIsCounted(t *testing.T) {
	w := newWorld(t)
	b, other := w.house.hold(fan.UserID, 1), w.house.hold(fan.UserID, 2)
	for _, one := range []bookingapi.Booking{b, other} {
		if p, err := w.pay(one, paymentapi.SandboxOK, ""); statusOf(t, p, err) != paymentapi.Captured {
			t.Fatal(p)
		}
	}
	set := func(status paymentapi.Status) {
		t.Helper()
		err := w.db.Write(t.Context(), func(tx *sql.Tx) error {
			_, err := tx.Exec(`UPDATE payments SET status = $1, ends_as = 'voided' WHERE booking_id = $2`, string(status), b.ID)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	back := paymentapi.RefundFigure{Count: 1, Amount: b.Amount}
	for _, c := range []struct {
		status paymentapi.Status
		want   paymentapi.Refunds
	}{{paymentapi.Voiding, paymentapi.Refunds{}}, {paymentapi.Voided, paymentapi.Refunds{}}, {paymentapi.Returning, paymentapi.Refunds{Pending: back}}, {paymentapi.Refunded, paymentapi.Refunds{Done: back}}} {
		set(c.status)
		if got, err := w.refundsOf(t.Context(), event1); err != nil || got != c.want {
			t.Errorf("%s: %+v, want %+v (%v)", c.status, got, c.want, err)
		}
	}
	if got, err := w.refundsOf(t.Context(), "0000000000000002"); err != nil || got != (paymentapi.Refunds{}) {
		t.Errorf("another event's: %+v %v", got, err)
	}
}

// Of the sales, refunds that are not made, or have failed, are owed; money of payments that
// were given up was never sold for.
func TestOwed(t *testing.T) {
	w := newWorld(t)
	paid, given, quiet := w.house.hold(fan.UserID, 1), w.house.hold(fan.UserID, 2), w.house.hold(fan.UserID, 3)
	for _, b := range []bookingapi.Booking{paid, given} {
		if p, err := w.pay(b, paymentapi.SandboxOK, ""); statusOf(t, p, err) != paymentapi.Captured {
			t.Fatal(p)
		}
	}
	w.change(`UPDATE payments SET status = 'returning', ends_as = 'voided' WHERE booking_id = $1`, given.ID)
	for i, one := range []struct {
		booking, status string
		amount          int64
	}{{paid.ID, refundPending, 3}, {paid.ID, refundFailed, 40}, {paid.ID, refundDone, 500}, {paid.ID, refundNeedless, 600}, {given.ID, refundPending, 7000}, {quiet.ID, refundPending, 8000}} {
		seq := int64(1000 + i)
		w.change(sqlAddRefund, refundID(event1, seq), event1, seq, one.booking, one.amount, 1)
		w.change(`UPDATE refunds SET status = $1 WHERE id = $2`, one.status, refundID(event1, seq))
	}
	w.change(sqlAddRefund, refundID(event1, 1100), event1, 1100, paid.ID, 9000, 1)
	w.change(`UPDATE refunds SET status = 'failed', handled = 'by hand' WHERE id = $1`, refundID(event1, 1100))
	all, err := w.refundsOf(t.Context(), event1)
	if err != nil || all.Failed.Amount != 40 || all.Pending.Amount <= given.Amount {
		t.Fatalf("%+v %v", all, err)
	}
	owed, err := w.Owed(t.Context(), event1)
	if err != nil || len(owed) != 1 || owed[paid.Currency] != 43 {
		t.Errorf("%v %v", owed, err)
	}
	if owed, err := w.Owed(t.Context(), "0000000000000002"); err != nil || len(owed) != 0 {
		t.Errorf("another event's: %v %v", owed, err)
	}
}

// Refunds of the other mode, test or live, are apart from all others, and its bookings are
// known. What is handled, or needed no refund, is in neither.
func TestOtherMode(t *testing.T) {
	w := newWorld(t)
	mine, other, old, given := w.house.hold(fan.UserID, 1), w.house.hold(fan.UserID, 2), w.house.hold(fan.UserID, 3), w.house.hold(fan.UserID, 4)
	for _, b := range []bookingapi.Booking{mine, other, old, given} {
		if p, err := w.pay(b, paymentapi.SandboxOK, ""); statusOf(t, p, err) != paymentapi.Captured {
			t.Fatal(p)
		}
	}
	w.change(`UPDATE payments SET gateway = 'bank', test = $1`, w.test)
	w.change(`UPDATE payments SET test = $1 WHERE booking_id = $2 OR booking_id = $3`, !w.test, other.ID, given.ID)
	w.change(`UPDATE payments SET gateway = '', test = FALSE WHERE booking_id = $1`, old.ID)
	w.change(`UPDATE payments SET status = 'refunded', ends_as = 'voided' WHERE booking_id = $1`, given.ID)
	for i, one := range []struct {
		booking, status string
		amount          int64
	}{{mine.ID, refundPending, 3}, {mine.ID, refundFailed, 40}, {old.ID, refundDone, 500}, {other.ID, refundDone, 6000}, {other.ID, refundPending, 1}, {other.ID, refundFailed, 2}, {other.ID, refundNeedless, 70}} {
		seq := int64(1000 + i)
		w.change(sqlAddRefund, refundID(event1, seq), event1, seq, one.booking, one.amount, 1)
		w.change(`UPDATE refunds SET status = $1 WHERE id = $2`, one.status, refundID(event1, seq))
	}
	w.change(sqlAddRefund, refundID(event1, 1100), event1, 1100, other.ID, 9000, 1)
	w.change(`UPDATE refunds SET status = 'failed', handled = 'by hand' WHERE id = $1`, refundID(event1, 1100))
	figure := func(count, amount int64) paymentapi.RefundFigure {
		return paymentapi.RefundFigure{Count: count, Amount: amount}
	}
	want := paymentapi.Refunds{Done: figure(1, 500), Pending: figure(1, 3), Failed: figure(1, 40), Other: figure(4, 6003+given.Amount)}
	if got, err := w.refundsOf(t.Context(), event1); err != nil || got != want {
		t.Errorf("%+v, want %+v (%v)", got, want, err)
	}
	if got, err := w.OtherMode(t.Context(), event1); err != nil || len(got) != 1 || !got[other.ID] {
		t.Errorf("%v %v", got, err)
	}
	if got, err := w.OtherMode(t.Context(), "0000000000000002"); err != nil || len(got) != 0 {
		t.Errorf("another event's: %v %v", got, err)
	}
}
