package payment

import (
	"database/sql"
	"errors"
	"testing"
	"time"

	"boxoffice/internal/bus"
	"boxoffice/internal/codec"
	"boxoffice/internal/paymentapi"
)

// toldFailed lists what the outbox says of refunds that have failed.
func (w *world) toldFailed() (list []paymentapi.FailedRefund, unreadable int) {
	w.t.Helper()
	messages, err := w.FailedRefunds().Pending(w.t.Context(), bus.Ref{}, 100)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, m := range messages {
		var body paymentapi.FailedRefundsMessage
		if err := codec.ReadKnown(m.Body, &body); err != nil || m.Topic != paymentapi.FailedRefundsTopic || m.Type != paymentapi.TypeRefundFailed || m.Key != event1 {
			w.t.Errorf("%+v: %v", m, err)
		}
		list = append(list, body.Refunds...)
		if body.Unreadable != "" {
			unreadable++
		}
	}
	return list, unreadable
}

// Each time that the money of a refund comes back is told once, however often the gateway
// says so. That it is made again is told as another attempt.
func TestRefundsThatComeBackAreTold(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		b := w.house.hold(fan.UserID, 1, 2)
		p, err := w.pay(b, "tok_ok", "k")
		if statusOf(t, p, err) != paymentapi.Captured {
			t.Fatal(p)
		}
		w.house.cancel(b.ID, b.Amount)
		time.Sleep(time.Minute)
		for n := 1; n <= 2; n++ {
			w.bank.failsRefund(p.ID + ".1")
			for range 3 {
				w.asks(p.ID)
			}
			told, _ := w.toldFailed()
			if len(told) != n {
				t.Fatalf("%+v", told)
			}
			f := told[n-1]
			if f.At == 0 || f.Seq == 0 {
				t.Errorf("%+v", f)
			}
			refunds, err := w.RefundsOf(t.Context(), event1, []int64{f.Seq})
			if r := refunds[f.Seq]; err != nil || r.Status != refundFailed || r.Attempt != int64(n)+1 { // the next
				t.Errorf("%+v %v", r, err)
			}
			if f.At, f.Seq = 0, 0; f != (paymentapi.FailedRefund{BookingID: b.ID, Attempt: int64(n), Amount: b.Amount, Reason: "lost_or_stolen_card", CameBack: true}) {
				t.Errorf("%+v", f)
			}
			w.turn(paymentapi.RefundJobChange{Retry: true})
			time.Sleep(time.Minute)
		}
		attempts := map[int64]int{}
		back, _ := w.returnedMoney()
		for _, r := range back {
			attempts[r.Attempt]++
		}
		if len(attempts) != 3 || attempts[0] != 1 || attempts[2] != 1 || attempts[3] != 1 {
			t.Errorf("%v", attempts)
		}
	})
}

// Refunds that the gateway refuses are told, too: nobody has got money and lost it again.
func TestRefusedRefundsAreTold(t *testing.T) {
	w := newWorld(t)
	w.cancelled(2)
	refuses := &refusing{Gateway: w.gateway}
	refuses.on.Store(true)
	w.gateway = refuses
	if err := errors.Join(w.refunds.follower.Look(t.Context(), nil), w.refunds.intake(t.Context()), w.refunds.settle(t.Context())); err != nil {
		t.Fatal(err)
	}
	told, _ := w.toldFailed()
	if len(told) != 2 {
		t.Fatalf("%+v", told)
	}
	for _, f := range told {
		if f.CameBack || f.BookingID == "" || f.Reason == "" || f.Amount == 0 || f.Attempt != 1 {
			t.Errorf("%+v", f)
		}
	}
	if err := w.refunds.settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if told, _ := w.toldFailed(); len(told) != 2 {
		t.Errorf("told again: %+v", told)
	}
}

// A row that cannot be read is a message that says so, and rows leave when all have taken
// them.
func TestUnreadableFailedRefunds(t *testing.T) {
	w := newWorld(t)
	if err := w.db.Write(t.Context(), func(tx *sql.Tx) error { _, err := tx.Exec(sqlNoteRefundFailed, event1, "0", "not JSON"); return err }); err != nil {
		t.Fatal(err)
	}
	if list, unreadable := w.toldFailed(); len(list) != 0 || unreadable != 1 {
		t.Errorf("%+v, %d", list, unreadable)
	}
	if err := w.FailedRefunds().Remove(t.Context(), []bus.Ref{{Key: event1, ID: "0"}}); err != nil {
		t.Error(err)
	}
	if list, unreadable := w.toldFailed(); len(list)+unreadable != 0 {
		t.Errorf("%+v, %d", list, unreadable)
	}
}
