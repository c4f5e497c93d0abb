package checkin

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"boxoffice/internal/caller"
	"boxoffice/internal/checkinapi"
	"boxoffice/internal/errs"
)

// Bookings are asked about at each scan: what was refunded a moment ago does not get in.
func TestAskedAtOnce(t *testing.T) {
	w := newWorld(t)
	s := w.node(t)
	ann, bob := w.sell("ann", 1, 2), w.sell("bob", 3)
	g := w.gate(t, s)
	if got := g.in(w.token(t, ann, 1)); got != checkinapi.OK {
		t.Error(got)
	}
	answer := g.send(g.scan(checkinapi.In, w.token(t, ann, 1)))[0]
	if answer.Reason != checkinapi.AlreadyInside || answer.Outcome != checkinapi.Refused || answer.First == nil || answer.First.Device != g.device || answer.Seat == nil || answer.Seat.Label == "" {
		t.Errorf("a copy: %+v", answer)
	}
	if got := g.in(w.token(t, ann, 3)); got != checkinapi.NotSold {
		t.Errorf("a seat of others: %s", got)
	}
	w.refund(bob)
	if got := g.in(w.token(t, bob, 3)); got != checkinapi.NotSold {
		t.Errorf("refunded: %s", got)
	}
	cat := w.sell("cat", 3)
	if got := g.in(w.token(t, cat, 3)); got != checkinapi.OK {
		t.Errorf("sold again: %s", got)
	}
	if got := g.in("ABC"); got != checkinapi.MalformedCode {
		t.Error(got)
	}
	a, err := s.attendance(t.Context(), gala, true)
	if err != nil || a.Inside != 2 || a.Entered != 2 || a.Refused != 4 || len(a.Doubles) != 0 || a.Entrances[0].Inside != 2 {
		t.Errorf("%+v %v", a, err)
	}
}

// The same scan sent twice gets the same answer, also from another node; another scan with
// its counter is refused, with all that came with it.
func TestSentTwice(t *testing.T) {
	w := newWorld(t)
	one, other := w.node(t), w.node(t)
	ann := w.sell("ann", 1, 2)
	g := w.gate(t, one)
	in := g.scan(checkinapi.In, w.token(t, ann, 1))
	first := g.send(in)[0]
	g.s = other
	again := g.send(in, in)
	if !reflect.DeepEqual(again[0], again[1]) || again[0].Outcome != checkinapi.Admitted || again[0].Stamp != first.Stamp || again[0].Reason != first.Reason {
		t.Errorf("%+v, then %+v", first, again)
	}
	used := g.scan(checkinapi.In, w.token(t, ann, 2))
	fresh := used
	used.Counter = in.Counter
	_, err := other.Take(t.Context(), gala, g.device, []checkinapi.Scan{fresh, used})
	if e := errs.Of(err); e == nil || e.Type != "counter-used" || e.Fields[0].Name != "scans[1].counter" {
		t.Errorf("a counter that was used: %v", err)
	}
	if a, err := one.attendance(t.Context(), gala, false); err != nil || a.Inside != 1 {
		t.Errorf("half of a request is stored: %+v %v", a, err)
	}
}

