package payment

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"boxoffice/internal/batch"
	"boxoffice/internal/bus"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
)

// returned lists what the outbox says of money that went back.
func (w *world) returnedMoney() (list []paymentapi.Return, unreadable int) {
	w.t.Helper()
	messages, err := w.Returns().Pending(context.Background(), bus.Ref{}, 10_000)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, m := range messages {
		var body paymentapi.ReturnedMessage
		if err := codec.ReadKnown(m.Body, &body); err != nil || m.Topic != paymentapi.ReturnsTopic || m.Type != paymentapi.TypeReturned {
			w.t.Errorf("%+v: %v", m, err)
		}
		for _, r := range body.Returned {
			if eventOf(r.PaymentID) != m.Key || r.UserID == "" || r.Currency == "" || r.Amount <= 0 {
				w.t.Errorf("the message of event %s has %+v", m.Key, r)
			}
		}
		list = append(list, body.Returned...)
		if body.Unreadable != "" {
			unreadable++
		}
	}
	return list, unreadable
}

// told checks that all money that went back is told of, once, and nothing else. A refund
// that came back and is made again is told of again.
func (w *world) told(rows []Row) {
	w.t.Helper()
	if w.Service == nil { // it has crashed
		return
	}
	list, _ := w.returnedMoney()
	back := map[string]int64{} // by payment
	seen, cameBack := map[paymentapi.Return]int{}, map[string]int{}
	for _, r := range list {
		if seen[r] == 0 && r.Taken || r.Seq != 0 {
			back[r.PaymentID] += r.Amount
		}
		seen[r]++
	}
	for _, r := range rows {
		p, err := w.store.payment(context.Background(), r.ID)
		steps, failed := p.steps()
		if err != nil || failed != nil {
			w.t.Error(err, failed)
		}
		for _, s := range steps {
			if s.Status == paymentapi.RefundCameBack { // that is not told
				back[r.ID] -= s.Amount
				cameBack[r.ID]++
			}
		}
		want := r.Refunded + min(r.ExcessBack, 0)
		if r.GivenUp && r.Refunded > 0 {
			want += r.Excess
		}
		if back[r.ID] != want {
			w.t.Errorf("payment %s: %d went back, but %d are told of: %+v", r.ID, want, back[r.ID], list)
		}
	}
	for r, n := range seen {
		if r.Seq != 0 && n > 1+cameBack[r.PaymentID] {
			w.t.Errorf("told %d times of %+v", n, r)
		}
	}
}

// Refunds and money of payments that came too late are told of; what its buyer has given
// up themselves, what was declined, and what cost nothing is not.
func TestWhatIsToldOfMoney(t *testing.T) {
	gone := errs.New(errs.Conflict, "seats-gone", "Gone.")
	for name, c := range map[string]struct {
		method string
		refuse error
		free   bool
		want   []paymentapi.Return
	}{
		"too late":           {"tok_ok", gone, false, []paymentapi.Return{{Amount: 5000, Reason: "seats-gone"}}},
		"too late, sure":     {"tok_sure", gone, false, []paymentapi.Return{{Amount: 5000, Reason: "seats-gone"}}},
		"event is cancelled": {"tok_ok", errs.New(errs.Conflict, "event-cancelled", "Cancelled."), false, []paymentapi.Return{{Amount: 5000, Reason: "event-cancelled"}}},
		"paid by another":    {"tok_ok", errs.New(errs.Conflict, "already-booked", "Paid."), false, []paymentapi.Return{{Amount: 5000, Reason: "already-booked"}}},
		"other price":        {"tok_ok", errs.New(errs.Conflict, amountDiffers, "Other price."), false, nil},
		"free, too late":     {"", gone, true, nil},
		"declined":           {"tok_bad", nil, false, nil},
		"paid":               {"tok_ok", nil, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b := w.house.hold(fan.UserID, 1)
			w.house.mu.Lock()
			w.house.refuse = c.refuse
			if c.free {
				w.house.bookings[b.ID].Amount = 0
			}
			w.house.mu.Unlock()
			_, _ = w.pay(b, c.method, "")
			list, _ := w.returnedMoney()
			for i := range c.want {
				c.want[i].PaymentID, c.want[i].UserID, c.want[i].Currency = b.ID+"-1", fan.UserID, "USD"
			}
			if !slices.Equal(list, c.want) {
				t.Errorf("%+v, want %+v", list, c.want)
			}
		})
	}
}

