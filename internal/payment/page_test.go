package payment

import (
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
		w.declinesOnPage(p.ID+".2", 8)
		expect("eight by the next method", 11, paymentapi.Pending)
		w.declinesOnPage(p.ID+".2", 9)
		expect("too many", 12, paymentapi.Voided)
		w.agree()
	})
}
