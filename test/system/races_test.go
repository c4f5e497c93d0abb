package system

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/patience"
)

const crowd = 50

// at once sends the same kind of request from many goroutines and counts the
// answers by status.
func atOnce(t *testing.T, n int, send func(i int) (reply, error)) map[int]int {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	got := map[int]int{}
	for i := range n {
		wg.Go(func() {
			r, err := send(i)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			got[r.status]++
			mu.Unlock()
		})
	}
	wg.Wait()
	return got
}

func wantCounts(t *testing.T, what string, got, want map[int]int) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: answers by status are %v, want %v", what, got, want)
	}
}

// Fifty requests at the same moment never come to more than one by one would.
func TestRaces(t *testing.T) {
	data := storage(t)
	list := accounts(t, data, crowd, caller.Customer)
	org := accounts(t, data, 1, caller.Organizer)[0]
	s := serve(t, data)
	boss := s.as(org)
	fans := make([]*client, crowd)
	for i := range fans {
		fans[i] = s.as(list[i])
	}
	hold := func(c *client, ev string, seats ...string) (reply, error) {
		return c.do("POST", "/bookings", map[string]any{"event_id": ev, "seats": seats})
	}
	paid := func(c *client, ev string, seats ...string) (booking, payment string) {
		t.Helper()
		booking = c.must(t, 201, "POST", "/bookings", map[string]any{"event_id": ev, "seats": seats}).str("id")
		return booking, c.must(t, 201, "POST", "/payments", map[string]any{"booking_id": booking, "method": "tok_ok"}).str("id")
	}
	var events []string
	event := func() (string, []string) {
		ev := boss.event(t, "theatre", 100)
		events = append(events, ev)
		return ev, boss.labels(t, ev)
	}

	ev, seats := event()
	wantCounts(t, "the last seat", atOnce(t, crowd, func(i int) (reply, error) { return hold(fans[i], ev, seats[0]) }), map[int]int{201: 1, 409: crowd - 1})
	ev, seats = event()
	wantCounts(t, "a customer's limit", atOnce(t, crowd, func(i int) (reply, error) { return hold(fans[0], ev, seats[i]) }), map[int]int{201: 8, 409: crowd - 8})

	ev, seats = event()
	held := make([]string, crowd)
	for i := range held {
		held[i] = fans[i].must(t, 201, "POST", "/bookings", map[string]any{"event_id": ev, "seats": seats[i : i+1]}).str("id")
	}
	wantCounts(t, "swaps to one seat", atOnce(t, crowd, func(i int) (reply, error) {
		return fans[i].do("PUT", "/bookings/"+held[i], map[string]any{"seats": []string{seats[99]}})
	}), map[int]int{200: 1, 409: crowd - 1})

	ev, seats = event()
	wantCounts(t, "a hold, a block and a gift", atOnce(t, crowd, func(i int) (reply, error) {
		switch i % 3 {
		case 0:
			return boss.do("POST", "/events/"+ev+"/blocks", map[string]any{"seats": seats[:1]})
		case 1:
			return boss.do("POST", "/events/"+ev+"/complimentary", map[string]any{"seats": seats[:1]})
		}
		return hold(fans[i], ev, seats[0])
	}), map[int]int{201: 1, 409: crowd - 1})

	booking, payment := paid(fans[1], ev, seats[1:5]...)
	wantCounts(t, "cancels of one seat", atOnce(t, crowd, func(int) (reply, error) {
		return fans[1].do("DELETE", "/bookings/"+booking+"?seats="+seats[1], nil)
	}), map[int]int{200: crowd}) // what is done already is answered as done
	refunded(t, fans[1], payment, 2500)
	wantCounts(t, "cancels of all", atOnce(t, crowd, func(int) (reply, error) { return fans[1].do("DELETE", "/bookings/"+booking, nil) }), map[int]int{200: crowd})
	refunded(t, fans[1], payment, 4*2500)

	// Paying and cancelling at once: whichever comes first, money and seats agree.
	for i := range 10 { // one each: whoever gives back again and again is slowed down
		fan := fans[2+i]
		b := fan.must(t, 201, "POST", "/bookings", map[string]any{"event_id": ev, "seats": seats[10+i : 11+i]}).str("id")
		atOnce(t, 4, func(n int) (reply, error) {
			if n%2 == 0 {
				return fan.do("POST", "/payments", map[string]any{"booking_id": b, "method": "tok_ok"})
			}
			return fan.do("DELETE", "/bookings/"+b, nil)
		})
		agree(t, fan, b)
	}
	s.stop()
	for _, ev := range events {
		if out, err := run(t, on(data, "verify", "--event", ev)...); err != nil {
			t.Error(out, err)
		}
	}
}

