package payment

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
)

func TestUnclearSteps(t *testing.T) {
	busy := errs.New(errs.Unavailable, "busy", "Try again.")
	for _, c := range []struct {
		name  string
		fault func(*world)
		want  paymentapi.Status
	}{
		{"authorize lost", func(w *world) { w.bank.lost["authorize"] = 12 }, paymentapi.Captured},
		{"authorize unclear", func(w *world) { w.bank.unclear["authorize"] = 12 }, paymentapi.Captured},
		{"confirm lost", func(w *world) { w.house.fail("before confirm", 12, busy) }, paymentapi.Captured},
		{"confirm unclear", func(w *world) { w.house.fail("after confirm", 12, busy) }, paymentapi.Captured},
		{"confirm unclear, not ours", func(w *world) { w.house.fail("after confirm", 12, errors.New("bad gateway")) }, paymentapi.Captured},
		{"capture lost", func(w *world) { w.bank.lost["capture"] = 12 }, paymentapi.Captured},
		{"capture unclear", func(w *world) { w.bank.unclear["capture"] = 12 }, paymentapi.Captured},
		{"void lost", func(w *world) {
			w.bank.lost["void"] = 12
			w.house.refuse = errs.New(errs.Conflict, "seats-gone", "Gone.")
		}, paymentapi.Voided},
		{"void unclear", func(w *world) {
			w.bank.unclear["void"] = 12
			w.house.refuse = errs.New(errs.Conflict, "seats-gone", "Gone.")
		}, paymentapi.Voided},
		{"take back lost", func(w *world) { w.bank.noTake = true; w.house.fail("before take back", 12, busy) }, paymentapi.Failed},
		{"take back unclear", func(w *world) { w.bank.noTake = true; w.house.fail("after take back", 12, busy) }, paymentapi.Failed},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				c.fault(w)
				b := w.house.hold(fan.UserID, 1)
				if p, err := w.pay(b, paymentapi.SandboxOK, ""); err == nil && p.Status.Final() && p.Status != c.want {
					t.Fatalf("after a moment: %+v %v", p, err)
				}
				if err := w.settle(t.Context()); err != nil {
					t.Fatal(err)
				}
				p, _, err := w.ofBooking(t.Context(), fan, b.ID)
				if statusOf(t, p, err) != c.want || c.want == paymentapi.Voided && p.Reason != "seats-gone" {
					t.Errorf("%+v", p)
				}
				w.agree()
			})
		})
	}
}

func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Service.patience = 1500 * time.Millisecond // twice is less than the gateway takes
		b := w.house.hold(fan.UserID, 1)
		p, err := w.pay(b, paymentapi.SandboxSlow, "k")
		if statusOf(t, p, err) != paymentapi.Pending {
			t.Fatalf("%+v", p)
		}
		if p, err := w.pay(b, paymentapi.SandboxSlow, "k"); err != nil || p.Status != paymentapi.Pending || p.Attempt != 1 {
			t.Errorf("replay: %+v %v", p, err)
		}
		if _, err := w.pay(b, paymentapi.SandboxOK, ""); !errs.Is(err, "payment-under-way") {
			t.Errorf("other method: %v", err)
		}
		if err := w.settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		if p, err := w.pay(b, paymentapi.SandboxSlow, "k"); statusOf(t, p, err) != paymentapi.Captured {
			t.Errorf("%+v", p)
		}
		if n := w.house.extended[b.ID]; n != 1 {
			t.Errorf("extended %d times", n)
		}
		w.agree()
	})
}

func TestNeverDecided(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		b := w.house.hold(fan.UserID, 1)
		if p, err := w.pay(b, "tok_never", ""); statusOf(t, p, err) != paymentapi.Pending {
			t.Fatal(p)
		}
		if err := w.settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		p, _, err := w.ofBooking(t.Context(), fan, b.ID)
		if statusOf(t, p, err) != paymentapi.Voided || p.Reason != timedOut {
			t.Errorf("%+v", p)
		}
		if age := time.Duration(p.UpdatedAt-p.CreatedAt) * time.Microsecond; age < w.deadline || age > w.deadline+time.Minute {
			t.Errorf("given up after %v", age)
		}
		w.agree()
	})
}

