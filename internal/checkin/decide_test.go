package checkin

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"boxoffice/internal/checkinapi"
	"boxoffice/internal/ticket"
)

const (
	evening = int64(1_800_000_000_000_000) // µs
	booking = "06a1b2c3d4e5f6g70123456789abcdefghjk"
)

func strict() *checkinapi.Settings {
	s := checkinapi.Defaults("06a1b2c3d4e5f6g7")
	s.Names = true
	s.Entrances = append(s.Entrances, checkinapi.Entrance{ID: "stalls", Name: "Stalls", Sections: []string{"S"}})
	return &s
}

func gate(id string) *checkinapi.Device {
	return &checkinapi.Device{ID: id, Names: true, ValidUntil: evening + 1<<50}
}

// onPhone has a ticket shown by the phone that it is bound to, with a code of some age.
func onPhone(age time.Duration) func(s *checkinapi.Scan, f *facts) {
	return func(_ *checkinapi.Scan, f *facts) {
		f.shown = ticket.Code{Kind: ticket.OnPhone, Phone: ticket.PhoneKey{7}, At: evening / 1_000_000, Timed: true}
		f.bound = f.shown.Phone
		f.now = time.UnixMicro(evening).Add(age.Truncate(time.Microsecond)).UnixMicro()
		if age%time.Microsecond != 0 { // beyond a limit
			f.now += int64(age % time.Microsecond)
		}
	}
}

