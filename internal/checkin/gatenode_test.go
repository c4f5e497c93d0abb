package checkin

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"boxoffice/internal/checkinapi"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/ticket"
)

// fakeLine is a line to a box office in the same process, which is cut and healed.
type fakeLine struct {
	office  *Service
	node    checkinapi.Device
	list    *ticket.List
	up      bool
	untimed bool // the gate node does not know the time
	lost    bool // the question arrives, the answer does not
	owed    map[checkinapi.Ref]Owed
}

var errCut = errors.New("the line is cut")

func (l *fakeLine) Node() checkinapi.Device { return l.node }
func (l *fakeLine) State() LineState        { return LineState{Up: l.up, SeenAt: 1, Timed: !l.untimed} }
func (l *fakeLine) List() *ticket.List      { return l.list }

func (l *fakeLine) Ask(ctx context.Context, scans []checkinapi.Scan) ([]checkinapi.Answer, error) {
	sent := make([]NodeScan, len(scans))
	for i := range scans {
		sent[i] = SentBy(&Owed{Scan: scans[i]})
	}
	out, err := l.office.sendFor(ctx, &l.node, sent)
	if err != nil || l.lost {
		return nil, errors.Join(err, errCut)
	}
	return out.Body.Answers(), nil
}

func (l *fakeLine) Pair(context.Context, string, string) (checkinapi.Device, string, error) {
	return checkinapi.Device{}, "", errCut
}

func (l *fakeLine) Keep(_ context.Context, _ *sql.Tx, owed []Owed) error {
	for i := range owed {
		l.owed[owed[i].Ref] = owed[i]
	}
	return nil
}

// house is a box office and a gate node, each with a device of its own.
type house struct {
	t              testing.TB
	w              *world
	office, gate   *Service
	line           *fakeLine
	direct, inside *gateOf
}

func newHouse(t testing.TB) *house {
	t.Helper()
	w := newWorld(t)
	h := &house{t: t, w: w, office: w.node(t)}
	p, err := h.office.Pair(t.Context(), hall, checkinapi.PairingRequest{EventID: gala, Name: "Laptop", Kind: checkinapi.GateNode})
	if err != nil {
		t.Fatal(err)
	}
	node, _, err := h.office.Enter(t.Context(), checkinapi.GateNode, p.Code, "")
	if err != nil {
		t.Fatal(err)
	}
	h.direct, h.inside = w.gate(t, h.office), w.gate(t, h.office)
	h.line = &fakeLine{office: h.office, node: node, owed: map[checkinapi.Ref]Owed{}}
	db, err := sqldb.Open(t.Context(), sqldb.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	h.gate, err = New(t.Context(), Config{DB: db, Now: w.clock, Events: w, Keys: w.signer.Keys, Line: h.line})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.gate.Close(); _ = db.Close() })
	h.inside.s = h.gate
	h.sync()
	return h
}

// sync fetches list, rules and devices.
func (h *house) sync() {
	h.t.Helper()
	v := h.office.view(gala)
	if err := h.office.refresh(h.t.Context(), v); err != nil {
		h.t.Fatal(err)
	}
	v.mu.Lock()
	v.sales = nil // a second has gone by
	v.mu.Unlock()
	l, err := h.office.salesOf(h.t.Context(), v)
	if err != nil {
		h.t.Fatal(err)
	}
	h.line.list = l.lists[len(l.lists)-1]
	found, err := h.office.paired(h.t.Context(), gala)
	if err != nil {
		h.t.Fatal(err)
	}
	devices := make([]Paired, len(found))
	for i := range found {
		if devices[i] = found[i].Paired(gala); devices[i].ID == h.line.node.ID {
			h.line.node = devices[i].Device
		}
	}
	if err := h.gate.SetRules(h.t.Context(), v.known().settings, devices); err != nil {
		h.t.Fatal(err)
	}
}

// push sends some of what waits, and maybe loses the answer.
func (h *house) push(most int, lost bool) {
	h.t.Helper()
	var list []Owed
	var sent []NodeScan
	for _, o := range h.line.owed { // in any order
		if len(list) < most {
			list, sent = append(list, o), append(sent, SentBy(&o))
		}
	}
	if len(list) == 0 {
		return
	}
	if _, err := h.office.sendFor(h.t.Context(), &h.line.node, sent); err != nil {
		h.t.Fatal(err)
	}
	if lost {
		return
	}
	for i := range list {
		if h.line.owed[list[i].Ref].Seq == list[i].Seq {
			delete(h.line.owed, list[i].Ref)
		}
	}
	h.gate.Told(gala, list)
}

