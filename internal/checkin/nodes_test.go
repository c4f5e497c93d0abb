package checkin

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"boxoffice/internal/checkinapi"
)

// asked is what a gate asks about one seat.
type asked struct {
	seat int32
	kind checkinapi.Kind
}

// door is one seat as a house manager imagines it: somebody is inside with its ticket, or
// nobody is.
var door = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		bySeat := map[int32][]porcupine.Operation{}
		for _, op := range history {
			seat := op.Input.(asked).seat
			bySeat[seat] = append(bySeat[seat], op)
		}
		var parts [][]porcupine.Operation
		for _, p := range bySeat {
			parts = append(parts, p)
		}
		return parts
	},
	Init: func() any { return false },
	Step: func(state, input, output any) (bool, any) {
		inside, in, admitted := state.(bool), input.(asked).kind == checkinapi.In, output.(bool)
		if admitted != (inside != in) {
			return false, inside
		}
		return true, inside != admitted
	},
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v → %v", in, out) },
}

// Gates at two nodes scan copies of the same tickets at the same time, in and out: of each
// ticket, one is inside, as if they had asked one after the other.
func TestTwoNodes(t *testing.T) {
	w := newWorld(t)
	nodes := []*Service{w.node(t), w.node(t)}
	const seats, gates, rounds = 6, 6, 15
	ann := w.sell("ann", 0, 1, 2, 3, 4, 5)
	tokens := make([]string, seats)
	for i := range tokens {
		tokens[i] = w.token(t, ann, int32(i))
	}
	var mu sync.Mutex
	var history []porcupine.Operation
	var group sync.WaitGroup
	for n := range gates {
		g := w.gate(t, nodes[n%2])
		group.Go(func() {
			for round := range rounds {
				kind := checkinapi.In
				if (round+n)%3 == 2 {
					kind = checkinapi.Out
				}
				var scans []checkinapi.Scan
				for _, token := range tokens {
					scans = append(scans, g.scan(kind, token))
				}
				began := time.Now().UnixNano()
				answers, err := g.s.Take(t.Context(), gala, g.device, scans)
				ended := time.Now().UnixNano()
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for seat, a := range answers {
					history = append(history, porcupine.Operation{ClientId: n, Input: asked{int32(seat), kind}, Call: began, Output: a.Outcome == checkinapi.Admitted, Return: ended})
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if len(history) != seats*gates*rounds {
		t.Fatalf("%d answers", len(history))
	}
	if res := porcupine.CheckOperationsTimeout(door, history, time.Minute); res != porcupine.Ok {
		t.Errorf("the history is %s: a ticket has let in two, or a guest was refused", res)
	}
	for _, s := range append(nodes, w.node(t)) { // the last one reads all of it anew
		if err := s.refresh(t.Context(), s.view(gala)); err != nil {
			t.Fatal(err)
		}
		v := s.view(gala)
		if len(v.scans) != seats*gates*rounds || v.seq != int64(len(v.scans)) {
			t.Errorf("%d scans, seq %d", len(v.scans), v.seq)
		}
		for p, visit := range v.visits {
			if len(visit.doubles) > 0 || said(visit) != said(nodes[0].view(gala).visits[p]) {
				t.Errorf("%v: %s", p, said(visit))
			}
		}
	}
}
