package checkin

import (
	"math/rand/v2"
	"testing"

	"boxoffice/internal/checkin/list"
	"boxoffice/internal/checkinapi"
)

// alike is a gate that knows what a node knows: its list, and all scans.
func alike(t testing.TB, w *world, s *Service, device string) *Gate {
	t.Helper()
	g := NewGate(gala, device, w.signer.Keys())
	tickets, err := list.Make(t.Context(), w, w, gala, nil, w.clock())
	if err != nil {
		t.Fatal(err)
	}
	g.SetList(tickets.List)
	for _, own := range []string{"", device} { // a device is not told of its own scans
		page, err := s.heard(t.Context(), s.view(gala), own, 0)
		if err != nil || page.More {
			t.Fatal(page, err)
		}
		for i := range page.Items {
			g.Hear(&page.Items[i])
		}
	}
	return g
}

// A gate that knows what a node knows decides alone as the node would, and what it decides
// comes after what it has decided by, whatever its clock says.
func TestGateDecidesAsNodesDo(t *testing.T) {
	w := newWorld(t)
	s := w.node(t)
	g, h := w.gate(t, s), w.gate(t, s)
	bookings := []string{w.sell("ann", 0), w.sell("bob", 1), w.sell("cem", 2)}
	w.refund(bookings[2])
	w.issues = map[string]map[int32]checkinapi.Issue{bookings[1]: {1: {Number: 1, Rev: 1}}}
	var tokens []string
	for i, b := range bookings {
		tokens = append(tokens, w.token(t, b, int32(i)))
	}
	tokens = append(tokens, "A"+tokens[0][1:], tokens[0][:150]+"AA"+tokens[0][152:], "nonsense")
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 400 {
		gate, kind := []*gateOf{g, h}[rnd.IntN(2)], []checkinapi.Kind{checkinapi.In, checkinapi.In, checkinapi.Out, checkinapi.Undo}[rnd.IntN(4)]
		scan := gate.scan(kind, tokens[rnd.IntN(len(tokens))])
		scan.At += rnd.Int64N(600_000) - 300_000
		if scan.Device = gate.device; kind == checkinapi.Undo {
			scan.Token, scan.Of = "", checkinapi.Ref{Device: gate.device, Counter: max(1, scan.Counter-1-rnd.Int64N(3))}
		}
		alone := alike(t, w, s, gate.device)
		h, reason := alone.Decide(&scan, w.clock().UnixMicro())
		a := gate.send(scan)[0]
		if a.Reason != reason || a.Outcome != h.Outcome || a.BookingID != "" && kind != checkinapi.Undo && a.Ordinal != *h.Ordinal {
			t.Fatalf("%+v: the node says %s, %s, and the gate alone %s, %s", scan, a.Outcome, a.Reason, h.Outcome, reason)
		}
		if h.Outcome == checkinapi.Admitted && (h.At != a.At || h.N != a.N) {
			t.Fatalf("%+v: the node's stamp is %v, and the gate's %d.%d", scan, a.Stamp, h.At, h.N)
		}
		alone.Hear(&h)
		inside, entered := alone.Inside()
		if visits, err := s.Attendance(t.Context(), hall, gala); err != nil || visits.Inside != int64(inside) || visits.Entered != int64(entered) {
			t.Fatalf("%d inside, %d entered, and the node says %d, %d: %v", inside, entered, visits.Inside, visits.Entered, err)
		}
	}
}
