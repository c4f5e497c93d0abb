package payment

import (
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"boxoffice/internal/id"
	"boxoffice/internal/patience"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/payment/reconcile"
	"boxoffice/internal/paymentapi"
)

// What the gateway keeps and pays out is in the journal once, however often and from
// wherever its days are compared.
func TestFeesArePosted(t *testing.T) {
	w := newWorld(t)
	w.patience = patience.Long
	var ahead atomic.Int64 // of the world's clock, which its work reads
	w.Service.now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	w.runs()
	_, one := w.bought("fan0000000000001")
	_, two := w.bought("fan0000000000002")
	var charged []provider.Line
	patience.Until(t, "both are in the gateway's list", func() bool {
		w.bank.mu.Lock()
		defer w.bank.mu.Unlock()
		charged = w.bank.lines
		return len(charged) == 2
	})
	at := charged[0].At
	w.bank.mu.Lock()
	w.bank.lines[0].Fee, w.bank.lines[1].Fee = 175, 30
	w.bank.lines = append(w.bank.lines, provider.Line{ID: "po_1", Kind: provider.Payout, Amount: 9000, Currency: one.Currency, At: at})
	w.bank.mu.Unlock()
	ahead.Store(int64(50 * time.Hour))
	reconcile := func() error {
		for _, day := range []time.Time{at, charged[1].At} { // midnight may be between them
			if _, err := w.Reconcile(t.Context(), day); err != nil {
				return err
			}
		}
		return nil
	}
	if err := reconcile(); err != nil {
		t.Fatal(err)
	}
	w.bank.mu.Lock()
	w.bank.lines = append(w.bank.lines, provider.Line{ID: "po_2", Kind: provider.Payout, Amount: 500, Fee: 5, Currency: one.Currency, At: at}) // it comes late
	w.bank.mu.Unlock()
	var all sync.WaitGroup
	for range 4 { // as several nodes do; those that are overtaken do it again at the next look
		all.Go(func() { _ = reconcile() })
	}
	all.Wait()
	if err := reconcile(); err != nil {
		t.Fatal(err)
	}
	w.change(`UPDATE payments SET posted = version - 1 WHERE id = $1`, one.ID) // a program without a journal was here
	if err := w.postLate(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	var moved balance
	for p, err := range w.Postings(t.Context(), "", time.Time{}, time.Time{}) {
		if err != nil {
			t.Fatal(err)
		}
		got[p.Step+" "+p.PaymentID+p.Key]++
		for _, l := range p.Lines {
			for i, name := range paymentapi.Accounts {
				if name == l.Account {
					moved[i] += l.Amount
				}
			}
		}
	}
	for _, want := range []string{"fee " + one.ID + charged[0].ID, "fee " + two.ID + charged[1].ID, "payout po_1", "payout po_2"} {
		if got[want] != 1 {
			t.Errorf("%s: %d postings of %v", want, got[want], got)
		}
	}
	if moved[inGatewayFees] != 210 || moved[inPayout] != 9500 || moved[inGateway] != one.Amount+two.Amount-9710 {
		t.Errorf("%v", moved)
	}
	if err := (Auditor{}).Misplaced(t.Context(), w.db.Reader()); err != nil {
		t.Error(err)
	}
	w.agree()
	story := func(c bool) (fees int) {
		who := admin
		if !c {
			who = fan
			who.UserID = one.UserID
		}
		list, _, err := w.Story(t.Context(), who, one.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range list {
			if p.Step == paymentapi.StepFee {
				fees++
			}
		}
		return fees
	}
	if story(true) != 1 || story(false) != 0 {
		t.Errorf("fees in the story of the office: %d, of the buyer: %d", story(true), story(false))
	}
}

// Fees are written row by row, while others write, and what is posted already waits for
// nobody. Of two nodes that compare a day at the same time, one begins again.
func TestFeesInRows(t *testing.T) {
	w := newWorld(t)
	node := func() *dayFees { return &dayFees{s: w.Service, at: 1_900_000_000_000_000} }
	payment := paymentID(id.Booking(event1, fan.UserID, ""), 1)
	post := func(f *dayFees, from, to int) error {
		for i := from; i < to; i++ {
			if err := f.Fee(t.Context(), reconcile.Movement{ID: fmt.Sprint("line", i), Charge: payment, Currency: "USD", Fee: 1}, &reconcile.Payment{}); err != nil {
				return err
			}
		}
		return nil
	}
	posted := func() (rows, fees int) {
		t.Helper()
		if err := w.db.Reader().QueryRowContext(t.Context(), `SELECT COUNT(*) FROM payments_journal`).Scan(&rows); err != nil {
			t.Fatal(err)
		}
		keys := map[string]bool{}
		for p, err := range w.Postings(t.Context(), event1, time.Time{}, time.Time{}) {
			if err != nil || keys[p.Key] {
				t.Fatal(p, err)
			}
			keys[p.Key] = true
		}
		return rows, len(keys)
	}
	const all = 2*feesOfRow + 10
	one, two := node(), node()
	for _, f := range []*dayFees{one, two} {
		if err := post(f, 0, feesOfRow-1); err != nil {
			t.Fatal(err)
		}
	}
	if rows, _ := posted(); rows != 0 {
		t.Errorf("%d rows", rows)
	}
	if err := post(one, feesOfRow-1, feesOfRow); err != nil {
		t.Error(err)
	}
	if rows, fees := posted(); rows != 1 || fees != feesOfRow {
		t.Errorf("%d fees in %d rows", fees, rows)
	}
	if err := post(two, feesOfRow-1, all); !errors.Is(err, errChanged) {
		t.Errorf("the other node has posted them: %v", err)
	}
	for _, f := range []*dayFees{two, one} { // the second has to begin again, too
		if err := errors.Join(post(f, 0, all), f.Done(t.Context())); err != nil && (f == two || !errors.Is(err, errChanged)) {
			t.Error(err)
		}
		if rows, fees := posted(); rows != 3 || fees != all {
			t.Errorf("%d fees in %d rows", fees, rows)
		}
	}
	held, over := make(chan struct{}), make(chan struct{})
	holds := sync.OnceFunc(func() { close(held) })
	var writing sync.WaitGroup
	writing.Go(func() {
		if err := w.db.Write(t.Context(), func(*sql.Tx) error { holds(); <-over; return nil }); err != nil {
			t.Error(err)
		}
	})
	<-held
	again := make(chan error, 1)
	writing.Go(func() { f := node(); again <- errors.Join(post(f, 0, all), f.Done(t.Context())) })
	select {
	case err := <-again:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience.Long):
		t.Error("what is posted waits for a writer")
	}
	close(over)
	writing.Wait()
	if rows, fees := posted(); rows != 3 || fees != all {
		t.Errorf("%d fees in %d rows", fees, rows)
	}
}
