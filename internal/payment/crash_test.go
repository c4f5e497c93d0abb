package payment

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/ledger"
	"boxoffice/internal/paymentapi"
)

// A crash at each point of a payment's way, before and after everything that
// leaves the process, and then, optionally, at another point of the recovery:
// after a restart money and seats agree.
func TestCrashes(t *testing.T) {
	points := []string{"before authorize", "after authorize", "before confirm", "after confirm",
		"before capture", "after capture", "before void", "after void", "before take back", "after take back"}
	ways := map[string]func(*world){
		"paid":           func(*world) {},
		"seats gone":     func(w *world) { w.house.refuse = errs.New(errs.Conflict, "seats-gone", "Gone.") },
		"capture fails":  func(w *world) { w.bank.noTake = true },
		"cancelled then": nil, // the organizer cancels the event while the service is down
		"seats back":     nil, // refused before the crash, not after it

		// the same with a method of which the gateway is sure
		"sure, paid":           func(*world) {},
		"sure, seats gone":     func(w *world) { w.house.refuse = errs.New(errs.Conflict, "seats-gone", "Gone.") },
		"sure, capture fails":  func(w *world) { w.bank.noTake = true },
		"sure, cancelled then": nil,
		"sure, seats back":     nil,
		"sure, costs other":    nil, // than this node remembers
	}
	for way, prepare := range ways {
		for _, first := range points {
			seconds := append([]string{""}, points...)
			if testing.Short() {
				seconds = []string{first}
			}
			for _, second := range seconds {
				t.Run(fmt.Sprintf("%s/%s/%s", way, first, second), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { crash(t, way, prepare, first, second) })
				})
			}
		}
	}
}

func crash(t *testing.T, way string, prepare func(*world), first, second string) {
	w := newWorld(t)
	method := paymentapi.SandboxOK
	way, sure := strings.CutPrefix(way, "sure, ")
	if sure {
		method = "tok_sure"
	}
	if prepare != nil {
		prepare(w)
	}
	if way == "seats back" {
		w.house.refuse = errs.New(errs.Conflict, "seats-gone", "Gone.")
	}
	b := w.house.hold(fan.UserID, 1)
	if way == "costs other" {
		w.remember(b, func(b *bookingapi.Booking) { b.Amount = 4000 })
	}
	w.dieAt(first)
	w.runs()
	p, err := w.pay(b, method, "k")
	acknowledged := err == nil && p.Status == paymentapi.Captured
	w.crash()
	if got, _ := w.house.Recent(t.Context(), b.ID); way == "cancelled then" && got.Status == bookingapi.Booked {
		w.house.cancel(b.ID, got.Amount)
	}
	if way == "seats back" {
		w.house.refuse = nil
	}
	w.dieAt(second)
	w.boot()
	w.runs()
	time.Sleep(time.Minute)
	if second != "" {
		w.crash()
		w.dieAt("")
		w.boot()
		w.runs()
		time.Sleep(time.Minute)
	}
	if payments, refunds, err := Unsettled(t.Context(), w.db.Reader(), ""); payments != 0 || refunds != 0 || err != nil {
		t.Errorf("after a minute %d payments and %d refunds are unsettled, %v", payments, refunds, err)
	}
	if rows := w.ledgerRows(); acknowledged && way == "paid" && rows[0].Status != paymentapi.Captured {
		t.Errorf("it was acknowledged and is %v", rows)
	}
	w.agree()
}

// dieAt lets everything that comes to that point hang until the crash.
func (w *world) dieAt(point string) {
	cut := func(ctx context.Context, at string) error {
		if at != point {
			return nil
		}
		<-ctx.Done()
		return ctx.Err()
	}
	w.house.cut, w.bank.cut = cut, cut
}

