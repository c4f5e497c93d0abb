package system

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"boxoffice/internal/caller"
)

// seatOp is what a fan asks of one seat, and seatAnswer what came of it.
type seatOp struct {
	kind    string // hold, pay, give back; leave and take: both ends of a move to another seat
	seat    string
	booking string
}

type seatAnswer struct {
	ok      bool
	booking string
}

// seatState is one seat, as a reader of the docs imagines it: whose it is.
type seatState struct {
	booking string
	sold    bool
}

// seatModel says which histories of one seat can be: a hold succeeds exactly
// when the seat is free, and only who holds it may pay or give it back, or be moved away.
// So does a move, whose booking has one seat at each moment.
var seatModel = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		bySeat := map[string][]porcupine.Operation{}
		for _, op := range history {
			seat := op.Input.(seatOp).seat
			bySeat[seat] = append(bySeat[seat], op)
		}
		var parts [][]porcupine.Operation
		for _, p := range bySeat {
			parts = append(parts, p)
		}
		return parts
	},
	Init: func() any { return seatState{} },
	Step: func(state, input, output any) (bool, any) {
		s, op, out := state.(seatState), input.(seatOp), output.(seatAnswer)
		switch op.kind {
		case "hold":
			if !out.ok {
				return s.booking != "", s
			}
			return s.booking == "", seatState{booking: out.booking}
		case "pay":
			return out.ok == (s.booking == op.booking), seatState{s.booking, s.sold || out.ok}
		case "leave": // refused for the other seat
			if !out.ok {
				return s.booking == op.booking && s.sold, s
			}
			return s.booking == op.booking && s.sold, seatState{}
		case "take":
			if !out.ok {
				return s.booking != "", s
			}
			return s.booking == "", seatState{booking: op.booking, sold: true}
		default: // give back
			if !out.ok {
				return false, s
			}
			return s.booking == op.booking, seatState{}
		}
	},
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v → %+v", in, out) },
}

// TestLinearizable: what concurrent fans see over HTTP is what some order of
// their requests, one at a time, would have shown them. On PostgreSQL they ask two
// nodes; there a seat may be refused that was free again for at most 250 ms, so
// refusals are left out, and all that succeeds must fit together.
func TestLinearizable(t *testing.T) {
	data := storage(t)
	const atOnce, rounds = 24, 40
	fans := accounts(t, data, atOnce*rounds, caller.Customer) // one a round: whoever gives back again and again is slowed down
	organizer := accounts(t, data, 1, caller.Organizer)[0]
	s := serve(t, data)
	nodes := []*server{s, s}
	if data.DatabaseURL != "" {
		nodes[1] = serve(t, data)
	}
	ev := s.as(organizer).event(t, "theatre", 100, "limit_per_customer", 100)
	seats := s.as(organizer).labels(t, ev)[:6]
	var mu sync.Mutex
	var refused, moved atomic.Int64
	var history []porcupine.Operation
	start := time.Now()
	var wg sync.WaitGroup
	for i := range atOnce {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(i), 7))
			record := func(ask func() (reply, error), ok int, ops ...seatOp) seatAnswer {
				from := time.Since(start).Nanoseconds()
				r, err := ask()
				if err != nil {
					t.Error(err)
					return seatAnswer{}
				}
				if r.status != ok && r.status != http.StatusConflict {
					t.Errorf("%+v: status %d: %v", ops, r.status, r.body)
				}
				out := seatAnswer{ok: r.status == ok, booking: r.str("id")}
				if kind := ops[0].kind; (kind == "hold" || kind == "leave") && !out.ok && nodes[0] != nodes[1] {
					refused.Add(1)
					return out
				}
				mu.Lock()
				defer mu.Unlock()
				for _, op := range ops {
					history = append(history, porcupine.Operation{ClientId: i, Input: op, Call: from, Output: out, Return: time.Since(start).Nanoseconds()})
				}
				return out
			}
			for round := range rounds {
				f := fans[i*rounds+round]
				clients := []*client{nodes[0].as(f), nodes[1].as(f)}
				c := clients[rnd.IntN(2)]
				seat := seats[rnd.IntN(len(seats))]
				held := record(func() (reply, error) {
					return c.do("POST", "/bookings", map[string]any{"event_id": ev, "seats": []string{seat}})
				}, http.StatusCreated, seatOp{kind: "hold", seat: seat})
				if !held.ok {
					continue
				}
				c = clients[rnd.IntN(2)]
				if rnd.IntN(2) == 0 {
					paid := record(func() (reply, error) {
						return c.do("POST", "/payments", map[string]any{"booking_id": held.booking, "method": "tok_ok"})
					}, http.StatusCreated, seatOp{"pay", seat, held.booking})
					if to := seats[rnd.IntN(len(seats))]; paid.ok && to != seat {
						boss := nodes[rnd.IntN(2)].as(organizer)
						if record(func() (reply, error) {
							return boss.do("PUT", "/bookings/"+held.booking+"/seats", map[string]any{"seats": []string{to}, "reason": "The row is closed."})
						}, http.StatusOK, seatOp{"leave", seat, held.booking}, seatOp{"take", to, held.booking}).ok {
							seat = to
							moved.Add(1)
						}
					}
				}
				c = clients[rnd.IntN(2)]
				record(func() (reply, error) {
					return c.do("DELETE", "/bookings/"+held.booking, nil)
				}, http.StatusOK, seatOp{"give back", seat, held.booking})
			}
		})
	}
	wg.Wait()
	t.Logf("%d operations on %d seats, with %d moves", len(history), len(seats), moved.Load())
	if !porcupine.CheckOperations(seatModel, history) {
		t.Fatal("the history of a seat is not linearizable")
	}
	won := 0
	for _, op := range history {
		if out := op.Output.(seatAnswer); out.ok && op.Input.(seatOp).kind == "hold" {
			won++
		}
	}
	if won < 20 || won == len(history)+int(refused.Load()) {
		t.Fatalf("%d of %d operations were holds that succeeded: the test does not test", won, len(history))
	}
}

// The checker itself finds a seat that was sold twice.
func TestCheckerFindsDoubleSale(t *testing.T) {
	op := func(at int64, in seatOp, out seatAnswer) porcupine.Operation {
		return porcupine.Operation{Input: in, Call: at, Output: out, Return: at + 1}
	}
	history := []porcupine.Operation{
		op(1, seatOp{kind: "hold", seat: "A"}, seatAnswer{true, "b1"}),
		op(3, seatOp{kind: "hold", seat: "A"}, seatAnswer{true, "b2"}),
	}
	if porcupine.CheckOperations(seatModel, history) {
		t.Fatal("a seat held twice passes")
	}
	history = []porcupine.Operation{
		op(1, seatOp{kind: "hold", seat: "A"}, seatAnswer{true, "b1"}),
		op(3, seatOp{"pay", "A", "b1"}, seatAnswer{true, "b1"}),
		op(5, seatOp{kind: "hold", seat: "B"}, seatAnswer{true, "b2"}),
		op(7, seatOp{"leave", "A", "b1"}, seatAnswer{true, "b1"}),
		op(7, seatOp{"take", "B", "b1"}, seatAnswer{true, "b1"}),
	}
	if porcupine.CheckOperations(seatModel, history) {
		t.Fatal("a seat moved to while it is held passes")
	}
}