// A payment that is authorized ends as well, whatever does not answer: the money
// is let go of, and the booking is not sold.
func TestAuthorizedHasADeadline(t *testing.T) {
	never := 1 << 30
	for name, prepare := range map[string]func(w *world){
		"no confirmation":   func(w *world) { w.house.fail("before confirm", never, errors.New("no answer")) },
		"panics":            func(w *world) { w.house.cut = panicAt("before confirm") },
		"undecided capture": func(w *world) { w.bank.lost["capture"] = never },
		"waiting again": func(w *world) { // the gateway has forgotten that it said yes
			w.house.fail("before confirm", 1, errors.New("no answer"))
			w.bank.forgets = true
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				b := w.house.hold(fan.UserID, 1)
				prepare(w)
				if p, err := w.pay(b, paymentapi.SandboxOK, ""); statusOf(t, p, err) != paymentapi.Authorized {
					t.Fatalf("%+v", p)
				}
				time.Sleep(w.confirmBy + time.Minute)
				p, _, err := w.ofBooking(t.Context(), fan, b.ID)
				if statusOf(t, p, err) != paymentapi.Voided || p.Reason != timedOut {
					t.Errorf("%+v", p)
				}
				if got, _ := w.house.Recent(t.Context(), b.ID); got.Status != bookingapi.Cancelled {
					t.Errorf("the booking is %s", got.Status)
				}
				w.agree()
			})
		})
	}
}

// watchedBank tells which steps it is asked for, and what it is asked about.
type watchedBank struct {
	*bank
	before func(step string) error
}

func (b *watchedBank) Authorize(ctx context.Context, key string, c provider.Charge) (provider.Outcome, error) {
	if err := b.before("authorize"); err != nil {
		return provider.Outcome{}, err
	}
	return b.bank.Authorize(ctx, key, c)
}

func (b *watchedBank) Capture(ctx context.Context, key string, c provider.Charge) (provider.Outcome, error) {
	if err := b.before("capture"); err != nil {
		return provider.Outcome{}, err
	}
	return b.bank.Capture(ctx, key, c)
}

func (b *watchedBank) Find(ctx context.Context, c provider.Charge) (provider.Standing, provider.Outcome, error) {
	if err := b.before("find"); err != nil {
		return provider.Unknown, provider.Outcome{}, err
	}
	return b.bank.Find(ctx, c)
}

// A step whose answer was lost once is repeated with its key: the gateway is not asked
// what has become of it first. It is if another answer is lost.
func TestLostAnswerIsAskedForAgain(t *testing.T) {
	for _, c := range []struct {
		step string
		lost int
		want string
	}{
		{"authorize", 1, "authorize authorize capture"},
		{"capture", 1, "authorize capture capture"},
		{"authorize", 2, "authorize authorize find capture"},
		{"capture", 2, "authorize capture capture find"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			var steps []string
			w.gateway = &watchedBank{w.bank, func(step string) error {
				steps = append(steps, step)
				return nil
			}}
			w.bank.unclear[c.step] = c.lost
			p, err := w.pay(w.house.hold(fan.UserID, 1), paymentapi.SandboxOK, "")
			if got := strings.Join(steps, " "); statusOf(t, p, err) != paymentapi.Captured || got != c.want {
				t.Errorf("%d answers to %s are lost: %s, after %s; want %s", c.lost, c.step, p.Status, got, c.want)
			}
			w.agree()
		})
	}
}

// A gateway that does not answer is not flooded, however many payments wait for it, and
// however many are still begun. When it answers again, all of them are done.
func TestOutageIsNoStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.repeatGap, w.patience = 200*time.Millisecond, 0
		var mu sync.Mutex
		var calls int
		down := true
		w.gateway = &watchedBank{w.bank, func(string) error {
			mu.Lock()
			defer mu.Unlock()
			if !down {
				return nil
			}
			calls++
			return errors.New("no line")
		}}
		since := func() int {
			mu.Lock()
			defer mu.Unlock()
			n := calls
			calls = 0
			return n
		}
		var ids []string
		begin := func(n int) {
			for range n {
				p, err := w.pay(w.house.hold(fan.UserID, int32(len(ids))), paymentapi.SandboxOK, "")
				if statusOf(t, p, err) != paymentapi.Pending {
					t.Fatalf("%+v", p)
				}
				ids = append(ids, p.ID)
			}
		}
		begin(80)
		time.Sleep(time.Minute)
		since()
		for range 3 { // 80 payments are repeated each 16 s, less a quarter
			time.Sleep(time.Minute)
			if n := since(); n == 0 || n > 80*6 {
				t.Errorf("%d calls in a minute", n)
			}
		}
		begin(40) // who comes now does not begin with short pauses
		time.Sleep(15 * time.Second)
		if n := since(); n > 40*2+80*2 {
			t.Errorf("%d calls when 40 more have come", n)
		}
		mu.Lock()
		down = false
		mu.Unlock()
		if err := w.settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			if p, err := w.store.payment(t.Context(), id); err != nil || p.Status != paymentapi.Captured {
				t.Errorf("%+v %v", p, err)
			}
		}
		w.agree()
	})
}
