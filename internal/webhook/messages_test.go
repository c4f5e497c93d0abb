package webhook

import (
	"database/sql"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/bus"
	"boxoffice/internal/codec"
	"boxoffice/internal/ledger"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/webhookapi"
)

// Organizers are told what happens to the seats and the money of their events, once each,
// from when they have asked for it, and of nobody else's events.
func TestMessages(t *testing.T) {
	w := newWorld(t)
	w.sells(event1, 1) // before
	all, some := newReceiver(t, nil), newReceiver(t, nil)
	hook, secret := w.creates(ann, all.server.URL+"/hooks")
	all.trust(secret)
	_, secret = w.creates(ann, some.server.URL, webhookapi.EventCancelled, webhookapi.PaymentCaptured)
	some.trust(secret)
	w.runs()
	w.sells(event2, 2) // bob's
	booking := w.sells(event1, 3)
	w.until("the purchase is told", func() bool { return len(all.messages()) == 2 && len(some.messages()) == 1 })

	block := event1 + "00000000000000000block"
	w.mu.Lock()
	w.orders[block] = bookingapi.Booking{ID: block, EventID: event1, PaymentID: bookingapi.Block}
	w.mu.Unlock()
	w.append(event1, false, ledger.Entry{Kind: ledger.Booked, BookingID: block, Seats: []int32{7}, Amount: 0, Currency: "EUR"})
	w.append(event1, false, ledger.Entry{Kind: ledger.Swapped, BookingID: booking, Seats: []int32{1, 2}, Until: 1, Amount: 9000, Currency: "EUR"}) // of a hold: nobody is told
	w.append(event1, false, ledger.Entry{Kind: ledger.Swapped, BookingID: booking, Seats: []int32{1, 2}, Amount: 9000, Currency: "EUR"})
	w.append(event1, false, ledger.Entry{Kind: ledger.Cancelled, BookingID: booking, Seats: []int32{1}, Amount: 4500, Currency: "EUR"})
	seq := w.append(event1, false, ledger.Entry{Kind: ledger.Cancelled, BookingID: booking, Seats: []int32{2}, Amount: 4500, Currency: "EUR"})
	w.append(event1, false, ledger.Entry{Kind: ledger.Expired, BookingID: booking})
	w.append(event1, false, ledger.Entry{Kind: ledger.Sale, Sale: `{"event_version":4,"status":"on_sale","organizer_id":"x"}`})
	w.append(event1, false, ledger.Entry{Kind: ledger.Sale, Sale: `{"event_version":5,"status":"cancelled"}`})
	w.until("what follows is told", func() bool { return len(all.messages()) == 8 && len(some.messages()) == 2 })
	w.mu.Lock()
	w.refunds[event1] = map[int64]paymentapi.Refund{
		seq - 1: {Status: paymentapi.RefundDone, PaymentID: booking + "-1", Amount: 4500, UpdatedAt: time.Now().UnixMicro()},
		seq:     {Status: paymentapi.RefundPending, PaymentID: booking + "-1", Amount: 4500},
	}
	w.mu.Unlock()
	w.later(10 * time.Second)
	w.until("the first refund is told", func() bool { return len(all.messages()) == 9 })
	w.mu.Lock()
	w.refunds[event1][seq] = paymentapi.Refund{Status: paymentapi.RefundFailed, Reason: "declined", PaymentID: booking + "-1", Amount: 4500, UpdatedAt: time.Now().UnixMicro()}
	w.mu.Unlock()
	w.later(10 * time.Minute)
	w.until("the second refund is told", func() bool { return len(all.messages()) == 10 })

	if got, want := all.kinds(), map[string]int{"booking.booked": 2, "payment.captured": 1, "booking.cancelled": 2, "booking.moved": 1, "event.changed": 1, "event.cancelled": 1, "payment.refunded": 1, "payment.refund_failed": 1}; !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got, want := some.kinds(), map[string]int{"event.cancelled": 1, "payment.captured": 1}; !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	wants := map[string]string{
		fmt.Sprintf("msg_%s-%d", event1, 4):                 fmt.Sprintf(`map[amount:9000 booking_id:%s currency:EUR event_id:%s kind:sale reference:`, booking, event1),
		fmt.Sprintf("msg_%s-%d-paid", event1, 4):            fmt.Sprintf(`map[amount:9000 booking_id:%s currency:EUR event_id:%s payment_id:%s-1 seq:4]`, booking, event1, booking),
		fmt.Sprintf("msg_%s-%d", event1, 5):                 `kind:block`,
		fmt.Sprintf("msg_%s-%d", event1, 7):                 `seat_count:2 seq:7]`,
		fmt.Sprintf("msg_%s-%d", event1, seq):               `seat_count:1 seq:9]`,
		fmt.Sprintf("msg_%s-%d-refund", event1, seq-1):      fmt.Sprintf(`refund_id:%s:8 seq:8]`, event1),
		fmt.Sprintf("msg_%s-%d-refund-failed", event1, seq): `reason:declined`,
		fmt.Sprintf("msg_%s-%d", event1, seq+2):             fmt.Sprintf(`map[event_id:%s seq:11 status:on_sale version:4]`, event1),
	}
	for _, m := range all.messages() {
		if want, asked := wants[m.id]; asked && !strings.Contains(fmt.Sprint(m.data), want) {
			t.Errorf("%s: %v, want %s", m.id, m.data, want)
		}
		if delete(wants, m.id); strings.Contains(m.id, ".") || m.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %v", m.id, m.header)
		}
	}
	if len(wants) > 0 {
		t.Errorf("never told: %v", wants)
	}
	w.until("all is recorded", func() bool {
		return !slices.ContainsFunc(w.log(ann, hook.ID), func(d webhookapi.Delivery) bool { return d.Status == webhookapi.Waiting })
	})
	for _, d := range w.log(ann, hook.ID) {
		if d.Status != webhookapi.Delivered || d.Tries != 1 || d.Last.Status != http.StatusNoContent || d.EventID != event1 {
			t.Errorf("%+v", d)
		}
	}
}

