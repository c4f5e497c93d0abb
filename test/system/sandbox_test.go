package system

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"boxoffice/internal/app"
	"boxoffice/internal/caller"
	"boxoffice/internal/patience"
	"boxoffice/internal/payment"
	sandbox "boxoffice/internal/payment/sandbox/server"
	"boxoffice/internal/payment/sandbox/wire"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/settings"
	"boxoffice/internal/userapi"
)

// badly is how a gateway behaves badly in all ways. It answers none of some requests,
// which clients wait for long, so those are few.
const badly = "error-before=0.05,error-after=0.05,lost=0.05,cut=0.03,html=0.05,empty=0.03,stale=0.03,not-found=0.05,bad-gateway=0.05,stranger=0.05,timeout-after=0.002"

// TestBadGateway sells with a gateway that behaves badly, is killed, and comes back, and
// kills the node, too. Nobody is told that a payment was declined, since none was; and in
// the end the gateway's own books agree with the payments.
func TestBadGateway(t *testing.T) {
	if testing.Short() {
		t.Skip("kills servers")
	}
	data, records := storage(t), t.TempDir()
	fans := accounts(t, data, 16, caller.Customer)
	organizer := accounts(t, data, 1, caller.Organizer)[0]
	gateway := func(addr string, more ...string) *server {
		return launch(t, program(t), append([]string{"sandbox-gateway", "--addr", addr, "--data", records, "--latency", "0ms-30ms"}, more...)...)
	}
	g := gateway("127.0.0.1:0", "--faults", badly)
	addr := strings.TrimPrefix(g.url, "http://")
	s := serve(t, data, "--payments", "sandbox="+g.url)
	ev := s.as(organizer).event(t, "theatre", 2000, "limit_per_customer", 100)
	seats := s.as(organizer).labels(t, ev)
	var paid atomic.Int64
	for round := range 3 {
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for i, f := range fans {
			wg.Go(func() { buys(t, s, f, ev, seats, uint64(100*round+i), &paid, stop) })
		}
		want := paid.Load() + 40
		patience.Until(t, "40 payments", func() bool { return paid.Load() >= want })
		g.kill()
		if round == 1 {
			s.kill()
		}
		close(stop)
		wg.Wait()
		g = gateway(addr, "--faults", badly)
		if round == 1 {
			s = serve(t, data, "--payments", "sandbox="+g.url)
		}
	}
	g.stop()
	g = gateway(addr) // behaves well from here on
	balance(t, data, records)
	s.stop()
	g.stop()
}

// buys is a fan who buys, and gives some of it back, until stopped.
func buys(t *testing.T, s *server, f userapi.Fan, ev string, seats []string, seed uint64, paid *atomic.Int64, stop chan struct{}) {
	c := s.as(f)
	defer c.http.CloseIdleConnections()
	rnd := rand.New(rand.NewPCG(seed, 1))
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		default:
		}
		key := fmt.Sprintf("%d-%d", seed, n)
		hold, err := c.do("POST", "/bookings", map[string]any{"event_id": ev, "seats": []string{seats[rnd.IntN(len(seats))]}}, "Idempotency-Key", key)
		if err != nil || hold.status != http.StatusCreated {
			continue
		}
		id := hold.str("id")
		pay, err := c.do("POST", "/payments", map[string]any{"booking_id": id, "method": "tok_ok"}, "Idempotency-Key", key)
		switch {
		case err != nil:
		case pay.status == http.StatusPaymentRequired:
			t.Errorf("a payment was declined: %v", pay.body)
		case pay.status == http.StatusCreated:
			if paid.Add(1); n%4 == 0 {
				_, _ = c.do("DELETE", "/bookings/"+id, nil)
			}
		}
	}
}

// balance waits until no money is under way, and compares the payments with the
// gateway's books.
func balance(t *testing.T, data settings.Storage, records string) {
	t.Helper()
	ctx := context.Background()
	db, err := app.OpenToRead(ctx, data)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	patience.Until(t, "no money is under way", func() bool {
		payments, refunds, err := payment.Unsettled(ctx, db.Reader(), "")
		if err != nil {
			t.Fatal(err)
		}
		return payments+refunds == 0
	})
	books, err := sandbox.ReadBooks(records)
	if err != nil {
		t.Fatal(err)
	}
	captured, refunded := map[string]int64{}, map[string]int64{} // by payment
	for _, c := range books.Charges {
		if c.Status == wire.RequiresCapture {
			t.Errorf("%s is still reserved", c.Charge)
		}
		id, _, _ := strings.Cut(c.Charge, ".")
		captured[id] += c.Captured
		for _, r := range c.Refunds {
			refunded[id] += r.Amount
		}
	}
	all := 0
	if err := payment.Ledger(ctx, db.Reader(), "", func(r payment.Row) error {
		all++
		want := int64(0)
		if r.Status == paymentapi.Captured || r.Status == paymentapi.Refunded {
			want = r.Amount
		}
		if captured[r.ID] != want || refunded[r.ID] != r.Refunded {
			t.Errorf("payment %s is %s over %d, %d back; the gateway has taken %d and given back %d", r.ID, r.Status, r.Amount, r.Refunded, captured[r.ID], refunded[r.ID])
		}
		delete(captured, r.ID)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for id := range captured {
		t.Errorf("the gateway has a charge of %s, which is no payment", id)
	}
	if all < 100 {
		t.Errorf("only %d payments: the test does not test", all)
	}
	t.Logf("%d payments agree with the gateway's books: %+v", all, books.Currencies)
}