// One scan, with all that speaks for it; each case changes one thing.
func TestDecide(t *testing.T) {
	in := &entry{Ref: checkinapi.Ref{Device: "a", Counter: 1}, Stamp: checkinapi.Stamp{At: evening/1000 - 5}, kind: checkinapi.In, node: admit()}
	inside := fold([]*entry{in}, strict())
	left := fold([]*entry{in, {Ref: checkinapi.Ref{Device: "a", Counter: 2}, Stamp: checkinapi.Stamp{At: evening/1000 - 4}, kind: checkinapi.Out, node: admit()}}, strict())
	undone := fold([]*entry{in, {Ref: checkinapi.Ref{Device: "a", Counter: 3}, kind: checkinapi.Undo, of: in.Ref, node: admit()}}, strict())
	for _, c := range []struct {
		name   string
		change func(s *checkinapi.Scan, f *facts)
		want   checkinapi.Reason
	}{
		{"a ticket", func(*checkinapi.Scan, *facts) {}, checkinapi.OK},
		{"forged", func(_ *checkinapi.Scan, f *facts) { f.code = checkinapi.Forged }, checkinapi.Forged},
		{"refunded", func(_ *checkinapi.Scan, f *facts) { f.holder = "" }, checkinapi.NotSold},
		{"sold to somebody else", func(_ *checkinapi.Scan, f *facts) { f.holder = "x" }, checkinapi.NotSold},
		{"re-issued", func(_ *checkinapi.Scan, f *facts) { f.current = 1 }, checkinapi.Replaced},
		{"re-issued, and found by name", func(_ *checkinapi.Scan, f *facts) { f.current, f.found = 1, true }, checkinapi.OK},
		{"a newer issue", func(_ *checkinapi.Scan, f *facts) { f.issue = 1 }, checkinapi.OK},
		{"on a phone", onPhone(0), checkinapi.OK},
		{"on a phone, as old as can be", onPhone(ticket.OldMost), checkinapi.OK},
		{"on a phone, a copy", onPhone(ticket.OldMost + 1), checkinapi.StaleCode},
		{"on a phone, of later", onPhone(-ticket.AheadMost - 1), checkinapi.StaleCode},
		{"on a phone that does not know the time", func(s *checkinapi.Scan, f *facts) {
			onPhone(time.Hour)(s, f)
			f.untimed = true
		}, checkinapi.OK},
		{"on a phone, and the device has let it in", func(s *checkinapi.Scan, f *facts) {
			onPhone(time.Hour)(s, f)
			s.Decided = checkinapi.Admitted
		}, checkinapi.OK},
		{"on a phone, and out", func(s *checkinapi.Scan, f *facts) {
			onPhone(time.Hour)(s, f)
			s.Kind, f.visit = checkinapi.Out, inside
		}, checkinapi.OK},
		{"on another phone", func(s *checkinapi.Scan, f *facts) {
			onPhone(0)(s, f)
			f.bound[0]++
		}, checkinapi.Replaced},
		{"on a phone, printed", func(_ *checkinapi.Scan, f *facts) { f.bound[0] = 1 }, checkinapi.Replaced},
		{"on a phone, and found by name", func(_ *checkinapi.Scan, f *facts) { f.bound[0], f.found = 1, true }, checkinapi.OK},
		{"printed, where codes rotate", func(_ *checkinapi.Scan, f *facts) { f.settings.Codes = checkinapi.CodesRotating }, checkinapi.OK},
		{"printed, where only phones are good", func(_ *checkinapi.Scan, f *facts) {
			f.settings.Codes, f.settings.Paper = checkinapi.CodesRotating, false
		}, checkinapi.NotBound},
		{"in a wallet, where only phones are good", func(_ *checkinapi.Scan, f *facts) {
			f.settings.Codes, f.settings.Paper, f.shown = checkinapi.CodesRotating, false, ticket.Code{Kind: ticket.InWallet, At: evening / 1_000_000, Timed: true}
		}, checkinapi.OK},
		{"in a wallet, with another password", func(_ *checkinapi.Scan, f *facts) {
			f.shown, f.unproved = ticket.Code{Kind: ticket.InWallet, At: evening / 1_000_000, Timed: true}, true
		}, checkinapi.StaleCode},
		{"on a phone, inside", func(s *checkinapi.Scan, f *facts) {
			onPhone(0)(s, f)
			f.visit = inside
		}, checkinapi.AlreadyInside},
		{"another section", func(s *checkinapi.Scan, f *facts) { s.Entrance, f.section = "stalls", "B" }, checkinapi.WrongEntrance},
		{"the section", func(s *checkinapi.Scan, f *facts) { s.Entrance, f.section = "stalls", "S" }, checkinapi.OK},
		{"no such entrance", func(s *checkinapi.Scan, _ *facts) { s.Entrance = "roof" }, checkinapi.WrongEntrance},
		{"not open", func(_ *checkinapi.Scan, f *facts) { f.settings.OpensAt = evening + 1 }, checkinapi.TooEarly},
		{"just open", func(_ *checkinapi.Scan, f *facts) { f.settings.OpensAt = evening }, checkinapi.OK},
		{"closed", func(_ *checkinapi.Scan, f *facts) { f.settings.ClosesAt = evening }, checkinapi.TooLate},
		{"not open, but this entrance is", func(_ *checkinapi.Scan, f *facts) {
			f.settings.OpensAt, f.settings.Entrances[0].OpensAt = evening+1, evening
		}, checkinapi.OK},
		{"open, but not this entrance", func(_ *checkinapi.Scan, f *facts) {
			f.settings.OpensAt, f.settings.Entrances[0].OpensAt = evening, evening+1
		}, checkinapi.TooEarly},
		{"open, and this entrance is closed", func(_ *checkinapi.Scan, f *facts) { f.settings.Entrances[0].ClosesAt = evening }, checkinapi.TooLate},
		{"closed, but this entrance is not", func(_ *checkinapi.Scan, f *facts) {
			f.settings.ClosesAt, f.settings.Entrances[0].ClosesAt = evening, evening+1
		}, checkinapi.OK},
		{"another entrance is closed", func(_ *checkinapi.Scan, f *facts) { f.settings.Entrances[1].ClosesAt = evening }, checkinapi.OK},
		{"this entrance opens early, and closes with the others", func(_ *checkinapi.Scan, f *facts) {
			f.settings.Entrances[0].OpensAt, f.settings.ClosesAt = evening-1, evening
		}, checkinapi.TooLate},
		{"inside", func(_ *checkinapi.Scan, f *facts) { f.visit = inside }, checkinapi.AlreadyInside},
		{"inside, and in again is undone", func(_ *checkinapi.Scan, f *facts) { f.visit = undone }, checkinapi.OK},
		{"inside, any number of times", func(_ *checkinapi.Scan, f *facts) { f.visit, f.settings.Reentry = inside, checkinapi.ReentryAlways }, checkinapi.OK},
		{"inside, and any number of times at this entrance", func(_ *checkinapi.Scan, f *facts) {
			f.visit, f.settings.Entrances[0].Reentry = inside, checkinapi.ReentryAlways
		}, checkinapi.OK},
		{"inside, and any number of times, but not at this entrance", func(_ *checkinapi.Scan, f *facts) {
			f.visit, f.settings.Reentry, f.settings.Entrances[0].Reentry = inside, checkinapi.ReentryAlways, checkinapi.ReentryAfterExit
		}, checkinapi.AlreadyInside},
		{"back, but not at this entrance", func(_ *checkinapi.Scan, f *facts) {
			f.visit, f.settings.Entrances[0].Reentry = left, checkinapi.ReentryNever
		}, checkinapi.NoReentry},
		{"back, and not at another entrance", func(_ *checkinapi.Scan, f *facts) {
			f.visit, f.settings.Entrances[1].Reentry = left, checkinapi.ReentryNever
		}, checkinapi.OK},
		{"by hand, inside, by the event's rule", func(s *checkinapi.Scan, f *facts) {
			s.How, s.Entrance, f.visit, f.settings.Entrances[0].Reentry = checkinapi.ByHand, "", inside, checkinapi.ReentryAlways
		}, checkinapi.AlreadyInside},
		{"back", func(_ *checkinapi.Scan, f *facts) { f.visit = left }, checkinapi.OK},
		{"back, but once only", func(_ *checkinapi.Scan, f *facts) { f.visit, f.settings.Reentry = left, checkinapi.ReentryNever }, checkinapi.NoReentry},
		{"out", func(s *checkinapi.Scan, f *facts) { s.Kind, f.visit = checkinapi.Out, inside }, checkinapi.OK},
		{"out without in", func(s *checkinapi.Scan, _ *facts) { s.Kind = checkinapi.Out }, checkinapi.NotInside},
		{"undo", func(s *checkinapi.Scan, f *facts) {
			s.Kind, s.Of, f.named, f.visit = checkinapi.Undo, in.Ref, in, inside
		}, checkinapi.OK},
		{"undo twice", func(s *checkinapi.Scan, f *facts) {
			s.Kind, s.Of, f.named, f.visit = checkinapi.Undo, in.Ref, in, undone
		}, checkinapi.NothingToUndo},
		{"undo nothing", func(s *checkinapi.Scan, _ *facts) { s.Kind, s.Of = checkinapi.Undo, in.Ref }, checkinapi.NothingToUndo},
		{"undo another's", func(s *checkinapi.Scan, f *facts) {
			s.Kind, s.Of, f.named = checkinapi.Undo, checkinapi.Ref{Device: "b"}, in
		}, checkinapi.NotAllowed},
		{"alone, where nobody may be", func(s *checkinapi.Scan, f *facts) {
			s.Decided, f.settings.Alone = checkinapi.Admitted, checkinapi.AloneRefuse
		}, checkinapi.AloneIsRefused},
		{"revoked", func(_ *checkinapi.Scan, f *facts) { f.device.RevokedAt = evening }, checkinapi.DeviceRevoked},
		{"revoked, and it asks with an old time", func(s *checkinapi.Scan, f *facts) { s.At, f.device.RevokedAt = 0, evening-1 }, checkinapi.DeviceRevoked},
		{"revoked after it let somebody in", func(s *checkinapi.Scan, f *facts) {
			s.Decided, s.At, f.device.RevokedAt = checkinapi.Admitted, evening/1000-2, evening-1
		}, checkinapi.OK},
		{"revoked, and without a code", func(s *checkinapi.Scan, f *facts) {
			s.Decided, s.At, f.device.RevokedAt, f.found = checkinapi.Admitted, evening/1000-2, evening-1, true
		}, checkinapi.DeviceRevoked},
		{"revoked long ago", func(s *checkinapi.Scan, f *facts) {
			s.Decided, s.At, f.device.RevokedAt = checkinapi.Admitted, 0, evening-lateness
		}, checkinapi.DeviceRevoked},
		{"tomorrow's device", func(_ *checkinapi.Scan, f *facts) { f.device.ValidFrom = evening + 1 }, checkinapi.NotAllowed},
		{"yesterday's device", func(_ *checkinapi.Scan, f *facts) { f.device.ValidUntil = evening }, checkinapi.NotAllowed},
		{"alone, by a clock that was behind", func(s *checkinapi.Scan, f *facts) {
			s.Decided, s.At, f.device.ValidFrom = checkinapi.Admitted, evening/1000-5*60_000, evening-1
		}, checkinapi.OK},
		{"alone, by a clock that was ahead", func(s *checkinapi.Scan, f *facts) {
			s.Decided, s.At, f.device.ValidUntil = checkinapi.Admitted, evening/1000+5*60_000, evening+1
		}, checkinapi.OK},
		{"alone, long before its time", func(s *checkinapi.Scan, f *facts) {
			s.Decided, s.At, f.device.ValidFrom = checkinapi.Admitted, evening/1000-ahead-1, evening
		}, checkinapi.NotAllowed},
		{"at another's entrance", func(_ *checkinapi.Scan, f *facts) { f.device.Entrance = "stalls" }, checkinapi.NotAllowed},
		{"by name without the right", func(_ *checkinapi.Scan, f *facts) { f.found, f.device.Names = true, false }, checkinapi.NotAllowed},
		{"by name where nobody may", func(_ *checkinapi.Scan, f *facts) { f.found, f.settings.Names = true, false }, checkinapi.NotAllowed},
		{"by hand, too early", func(s *checkinapi.Scan, f *facts) {
			s.How, f.settings.OpensAt, f.device = checkinapi.ByHand, evening+1, nil
		}, checkinapi.OK},
	} {
		s := &checkinapi.Scan{Ref: checkinapi.Ref{Device: "a", Counter: 9}, Stamp: checkinapi.Stamp{At: evening / 1000}, Kind: checkinapi.In, Entrance: checkinapi.MainEntrance}
		f := &facts{now: evening, settings: strict(), device: gate("a"), place: place{booking, 7}, holder: booking, section: "S"}
		c.change(s, f)
		if got := decide(s, f); got.reason != c.want || got.admitted() != (c.want == checkinapi.OK) {
			t.Errorf("%s: %v, want %s", c.name, got, c.want)
		}
	}
}

