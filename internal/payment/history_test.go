package payment

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/patience"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/sqldb/sqldbtest"
)

// chaos makes everything that leaves the process late, unclear, lost, or the last
// thing that a node did. Its times are multiples of a unit.
type chaos struct {
	mu   sync.Mutex
	r    *rand.Rand
	unit time.Duration
	off  bool
}

func (c *chaos) below(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.off {
		return n - 1
	}
	return c.r.IntN(n)
}

// cut delays calls and their answers, as a frozen node would, and loses some.
func (c *chaos) cut(ctx context.Context, _ string) error {
	switch n := c.below(10); {
	case n < 3:
		if !sleep(ctx, time.Duration(1+c.below(40))*c.unit/2, nil) {
			return ctx.Err()
		}
	case n == 3:
		return errors.New("the line broke")
	}
	return ctx.Err()
}

// late carries some calls out long after the caller has given up.
func (c *chaos) late(string) time.Duration {
	if c.below(8) > 0 {
		return 0
	}
	return time.Duration(1+c.below(60)) * c.unit
}

func (c *chaos) end() {
	c.mu.Lock()
	c.off = true
	c.mu.Unlock()
}

// history lets two nodes drive the same payments while their owners change their
// minds, seats are lost and found, events are cancelled and nodes die, and checks
// that money and seats agree in the end.
func history(t *testing.T, cfg sqldb.Config, seed uint64, unit time.Duration) {
	db := sqldbtest.Again(t, cfg)
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	a := &world{t: t, db: db, house: newHouse(), bank: newBank(time.Now)}
	b := &world{t: t, db: db, house: a.house, bank: a.bank}
	c := &chaos{r: rand.New(rand.NewPCG(seed, 12)), unit: unit}
	nodes := []*world{a, b}
	boot := func(w *world) {
		w.boot()
		w.stale, w.every, w.deadline = 3*unit, 2*unit, 100*unit
		w.runs()
	}
	boot(a)
	boot(b)
	defer a.shutDown()
	defer b.shutDown()
	a.house.cut, a.house.late, a.bank.cut, a.bank.late = c.cut, c.late, c.cut, c.late
	a.bank.noTake = c.below(6) == 0
	if c.below(4) == 0 { // the bank takes more than it is asked for, or less
		a.bank.instead = provider.Sum{Amount: 4000 + int64(c.below(2000)), Currency: "USD"}
	}

	var wg sync.WaitGroup
	bookings := make([]bookingapi.Booking, 4)
	for i := range bookings {
		bookings[i] = a.house.hold(fan.UserID, int32(i))
		if c.below(4) == 0 {
			a.house.set(bookings[i].ID, bookingapi.Expired)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*unit)
	defer cancel()
	for range 60 {
		w, other := nodes[c.below(2)], nodes[c.below(2)]
		booking := bookings[c.below(len(bookings))]
		method := []string{paymentapi.SandboxOK, "tok_sure", paymentapi.SandboxOK, "tok_sure", paymentapi.SandboxSlow, "tok_never", paymentapi.SandboxDecline}[c.below(7)]
		p, err := a.store.ofBooking(t.Context(), booking.ID)
		under := err == nil && !p.Status.Final()
		switch s := w.Service; c.below(12) {
		case 0, 1, 2, 3:
			wg.Go(func() {
				_, _ = s.pay(ctx, fan, ask(booking.ID, method, "", nil))
			})
		case 4, 5:
			if under && c.below(2) == 0 {
				wg.Go(func() { _, _ = s.void(ctx, fan, p.ID, 0) })
			}
		case 6, 7: // another node takes a payment up that is driven already
			if under {
				other.start(p, evResume, nil)
			}
		case 8:
			if under {
				wg.Go(func() { _, _ = s.amend(ctx, fan, p.ID, method, 0) })
			}
		case 9:
			a.house.mu.Lock()
			a.house.refuse = nil
			if c.below(3) == 0 {
				a.house.refuse = errs.New(errs.Conflict, "seats-gone", "Gone.")
			}
			a.house.mu.Unlock()
		case 10:
			if now, _ := a.house.Recent(t.Context(), booking.ID); now.Status == bookingapi.Booked && c.below(2) == 0 {
				_, _ = a.house.Cancel(t.Context(), fan, bookingapi.Cancellation{BookingID: booking.ID})
			}
		case 11:
			if c.below(3) == 0 {
				w.crash()
				boot(w)
			}
		}
		time.Sleep(time.Duration(c.below(6)) * unit / 2)
	}
	wg.Wait()
	c.end()
	deadline := time.Now().Add(1000*unit + patience.Long)
	time.Sleep(61 * unit) // what is late arrives
	for quiet := 0; quiet < 3; {
		time.Sleep(5 * unit)
		payments, refunds, err := Unsettled(t.Context(), a.db.Reader(), "")
		if err != nil {
			t.Fatal(err)
		}
		owed, err := a.store.withExcess(t.Context(), rowKey{})
		if err != nil {
			t.Fatal(err)
		}
		if quiet++; payments+refunds+int64(len(owed)) > 0 {
			quiet = 0
		}
		if time.Now().After(deadline) {
			t.Fatalf("seed %d: %d payments and %d refunds are not settled", seed, payments, refunds)
		}
	}
	a.agree()
	if t.Failed() {
		t.Logf("seed %d", seed)
		for _, r := range a.ledgerRows() {
			p, _ := a.store.payment(t.Context(), r.ID)
			t.Logf("%+v", p)
		}
	}
}

// TestHistories plays N histories, from SEED on; make chaos plays many.
func TestHistories(t *testing.T) {
	n, first := uint64(1000), uint64(0)
	switch {
	case sqldbtest.OnPostgres(t):
		n = 8
	case testing.Short():
		n = 20
	}
	n, first = fromEnv(t, "N", n), fromEnv(t, "SEED", first)
	original := sqldbtest.Fresh(t)
	w := newWorldOn(t, sqldbtest.Again(t, original)) // migrating takes longer than most of a history
	w.shutDown()
	if err := w.db.Close(); err != nil {
		t.Fatal(err)
	}
	for seed := first; seed-first < n; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			if sqldbtest.OnPostgres(t) {
				history(t, sqldb.Config{URL: sqldbtest.Copy(t, original.URL)}, seed, 4*time.Millisecond)
				return
			}
			cfg := original
			cfg.Dir = t.TempDir()
			if err := os.CopyFS(cfg.Dir, os.DirFS(original.Dir)); err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) { history(t, cfg, seed, time.Second) })
		})
	}
}

func fromEnv(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	v, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return v
}
