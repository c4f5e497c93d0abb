package payment

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"boxoffice/internal/patience"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
)

// What the gateway keeps and pays out is in the journal once, however often and from
// wherever its days are compared.
func TestFeesArePosted(t *testing.T) {
	w := newWorld(t)
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
		list, err := w.Story(t.Context(), who, one.ID)
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