// someRules draws re-entry rules of the event, and of some of its entrances.
func someRules(t *rapid.T) *checkinapi.Settings {
	s, rules := strict(), []checkinapi.Reentry{checkinapi.ReentryNever, checkinapi.ReentryAfterExit, checkinapi.ReentryAlways}
	s.Entrances = append(s.Entrances, checkinapi.Entrance{ID: "terrace", Name: "Terrace"})
	s.Reentry = rapid.SampledFrom(rules).Draw(t, "reentry")
	for i := range s.Entrances {
		s.Entrances[i].Reentry = rapid.SampledFrom(append(rules, "")).Draw(t, "reentry of an entrance")
	}
	return s
}

// Whether a scan is a double is said by the entrance where it was made, and by nothing else:
// rules that come to the same there say the same, wherever they are written.
func TestRulesOfEntrances(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		settings, entries := someRules(t), values(union(someEntries(t)))
		v := fold(entries, settings)
		spelled := *settings
		spelled.Entrances, spelled.Reentry = slices.Clone(settings.Entrances), "" // nobody has the event's
		for i := range spelled.Entrances {
			spelled.Entrances[i].Reentry = settings.At(spelled.Entrances[i].ID).Reentry
		}
		if w := fold(entries, &spelled); said(v) != said(w) {
			t.Fatalf("%s\n%s", said(v), said(w))
		}
		of := map[checkinapi.Reentry]visit{}
		for _, rule := range reentries {
			of[rule] = fold(entries, &checkinapi.Settings{Reentry: rule})
		}
		for _, e := range entries {
			second := func(v visit) bool {
				return slices.ContainsFunc(v.doubles, func(d double) bool { return d.second == e })
			}
			if rule := settings.At(e.entrance).Reentry; second(v) != second(of[rule]) {
				t.Fatalf("a scan at %s, where people come back %s, is a double: %t; with that rule everywhere: %t", e.entrance, rule, second(v), second(of[rule]))
			}
		}
	})
}

