package invoice

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"boxoffice/internal/bus"
	"boxoffice/internal/codec"
	"boxoffice/internal/invoiceapi"
	"boxoffice/internal/paymentapi"
)

// numbers checks that a seller's numbers are 1 to n, each once, with dates that ascend, and
// that no payment has a document twice. It returns n.
func (w *world) numbers(t *testing.T, seller string) int {
	t.Helper()
	list, err := w.store.rows(context.WithoutCancel(t.Context()), w.db.Reader(), sqlOfSeller, seller, false, 2026, 0, 100_000)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for i, r := range list {
		if r.Sequence != int64(i+1) || r.Number != invoiceapi.NumberOf("TH", 2026, int64(i+1)) {
			t.Fatalf("%s: the document after %d has the number %s", seller, i, r.Number)
		}
		if i > 0 && r.Issued.Before(list[i-1].Issued) {
			t.Errorf("%s is older than the one before it", r.Number)
		}
		what := fmt.Sprintf("%s %d", r.PaymentID, r.Part)
		if seen[what] {
			t.Errorf("%s is there twice", what)
		}
		seen[what] = true
	}
	return len(list)
}

// Several nodes issue the documents of the same bookings at once, some of them give up in
// the middle, and some are killed between their statements: no number is missing, and none
// is there twice.
func TestNoGapsUnderConcurrency(t *testing.T) {
	w := newWorld(t)
	w.introduce(t)
	w.event("match", "rival", nil, w.prices[w.firstEvent()].Tiers[0])
	if _, err := w.SetSeller(t.Context(), rival, "rival", 0, theatre); err != nil {
		t.Fatal(err)
	}
	const bookings, nodes = 60, 4
	var ids []string
	for i := range bookings {
		for _, event := range []string{"gala", "match"} {
			b := w.sell(event, i, 2)
			if i%3 == 0 {
				w.giveBack(b, 5000, 1)
			}
			ids = append(ids, b)
		}
	}
	var all sync.WaitGroup
	for n := range nodes {
		s, rng := w.node(t), rand.New(rand.NewPCG(uint64(n), 1))
		for range 3 {
			mine := slices.Clone(ids)
			rng.Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
			quit := rng.IntN(40)
			all.Go(func() {
				for i := 0; i < len(mine); i += 5 {
					ctx, cancel := context.WithCancel(t.Context())
					if i/5 == quit%24 { // the client has gone away
						cancel()
					}
					dues, err := s.due(ctx, mine[i:i+5])
					if err == nil && quit%2 == 0 && i%15 == 0 {
						s.dies(ctx, dues)
					}
					if err == nil {
						err = s.issue(ctx, dues)
					}
					if err != nil && ctx.Err() == nil {
						t.Error(err)
					}
					cancel()
				}
			})
		}
	}
	all.Wait()
	dues, err := w.due(t.Context(), ids)
	if err == nil {
		err = w.issue(t.Context(), dues)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, seller := range []string{"hall", "rival"} {
		if n := w.numbers(t, seller); n != bookings+bookings/3 {
			t.Errorf("%s: %d documents", seller, n)
		}
	}
}

// firstEvent is the id of any event.
func (w *world) firstEvent() string {
	for id := range w.events {
		return id
	}
	return ""
}

var errKilled = fmt.Errorf("killed")

// dies issues documents as write does, up to the moment before the commit.
func (s *Service) dies(ctx context.Context, list []due) {
	_ = s.cfg.DB.Write(ctx, func(tx *sql.Tx) error {
		for i := range list {
			if err := s.number(ctx, tx, []*due{&list[i]}); err != nil {
				return err
			}
		}
		return errKilled
	})
}

// A document that cannot be stored takes no number with it, nor do those that were to be
// stored with it.
func TestFailureLeavesNoGap(t *testing.T) {
	w := newWorld(t)
	w.introduce(t)
	for i := range 3 {
		w.documents(t, w.sell("gala", i, 1))
	}
	obstacle := row{Document: invoiceapi.Document{Year: 2026, Sequence: 6, EventID: "e", PaymentID: "p"}, sellerID: "hall", version: 1}
	write := func(fn func(tx *sql.Tx) error) {
		t.Helper()
		if err := w.db.Write(t.Context(), fn); err != nil {
			t.Fatal(err)
		}
	}
	write(func(tx *sql.Tx) error { return w.store.insert(t.Context(), tx, &obstacle) })
	var ids []string
	for i := range 5 {
		ids = append(ids, w.sell("gala", 10+i, 1))
	}
	dues, err := w.due(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.issue(t.Context(), dues); err == nil {
		t.Fatal("two documents have one number")
	}
	write(func(tx *sql.Tx) error {
		_, err := tx.Exec(`DELETE FROM invoices WHERE event_id = 'e'`)
		return err
	})
	if n := w.numbers(t, "hall"); n != 3 {
		t.Errorf("%d documents", n)
	}
	if err := w.issue(t.Context(), dues); err != nil {
		t.Fatal(err)
	}
	if n := w.numbers(t, "hall"); n != 8 {
		t.Errorf("%d documents", n)
	}
}

// message is a message about bookings.
func message(t *testing.T, topic, event string, bookings ...string) bus.Message {
	t.Helper()
	var body any
	switch topic {
	case paymentapi.Topic:
		var m paymentapi.CapturedMessage
		for _, b := range bookings {
			m.Payments = append(m.Payments, paymentapi.Capture{PaymentID: b + "-1", UserID: "fan"})
		}
		body = m
	case paymentapi.FailedRefundsTopic:
		var m paymentapi.FailedRefundsMessage
		for _, b := range bookings {
			m.Refunds = append(m.Refunds, paymentapi.FailedRefund{BookingID: b, Seq: 7, Amount: 1000})
		}
		body = m
	default:
		var m paymentapi.ReturnedMessage
		for _, b := range bookings {
			m.Returned = append(m.Returned, paymentapi.Return{PaymentID: b + "-1", UserID: "fan", Amount: 5000, Currency: "EUR", Seq: 7})
		}
		body = m
	}
	raw, err := codec.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return bus.Message{Topic: topic, Key: event, ID: fmt.Sprint(topic, len(bookings)), Type: "x", Body: raw}
}

// Messages have documents issued, whatever their order and however often they come, also
// after a failure in between; those about events whose sellers have given no details have
// no effect.
func TestMessages(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	event := w.firstEvent()
	w.event("other", "rival", nil, w.prices[event].Tiers[0])
	a, b, other := w.sell("gala", 1, 2), w.sell("gala", 2, 1), w.sell("other", 1, 1)
	w.giveBack(a, 5000, 1)
	captured, returned := message(t, paymentapi.Topic, event, a, b), message(t, paymentapi.ReturnsTopic, event, a)
	foreign := message(t, paymentapi.Topic, w.bookings[other].EventID, other)
	consume := func(list ...bus.Message) {
		t.Helper()
		if write, err := w.consume(ctx, list); err != nil || write != nil {
			t.Fatal(err)
		}
	}
	consume(captured, foreign)
	if n := w.numbers(t, "hall"); n != 0 {
		t.Fatalf("%d documents without a seller", n)
	}
	w.introduce(t)
	consume(returned) // it overtakes the other
	if n := w.numbers(t, "hall"); n != 2 {
		t.Errorf("%d documents", n)
	}
	w.fails = fmt.Errorf("the payments cannot be read")
	if _, err := w.consume(ctx, []bus.Message{captured}); err == nil {
		t.Error("the message counts as taken")
	}
	w.fails = nil
	for range 2 {
		consume(captured, foreign)
		consume(returned)
	}
	if n := w.numbers(t, "hall"); n != 3 {
		t.Errorf("%d documents", n)
	}
	if n := w.numbers(t, "rival"); n != 0 {
		t.Errorf("%d documents of others", n)
	}
	w.unmade = map[string][]paymentapi.Unmade{a: {{Amount: 1000, Handled: true, At: w.now.UnixMicro()}}}
	failed := message(t, paymentapi.FailedRefundsTopic, event, a)
	consume(failed)
	if n := w.numbers(t, "hall"); n != 3 {
		t.Errorf("%d documents: a refund has failed", n)
	}
	failed.Body = []byte(strings.Replace(string(failed.Body), `"seq":7`, `"seq":7,"handled":true`, 1))
	for range 2 {
		consume(failed)
	}
	if n := w.numbers(t, "hall"); n != 4 {
		t.Errorf("%d documents: it was given back in another way", n)
	}
	captured.Body = []byte(`{"unreadable": "x"}`)
	if _, err := w.consume(ctx, []bus.Message{captured}); err == nil {
		t.Error("nobody hears that it cannot be read")
	}
}