// A device that got no answer in time has decided alone. Its decision counts, whatever the
// node had decided.
func TestDecidedAlone(t *testing.T) {
	w := newWorld(t)
	s := w.node(t)
	ann := w.sell("ann", 1)
	token := w.token(t, ann, 1)
	g, h := w.gate(t, s), w.gate(t, s)
	in := g.scan(checkinapi.In, token)
	g.send(in)
	if got := g.send(alone(in, checkinapi.OK))[0]; got.Outcome != checkinapi.Recorded || got.Reason != checkinapi.OK {
		t.Errorf("%+v", got)
	}
	w.pass(1e6)
	copied := h.scan(checkinapi.In, token)
	if got := h.send(copied)[0].Reason; got != checkinapi.AlreadyInside {
		t.Error(got)
	}
	late := h.send(alone(copied, checkinapi.OK))[0] // it was let in all the same
	if late.Outcome != checkinapi.Recorded || late.Reason != checkinapi.AlreadyInside || late.First == nil || late.First.Device != g.device {
		t.Errorf("a double: %+v", late)
	}
	a, err := s.attendance(t.Context(), gala, true)
	if err != nil || a.Inside != 1 || len(a.Doubles) != 1 || a.Doubles[0].Double.Device != h.device || a.Doubles[0].Name != "Ann Byron" || a.Alone != 2 {
		t.Errorf("%+v %v", a, err)
	}
	// It was taken back, so the other one is a guest like any.
	undo := g.scan(checkinapi.Undo, "")
	undo.Of = checkinapi.Ref{Device: g.device, Counter: in.Counter}
	if got := g.send(undo)[0]; got.Outcome != checkinapi.Admitted || got.Ordinal != 1 {
		t.Errorf("%+v", got)
	}
	if a, err := s.attendance(t.Context(), gala, true); err != nil || a.Inside != 1 || len(a.Doubles) != 0 {
		t.Errorf("%+v %v", a, err)
	}
	undo.Counter++
	g.counter++
	if got := g.send(undo)[0]; got.Reason != checkinapi.NothingToUndo {
		t.Errorf("%+v", got)
	}
	forged := g.send(alone(g.scan(checkinapi.In, "ABC"), checkinapi.OK))[0]
	if forged.Outcome != checkinapi.Recorded || forged.Reason != checkinapi.MalformedCode {
		t.Errorf("%+v", forged)
	}
	if a, err := s.attendance(t.Context(), gala, true); err != nil || a.Inside != 1 {
		t.Errorf("a code that nobody can read let somebody in: %+v %v", a, err)
	}
}

// Scans that arrive late and in disorder say the same as in order; an undo may come before
// what it names.
func TestLateAndInDisorder(t *testing.T) {
	w := newWorld(t)
	s := w.node(t)
	ann := w.sell("ann", 1)
	token := w.token(t, ann, 1)
	g := w.gate(t, s)
	in, out := alone(g.scan(checkinapi.In, token), checkinapi.OK), alone(g.scan(checkinapi.Out, token), checkinapi.OK)
	out.At += 1000
	back := alone(g.scan(checkinapi.In, token), checkinapi.OK)
	back.At += 2000
	undo := alone(g.scan(checkinapi.Undo, ""), checkinapi.OK)
	undo.At, undo.Of = back.At+1, checkinapi.Ref{Device: g.device, Counter: back.Counter}
	for _, one := range []checkinapi.Scan{undo, out, back, in} {
		g.send(one)
	}
	for _, node := range []*Service{s, w.node(t)} {
		a, err := node.attendance(t.Context(), gala, false)
		if err != nil || a.Inside != 0 || a.Entered != 1 || len(a.Doubles) != 0 {
			t.Errorf("%+v %v", a, err)
		}
	}
}

// A device that is revoked lets nobody in any more, on any node; what it did before is
// still taken.
func TestRevoked(t *testing.T) {
	w := newWorld(t)
	one, other := w.node(t), w.node(t)
	ann := w.sell("ann", 1, 2, 3)
	d, token := pair(t, one, checkinapi.PairingRequest{Name: "Left"})
	g := &gateOf{t: t, s: other, w: w, device: d.ID}
	g.in(w.token(t, ann, 1))
	before := alone(g.scan(checkinapi.In, w.token(t, ann, 2)), checkinapi.OK)
	w.pass(1e9)
	if _, err := one.Revoke(t.Context(), rival, gala, d.ID); errs.KindOf(err) != errs.NotFound {
		t.Error(err)
	}
	if got, err := one.Revoke(t.Context(), hall, gala, d.ID); err != nil || got.RevokedAt == 0 || got.Scans != 1 {
		t.Errorf("%+v %v", got, err)
	}
	if got := g.in(w.token(t, ann, 3)); got != checkinapi.DeviceRevoked {
		t.Error(got)
	}
	w.pass(1e9)
	later := alone(g.scan(checkinapi.In, w.token(t, ann, 3)), checkinapi.OK)
	answers := g.send(before, later)
	if answers[0].Reason != checkinapi.OK || answers[1].Reason != checkinapi.DeviceRevoked {
		t.Errorf("%+v", answers)
	}
	if a, err := other.attendance(t.Context(), gala, false); err != nil || a.Inside != 2 {
		t.Errorf("%+v %v", a, err)
	}
	got, err := one.Authenticate(t.Context(), token)
	if err != nil || got.RevokedAt == 0 || !errs.Is(one.may(got, false), "device-revoked") || one.may(got, true) != nil {
		t.Errorf("%+v %v", got, err)
	}
	w.pass(49 * 3600 * 1e9)
	if !errs.Is(one.may(got, true), "device-revoked") {
		t.Error("it may send what it likes for ever")
	}
}