func TestRefunds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.runs()
		b, c, d := w.house.hold(fan.UserID, 1, 2), w.house.hold(fan.UserID, 3), w.house.hold(fan.UserID, 4)
		for _, b := range []bookingapi.Booking{b, c, d} {
			if p, err := w.pay(b, paymentapi.SandboxOK, ""); statusOf(t, p, err) != paymentapi.Captured {
				t.Fatal(p)
			}
		}
		w.house.cancel(b.ID, 5000)
		w.house.cancel(c.ID, 5000)
		time.Sleep(5 * time.Second)
		p, _, err := w.ofBooking(t.Context(), fan, b.ID)
		if statusOf(t, p, err) != paymentapi.Captured || p.Refunded != 5000 {
			t.Errorf("part: %+v", p)
		}
		if p, _, err := w.ofBooking(t.Context(), fan, c.ID); statusOf(t, p, err) != paymentapi.Refunded || p.Refunded != 5000 {
			t.Errorf("whole: %+v", p)
		}
		w.house.cancel(b.ID, 5000)
		time.Sleep(5 * time.Second)
		p, _, err = w.ofBooking(t.Context(), fan, b.ID)
		if statusOf(t, p, err) != paymentapi.Refunded || p.Refunded != 10000 {
			t.Errorf("both parts: %+v", p)
		}
		steps, err := p.steps()
		if err != nil || len(steps) != 5 || steps[3] != (paymentapi.Step{Status: paymentapi.PartlyRefunded, At: steps[3].At, Amount: 5000}) || steps[4].Status != paymentapi.Refunded {
			t.Errorf("history %v %v", steps, err)
		}
		if _, err := w.void(t.Context(), fan, p.ID, 0); err != nil {
			t.Errorf("void of what was given back: %v", err)
		}
		w.agree()
	})
}

// Refunds that were missed, or left half-way, are made once after a restart,
// even if cursors were not saved.
func TestRefundsAcrossRestarts(t *testing.T) {
	for _, point := range []string{"", "before refund", "after refund"} {
		for _, clean := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/clean=%t", point, clean), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t)
					w.runs()
					stop := w.shutDown
					if !clean {
						stop = w.crash
					}
					var all []bookingapi.Booking
					for i := range 20 {
						b := w.house.hold(fan.UserID, int32(2*i), int32(2*i+1))
						if p, err := w.pay(b, paymentapi.SandboxOK, ""); statusOf(t, p, err) != paymentapi.Captured {
							t.Fatal(p)
						}
						all = append(all, b)
					}
					w.dieAt(point)
					for _, b := range all[:10] {
						w.house.cancel(b.ID, 10000)
					}
					time.Sleep(3 * time.Second)
					stop()
					w.house.followers = nil
					for _, b := range all[10:15] { // nobody listens
						w.house.cancel(b.ID, 5000)
					}
					w.dieAt("")
					for range 3 {
						w.boot()
						w.runs()
						time.Sleep(10 * time.Second)
						stop()
					}
					w.agree()
					w.boot()
					cursors, err := w.store.savedCursors(t.Context())
					if want := int64(len(w.house.ledger[event1])); err != nil || cursors[event1] != want {
						t.Errorf("cursors %v, want %d, %v", cursors, want, err)
					}
				})
			})
		}
	}
}

// A gap in what is heard is filled from the ledger.
func TestRefundsFillGaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.runs()
		b, c := w.house.hold(fan.UserID, 1), w.house.hold(fan.UserID, 2)
		for _, b := range []bookingapi.Booking{b, c} {
			if p, err := w.pay(b, paymentapi.SandboxOK, ""); statusOf(t, p, err) != paymentapi.Captured {
				t.Fatal(p)
			}
		}
		ears := w.house.followers
		w.house.followers = nil
		w.house.cancel(b.ID, 5000) // not heard
		w.house.followers = ears
		w.house.cancel(c.ID, 5000)
		for _, f := range ears {
			f(w.house.ledger[event1][:2]) // heard again
		}
		time.Sleep(5 * time.Second)
		for _, b := range []bookingapi.Booking{b, c} {
			if p, _, err := w.ofBooking(t.Context(), fan, b.ID); statusOf(t, p, err) != paymentapi.Refunded {
				t.Errorf("%+v", p)
			}
		}
		w.agree()
	})
}