// A refund is told of once it is made, however often the gateway fails before, with the
// entry that it is for. It rings the bell.
func TestRefundIsToldOnceItIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.runs()
		b := w.house.hold(fan.UserID, 1, 2)
		if p, err := w.pay(b, paymentapi.SandboxOK, ""); statusOf(t, p, err) != paymentapi.Captured {
			t.Fatal(p)
		}
		fails := 3
		w.bank.mu.Lock()
		w.bank.refundCut = func(provider.Charge) error {
			if fails--; fails >= 0 {
				return errors.New("no line")
			}
			return nil
		}
		w.bank.mu.Unlock()
		w.house.cancel(b.ID, 5000)
		time.Sleep(1500 * time.Millisecond)
		if list, _ := w.returnedMoney(); len(list) > 0 {
			t.Errorf("told before the gateway has made it: %+v", list)
		}
		time.Sleep(time.Minute)
		w.house.cancel(b.ID, 5000)
		time.Sleep(time.Minute)
		list, _ := w.returnedMoney()
		if len(list) != 2 || list[0].Amount != 5000 || list[0].Seq == list[1].Seq || list[0].Seq < 2 || list[0].Taken || list[0].Reason != "" {
			t.Errorf("%+v", list)
		}
		w.agree()
	})
}

// The refunds of an event that are made together are few messages.
func TestRefundsAreToldTogether(t *testing.T) {
	w := newWorld(t)
	var ended []write
	for i := range 40 {
		b := w.house.hold(fan.UserID, int32(i))
		if p, err := w.pay(b, paymentapi.SandboxOK, ""); statusOf(t, p, err) != paymentapi.Captured {
			t.Fatal(p)
		}
		w.house.cancel(b.ID, b.Amount)
		ended = append(ended, &endRefund{openRefund: openRefund{eventID: event1, seq: int64(len(w.house.ledger[event1])), id: "r", bookingID: b.ID, amount: b.Amount, attempt: 1}, give: b.Amount,
			paymentID: b.ID + "-1", status: refundDone, now: w.micros()})
	}
	if err := w.refunds.follower.Look(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := w.refunds.follower.CatchUp(t.Context(), nil, w.refunds.room()); err != nil {
		t.Fatal(err)
	}
	if err := w.refunds.intake(t.Context()); err != nil {
		t.Fatal(err)
	}
	var items waiting
	for _, e := range ended {
		items = append(items, &batch.Item[write]{Value: e})
	}
	if err := w.store.commit(items); err != nil {
		t.Fatal(err)
	}
	messages, err := w.Returns().Pending(t.Context(), bus.Ref{}, 99)
	if list, _ := w.returnedMoney(); len(messages) != 1 || len(list) != 40 || err != nil {
		t.Errorf("%d refunds in %d messages, %v", len(list), len(messages), err)
	}
}

// A row that cannot be read is a message, which others do not wait for. Rows leave the
// outbox when they are removed.
func TestUnreadableReturns(t *testing.T) {
	w := newWorld(t)
	b := w.house.hold(fan.UserID, 1)
	w.house.refuse = errs.New(errs.Conflict, "seats-gone", "Gone.")
	_, _ = w.pay(b, paymentapi.SandboxOK, "")
	err := w.db.Write(t.Context(), func(tx *sql.Tx) error { _, err := tx.Exec(sqlNoteReturned, "", "0", "not JSON"); return err })
	if err != nil {
		t.Fatal(err)
	}
	if list, unreadable := w.returnedMoney(); len(list) != 1 || unreadable != 1 {
		t.Errorf("%+v, %d", list, unreadable)
	}
	messages, err := w.Returns().Pending(t.Context(), bus.Ref{}, 99)
	if err != nil || len(messages) != 2 {
		t.Fatal(messages, err)
	}
	if err := w.Returns().Remove(t.Context(), []bus.Ref{messages[0].Ref(), messages[1].Ref(), messages[1].Ref()}); err != nil {
		t.Error(err)
	}
	if list, unreadable := w.returnedMoney(); len(list)+unreadable != 0 {
		t.Errorf("%+v, %d", list, unreadable)
	}
}