// someEntries draws entries of one place, some of them as several copies that know
// different things.
func someEntries(t *rapid.T) []entry {
	var all []entry
	for range rapid.IntRange(0, 16).Draw(t, "scans") {
		device, n := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "device"), rapid.IntRange(0, 11).Draw(t, "counter")
		// What never changes of a scan follows from its device and counter.
		e := entry{Ref: checkinapi.Ref{Device: device, Counter: int64(n)}, entrance: []string{"main", "stalls", "terrace"}[n%3], kind: []checkinapi.Kind{checkinapi.In, checkinapi.Out, checkinapi.In, checkinapi.Undo}[n%4], place: place{booking, 7}, offsetKnown: true}
		if e.kind == checkinapi.Undo {
			e.of = checkinapi.Ref{Device: device, Counter: int64(n*5) % 12}
		}
		for range rapid.IntRange(1, 3).Draw(t, "copies") {
			c := e
			c.Stamp = checkinapi.Stamp{At: int64(rapid.IntRange(0, 4).Draw(t, "at")), N: int64(rapid.IntRange(0, 1).Draw(t, "n"))}
			c.node = rapid.SampledFrom([]decision{{}, admit(), refuse(checkinapi.AlreadyInside), refuse(checkinapi.NotSold)}).Draw(t, "node")
			c.untimed = rapid.Bool().Draw(t, "untimed")
			c.own = rapid.SampledFrom([]decision{{}, {}, admit(), refuse(checkinapi.AloneIsRefused)}).Draw(t, "own")
			c.received, c.seq = int64(rapid.IntRange(1, 9).Draw(t, "received")), int64(rapid.IntRange(1, 9).Draw(t, "seq"))
			all = append(all, c)
		}
	}
	return all
}