// What other nodes cancel is given back as soon as the bus brings it, without a look at
// the heads of ledgers; and after two seconds if the bus has lost it.
func TestRefundsOfOtherNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.refunds.s.shared = true
		w.runs()
		b, c := w.house.hold(fan.UserID, 1), w.house.hold(fan.UserID, 2)
		for _, b := range []bookingapi.Booking{b, c} {
			if p, err := w.pay(b, paymentapi.SandboxOK, ""); statusOf(t, p, err) != paymentapi.Captured {
				t.Fatal(p)
			}
		}
		time.Sleep(3 * time.Second)
		refunded := func(id string) bool {
			p, _, err := w.ofBooking(t.Context(), fan, id)
			return statusOf(t, p, err) == paymentapi.Refunded
		}
		see := func(blind bool) {
			w.house.mu.Lock()
			defer w.house.mu.Unlock()
			w.house.blind = blind
		}
		see(true)
		w.house.elsewhere(func() { w.house.cancel(b.ID, 5000) })
		time.Sleep(100 * time.Millisecond)
		if !refunded(b.ID) {
			t.Error("nobody heard of it")
		}
		w.house.mu.Lock()
		w.house.listeners, w.house.followers = nil, nil
		w.house.mu.Unlock()
		w.house.cancel(c.ID, 5000)
		time.Sleep(5 * time.Second)
		if refunded(c.ID) {
			t.Error("it is known from nowhere")
		}
		see(false)
		time.Sleep(2500 * time.Millisecond)
		if !refunded(c.ID) {
			t.Error("nobody looked")
		}
		w.agree()
	})
}

// A refund that cannot be is noted and leaves the others alone.
func TestImpossibleRefunds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.runs()
		b, c := w.house.hold(fan.UserID, 1), w.house.hold(fan.UserID, 2)
		if p, err := w.pay(b, paymentapi.SandboxOK, ""); statusOf(t, p, err) != paymentapi.Captured {
			t.Fatal(p)
		}
		w.house.mu.Lock()
		for _, e := range []ledger.Entry{
			{Kind: ledger.Cancelled, BookingID: c.ID, Amount: 5000},  // never paid
			{Kind: ledger.Cancelled, BookingID: b.ID, Amount: 50000}, // more than was paid
			{Kind: ledger.Cancelled, BookingID: b.ID, Amount: 0},
		} {
			w.house.append(e)
		}
		w.house.mu.Unlock()
		w.house.cancel(b.ID, 5000)
		time.Sleep(5 * time.Second)
		if p, _, err := w.ofBooking(t.Context(), fan, b.ID); statusOf(t, p, err) != paymentapi.Refunded || p.Refunded != 5000 {
			t.Errorf("%+v", p)
		}
		reasons := map[string]int{}
		rows, err := w.db.Reader().Query("SELECT status || ' ' || reason FROM refunds")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var s string
			if err := rows.Scan(&s); err != nil {
				t.Fatal(err)
			}
			reasons[s]++
		}
		if len(reasons) != 3 || reasons["failed no-payment"] != 1 || reasons["failed more-than-captured"] != 1 || reasons["done "] != 1 {
			t.Errorf("%v", reasons)
		}
	})
}

// Recovery leaves alone what moves.
func TestRecoverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		b := w.house.hold(fan.UserID, 1)
		w.dieAt("before capture")
		_, _ = w.pay(b, paymentapi.SandboxOK, "")
		w.crash()
		w.dieAt("")
		w.boot()
		if n, err := w.Recover(t.Context()); n != 0 || err != nil {
			t.Errorf("at once: %d %v", n, err)
		}
		time.Sleep(w.stale)
		if n, err := w.Recover(t.Context()); n != 1 || err != nil {
			t.Errorf("later: %d %v", n, err)
		}
		if err := w.settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.agree()
	})
}
