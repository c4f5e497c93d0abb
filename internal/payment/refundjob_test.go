package payment

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/ledger"
	"boxoffice/internal/patience"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/payment/reconcile"
	"boxoffice/internal/paymentapi"
)

// cancelled sells so many bookings of an event, and cancels them all.
func (w *world) cancelled(n int) {
	w.t.Helper()
	var sold sync.WaitGroup
	few := make(chan struct{}, 100)
	for i := range n {
		few <- struct{}{}
		sold.Go(func() {
			defer func() { <-few }()
			b := w.house.hold(fmt.Sprintf("fan%013d", i), int32(i))
			if p, err := w.pay(b, paymentapi.SandboxOK, ""); err != nil {
				w.t.Errorf("%+v %v", p, err)
			}
		})
	}
	sold.Wait()
	if err := w.settle(context.Background()); err != nil { // on a busy machine some are answered before they are captured
		w.t.Fatal(err)
	}
	for _, r := range w.ledgerRows() {
		if r.Status != paymentapi.Captured {
			w.t.Fatalf("payment %s is %s", r.ID, r.Status)
		}
	}
	w.house.mu.Lock()
	w.house.status = eventapi.Cancelled
	var ids []string
	for id := range w.house.bookings {
		ids = append(ids, id)
	}
	w.house.mu.Unlock()
	for _, id := range ids {
		w.house.cancel(id, 5000)
	}
}

func (w *world) job() paymentapi.RefundJob {
	w.t.Helper()
	j, err := w.RefundJob(context.Background(), organizer, event1, 0, 200)
	if err != nil {
		w.t.Fatal(err)
	}
	return j
}

func (w *world) turn(c paymentapi.RefundJobChange) paymentapi.RefundJob {
	w.t.Helper()
	j, err := w.ChangeRefundJob(context.Background(), organizer, event1, c)
	if err != nil {
		w.t.Fatal(err)
	}
	return j
}

// gate lets so many refunds through to the gateway, and stops the others.
type gate struct {
	pass  chan struct{}
	asked atomic.Int64
}

func newGate(b *bank) *gate {
	g := &gate{pass: make(chan struct{}, 1_000_000)}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refundCut = func(provider.Charge) error {
		g.asked.Add(1)
		select {
		case <-g.pass:
			return nil
		default:
			return errors.New("the gateway is down")
		}
	}
	return g
}

func (g *gate) let(n int) {
	for range n {
		g.pass <- struct{}{}
	}
}

func figure(n int64) paymentapi.RefundFigure {
	return paymentapi.RefundFigure{Count: n, Amount: 5000 * n}
}

// Refunds of a whole event are counted, and paused and resumed across a crash. None is
// made while they are paused, and none twice.
func TestRefundJobIsPausedAndResumed(t *testing.T) {
	w := newWorld(t)
	g := newGate(w.bank)
	w.runs()
	w.cancelled(10)
	g.let(4)
	patience.Until(t, "four are done and the others noted", func() bool {
		w.refunds.poke()
		j := w.job()
		return j.Done == figure(4) && len(j.Items) == 6
	})
	if j := w.job(); j.State != paymentapi.RefundsRunning || j.Owed != figure(10) || j.Left != figure(6) || j.Failed != figure(0) || j.Items[0].Reason != paymentapi.RefundDelayed || j.Items[0].Status != refundPending {
		t.Errorf("half-way: %+v", j)
	}
	if j := w.turn(paymentapi.RefundJobChange{Paused: true, Version: 1}); j.State != paymentapi.RefundsPaused || j.Version != 2 || j.ChangedAt == 0 {
		t.Errorf("paused: %+v", j)
	}
	w.crash()
	w.boot()
	g.let(100)
	if err := w.refunds.settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if j := w.job(); j.State != paymentapi.RefundsPaused || j.Done != figure(4) || j.Left != figure(6) {
		t.Errorf("paused, after a crash: %+v", j)
	}
	if _, err := w.ChangeRefundJob(t.Context(), organizer, event1, paymentapi.RefundJobChange{Version: 1}); errs.KindOf(err) != errs.Precondition {
		t.Errorf("another version: %v", err)
	}
	if j := w.turn(paymentapi.RefundJobChange{Version: 2}); j.State != paymentapi.RefundsRunning || j.Version != 3 {
		t.Errorf("resumed: %+v", j)
	}
	w.runs()
	patience.Until(t, "all are done", func() bool { return w.job().State == paymentapi.RefundsDone })
	if j := w.job(); j.Owed != figure(10) || j.Done != figure(10) || len(j.Items) != 0 {
		t.Errorf("done: %+v", j)
	}
	w.halt()
	w.agree()
}