// An organizer corrects what went wrong, with a reason; a correction that changes nothing is
// refused.
func TestCorrect(t *testing.T) {
	w := newWorld(t)
	s := w.node(t)
	ann := w.sell("ann", 1)
	g := w.gate(t, s)
	label := w.plan.Seats[1].Label
	correct := func(as caller.Caller, kind checkinapi.Kind, reason string) error {
		_, err := s.Correct(t.Context(), as, checkinapi.Correction{BookingID: ann, Seat: label, Kind: kind, Reason: reason})
		return err
	}
	for _, c := range []struct {
		as     caller.Caller
		kind   checkinapi.Kind
		reason string
		want   string
	}{
		{rival, checkinapi.In, "let in", "not-found"},
		{fan, checkinapi.In, "let in", "not-found"},
		{caller.Caller{}, checkinapi.In, "let in", "sign-in-required"},
		{hall, checkinapi.In, " ", "invalid-field"},
		{hall, "up", "let in", "invalid-field"},
		{hall, checkinapi.Out, "left", "not-inside"},
		{hall, checkinapi.Undo, "a mistake", "nothing-to-undo"},
		{hall, checkinapi.In, "the scanner was broken", ""},
		{hall, checkinapi.In, "again", "already-inside"},
		{admin, checkinapi.Out, "left", ""},
		{hall, checkinapi.Undo, "did not leave", ""},
	} {
		switch err := correct(c.as, c.kind, c.reason); {
		case c.want == "" && err != nil, c.want != "" && !errs.Is(err, c.want):
			t.Errorf("%s %q: %v, want %s", c.kind, c.reason, err, c.want)
		}
	}
	if got := g.in(w.token(t, ann, 1)); got != checkinapi.AlreadyInside {
		t.Error(got)
	}
	v := s.view(gala)
	e := v.scans[checkinapi.Ref{Device: office, Counter: 1}]
	if e == nil || e.by != "hall" || e.note != "the scanner was broken" || len(v.latest) != 2 || v.latest[office] != 3 {
		t.Errorf("%+v %v", e, v.latest)
	}
	w.refund(ann)
	if err := correct(hall, checkinapi.Out, "refunded"); err != nil {
		t.Error(err)
	}
	if err := correct(hall, checkinapi.In, "let in"); !errs.Is(err, "invalid-field") {
		t.Error(err)
	}
}

// Guests are found by name, reference, seat and booking; names are for those who may.
func TestGuests(t *testing.T) {
	w := newWorld(t)
	s := w.node(t)
	ann := w.sell("ann", 1, 2)
	w.sell("bob", 3)
	for query, want := range map[string]int{"ANN": 2, "byron": 3, "ann byr": 2, "bob ann": 0, ann: 2, w.plan.Seats[3].Label: 1} {
		list, err := s.Guests(t.Context(), hall, gala, query, 50)
		if err != nil || len(list) != want {
			t.Errorf("%q: %+v %v", query, list, err)
		}
	}
	if _, err := s.Guests(t.Context(), hall, gala, " a ", 50); !errs.Is(err, "invalid-field") {
		t.Error(err)
	}
	if list, err := s.Guests(t.Context(), hall, gala, "byron", 2); err != nil || len(list) != 2 {
		t.Error(list, err)
	}
}