// pull fetches the scans after a place.
func (h *house) pull(after int64) {
	h.t.Helper()
	v := h.office.view(gala)
	if err := h.office.refresh(h.t.Context(), v); err != nil {
		h.t.Fatal(err)
	}
	list, _ := v.since(after, heardMost)
	records := make([]ScanRecord, len(list))
	for i, e := range list {
		records[i] = recordOf(e)
	}
	if err := h.gate.Merge(h.t.Context(), gala, records); err != nil {
		h.t.Fatal(err)
	}
}

// says is all that a service says of its scans and of who is inside.
func says(s *Service) (out string) {
	v := s.view(gala)
	v.mu.Lock()
	defer v.mu.Unlock()
	lines := map[string]string{}
	for ref, e := range v.scans {
		if e.kind == checkinapi.Undo { // where it was, only the scan that it names says for sure
			e = &entry{Ref: e.Ref, Stamp: e.Stamp, kind: e.kind, of: e.of, node: e.node, gate: e.gate, own: e.own}
		}
		lines[fmt.Sprintf("%s %03d", ref.Device, ref.Counter)] = fmt.Sprintf("%s %d of %s at %d.%d: %q", e.kind, e.place.seat, e.place.booking, e.At, e.N, e.decided().reason)
	}
	for p, visit := range v.visits {
		line := fmt.Sprintf("inside %v, entered %v", visit.inside, visit.entered)
		for _, d := range visit.doubles {
			line += fmt.Sprintf(", double %v %v", d.first.Ref, d.second.Ref)
		}
		lines[fmt.Sprintf("~ %s %d", p.booking, p.seat)] = line
	}
	return strings.Join(sortedLines(lines), "\n")
}

func sortedLines(m map[string]string) (list []string) {
	for k, v := range m {
		list = append(list, k+": "+v)
	}
	slices.Sort(list)
	return list
}

// A gate node that does not know the time refuses nobody for it: the first scan is admitted
// and marked, also at the box office, and the second is refused.
func TestGateNodeWithoutTheTime(t *testing.T) {
	h := newHouse(t)
	h.w.rotate(t, h.office, false)
	anns := h.w.sell("ann", 1, 2)
	one, two := h.w.bind(t, anns, 1, phone), h.w.bind(t, anns, 2, phone)
	h.sync()
	code := h.w.shown(t, one, phone, time.Minute, true)
	if got := h.inside.in(code); got != checkinapi.StaleCode {
		t.Fatalf("a copy, by a gate node that knows the time: %s", got)
	}
	h.line.untimed = true
	if got := h.inside.in(code); got != checkinapi.OK {
		t.Errorf("the first, without the time: %s", got)
	}
	if got := h.inside.in(h.w.shown(t, one, phone, 0, true)); got != checkinapi.AlreadyInside {
		t.Errorf("the second: %s", got)
	}
	h.line.untimed = false
	h.inside.in(h.w.shown(t, two, phone, 0, true))
	h.push(10, false)
	for _, s := range []*Service{h.gate, h.office} {
		v := s.view(gala)
		for p, visit := range v.visits {
			if visit.entered && visit.first.untimed != (p.seat == 1) {
				t.Errorf("seat %d is marked: %t", p.seat, visit.first.untimed)
			}
		}
		if len(v.visits) == 0 {
			t.Error("nothing has arrived")
		}
	}
}