// A refund that was listed before the job was paused is not made.
func TestPausedBetweenTwoRefunds(t *testing.T) {
	w := newWorld(t)
	w.cancelled(2)
	if err := errors.Join(w.refunds.follower.Look(t.Context(), nil), w.refunds.intake(t.Context())); err != nil {
		t.Fatal(err)
	}
	page, err := w.store.openRefunds(t.Context(), "", 10)
	if err != nil || len(page) != 2 {
		t.Fatalf("%d listed: %v", len(page), err)
	}
	w.turn(paymentapi.RefundJobChange{Paused: true})
	if err := w.refunds.one(t.Context(), page[0]); err != nil {
		t.Fatal(err)
	}
	if j := w.job(); j.Done.Count != 0 || j.Left != figure(2) {
		t.Errorf("%+v", j)
	}
	w.turn(paymentapi.RefundJobChange{})
	if err := w.refunds.settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if j := w.job(); j.Done != figure(2) {
		t.Errorf("%+v", j)
	}
}

// What one node pauses stands still on the node that does the work, and goes on when the
// other resumes it, also after the working node has died.
func TestRefundJobOnTwoNodes(t *testing.T) {
	w := newWorld(t)
	g := newGate(w.bank)
	other, err := New(t.Context(), Config{DB: w.db, Bookings: w.house, Gateway: w.bank, Now: time.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	b := &world{t: t, db: w.db, house: w.house, bank: w.bank, Service: other}
	t.Cleanup(b.shutDown)
	w.runs()
	w.cancelled(6)
	g.let(2)
	patience.Until(t, "two are done", func() bool { w.refunds.poke(); return b.job().Done == figure(2) })
	b.turn(paymentapi.RefundJobChange{Paused: true})
	asked := g.asked.Load()
	g.let(100)
	if j := w.job(); j.State != paymentapi.RefundsPaused {
		t.Errorf("the first node says %+v", j)
	}
	w.halt()
	if now := g.asked.Load(); now > asked+4 { // those that were under way
		t.Errorf("%d were asked for while paused", now-asked)
	}
	done := b.job().Done.Count
	b.runs()
	b.turn(paymentapi.RefundJobChange{})
	patience.Until(t, "the other node goes on", func() bool { return b.job().State == paymentapi.RefundsDone })
	if j := b.job(); j.Done != figure(6) || done > 6 {
		t.Errorf("%+v", j)
	}
	b.halt()
	w.agree()
}

// Refunds that the gateway has refused are listed with its reason, page by page, and are
// tried again when the organizer asks for it.
func TestFailedRefundsAreTriedAgain(t *testing.T) {
	w := newWorld(t)
	w.cancelled(3)
	refuses := &refusing{Gateway: w.gateway}
	refuses.on.Store(true)
	w.gateway = refuses
	if err := errors.Join(w.refunds.follower.Look(t.Context(), nil), w.refunds.intake(t.Context()), w.refunds.settle(t.Context())); err != nil {
		t.Fatal(err)
	}
	first, err := w.RefundJob(t.Context(), organizer, event1, 0, 2)
	if err != nil || first.State != paymentapi.RefundsDone || first.Failed != figure(3) || len(first.Items) != 2 || first.Next == 0 ||
		first.Items[0].Reason != "account_closed" || first.Items[0].Status != refundFailed || first.Items[0].PaymentID == "" {
		t.Errorf("%+v %v", first, err)
	}
	if rest, err := w.RefundJob(t.Context(), organizer, event1, first.Next, 2); err != nil || len(rest.Items) != 1 || rest.Next != 0 {
		t.Errorf("%+v %v", rest, err)
	}
	two, err := w.store.failedRefunds(t.Context(), event1, 0, 2)
	if err != nil || len(two) != 2 {
		t.Fatal(two, err)
	}
	if rest, err := w.store.failedRefunds(t.Context(), event1, two[1], 2); err != nil || len(rest) != 1 || rest[0] <= two[1] {
		t.Error(rest, err)
	}
	w.turn(paymentapi.RefundJobChange{})
	if j := w.job(); j.Failed != figure(3) {
		t.Errorf("tried again, though nobody asked for it: %+v", j)
	}
	refuses.on.Store(false)
	if j := w.turn(paymentapi.RefundJobChange{Retry: true}); j.State != paymentapi.RefundsRunning || j.Left != figure(3) || len(j.Items) != 0 {
		t.Errorf("%+v", j)
	}
	if err := w.refunds.settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if j := w.job(); j.State != paymentapi.RefundsDone || j.Done != figure(3) || j.Failed != figure(0) {
		t.Errorf("%+v", j)
	}
	w.agree()
}

// A refund that has failed and was given back in another way is not tried again, nor
// reported, until the organizer says that it was not.
func TestHandledRefundsAreNotTriedAgain(t *testing.T) {
	w := newWorld(t)
	w.cancelled(2)
	refuses := &refusing{Gateway: w.gateway}
	refuses.on.Store(true)
	w.gateway = refuses
	if err := errors.Join(w.refunds.follower.Look(t.Context(), nil), w.refunds.intake(t.Context()), w.refunds.settle(t.Context())); err != nil {
		t.Fatal(err)
	}
	items := w.job().Items
	if len(items) != 2 {
		t.Fatalf("%+v", items)
	}
	handled := paymentapi.RefundJobChange{Handled: &paymentapi.HandledRefund{Seq: items[0].Seq, Note: "Bank transfer"}}
	j := w.turn(handled)
	if j.Handled != figure(1) || j.Failed != figure(1) || j.Owed != figure(2) || j.Items[0].Status != paymentapi.RefundHandled || j.Items[0].Note != "Bank transfer" || j.Items[1].Note != "" {
		t.Errorf("%+v", j)
	}
	if found := w.compared().Found; found[reconcile.RefundFailed] != 1 {
		t.Errorf("found %v", found)
	}
	told, _ := w.toldFailed()
	if last := told[len(told)-1]; len(told) != 3 || !last.Handled || last.BookingID != items[0].BookingID || last.Seq != items[0].Seq || last.Amount != items[0].Amount || told[0].Handled || told[1].Handled {
		t.Errorf("told: %+v", told)
	}
	bookings := []string{items[0].BookingID, items[1].BookingID}
	unmade, err := w.Unmade(t.Context(), bookings)
	for i, b := range bookings {
		if u := unmade[b]; err != nil || len(u) != 1 || u[0].Amount != items[i].Amount || u[0].Handled != (i == 0) || u[0].CameBack || u[0].At == 0 {
			t.Errorf("unmade: %+v %v", u, err)
		}
	}
	w.change(`UPDATE refunds SET elsewhere = amount WHERE booking_id = $1`, bookings[0])
	w.change(`UPDATE refunds SET elsewhere = 1, attempt = 2 WHERE booking_id = $1`, bookings[1])
	if unmade, err = w.Unmade(t.Context(), bookings); err != nil || len(unmade) != 1 || !unmade[bookings[1]][0].CameBack || unmade[bookings[1]][0].Amount != items[1].Amount-1 {
		t.Errorf("unmade: %+v %v", unmade, err)
	}
	w.change(`UPDATE refunds SET elsewhere = 0, attempt = 1`)
	refuses.on.Store(false)
	w.turn(paymentapi.RefundJobChange{Retry: true})
	if err := w.refunds.settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if j := w.job(); j.Done != figure(1) || j.Handled != figure(1) || len(j.Items) != 1 {
		t.Errorf("%+v", j)
	}
	for _, seq := range []int64{items[1].Seq, 77} { // it is made; there is none
		_, err := w.ChangeRefundJob(t.Context(), organizer, event1, paymentapi.RefundJobChange{Handled: &paymentapi.HandledRefund{Seq: seq, Note: "x"}})
		if errs.Of(err) == nil || errs.Of(err).Type != "refund-not-failed" {
			t.Errorf("refund %d: %v", seq, err)
		}
	}
	handled.Handled.Note, handled.Retry = "", true // it was not, after all
	w.turn(handled)
	if err := w.refunds.settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if j := w.job(); j.Done != figure(2) || j.Handled != figure(0) {
		t.Errorf("%+v", j)
	}
	if unmade, err := w.Unmade(t.Context(), bookings); err != nil || len(unmade) != 0 {
		t.Errorf("unmade: %+v %v", unmade, err)
	}
	w.agree()
}

// refusing declines refunds.
type refusing struct {
	provider.Gateway
	on atomic.Bool
}

func (g *refusing) Refund(ctx context.Context, key string, c provider.Charge, amount int64) (provider.Outcome, error) {
	if g.on.Load() {
		return provider.Outcome{Reason: "account_closed"}, nil
	}
	return g.Gateway.Refund(ctx, key, c, amount)
}

// Only the organizer and admins see and change the job, and buyers of an event that takes
// place cannot be made to wait.
func TestRefundJobRights(t *testing.T) {
	w := newWorld(t)
	admin := caller.Caller{UserID: "admin00000000001", Role: caller.Admin}
	for _, c := range []struct {
		who  caller.Caller
		kind errs.Kind
	}{{caller.Caller{}, errs.Unauthenticated}, {fan, errs.NotFound}, {caller.Caller{UserID: "organizer0000002", Role: caller.Organizer}, errs.NotFound}} {
		if _, err := w.RefundJob(t.Context(), c.who, event1, 0, 1); errs.KindOf(err) != c.kind {
			t.Errorf("%v reads: %v", c.who, err)
		}
		if _, err := w.ChangeRefundJob(t.Context(), c.who, event1, paymentapi.RefundJobChange{}); errs.KindOf(err) != c.kind {
			t.Errorf("%v changes: %v", c.who, err)
		}
	}
	if j, err := w.RefundJob(t.Context(), admin, event1, 0, 1); err != nil || j.State != paymentapi.RefundsDone || j.Version != 1 {
		t.Errorf("%+v %v", j, err)
	}
	if _, err := w.ChangeRefundJob(t.Context(), organizer, event1, paymentapi.RefundJobChange{Paused: true}); errs.Of(err) == nil || errs.Of(err).Type != "event-not-cancelled" {
		t.Errorf("an event that takes place: %v", err)
	}
}

// The figures do not read a long ledger from its beginning again and again: who does not
// know how far it was read says that refunds may be left.
func TestRefundJobOfALongLedger(t *testing.T) {
	w := newWorld(t)
	w.house.mu.Lock()
	w.house.ledger[event1] = make([]ledger.Entry, 11_500)
	for i := range w.house.ledger[event1] {
		w.house.ledger[event1][i] = ledger.Entry{EventID: event1, Seq: int64(i) + 1, Kind: ledger.Held}
	}
	w.house.mu.Unlock()
	if j := w.job(); j.State != paymentapi.RefundsRunning || j.Owed != figure(0) {
		t.Errorf("%+v", j)
	}
	if err := errors.Join(w.refunds.follower.Look(t.Context(), nil), w.refunds.follower.CatchUp(t.Context(), nil, w.refunds.room())); err != nil {
		t.Fatal(err)
	}
	counts := &counting{Source: w.refunds.ledgers}
	w.refunds.ledgers = counts
	if j := w.job(); j.State != paymentapi.RefundsDone || counts.entries != 0 {
		t.Errorf("%d entries read: %+v", counts.entries, j)
	}
}

// counting counts the entries that are read.
type counting struct {
	ledger.Source
	entries int
}

func (c *counting) Entries(ctx context.Context, eventID string, after int64, limit int) ([]ledger.Entry, error) {
	list, err := c.Source.Entries(ctx, eventID, after, limit)
	c.entries += len(list)
	return list, err
}

// Many refunds, with a crash in the middle: each is made once, and the figures add up at
// any time.
func TestManyRefunds(t *testing.T) {
	w := newWorld(t)
	const n = 300
	g := newGate(w.bank)
	w.cancelled(n)
	w.runs()
	g.let(n / 2)
	patience.Until(t, "half are done", func() bool {
		w.refunds.poke()
		j := w.job()
		if j.Done.Count+j.Failed.Count+j.Left.Count != j.Owed.Count || j.Owed.Count < n {
			t.Errorf("%+v", j)
		}
		return j.Done.Count == n/2
	})
	w.crash()
	w.boot()
	g.let(n)
	w.runs()
	patience.Until(t, "all are done", func() bool { w.refunds.poke(); return w.job().State == paymentapi.RefundsDone })
	if j := w.job(); j.Owed != figure(n) || j.Done != figure(n) || len(j.Items) != 0 {
		t.Errorf("%+v", j)
	}
	w.halt()
	w.agree()
}

// openRefund writes a row for each refund that is due, and returns the only one.
func (w *world) openRefund() openRefund {
	w.t.Helper()
	if err := errors.Join(w.refunds.follower.Look(w.t.Context(), nil), w.refunds.intake(w.t.Context())); err != nil {
		w.t.Fatal(err)
	}
	page, err := w.store.openRefunds(w.t.Context(), "", 10)
	if err != nil || len(page) != 1 {
		w.t.Fatalf("%d listed: %v", len(page), err)
	}
	return page[0]
}

// A node that stood still while a refund failed and was tried again does not end the new
// attempt with the answer to the first.
func TestAnOldAnswerDoesNotEndARetriedRefund(t *testing.T) {
	w := newWorld(t)
	w.cancelled(1)
	first := w.openRefund()
	p, err := w.store.ofBooking(t.Context(), first.bookingID)
	if err != nil {
		t.Fatal(err)
	}
	end := func(f openRefund, status, reason string) {
		t.Helper()
		if err := w.refunds.finish(t.Context(), &endRefund{openRefund: f, paymentID: p.ID, status: status, reason: reason, now: w.micros()}); err != nil {
			t.Fatal(err)
		}
	}
	end(first, refundFailed, "account_closed")
	w.turn(paymentapi.RefundJobChange{Retry: true})
	end(first, refundFailed, "account_closed") // the same answer, on the node that stood still
	if j := w.job(); j.Left != figure(1) || j.Failed != figure(0) {
		t.Errorf("%+v", j)
	}
	if err := w.refunds.settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	end(w.refundIsDone(first), refundFailed, "account_closed") // what is done stays done
	end(first, refundDone, "")
	w.refundIsDone(first)
	w.agree()
}

// refundIsDone returns a refund as it was read.
func (w *world) refundIsDone(f openRefund) openRefund {
	w.t.Helper()
	list, err := w.RefundsOf(context.Background(), f.eventID, []int64{f.seq})
	if r := list[f.seq]; err != nil || r.Status != refundDone || r.Reason != "" {
		w.t.Errorf("%+v %v", r, err)
	}
	f.updatedAt = list[f.seq].UpdatedAt
	return f
}

// Money that went back is recorded, also if another node has noted meanwhile that the
// refund is delayed, that it has failed, or both and that it is tried again.
func TestMoneyThatWentBackIsRecorded(t *testing.T) {
	failed := func(w *world, f openRefund) error {
		return w.store.do(context.Background(), &endRefund{openRefund: f, status: refundFailed, reason: "account_closed", now: w.micros()})
	}
	for name, meanwhile := range map[string]func(*world, openRefund) error{
		"delayed": func(w *world, f openRefund) error {
			return w.store.do(context.Background(), &delayRefunds{list: []openRefund{f}, now: w.micros()})
		},
		"failed": failed,
		"tried again": func(w *world, f openRefund) error {
			return errors.Join(failed(w, f), w.store.do(context.Background(), &retryRefunds{eventID: f.eventID, seqs: []int64{f.seq}, now: 1})) // by a slow clock
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.cancelled(1)
			f := w.openRefund()
			w.gateway = &interrupted{Gateway: w.gateway, meanwhile: func() {
				if err := meanwhile(w, f); err != nil {
					t.Error(err)
				}
			}}
			if err := w.refunds.one(t.Context(), f); err != nil {
				t.Fatal(err)
			}
			if now := w.refundIsDone(f); now.updatedAt <= f.updatedAt {
				t.Errorf("updated at %d, then at %d", f.updatedAt, now.updatedAt)
			}
			if err := w.refunds.settle(t.Context()); err != nil {
				t.Fatal(err)
			}
			w.agree()
		})
	}
}

// interrupted makes refunds, and something happens before the answer arrives.
type interrupted struct {
	provider.Gateway
	meanwhile func()
}

func (g *interrupted) Refund(ctx context.Context, key string, c provider.Charge, amount int64) (provider.Outcome, error) {
	o, err := g.Gateway.Refund(ctx, key, c, amount)
	g.meanwhile()
	return o, err
}

// A refund that was made and has failed is tried again with another key, since its own gets
// the same answer for ever. A late answer to the first does not end the second. A refund
// that was refused and not made keeps its key.
func TestAFailedRefundIsTriedAgainWithAnotherKey(t *testing.T) {
	w := newWorld(t)
	w.cancelled(1)
	first := w.openRefund()
	g := &keyed{Gateway: w.gateway, says: map[string][]provider.Outcome{
		first.id: {{Reason: "processing_error"}, {Reason: "lost_or_stolen_card", Spent: true}}, first.id + ".2": {{Reason: "expired_card", Spent: true}},
	}}
	w.gateway = g
	for range 4 {
		if err := w.refunds.settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		if j := w.turn(paymentapi.RefundJobChange{Retry: true}); j.Left.Count > 0 {
			p, err := w.store.ofBooking(t.Context(), first.bookingID)
			late := endRefund{openRefund: first, paymentID: p.ID, status: refundDone, now: w.micros()}
			if w.openRefund().attempt == 1 {
				continue // it would be right
			}
			if err = errors.Join(err, w.refunds.finish(t.Context(), &late)); err != nil || late.ended || w.job().Left != figure(1) {
				t.Errorf("a late answer: ended %t, %+v %v", late.ended, w.job(), err)
			}
		}
	}
	if want := []string{first.id, first.id, first.id + ".2", first.id + ".3"}; !slices.Equal(g.asked, want) {
		t.Errorf("asked with %q, not %q", g.asked, want)
	}
	if j := w.job(); j.Done != figure(1) || j.Owed != figure(1) {
		t.Errorf("%+v", j)
	}
	w.agree()
}

// keyed answers so to the refunds of a key, and then passes them on.
type keyed struct {
	provider.Gateway
	says  map[string][]provider.Outcome
	asked []string
}

func (g *keyed) Refund(ctx context.Context, key string, c provider.Charge, amount int64) (provider.Outcome, error) {
	g.asked = append(g.asked, key)
	if list := g.says[key]; len(list) > 0 {
		g.says[key] = list[1:]
		return list[0], nil
	}
	return g.Gateway.Refund(ctx, key, c, amount)
}

// However many refunds are paused, those of other events are found with few reads.
func TestPausedRefundsArePassedOver(t *testing.T) {
	w := newWorld(t)
	events := []string{"event00000000000", "event00000000001", "event00000000002", "event00000000003", "event00000000004"}
	pause := func(paused bool, list ...string) {
		t.Helper()
		for _, event := range list {
			if err := w.store.do(t.Context(), &changeJob{eventID: event, paused: paused, by: organizer.UserID, now: 1}); err != nil {
				t.Fatal(err)
			}
		}
	}
	var entries []ledger.Entry
	for _, event := range events {
		for seq := range int64(12) { // 1, 10, 11, …: ids are not in the order of numbers
			entries = append(entries, ledger.Entry{EventID: event, Seq: seq + 1, BookingID: event + "-b", Amount: 100})
		}
	}
	if err := w.store.do(t.Context(), &intake{entries: entries, now: 1}); err != nil {
		t.Fatal(err)
	}
	listed := func(limit int) map[string]int {
		t.Helper()
		found := map[string]int{}
		for after := ""; ; {
			page, err := w.store.openRefunds(t.Context(), after, limit)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				return found
			}
			for _, f := range page {
				if f.id <= after {
					t.Fatalf("%s is listed after %s", f.id, after)
				}
				after = f.id
				found[f.eventID]++
			}
		}
	}
	for _, limit := range []int{1, 5, 12, 13, 100} {
		for _, paused := range [][]string{nil, {events[0]}, {events[1], events[2]}, {events[0], events[2], events[4]}, events[:4], events} {
			pause(true, paused...)
			want := map[string]int{}
			for _, event := range events {
				if !slices.Contains(paused, event) {
					want[event] = 12
				}
			}
			if got := listed(limit); !maps.Equal(got, want) {
				t.Errorf("%v are paused, %d at once: %v", paused, limit, got)
			}
			pause(false, paused...)
		}
	}
}