// A refund that has failed is told once, and once more when it was tried again and is made,
// however often it fails between. It is not awaited for ever.
func TestRefundsTriedAgainAreTold(t *testing.T) {
	w := newWorld(t)
	r := newReceiver(t, nil)
	w.creates(ann, r.server.URL, webhookapi.PaymentRefunded, webhookapi.RefundFailed)
	w.runs()
	booking := w.sells(event1, 3)
	var seqs []int64
	for seat := range int32(2) {
		seqs = append(seqs, w.append(event1, false, ledger.Entry{Kind: ledger.Cancelled, BookingID: booking, Seats: []int32{seat}, Amount: 4500, Currency: "EUR"}))
	}
	become := func(seq int64, status string) {
		at := w.neighbours.now().UnixMicro()
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.refunds[event1] == nil {
			w.refunds[event1] = map[int64]paymentapi.Refund{}
		}
		w.refunds[event1][seq] = paymentapi.Refund{Status: status, PaymentID: booking + "-1", Amount: 4500, UpdatedAt: at}
	}
	looked := func(seq int64) (tries int64) { // -1: no longer awaited
		var n int64
		err := w.store.db.Reader().QueryRowContext(t.Context(), `SELECT count(*), CAST(coalesce(sum(tries), 0) AS BIGINT) FROM webhook_awaited
			WHERE event_id = $1 AND seq = $2`, event1, seq).Scan(&n, &tries)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return -1
		}
		return tries
	}
	// look lets time pass until both were looked at again, or one is over.
	look := func(d time.Duration, seqs ...int64) {
		t.Helper()
		for _, seq := range seqs {
			w.until("it is awaited", func() bool { return looked(seq) >= 0 })
		}
		for _, seq := range seqs {
			before := looked(seq)
			w.later(d)
			w.until("it was looked at again", func() bool { return looked(seq) != before })
		}
	}
	told := func(failed, made int) {
		t.Helper()
		w.until(fmt.Sprintf("%d failed, %d made", failed, made), func() bool {
			return len(r.messages()) == failed+made && r.kinds()["payment.refund_failed"] == failed && r.kinds()["payment.refunded"] == made
		})
	}
	again, never := seqs[0], seqs[1]
	become(again, paymentapi.RefundFailed)
	become(never, paymentapi.RefundFailed)
	look(time.Hour, again, never)
	told(2, 0)
	become(again, paymentapi.RefundPending)
	look(2*time.Hour, again)
	become(again, paymentapi.RefundFailed)
	look(2*time.Hour, again)
	look(2*time.Hour, again)
	told(2, 0)
	become(again, paymentapi.RefundDone)
	look(2*time.Hour, again)
	told(2, 1)
	w.later(31 * 24 * time.Hour)
	w.until("none is awaited", func() bool { return looked(again) < 0 && looked(never) < 0 })
	told(2, 1)
}