// What devices may do is said by the settings; pairing codes work once, for a while.
func TestPair(t *testing.T) {
	w := newWorld(t)
	s := w.node(t)
	if _, err := s.SetSettings(t.Context(), hall, 0, checkinapi.Settings{EventID: gala, Reentry: "x", Alone: "x", OpensAt: 2, ClosesAt: 1, Entrances: []checkinapi.Entrance{{ID: "A", Sections: []string{"nowhere"}}}}); len(errs.Of(err).Fields) != 6 {
		t.Error(err)
	}
	wrong := func(change func(s *checkinapi.Settings), want string) {
		t.Helper()
		bad := *strict()
		bad.EventID, bad.OpensAt, bad.ClosesAt, bad.Entrances[1].Sections = gala, 100, 200, nil
		change(&bad)
		_, err := s.SetSettings(t.Context(), hall, 0, bad)
		if e := errs.Of(err); e == nil || len(e.Fields) != 1 || e.Fields[0].Name+" "+e.Fields[0].Code != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	wrong(func(s *checkinapi.Settings) { s.Entrances[1].Reentry = "x" }, "entrances[1].reentry not-one-of")
	wrong(func(s *checkinapi.Settings) { s.Entrances[1].OpensAt, s.Entrances[1].ClosesAt = 50, 50 }, "entrances[1].closes_at not-after")
	wrong(func(s *checkinapi.Settings) { s.Entrances[1].ClosesAt = 100 }, "entrances[1].closes_at not-after")
	wrong(func(s *checkinapi.Settings) { s.Entrances[1].OpensAt = 200 }, "entrances[1].opens_at not-before")
	settings := *strict()
	settings.Entrances[1].Reentry, settings.Entrances[1].OpensAt, settings.Entrances[1].ClosesAt = checkinapi.ReentryAlways, 100, 200
	settings.Entrances[1].Sections = []string{w.plan.Sections[0].ID}
	set, err := s.SetSettings(t.Context(), hall, errs.NotYet, settings)
	if err != nil || set.Version != 1 {
		t.Fatal(set, err)
	}
	if got, err := s.Settings(t.Context(), hall, gala); err != nil || !reflect.DeepEqual(got, set) {
		t.Errorf("%+v %v, want %+v", got, err, set)
	}
	body := rulesOf(&set)
	if got := body.settings(gala); !reflect.DeepEqual(got.Entrances[1], set.Entrances[1]) {
		t.Errorf("over the API: %+v", got.Entrances)
	}
	if _, err := s.SetSettings(t.Context(), hall, errs.NotYet, settings); !errs.Is(err, "changed-meanwhile") {
		t.Error(err)
	}
	if _, err := s.Pair(t.Context(), hall, checkinapi.PairingRequest{EventID: gala, Entrance: "roof", ValidUntil: 1}); len(errs.Of(err).Fields) != 3 {
		t.Error(err)
	}
	p, err := s.Pair(t.Context(), hall, checkinapi.PairingRequest{EventID: gala, Name: "Left", Entrance: "stalls", Names: true})
	if err != nil || p.URL != "https://tickets.example/gate#pair="+p.Code {
		t.Fatal(p, err)
	}
	d, token, err := s.Enter(t.Context(), "", p.Code[:4]+"-"+p.Code[4:], "")
	if err != nil || d.Entrance != "stalls" || !d.Names || d.Name != "Left" {
		t.Fatal(d, err)
	}
	if _, _, err := s.Enter(t.Context(), "", p.Code, ""); !errs.Is(err, "invalid-field") {
		t.Errorf("a code works twice: %v", err)
	}
	if got, err := s.Authenticate(t.Context(), token); err != nil || got.ID != d.ID {
		t.Error(got, err)
	}
	if _, err := s.Authenticate(t.Context(), token[:len(token)-1]+"u"); !errs.Is(err, "device-revoked") {
		t.Error(err)
	}
	if p, err = s.Pair(t.Context(), hall, checkinapi.PairingRequest{EventID: gala, Name: "Late"}); err != nil {
		t.Fatal(err)
	}
	w.pass(pairWithin)
	if _, _, err := s.Enter(t.Context(), "", p.Code, ""); !errs.Is(err, "invalid-field") {
		t.Errorf("a code works for ever: %v", err)
	}
	settings.Entrances = settings.Entrances[:1]
	if _, err := s.SetSettings(t.Context(), hall, set.Version, settings); !errs.Is(err, "entrance-in-use") {
		t.Error(err)
	}
	w.pass(48 * 3600 * 1e9)
	if got, err := s.Authenticate(t.Context(), token); err != nil || !errs.Is(s.may(got, false), "device-not-now") {
		t.Error(got, err)
	}
}

// A thousand guesses let nobody in, and the organizer sees that a device makes them.
func TestGuesses(t *testing.T) {
	w := newWorld(t)
	s := w.node(t)
	ann := w.sell("ann", 1, 2)
	g := w.gate(t, s)
	good := w.token(t, ann, 1)
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	var scans []checkinapi.Scan
	for i := range 1000 {
		switch {
		case i%10 == 0: // the seat itself, without the right to find guests
			scan := g.scan(checkinapi.In, "")
			scan.BookingID, scan.Seat, scan.How = ann, int32(1+i%2), checkinapi.Search
			scans = append(scans, scan)
		case i%10 == 1:
			scans = append(scans, g.scan(checkinapi.In, good[:i%len(good)]))
		default:
			at := 10 + i%(len(good)-11)
			other := letters[(strings.IndexByte(letters, good[at])+1+i%31)%32]
			scan := g.scan(checkinapi.In, good[:at]+string(other)+good[at+1:])
			if i%2 == 0 { // or it says that it was alone
				scan = alone(scan, checkinapi.OK)
			}
			scans = append(scans, scan)
		}
	}
	invalid := int64(0)
	for part := range slices.Chunk(scans, checkinapi.MaxScans) {
		for i, a := range g.send(part...) {
			switch a.Reason {
			case checkinapi.MalformedCode, checkinapi.Forged, checkinapi.UnknownKey:
				invalid++
			case checkinapi.NotAllowed, checkinapi.OtherEvent:
			default:
				t.Errorf("guess %d: %+v", i, a)
			}
		}
	}
	a, err := s.attendance(t.Context(), gala, false)
	if err != nil || a.Entered != 0 || a.Refused != 1000 || a.Alone != 0 {
		t.Errorf("%+v %v", a, err)
	}
	devices, err := s.Devices(t.Context(), hall, gala)
	if err != nil || devices[0].Scans != 1000 || devices[0].Invalid != invalid || invalid < 700 {
		t.Errorf("%+v, %d invalid: %v", devices, invalid, err)
	}
}

// At each entrance, its own rules hold: on the terrace people come and go, at the main entrance
// only after an exit scan. When the rules change, doubles are counted anew.
func TestEntrancesDiffer(t *testing.T) {
	w := newWorld(t)
	s := w.node(t)
	g := w.gate(t, s)
	rules := checkinapi.Defaults(gala)
	rules.Entrances = append(rules.Entrances, checkinapi.Entrance{ID: "terrace", Name: "Terrace", Reentry: checkinapi.ReentryAlways},
		checkinapi.Entrance{ID: "vip", Name: "VIP", ClosesAt: w.clock().UnixMicro()})
	set := func() {
		t.Helper()
		if _, err := s.SetSettings(t.Context(), hall, 0, rules); err != nil {
			t.Fatal(err)
		}
	}
	set()
	token := w.token(t, w.sell("ann", 1), 1)
	at := func(entrance string, want checkinapi.Reason) {
		t.Helper()
		scan := g.scan(checkinapi.In, token)
		scan.Entrance = entrance
		if got := g.send(scan)[0].Reason; got != want {
			t.Errorf("at %s: %s, want %s", entrance, got, want)
		}
	}
	doubles := func(want int) {
		t.Helper()
		if a, err := s.attendance(t.Context(), gala, false); err != nil || a.Inside != 1 || len(a.Doubles) != want {
			t.Errorf("%+v %v, want %d doubles", a, err, want)
		}
	}
	at("vip", checkinapi.TooLate)
	at(checkinapi.MainEntrance, checkinapi.OK)
	at("terrace", checkinapi.OK)
	at("terrace", checkinapi.OK)
	at(checkinapi.MainEntrance, checkinapi.AlreadyInside)
	doubles(0)
	rules.Entrances[1].Reentry = ""
	set()
	at("terrace", checkinapi.AlreadyInside)
	doubles(1)
}
