package payment

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/paymentapi"
)

// declinesOnPage lets the bank say that so many methods were declined on its own page.
func (w *world) declinesOnPage(charge string, n int64) {
	w.t.Helper()
	w.bank.mu.Lock()
	w.bank.charges[charge].refused = n
	w.bank.mu.Unlock()
	time.Sleep(10 * time.Second) // it is asked again
}

// Cards that are declined on the gateway's own page count like those that are declined here,
// each once, also across restarts; the page closes when there were too many.
func TestDeclinedOnThePage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.runs()
		b := w.house.hold(fan.UserID, 1)
		p, err := w.pay(b, "tok_never", "")
		if statusOf(t, p, err) != paymentapi.Pending {
			t.Fatalf("%+v", p)
		}
		expect := func(when string, want int64, status paymentapi.Status) {
			t.Helper()
			p, err := w.store.payment(t.Context(), p.ID)
			if got := w.failedMethods(); err != nil || got != want || p.Status != status {
				t.Fatalf("%s: %d have failed, want %d; %s %v", when, got, want, p.Status, err)
			}
		}
		expect("at first", 0, paymentapi.Pending)
		w.declinesOnPage(p.ID+".1", 3)
		expect("three cards", 3, paymentapi.Pending)
		w.declinesOnPage(p.ID+".1", 3)
		expect("asked again", 3, paymentapi.Pending)
		w.crash()
		w.boot()
		w.runs()
		time.Sleep(time.Minute)
		expect("after a crash", 3, paymentapi.Pending)
		if _, err := w.amend(t.Context(), caller.Caller{UserID: fan.UserID, Role: caller.Customer}, p.ID, "tok_never_", 0); err != nil && !errs.Is(err, "payment-under-way") {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		w.declinesOnPage(p.ID+".2", 5)
		expect("five by the next method", 8, paymentapi.Pending)
		w.crash()
		w.boot()
		w.runs()
		time.Sleep(time.Minute)
		expect("after another crash", 8, paymentapi.Pending)
		w.declinesOnPage(p.ID+".2", 6)
		expect("too many", 9, paymentapi.Voided)
		w.agree()
	})
}

// Whoever goes back from the gateway's page and chooses another method has no more tries than
// somebody who stays there, and each decline is counted once.
func TestDeclinesCountOverThePayment(t *testing.T) {
	p := record{ID: "p", Status: paymentapi.Pending, try: 1, Amount: 5000}
	failed := int64(0)
	step := func(e event) error {
		s, _, err := next(p.state(), e)
		if err == nil {
			m := move{from: p, to: p.moved(s, e, 0), cause: e}
			failed += m.fails()
			p = m.to
		}
		return err
	}
	tries := int64(0)
	for p.Status == paymentapi.Pending {
		for n := int64(1); n <= 3 && p.Status == paymentapi.Pending; n++ {
			tries++
			if err := step(event{kind: evWaiting, try: p.try, declines: n}); err != nil {
				t.Fatal(err)
			}
		}
		if err := step(event{kind: evAmended}); p.Status == paymentapi.Pending && err != nil {
			t.Fatal(err)
		}
	}
	if tries > paymentapi.MaxMethods || failed != tries || p.Status != paymentapi.Voiding {
		t.Errorf("%s after %d tries, of which %d count", p.Status, tries, failed)
	}
	p = record{ID: "p", Status: paymentapi.Pending, try: 1, Amount: 5000, declines: paymentapi.MaxMethods - 1}
	if err := step(event{kind: evAmended}); !errors.Is(err, errTooMany) {
		t.Errorf("one more method: %v", err)
	}
	p, failed = record{ID: "p", Status: paymentapi.Pending, try: 1, Amount: 5000, declines: 3}, 0
	if err := step(event{kind: evAmended}); err != nil {
		t.Fatal(err)
	}
	if err := step(event{kind: evDeclined, try: 2, reason: "card_declined"}); err != nil || failed != 1 {
		t.Errorf("a method that is declined after others were on the page: %d, %v", failed, err)
	}
}