// union merges copies into a set.
func union(lists ...[]entry) map[checkinapi.Ref]entry {
	set := map[checkinapi.Ref]entry{}
	for _, list := range lists {
		for _, e := range list {
			if known, ok := set[e.Ref]; ok {
				e = join(known, e)
			}
			set[e.Ref] = e
		}
	}
	return set
}

func values(set map[checkinapi.Ref]entry) (list []*entry) {
	for _, e := range set { // in a random order
		list = append(list, &e)
	}
	return list
}

// What nodes and devices know of scans is the same in the end, in whatever order and however
// often they hear of them.
func TestMerge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := someEntries(t), someEntries(t), someEntries(t)
		for name, pair := range map[string][2]map[checkinapi.Ref]entry{
			"commutative": {union(a, b), union(b, a)},
			"associative": {union(flat(union(a, b)), c), union(a, flat(union(b, c)))},
			"idempotent":  {union(a, b), union(a, b, b, a)},
		} {
			if !reflect.DeepEqual(pair[0], pair[1]) {
				t.Fatalf("the merge is not %s:\n%v\n%v", name, pair[0], pair[1])
			}
		}
		one, other := union(a, b, c), union(c, a, b)
		for range 3 {
			settings := someRules(t)
			x, y := fold(values(one), settings), fold(values(other), settings)
			if said(x) != said(y) {
				t.Fatalf("the fold depends on the order of arrival:\n%s\n%s", said(x), said(y))
			}
		}
	})
}

func flat(set map[checkinapi.Ref]entry) (list []entry) {
	for _, e := range set {
		list = append(list, e)
	}
	return list
}