// Whatever is scanned where, with or without a line, and however often and in whatever order
// the two tell each other, in the end they say the same of every scan and of who is inside.
func TestGateNodesConverge(t *testing.T) {
	rounds := uint64(12)
	if testing.Short() {
		rounds = 4
	}
	for seed := range rounds {
		r := rand.New(rand.NewPCG(seed, 16))
		h := newHouse(t)
		var tokens []string
		for seat := range int32(5) {
			b := h.w.sell(fmt.Sprint("fan", seat), seat)
			tokens = append(tokens, h.w.token(t, b, seat))
		}
		h.sync()
		sent := map[*gateOf][]checkinapi.Scan{}
		for range 150 {
			h.w.pass(time.Duration(r.IntN(3000)) * time.Millisecond)
			switch r.IntN(12) {
			case 0:
				h.line.up = !h.line.up
			case 1:
				h.line.lost = r.IntN(3) == 0
			case 2:
				if h.line.up {
					h.push(1+r.IntN(5), r.IntN(3) == 0)
				}
			case 3:
				if h.line.up {
					h.pull(int64(r.IntN(40)))
				}
			case 4: // a device sends again, maybe with its decision
				for g, list := range sent {
					sc := list[r.IntN(len(list))]
					if r.IntN(2) == 0 && sc.Decided == "" {
						sc = alone(sc, []checkinapi.Reason{checkinapi.OK, checkinapi.AloneIsRefused}[r.IntN(2)])
					}
					g.send(sc)
				}
			default:
				g := []*gateOf{h.direct, h.inside, h.inside}[r.IntN(3)]
				sc := g.scan([]checkinapi.Kind{checkinapi.In, checkinapi.In, checkinapi.Out}[r.IntN(3)], tokens[r.IntN(len(tokens))])
				if r.IntN(10) == 0 {
					sc.Token = "AIC2Q"
				}
				if before := sent[g]; len(before) > 0 && r.IntN(8) == 0 {
					sc.Kind, sc.Token, sc.Of = checkinapi.Undo, "", checkinapi.Ref{Device: g.device, Counter: before[r.IntN(len(before))].Counter}
				}
				if r.IntN(8) == 0 {
					sc.At += int64(r.IntN(1_200_000)) - 300_000 // a wrong clock
				}
				if r.IntN(4) == 0 {
					sc = alone(sc, checkinapi.OK)
				}
				sent[g] = append(sent[g], sc)
				g.send(sc)
			}
		}
		h.line.up = true
		for len(h.line.owed) > 0 {
			h.push(7, false)
		}
		h.pull(0)
		h.pull(0)
		if office, gate := says(h.office), says(h.gate); office != gate {
			a, b := strings.Split(office, "\n"), strings.Split(gate, "\n")
			for i := range min(len(a), len(b)) {
				if a[i] != b[i] {
					t.Errorf("seed %d: the box office says\n%s\nand the gate node\n%s", seed, a[i], b[i])
				}
			}
			t.Fatalf("seed %d: %d and %d lines", seed, len(a), len(b))
		}
	}
}

// A gate node asks first; a copy at a device of the box office is then refused here, and one
// that was scanned here there. It does not believe the box office about what that lacks.
func TestGateNodeAsks(t *testing.T) {
	h := newHouse(t)
	b := h.w.sell("fan", 1, 2)
	one, two := h.w.token(t, b, 1), h.w.token(t, b, 2)
	h.sync()
	h.line.up = true
	if got := h.direct.in(one); got != checkinapi.OK {
		t.Error(got)
	}
	a := h.inside.send(h.inside.scan(checkinapi.In, one))[0]
	if a.Reason != checkinapi.AlreadyInside || a.Alone || a.First == nil || a.First.Device != h.direct.device {
		t.Errorf("%+v", a)
	}
	h.line.up = false
	if a = h.inside.send(h.inside.scan(checkinapi.In, two))[0]; a.Reason != checkinapi.OK || !a.Alone || a.Outcome != checkinapi.Admitted {
		t.Errorf("%+v", a)
	}
	h.line.up = true // but nothing has gone up yet
	if a = h.inside.send(h.inside.scan(checkinapi.In, two))[0]; a.Reason != checkinapi.AlreadyInside || !a.Alone {
		t.Errorf("%+v", a)
	}
	h.push(10, false)
	if got := h.direct.in(two); got != checkinapi.AlreadyInside {
		t.Error(got)
	}
	h.w.refund(b)
	if a = h.inside.send(h.inside.scan(checkinapi.In, one))[0]; a.Reason != checkinapi.NotSold || a.Alone {
		t.Errorf("refunded, with a line: %+v", a)
	}
	h.line.up = false
	h.sync()
	if a = h.inside.send(h.inside.scan(checkinapi.In, one))[0]; a.Reason != checkinapi.NotSold || !a.Alone {
		t.Errorf("refunded, by the list: %+v", a)
	}
	if _, err := h.office.sendFor(t.Context(), &h.line.node, []NodeScan{{Device: office, Ruled: checkinapi.OK, Scan: doorScan{Counter: 1, At: 1, Kind: checkinapi.In, Token: one}}}); err == nil {
		t.Error("a gate node corrects")
	}
}

// Where devices let nobody in alone, a gate node does not either.
func TestGateNodeAloneByTheRules(t *testing.T) {
	h := newHouse(t)
	settings := checkinapi.Defaults(gala)
	settings.Alone = checkinapi.AloneRefuse
	if _, err := h.office.SetSettings(t.Context(), hall, 0, settings); err != nil {
		t.Fatal(err)
	}
	token := h.w.token(t, h.w.sell("fan", 1), 1)
	h.sync()
	if got := h.inside.in(token); got != checkinapi.AloneIsRefused {
		t.Error(got)
	}
	h.line.up = true
	if got := h.inside.in(token); got != checkinapi.OK {
		t.Error(got)
	}
}
