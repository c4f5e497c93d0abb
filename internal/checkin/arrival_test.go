package checkin

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"

	"boxoffice/internal/checkinapi"
	"boxoffice/internal/ticket"
)

// corrected adds what an organizer has taken back or put in by hand, also of scans of devices.
func corrected(t *rapid.T) []entry {
	all := someEntries(t)
	for n := range rapid.IntRange(0, 4).Draw(t, "corrections") {
		e := entry{Ref: checkinapi.Ref{Device: office, Counter: int64(n)}, how: checkinapi.ByHand, place: place{booking, 7}, node: admit(), offsetKnown: true, received: 1, seq: 1}
		e.Stamp = checkinapi.Stamp{At: int64(rapid.IntRange(0, 4).Draw(t, "at"))}
		e.kind = []checkinapi.Kind{checkinapi.In, checkinapi.Out, checkinapi.Undo, checkinapi.Undo}[n]
		if e.kind == checkinapi.Undo {
			e.of = checkinapi.Ref{Device: rapid.SampledFrom([]string{"a", "b", office}).Draw(t, "whose"), Counter: int64(rapid.IntRange(0, 11).Draw(t, "of"))}
		}
		all = append(all, e)
	}
	return all
}

// told is a scan as devices hear of it.
func told(e *entry) *Heard {
	h := &Heard{Device: e.Device, Counter: e.Counter, At: e.At, N: e.N, Kind: e.kind, Outcome: e.decided().outcome, Entrance: e.entrance, Ordinal: &e.place.seat, Digest: e.place.booking}
	if e.kind == checkinapi.Undo {
		h.Of = &HeardRef{e.of.Device, e.of.Counter}
	}
	raw, err := json.Marshal(h) // as it goes over the wire
	if err != nil {
		panic(err)
	}
	got := &Heard{}
	if err := json.Unmarshal(raw, got); err != nil {
		panic(err)
	}
	return got
}

// Whatever of a seat's scans arrives, in whatever order, in how many parts, and with copies that
// know less coming first, and when the rules change meanwhile: in the end, nodes and gates say what the fold says of all of them. And
// what a part of them says does not change by hearing that part again.
func TestArrival(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		copies := corrected(t)
		set := union(copies)
		now, later := someRules(t), someRules(t)
		first := map[checkinapi.Ref]entry{} // the copies that were stored first
		for _, c := range copies {
			if _, ok := first[c.Ref]; !ok {
				first[c.Ref] = c
			}
		}
		var list []entry // in the order in which a node stores them: joined ones come again
		for _, e := range rapid.Permutation(flat(set)).Draw(t, "order") {
			if rapid.Bool().Draw(t, "twice") {
				list = append(list, first[e.Ref])
			}
			list = append(list, e)
		}
		v, g := newView("06a1b2c3d4e5f6g7"), NewGate("06a1b2c3d4e5f6g7", "z", ticket.Keys{})
		v.apply(nil, &rules{settings: *now})
		known := map[checkinapi.Ref]entry{}
		for i := range list {
			e := list[i]
			e.seq = int64(i + 1)
			v.apply([]*entry{&e}, nil)
			v.apply([]*entry{&e}, nil)
			if i == len(list)/2 { // the organizer changes the rules
				now = later
				v.apply(nil, &rules{rev: 1, settings: *now})
				g.SetSettings(*now)
			}
			g.Hear(told(&e))
			g.Hear(told(&e))
			known[e.Ref] = e
			at := place{booking, 7}
			want := fold(values(known), now)
			want.undone = nil
			for who, view := range map[string]*view{"a node": v, "a gate": g.view} {
				got := view.visits[at]
				got.undone = nil
				if said(got) != said(want) && (who == "a node" || i >= len(list)/2) {
					t.Fatalf("after %d scans, %s says %s, and the fold %s", i+1, who, said(got), said(want))
				}
			}
		}
	})
}