// said is a visit in words.
func said(v visit) string {
	ref := func(e *entry) string {
		if e == nil {
			return "-"
		}
		return fmt.Sprint(e.Ref)
	}
	text := fmt.Sprint(v.inside, v.entered, ref(v.first), ref(v.last), ref(v.since), ref(v.out), len(v.undone))
	for _, d := range v.doubles {
		text += " " + ref(d.first) + ref(d.second)
	}
	return text
}

// An undo of what is undone, or of what never was, changes nothing.
func TestUndoTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := union(someEntries(t))
		before := fold(values(set), strict())
		list := values(set)
		for of := range before.undone {
			list = append(list, &entry{Ref: checkinapi.Ref{Device: of.Device, Counter: 99 + of.Counter}, kind: checkinapi.Undo, of: of, own: admit()})
		}
		list = append(list, &entry{Ref: checkinapi.Ref{Device: "z", Counter: 1}, kind: checkinapi.Undo, of: checkinapi.Ref{Device: "z", Counter: 7}, own: admit()},
			&entry{Ref: checkinapi.Ref{Device: "z", Counter: 2}, kind: checkinapi.Undo, of: checkinapi.Ref{Device: "a", Counter: 0}, own: admit()}) // another device's
		after := fold(list, strict())
		after.undone, before.undone = nil, nil
		if said(before) != said(after) {
			t.Fatalf("%s\n%s", said(before), said(after))
		}
	})
}

// Any number of gates, with clocks that are wrong by minutes, ask one node about copies of
// tickets: of each, one gets in, and the next one once that one has left.
func TestOneNode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		places := map[place][]*entry{}
		inside, entered := map[place]bool{}, map[place]bool{}
		settings := strict()
		for i := range rapid.IntRange(1, 60).Draw(t, "scans") {
			p := place{booking, int32(rapid.IntRange(0, 3).Draw(t, "seat"))}
			id := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "gate")
			wrong := map[string]int64{"a": -300_000, "b": 300_000}[id]
			s := checkinapi.Scan{Ref: checkinapi.Ref{Device: id, Counter: int64(i)}, Stamp: checkinapi.Stamp{At: evening/1000 + int64(i) + wrong}, Entrance: checkinapi.MainEntrance,
				Kind: rapid.SampledFrom([]checkinapi.Kind{checkinapi.In, checkinapi.In, checkinapi.Out}).Draw(t, "kind")}
			v := fold(places[p], settings)
			d := decide(&s, &facts{now: evening + 1000*int64(i), settings: settings, device: gate(id), place: p, holder: booking, visit: v})
			if want := (s.Kind == checkinapi.In) != inside[p]; d.admitted() != want {
				t.Fatalf("scan %d of %v: %v; inside: %v", i, p, d, inside[p])
			}
			if s.Kind == checkinapi.In && !entered[p] && !d.admitted() {
				t.Fatalf("a guest who was never in is refused: %v", d)
			}
			e := &entry{Ref: s.Ref, Stamp: s.Stamp, kind: s.Kind, place: p, node: d}
			if d.admitted() {
				e.Stamp = after(bounded(s.Stamp, evening), places[p])
				inside[p] = s.Kind == checkinapi.In
				entered[p] = entered[p] || inside[p]
			}
			places[p] = append(places[p], e)
			rand.Shuffle(len(places[p]), func(i, j int) { places[p][i], places[p][j] = places[p][j], places[p][i] })
			if v := fold(places[p], settings); v.inside != inside[p] || len(v.doubles) > 0 {
				t.Fatalf("the fold says %s", said(v))
			}
		}
	})
}

// A clock that is far ahead is not believed, and drags no other one along.
func TestBounded(t *testing.T) {
	now := evening
	for at, want := range map[int64]checkinapi.Stamp{
		evening / 1000:           {At: evening / 1000, N: 3},
		evening/1000 + ahead:     {At: evening/1000 + ahead, N: 3},
		evening/1000 + ahead + 1: {At: evening/1000 + ahead},
		1 << 60:                  {At: evening/1000 + ahead},
		0:                        {N: 3},
	} {
		if got := bounded(checkinapi.Stamp{At: at, N: 3}, now); got != want {
			t.Errorf("%d: %v, want %v", at, got, want)
		}
	}
}
