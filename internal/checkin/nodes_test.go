package checkin

import (
	"fmt"
	"strings"
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
	ref  checkinapi.Ref
	of   checkinapi.Ref // of an undo
}

// door is one seat as a house manager imagines it: a list of who came in and went out, from
// which somebody may be taken back. The last one on it says whether somebody is inside.
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
	Init: func() any { return "" },
	Step: func(state, input, output any) (bool, any) {
		list, in, admitted := state.(string), input.(asked), output.(bool)
		line := func(kind checkinapi.Kind, ref checkinapi.Ref) string {
			return fmt.Sprintf("%s %s %d\n", kind, ref.Device, ref.Counter)
		}
		if in.kind == checkinapi.Undo {
			of := line(checkinapi.In, in.of)
			may := strings.Contains(list, of)
			return admitted == may, strings.Replace(list, of, "", 1)
		}
		lines := strings.Split(strings.TrimSuffix(list, "\n"), "\n")
		inside := strings.HasPrefix(lines[len(lines)-1], "in ")
		if admitted != (inside != (in.kind == checkinapi.In)) {
			return false, list
		}
		if admitted {
			list += line(in.kind, in.ref)
		}
		return true, list
	},
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v → %v", in, out) },
}

// Gates at two nodes scan copies of the same tickets at the same time, in and out, and take
// back some of what they did: of each ticket, one is inside, as if they had asked one after the other.
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
			in := map[int32]checkinapi.Ref{} // the last scan of each seat that this gate has let in by
			for round := range rounds {
				var scans []checkinapi.Scan
				for i, token := range tokens {
					kind := checkinapi.In
					if (round+n)%3 == 2 {
						kind = checkinapi.Out
					}
					of, has := in[int32(i)]
					if (round+n+i)%5 == 4 && has {
						kind, token = checkinapi.Undo, ""
					}
					sc := g.scan(kind, token)
					if kind == checkinapi.Undo {
						sc.Of = of
					}
					scans = append(scans, sc)
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
					sc, admitted := &scans[seat], a.Outcome == checkinapi.Admitted
					history = append(history, porcupine.Operation{ClientId: n, Input: asked{int32(seat), sc.Kind, a.Ref, sc.Of}, Call: began, Output: admitted, Return: ended})
					if sc.Kind == checkinapi.In && admitted {
						in[int32(seat)] = a.Ref
					}
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

// A gate node tells of its devices also to a node that was just started.
func TestSeenAtAStartedNode(t *testing.T) {
	w := newWorld(t)
	d := named(t, w.node(t))
	w.pass(5 * time.Minute)
	two := w.node(t)
	if err := two.seenVia(t.Context(), gala, []string{d.ID, "nobody", d.ID}); err != nil {
		t.Fatal(err)
	}
	list, err := two.Devices(t.Context(), hall, gala)
	if err != nil || len(list) != 1 || list[0].SeenAt <= d.SeenAt {
		t.Errorf("%+v %v", list, err)
	}
}
