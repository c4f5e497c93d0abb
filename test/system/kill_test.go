package system

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"boxoffice/internal/app"
	"boxoffice/internal/caller"
	"boxoffice/internal/patience"
	"boxoffice/internal/payment"
	"boxoffice/internal/rush"
	"boxoffice/internal/settings"
	"boxoffice/internal/userapi"
)

// rounds is how often the node is killed.
func rounds(t testing.TB) int {
	if n, err := strconv.Atoi(os.Getenv("BOXOFFICE_TEST_KILLS")); err == nil {
		return n
	}
	return 20
}

// acknowledged remembers what fans were told.
type acknowledged struct {
	mu     sync.Mutex
	booked map[string]string // booking → owner's user id
	held   map[string]string
}

// TestKill kills a node in the middle of an on-sale, again and again, on the
// same data: every acknowledged booking is there afterwards, paid, and the
// ledger replays to the tables.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("kills a node many times over")
	}
	data := storage(t)
	fans := accounts(t, data, 64, caller.Customer)
	organizer := accounts(t, data, 1, caller.Organizer)[0]
	ack := &acknowledged{booked: map[string]string{}, held: map[string]string{}}
	for round := range rounds(t) {
		s := serve(t, data)
		ev := s.as(organizer).event(t, "theatre", 600, "limit_per_customer", 100)
		seats := s.as(organizer).labels(t, ev)
		stop := make(chan struct{})
		var wg sync.WaitGroup
		var answers atomic.Int64
		for i, f := range fans {
			wg.Go(func() { storm(s, f, ev, seats, uint64(round*1000+i), ack, &answers, stop) })
		}
		for answers.Load() < 40 { // the storm is on
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Duration(rand.IntN(250)) * time.Millisecond)
		s.kill()
		close(stop)
		wg.Wait()
		again := serve(t, data)
		ack.check(t, again, fans)
		ack.audit(t, again, data)
	}
	t.Logf("%d acknowledged bookings over %d kills, none lost", len(ack.booked), rounds(t))
	if len(ack.booked) < 10*rounds(t) {
		t.Fatalf("only %d bookings were acknowledged: the test does not test", len(ack.booked))
	}
}

// storm is one fan who buys until the node is gone.
func storm(s *server, f userapi.Fan, ev string, seats []string, seed uint64, ack *acknowledged, answers *atomic.Int64, stop chan struct{}) {
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
		if err != nil {
			return
		}
		answers.Add(1)
		if hold.status != http.StatusCreated {
			continue
		}
		id := hold.str("id")
		ack.mu.Lock()
		ack.held[id] = f.UserID
		ack.mu.Unlock()
		pay, err := c.do("POST", "/payments", map[string]any{"booking_id": id, "method": "tok_ok"}, "Idempotency-Key", key)
		if err != nil {
			return
		}
		if pay.status == http.StatusCreated && pay.str("status") == "captured" {
			ack.mu.Lock()
			ack.booked[id] = f.UserID
			ack.mu.Unlock()
		}
	}
}

// check asks the restarted node for everything it had acknowledged.
func (a *acknowledged) check(t *testing.T, s *server, fans []userapi.Fan) {
	t.Helper()
	clients := map[string]*client{}
	for _, f := range fans {
		clients[f.UserID] = s.as(f)
	}
	for id, owner := range a.held {
		if r := clients[owner].must(t, http.StatusOK, "GET", "/bookings/"+id, nil); a.booked[id] != "" && r.str("status") != "booked" {
			t.Fatalf("booking %s was acknowledged as paid, and is %s after the restart", id, r.str("status"))
		}
	}
	for id, owner := range a.booked {
		if r := clients[owner].must(t, http.StatusOK, "GET", "/payments/booking/"+id, nil); r.str("status") != "captured" {
			t.Fatalf("the payment of booking %s was acknowledged, and is %s after the restart", id, r.str("status"))
		}
	}
	a.held = map[string]string{} // those not paid may be paid on, or lapse, from here on
	for _, c := range clients {
		c.http.CloseIdleConnections()
	}
}

// audit waits until no money is under way any more, stops the node, and holds
// the database against everything that was ever acknowledged.
func (a *acknowledged) audit(t *testing.T, s *server, data settings.Storage) {
	t.Helper()
	ctx := context.Background()
	db, err := app.OpenToRead(ctx, data)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for deadline := time.Now().Add(patience.Long); ; time.Sleep(50 * time.Millisecond) {
		payments, refunds, err := payment.Unsettled(ctx, db.Reader(), "")
		if err != nil {
			t.Fatal(err)
		}
		if payments+refunds == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("long after the restart %d payments and %d refunds are still under way", payments, refunds)
		}
	}
	s.stop()
	heads, err := db.Reader().QueryContext(ctx, `SELECT event_id FROM sales`)
	if err != nil {
		t.Fatal(err)
	}
	defer heads.Close()
	var events []string
	for heads.Next() {
		var id string
		if err := heads.Scan(&id); err != nil {
			t.Fatal(err)
		}
		events = append(events, id)
	}
	if err := heads.Err(); err != nil {
		t.Fatal(err)
	}
	audit := rush.Audit{Acknowledged: a.booked}
	if err := audit.Check(ctx, db, events); err != nil {
		t.Fatal(err)
	}
	if v := audit.Verdict(); v != "ok" {
		t.Fatalf("audit: %s", v)
	}
}