// A refund that was told as made fails after it: the money came back. That is told, and so
// is that it was made again, each once. Only organizers who want to know are told.
func TestRefundsThatComeBackAreTold(t *testing.T) {
	w := newWorld(t)
	r := newReceiver(t, nil)
	w.creates(ann, r.server.URL, webhookapi.PaymentRefunded, webhookapi.RefundFailed)
	w.runs()
	booking := w.sells(event1, 3)
	seq := w.append(event1, false, ledger.Entry{Kind: ledger.Cancelled, BookingID: booking, Seats: []int32{1, 2}, Amount: 9000, Currency: "EUR"})
	become := func(status, reason string, attempt int64) int64 {
		at := w.neighbours.now().UnixMicro()
		w.mu.Lock()
		defer w.mu.Unlock()
		w.refunds[event1] = map[int64]paymentapi.Refund{seq: {Status: status, PaymentID: booking + "-1", Amount: 9000, Reason: reason, UpdatedAt: at, Attempt: attempt}}
		return at
	}
	// fails has the payment service say on the bus that the refund of an entry has failed.
	fails := func(id string, f paymentapi.FailedRefund) {
		t.Helper()
		body, err := codec.Marshal(paymentapi.FailedRefundsMessage{Refunds: []paymentapi.FailedRefund{f}})
		if err != nil {
			t.Fatal(err)
		}
		write, err := w.Consumer().Consume(t.Context(), []bus.Message{{Topic: paymentapi.FailedRefundsTopic, Type: paymentapi.TypeRefundFailed, Key: event1, ID: id, Body: body}})
		if err == nil && write != nil {
			err = w.store.db.Write(t.Context(), func(tx *sql.Tx) error { return write(t.Context(), tx) })
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	awaits := func() (n int) {
		if err := w.store.db.Reader().QueryRowContext(t.Context(), `SELECT count(*) FROM webhook_awaited WHERE refund`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	told := func(want ...string) {
		t.Helper()
		w.until(fmt.Sprint(want), func() bool {
			var ids []string
			for _, m := range r.messages() {
				ids = append(ids, strings.TrimPrefix(m.id, fmt.Sprintf("msg_%s-%d-", event1, seq))+" "+m.kind)
			}
			slices.Sort(ids)
			slices.Sort(want)
			return slices.Equal(ids, want)
		})
	}
	become(paymentapi.RefundDone, "", 1)
	told("refund payment.refunded")
	w.until("it is over", func() bool { return awaits() == 0 })

	failed := paymentapi.FailedRefund{BookingID: booking, Seq: seq, Attempt: 1, Amount: 9000, Reason: "account_closed", CameBack: true}
	failed.At = become(paymentapi.RefundFailed, "account_closed", 2)
	fails("a", failed)
	fails("a", failed) // again
	told("refund payment.refunded", "refund-failed-2 payment.refund_failed")
	for _, m := range r.messages() {
		if m.kind == string(webhookapi.RefundFailed) && (m.data["reason"] != "account_closed" || m.data["refund_id"] != paymentapi.RefundID(event1, seq) || m.data["amount"] != float64(9000)) {
			t.Errorf("%+v", m.data)
		}
	}
	become(paymentapi.RefundDone, "", 2)
	w.later(2 * time.Hour)
	told("refund payment.refunded", "refund-failed-2 payment.refund_failed", "refund-2 payment.refunded")
	w.until("it is over", func() bool { return awaits() == 0 })

	// One that was refused is awaited already, and bob has no webhook.
	failed.CameBack = false
	fails("b", failed)
	failed.CameBack, failed.BookingID = true, w.sells(event2, 4)
	fails("c", failed)
	if n := awaits(); n != 0 {
		t.Errorf("%d are awaited", n)
	}
	if _, err := w.Consumer().Consume(t.Context(), []bus.Message{{Topic: paymentapi.FailedRefundsTopic, Body: []byte(`{"unreadable":"x"}`)}}); err == nil {
		t.Error("a message that cannot be read was taken")
	}
}

// A payment is told when it is captured, and one that fails is not.
func TestPaymentsAreAwaited(t *testing.T) {
	w := newWorld(t)
	r := newReceiver(t, nil)
	w.creates(ann, r.server.URL, webhookapi.PaymentCaptured)
	w.runs()
	slow, fails := event1+"0000000000000000slow", event1+"000000000000000fails"
	set := func(id string, status paymentapi.Status) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.money[id] = paymentapi.Payment{ID: id + "-1", BookingID: id, Amount: 100, Currency: "EUR", Status: status}
	}
	for _, id := range []string{slow, fails} {
		set(id, paymentapi.Authorized)
		w.append(event1, false, ledger.Entry{Kind: ledger.Booked, BookingID: id, Seats: []int32{1}, Amount: 100, Currency: "EUR"})
	}
	waiting := func(n int) func() bool {
		return func() bool {
			var found int
			if err := w.store.db.Reader().QueryRowContext(t.Context(), `SELECT count(*) FROM webhook_awaited WHERE tries > 0 OR due_at > 0`).Scan(&found); err != nil {
				t.Fatal(err)
			}
			return found == n
		}
	}
	w.until("both are awaited", waiting(2))
	set(fails, paymentapi.Voided)
	w.later(time.Minute)
	w.until("one is over", waiting(1))
	if len(r.messages()) > 0 {
		t.Errorf("%v", r.messages())
	}
	set(slow, paymentapi.Captured)
	w.later(10 * time.Minute)
	w.until("it is told", func() bool { return len(r.messages()) == 1 })
	if m := r.messages()[0]; m.data["payment_id"] != slow+"-1" {
		t.Errorf("%v", m)
	}
	w.until("nothing is awaited", waiting(0))
}

// For a while after a rotation, messages are signed with both secrets: receivers that
// know either accept them. The signature covers id, time and body.
func TestRotation(t *testing.T) {
	w := newWorld(t)
	r := newReceiver(t, nil)
	hook, first := w.creates(ann, r.server.URL)
	w.runs()
	rotated, err := w.Rotate(t.Context(), ann, hook.ID)
	if err != nil || rotated.Value == first || !strings.HasPrefix(rotated.Value, "whsec_") {
		t.Fatal(rotated, err)
	}
	accepts := func(secret string, m *got) bool {
		hook, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		return hook.VerifyIgnoringTimestamp(m.raw, m.header) == nil
	}
	test := func() *got {
		n := len(r.messages())
		if _, err := w.SendTest(t.Context(), ann, hook.ID); err != nil {
			t.Fatal(err)
		}
		w.until("the test arrives", func() bool { return len(r.messages()) > n })
		return &r.messages()[n]
	}
	m := test()
	if !accepts(first, m) || !accepts(rotated.Value, m) || accepts(newSecret(), m) {
		t.Errorf("%v", m.header)
	}
	if library, err := standardwebhooks.NewWebhook(first); err != nil || library.Verify(m.raw, m.header) != nil {
		t.Errorf("its time is not accepted: %v", m.header)
	}
	for _, forge := range []func(*got){
		func(m *got) { m.raw = append([]byte(" "), m.raw...) },
		func(m *got) { m.header.Set("webhook-id", "msg_other") },
		func(m *got) { m.header.Set("webhook-timestamp", "1700000000") },
	} {
		forged := *m
		forged.header = m.header.Clone()
		if forge(&forged); accepts(first, &forged) {
			t.Errorf("a forged message is accepted: %v", forged.header)
		}
	}
	if _, err := w.Rotate(t.Context(), ann, hook.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Rotate(t.Context(), ann, hook.ID); err == nil {
		t.Error("four secrets sign")
	}
	w.later(webhookapi.RotationTime + time.Minute)
	secrets, err := w.Secrets(t.Context(), ann, hook.ID)
	if err != nil || len(secrets) != 1 {
		t.Fatal(secrets, err)
	}
	m = test()
	if accepts(first, m) || accepts(rotated.Value, m) || !accepts(secrets[0].Value, m) {
		t.Errorf("%v", m.header)
	}
	if _, err := w.Rotate(t.Context(), ann, hook.ID); err != nil {
		t.Error(err)
	}
}