// refunded waits until so much of a payment went back, and sees that it stays so.
func refunded(t *testing.T, c *client, payment string, want float64) {
	t.Helper()
	for deadline := time.Now().Add(patience.Long); ; time.Sleep(20 * time.Millisecond) {
		got := c.must(t, 200, "GET", "/payments/"+payment, nil).body["refunded"].(float64)
		if got == want {
			break
		}
		if got > want || time.Now().After(deadline) {
			t.Fatalf("%v of payment %s went back, want %v", got, payment, want)
		}
	}
	time.Sleep(1200 * time.Millisecond) // more than one round of refunds
	if got := c.must(t, 200, "GET", "/payments/"+payment, nil).body["refunded"].(float64); got != want {
		t.Fatalf("%v of payment %s went back, want %v", got, payment, want)
	}
}

// agree waits until a booking and its payments are at rest, and compares them.
func agree(t *testing.T, c *client, booking string) {
	t.Helper()
	for deadline := time.Now().Add(patience.Long); ; time.Sleep(20 * time.Millisecond) {
		b := c.must(t, 200, "GET", "/bookings/"+booking, nil)
		p, err := c.do("GET", "/bookings/"+booking+"/payment", nil)
		if err != nil {
			t.Fatal(err)
		}
		status := b.str("status") + " " + p.str("status")
		if slices.Contains([]string{"booked captured", "cancelled ", "cancelled refunded", "cancelled voided", "cancelled failed"}, status) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("booking and payment are %q", status)
		}
	}
}

// Ten thousand requests, each sent twenty times, before and after the server is
// killed: one effect each, and always the same answer.
func TestIdempotentRepeats(t *testing.T) {
	keys, repeats := 10_000, 20
	if testing.Short() {
		keys, repeats = 500, 4
	}
	data := storage(t)
	fans := accounts(t, data, (keys+7)/8, caller.Customer)
	org := accounts(t, data, 1, caller.Organizer)[0]
	s := serve(t, data)
	ev := s.as(org).event(t, "arena", 2*keys, "hold_minutes", 60)
	var mu sync.Mutex
	first := make([]string, keys)
	transport := newHTTP()
	round := func(s *server, times int) {
		t.Helper()
		order := make([]int, 0, keys*times)
		for range times {
			for k := range keys {
				order = append(order, k)
			}
		}
		rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		work := make(chan int)
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				for k := range work {
					c := &client{http: transport, base: s.url, token: fans[k/8].Token}
					r, err := c.do("POST", "/bookings", fmt.Sprintf(`{"event_id":%q,"quantity":1}`, ev), "Idempotency-Key", fmt.Sprint("key-", k))
					if err != nil || r.status != 201 {
						t.Errorf("key %d: %v %v", k, r, err)
						continue
					}
					answer := fmt.Sprint(r.str("id"), r.str("seat_number"), r.str("status"), r.str("expires_at"), r.body["seq"])
					mu.Lock()
					if first[k] == "" {
						first[k] = answer
					}
					if first[k] != answer {
						t.Errorf("key %d: %s, before %s", k, answer, first[k])
					}
					mu.Unlock()
				}
			})
		}
		for _, k := range order {
			work <- k
		}
		close(work)
		wg.Wait()
	}
	round(s, repeats/2)
	s.kill()
	s = serve(t, data)
	round(s, repeats-repeats/2)
	distinct := slices.Clone(first)
	slices.Sort(distinct)
	if distinct = slices.Compact(distinct); len(distinct) != keys {
		t.Errorf("%d keys came to %d bookings", keys, len(distinct))
	}
	// The same key for something else is refused.
	r, err := s.as(fans[0]).do("POST", "/bookings", fmt.Sprintf(`{"event_id":%q,"quantity":2}`, ev), "Idempotency-Key", "key-0")
	if err != nil || r.status != 422 || r.problem() != "idempotency-key-reused" {
		t.Errorf("%v %v", r, err)
	}
	counts := s.as(org).must(t, 200, "GET", "/events/"+ev, nil)
	if free := counts.body["available_seats"].(float64); int(free) != keys {
		t.Errorf("%v of %d seats are free", free, 2*keys)
	}
	s.stop()
	if out, err := run(t, on(data, "verify")...); err != nil || !strings.Contains(out, fmt.Sprint(keys, " bookings")) {
		t.Error(out, err)
	}
}
