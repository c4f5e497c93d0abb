package simulate

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"boxoffice/internal/ticket"
)

func doorOps() map[string]*op {
	return map[string]*op{
		"set door": {api: "update-door", weight: 1, make: makeSetDoor, ask: askSetDoor, told: toldNothing, again: true},
		"invite":   {api: "create-pairing", weight: 2, make: makeInvite, ask: askInvite, told: toldInvite},
		"pair":     {api: "create-device", weight: 3, make: makePair, ask: askPair, told: toldPair},
		"scan":     {api: "create-scans", weight: 12, make: makeScan, ask: askScan, told: toldScan, again: true},
		"relay":    {api: "create-node-scans", weight: 5, make: makeRelay, ask: askScan, told: toldScan, again: true},
		"revoke":   {api: "revoke-device", weight: 1, make: makeRevoke, ask: askRevoke, told: toldRevoke, again: true},
		"correct":  {api: "create-correction", weight: 1, make: makeCorrect, ask: askCorrect, told: toldCorrect},
		"list":     {api: "set-guest-list", weight: 1, make: makeList, ask: askList, told: toldList, again: true},
	}
}

// gate is a device at the door of an event.
type gate struct {
	name, id, event, code, token string
	node                         bool // a gate node, which sends the scans of others
	counter                      int64
	scans                        map[string]*scan // by the name of their step
	revoked                      bool             // or it may be
	asked                        bool             // with its code, which may be used
	until                        time.Time        // of its code
}

// scan is a scan as its gate knows it.
type scan struct {
	gate     *gate
	via      *gate  // the gate node that sends it; nil: the gate does
	place    string // booking and seat
	body     map[string]any
	issue    int64 // of its code
	alone    bool
	answered bool
	// By the answer:
	device         string
	counter, at, n int64
	admitted       bool
}

// doorway is all that came through the door of an event.
type doorway struct {
	scans   []*scan
	unclear bool  // a correction was not answered, or a gate may be lost
	tick    int64 // logical part of the gates' clock, which they share here
}

func (w *world) doorOf(event string) *doorway {
	if w.doors[event] == nil {
		w.doors[event] = &doorway{}
	}
	return w.doors[event]
}

func makeSetDoor(g *gen, s *Step) bool {
	e := g.event()
	if e == nil || e.unclear {
		return false
	}
	s.Event, s.As = e.name, e.organizer
	s.Set = map[string]any{"alone": []string{"admit", "refuse"}[g.n(2)], "names": g.chance(2), "codes": []string{"fixed", "rotating", "rotating"}[g.n(3)], "own": g.chance(2)}
	g.trouble(s)
	return true
}

// askSetDoor changes what does not change who gets in: when that is changed, a gate may
// rightly say either for a while.
func askSetDoor(w *world, s *Step) *request {
	e := w.events[s.Event]
	if e == nil || e.id == "" {
		return nil
	}
	main, terrace := map[string]any{"id": "main", "name": "Main entrance"}, map[string]any{"id": "terrace", "name": "Terrace", "reentry": "never"}
	body := map[string]any{"entrances": []any{main, terrace}, "reentry": "after-exit", "alone": s.Set["alone"], "names": s.Set["names"], "codes": cmp.Or(text(s.Set["codes"]), "fixed")}
	if s.Set["own"] == true { // what holds at the main entrance is the same
		body["opens_at"], main["opens_at"], main["reentry"] = "2999-01-01T00:00:00Z", "2000-01-01T00:00:00Z", "after-exit"
	}
	return &request{token: w.tokenOf(s.As), method: "PUT", path: "/events/" + e.id + "/door", body: body}
}

func makeInvite(g *gen, s *Step) bool {
	e := g.event()
	if e == nil || e.unclear {
		return false
	}
	s.Event, s.As, s.Name = e.name, e.organizer, g.name("d")
	if g.chance(4) {
		s.Key = "node"
	}
	g.trouble(s)
	return true
}

func askInvite(w *world, s *Step) *request {
	e := w.events[s.Event]
	if e == nil || e.id == "" {
		return nil
	}
	body := map[string]any{"name": "Gate " + s.Name, "valid_until": w.clock.now().Add(300 * 24 * time.Hour)}
	if s.Key == "node" {
		body["kind"] = s.Key
	}
	return &request{token: w.tokenOf(s.As), method: "POST", path: "/events/" + e.id + "/door/pairings", body: body}
}

func toldInvite(w *world, s *Step, r *reply) {
	if r.status == 422 {
		w.fail("a gate can be paired", "event %s: %s", s.Event, r)
	}
	if r.ok() {
		w.gates[s.Name] = &gate{name: s.Name, event: s.Event, node: s.Key == "node", until: at(r.doc["expires_at"]), code: text(r.doc["code"]), scans: map[string]*scan{}}
	}
}

// gateWith is a gate that has a token, and scans; or one that has none yet.
func (g *gen) gateWith(token bool) *gate {
	var fit []*gate
	for _, d := range sorted(g.w.gates) {
		if (d.token != "") == token && !(token && d.node) {
			fit = append(fit, d)
		}
	}
	if len(fit) == 0 {
		return nil
	}
	return fit[len(fit)-1-g.n(min(3, len(fit)))]
}

func makePair(g *gen, s *Step) bool {
	d := g.gateWith(false)
	if d == nil {
		return false
	}
	s.Of = d.name
	g.trouble(s)
	return true
}

func askPair(w *world, s *Step) *request {
	if d := w.gates[s.Of]; d != nil && d.token == "" {
		return &request{method: "POST", path: "/door/pair", body: map[string]any{"code": d.code, "kind": kindOf(d)}}
	}
	return nil
}

func kindOf(d *gate) string {
	if d.node {
		return "node"
	}
	return "device"
}

func toldPair(w *world, s *Step, r *reply) {
	d := w.gates[s.Of]
	if r.status == 422 && d.token == "" && !d.asked && r.came.Before(d.until) {
		w.fail("a gate can be paired", "%s with event %s: %s", d.name, d.event, r)
	}
	d.asked = true
	if r.ok() && d.token == "" {
		d.id, d.token = text(r.doc["device"]), text(r.doc["token"])
	}
}

func makeScan(g *gen, s *Step) bool {
	d, b := g.gateWith(true), g.booking("booked")
	if g.chance(6) {
		b = g.booking("")
	}
	if d == nil || b == nil || len(b.seats) == 0 {
		return false
	}
	for _, o := range sorted(g.w.gates) {
		if o.token != "" && !o.node && o.event == b.event && (d.event != b.event || g.chance(3)) {
			d = o
		}
	}
	seats := slices.Concat(b.seats, b.gaveBack)
	s.Of, s.Booking, s.Name, s.Seats = d.name, b.name, g.name("s"), []string{seats[g.n(len(seats))]}
	if s.Method = "in"; g.chance(3) {
		s.Method = "out"
	}
	if g.chance(6) {
		s.Key = "alone"
	}
	g.trouble(s)
	return true
}

// makeRelay makes a scan that goes through a gate node: it asks, was decided while the line
// was down (alone), or waits there until the line is healed in the end (cut).
func makeRelay(g *gen, s *Step) bool {
	if !makeScan(g, s) {
		return false
	}
	for _, o := range sorted(g.w.gates) {
		if o.token != "" && o.node && o.event == g.w.gates[s.Of].event {
			s.As = o.name
		}
	}
	s.Key = []string{"", "alone", "alone", "cut"}[g.n(4)]
	return s.As != ""
}

func askScan(w *world, s *Step) *request {
	d, b := w.gates[s.Of], w.bookings[s.Booking]
	if d == nil || b == nil || d.token == "" || b.id == "" || len(s.Seats) == 0 && len(b.seats) == 0 {
		return nil
	}
	if len(s.Seats) == 0 { // of a script that does not know which one was sold
		s.Seats = b.seats[:1]
	}
	sc := d.scans[s.Name]
	if sc == nil {
		door := w.doorOf(d.event)
		seat, ok := w.ordinal(w.events[b.event], s.Seats[0], s.Node)
		if !ok {
			return nil
		}
		own := b.parts[s.Seats[0]] // none: as it was printed first
		token, err := w.code(own, b.id, seat)
		if err != nil {
			w.note("no code of a ticket: %v", err)
			return nil
		}
		d.counter++
		door.tick++
		sc = &scan{gate: d, place: b.id + " " + s.Seats[0], counter: d.counter, alone: s.Key != "", via: w.gates[s.As], issue: own.issue}
		sc.body = map[string]any{"counter": d.counter, "at": w.clock.now().UnixMilli(), "n": door.tick, "kind": s.Method, "token": token, "entrance": "main", "how": "camera", "offset_known": true}
		if sc.alone && sc.via == nil {
			sc.body["decided"], sc.body["reason"] = "admitted", "ok"
		}
		d.scans[s.Name] = sc
		door.scans = append(door.scans, sc)
	}
	if s.Key == "cut" {
		return nil
	}
	return w.sends(sc)
}

func (w *world) sends(sc *scan) *request {
	if sc.via != nil {
		one := map[string]any{"device": sc.gate.id, "scan": sc.body}
		if sc.alone {
			one["ruled"] = "ok"
		}
		return &request{token: sc.via.token, method: "POST", path: "/door/node/scans", body: map[string]any{"scans": []any{one}}}
	}
	return &request{token: sc.gate.token, method: "POST", path: "/door/scans", body: map[string]any{"scans": []any{sc.body}}}
}

// code is what a ticket shows: that of its phone now, or as it is printed.
func (w *world) code(own part, bookingID string, seat int64) (string, error) {
	if own.text == "" {
		return w.signed(bookingID, seat)
	}
	return ticket.PhoneCode(own.text, phones[own.phone], w.clock.now(), true)
}

// signed is the code of a ticket, as it is printed.
func (w *world) signed(bookingID string, seat int64) (string, error) {
	for _, n := range w.nodes {
		if n.app != nil {
			return n.app.Tickets.Sign(ticket.Ticket{BookingID: bookingID, Seat: int32(seat), PlanVersion: 1})
		}
	}
	return "", errSlow
}

// ordinal finds a seat of an event in its plan.
func (w *world) ordinal(e *event, label string, node int) (int64, bool) {
	if e == nil || e.id == "" {
		return 0, false
	}
	r := w.ask(request{node: node, token: w.tokenOf(e.organizer), method: "GET", path: "/events/" + e.id + "/plan"})
	for i, one := range list(r.doc["seats"]) {
		if text(object(one)["label"]) == label {
			return int64(i), true
		}
	}
	return 0, false
}

// learnScan takes in the answer about a scan.
func (w *world) learnScan(sc *scan, r *reply) {
	items := list(r.doc["items"])
	if !r.ok() || len(items) != 1 {
		return
	}
	a := object(items[0])
	admitted := text(a["outcome"]) == "admitted" || sc.alone && !slices.Contains([]string{"device-revoked", "not-allowed", "other-event"}, text(a["reason"]))
	if sc.answered && (sc.admitted != admitted || sc.at != number(a["at"]) || sc.n != number(a["n"])) {
		w.fail("a scan has one answer", "of gate %s, counter %d: it was %v at %d.%d, and is %s", sc.gate.name, sc.counter, sc.admitted, sc.at, sc.n, r)
	}
	sc.answered, sc.admitted, sc.device, sc.at, sc.n = true, admitted, sc.gate.id, number(a["at"]), number(a["n"])
}

func toldScan(w *world, s *Step, r *reply) {
	d, b := w.gates[s.Of], w.bookings[s.Booking]
	sc := d.scans[s.Name]
	if r.status == 422 || r.status == 403 {
		w.fail("who has paid comes in", "gate %s cannot scan: %s", d.name, r)
	}
	if sc == nil || !r.ok() {
		return
	}
	again := sc.answered
	w.learnScan(sc, r)
	if again || !w.alone || sc.alone {
		return
	}
	reason := text(object(list(r.doc["items"])[0])["reason"])
	owns := b.status == "booked" && slices.Contains(b.seats, s.Seats[0]) && w.sure(b) && !b.unpaid && b.event == d.event
	switch {
	case s.Method == "in" && sc.admitted && b.event != d.event:
		w.fail("a ticket is for its event", "booking %s at the door of %s: %s", b.name, d.event, r)
	case s.Method == "in" && sc.admitted && !b.unclear && (b.status == "cancelled" || slices.Contains(b.gaveBack, s.Seats[0]) && !slices.Contains(b.seats, s.Seats[0])):
		w.fail("who has the money back stays outside", "booking %s is %s, seat %s: %s", b.name, b.status, s.Seats[0], r)
	case s.Method == "in" && sc.admitted && b.issue[s.Seats[0]] > sc.issue:
		w.fail("a ticket that was replaced stays replaced", "booking %s, seat %s comes in: %s", b.name, s.Seats[0], r)
	case s.Method == "in" && !sc.admitted && owns && !d.revoked && (sc.via == nil || !sc.via.revoked) && !w.maybeInside(sc) && (reason != "replaced" || !b.reissued) && (reason != "stale-code" || sc.issue == 0):
		w.fail("who has paid comes in", "booking %s, seat %s, refused with %s: %s", b.name, s.Seats[0], reason, r)
	case sc.admitted && (s.Method == "in") == w.surelyInside(sc):
		w.fail("one visit for each ticket", "booking %s, seat %s, %s: %s", b.name, s.Seats[0], s.Method, r)
	}
}

// through are the scans of a place that let somebody in or out, in their order, but for one.
func (w *world) through(event, place string, but *scan) (list []*scan, sure bool) {
	sure = !w.doorOf(event).unclear
	for _, sc := range w.doorOf(event).scans {
		if sc.place != place || sc == but {
			continue
		}
		sure = sure && sc.answered
		if sc.answered && sc.admitted {
			list = append(list, sc)
		}
	}
	slices.SortFunc(list, func(a, b *scan) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.n, b.n), cmp.Compare(a.device, b.device), cmp.Compare(a.counter, b.counter))
	})
	return list, sure
}

// maybeInside reports whether somebody can be inside with the ticket of a scan.
func (w *world) maybeInside(sc *scan) bool {
	list, sure := w.through(sc.gate.event, sc.place, sc)
	return !sure || len(list) > 0 && list[len(list)-1].body["kind"] == "in"
}

func (w *world) surelyInside(sc *scan) bool {
	list, sure := w.through(sc.gate.event, sc.place, sc)
	if !sure { // neither inside nor outside can be wrong
		return sc.body["kind"] != "in"
	}
	return len(list) > 0 && list[len(list)-1].body["kind"] == "in"
}

func makeRevoke(g *gen, s *Step) bool {
	d := g.gateWith(true)
	for _, o := range sorted(g.w.gates) {
		if o.node && o.token != "" && g.chance(4) {
			d = o
		}
	}
	if d == nil {
		return false
	}
	e := g.w.events[d.event]
	s.Of, s.As = d.name, e.organizer
	g.trouble(s)
	return true
}

func askRevoke(w *world, s *Step) *request {
	d := w.gates[s.Of]
	if d == nil || d.token == "" {
		return nil
	}
	return &request{token: w.tokenOf(s.As), method: "DELETE", path: "/events/" + w.events[d.event].id + "/door/devices/" + d.id}
}

func toldRevoke(w *world, s *Step, r *reply) {
	d := w.gates[s.Of]
	d.revoked = true
	if !r.ok() || !w.alone {
		return
	}
	q := request{token: d.token, method: "GET", path: "/door"}
	if state := w.askAny(q); state.status == 200 && s.Node == 0 && len(w.nodes) == 1 {
		w.fail("a revoked device is out", "%s: %s", d.name, &state)
	}
}

func makeCorrect(g *gen, s *Step) bool {
	b := g.booking("booked")
	if b == nil || len(b.seats) == 0 {
		return false
	}
	s.Booking, s.Seats, s.As = b.name, b.seats[:1], g.w.events[b.event].organizer
	if s.Method = "in"; g.chance(2) {
		s.Method = "out"
	}
	g.trouble(s)
	return true
}

func askCorrect(w *world, s *Step) *request {
	b := w.bookings[s.Booking]
	if b == nil || b.id == "" || w.events[b.event] == nil || len(s.Seats) == 0 && len(b.seats) == 0 {
		return nil
	}
	if len(s.Seats) == 0 {
		s.Seats = b.seats[:1]
	}
	return &request{token: w.tokenOf(s.As), method: "POST", path: "/events/" + w.events[b.event].id + "/door/corrections", body: map[string]any{
		"booking_id": b.id, "seat": s.Seats[0], "kind": s.Method, "reason": "The scanner was broken."}}
}

func toldCorrect(w *world, s *Step, r *reply) {
	b := w.bookings[s.Booking]
	door := w.doorOf(b.event)
	switch {
	case r.ok():
		door.scans = append(door.scans, &scan{gate: &gate{event: b.event}, place: b.id + " " + s.Seats[0], body: map[string]any{"kind": s.Method}, answered: true, admitted: true,
			device: "office", counter: number(r.doc["counter"]), at: number(r.doc["at"]), n: number(r.doc["n"])})
	case r.status == 0 || r.status >= 500:
		door.unclear = true
	}
}

func makeList(g *gen, s *Step) bool {
	b := g.booking("booked")
	if b == nil {
		return false
	}
	s.Booking, s.As, s.Method = b.name, g.w.events[b.event].organizer, []string{"", "Press", "VIP"}[g.n(3)]
	g.trouble(s)
	return true
}

func askList(w *world, s *Step) *request {
	b := w.bookings[s.Booking]
	if b == nil || b.id == "" || w.events[b.event] == nil {
		return nil
	}
	return &request{token: w.tokenOf(s.As), method: "POST", path: "/events/" + w.events[b.event].id + "/door/lists", body: map[string]any{"booking_id": b.id, "list": s.Method}}
}

func toldList(w *world, s *Step, r *reply) {
	b := w.bookings[s.Booking]
	if r.ok() && text(r.doc["list"]) != s.Method || r.status == 422 {
		w.fail("a guest is on the list of the organizer", "booking %s on %q: %s", b.name, s.Method, r)
	}
	if r.ok() && w.alone && s.Method != "" {
		got := w.askAny(request{token: w.tokenOf(s.As), method: "GET", path: "/events/" + w.events[b.event].id + "/door/guests?list=" + s.Method})
		if got.ok() && !slices.ContainsFunc(list(got.doc["items"]), func(one any) bool { return text(object(one)["booking_id"]) == b.id }) && len(w.nodes) == 1 && b.status == "booked" && w.sure(b) && !b.unpaid {
			w.fail("a guest is on the list of the organizer", "booking %s on %q: %s", b.name, s.Method, &got)
		}
	}
}

// judgeDoors holds who is inside against what the gates were told: no scan is lost, and what
// they say together is the same everywhere.
func (w *world) judgeDoors() {
	for _, e := range sorted(w.events) {
		door := w.doors[e.name]
		if door == nil {
			continue
		}
		for _, sc := range door.scans {
			if !sc.answered {
				r := w.askAny(*w.sends(sc))
				w.learnScan(sc, &r)
				door.unclear = door.unclear || !sc.answered
			}
		}
		r := w.askAny(request{token: w.tokenOf(e.organizer), method: "GET", path: "/events/" + e.id + "/door/attendance"})
		if !r.ok() {
			w.fail("no scan is lost", "event %s: %s", e.name, &r)
			continue
		}
		inside, entered, doubles := int64(0), int64(0), map[string]bool{}
		places := map[string]bool{}
		for _, sc := range door.scans {
			places[sc.place] = true
		}
		for place := range places {
			list, _ := w.through(e.name, place, nil)
			in, ever := false, false
			for _, sc := range list {
				comes := sc.body["kind"] == "in"
				if comes && in {
					doubles[place] = true
				}
				in, ever = comes, ever || comes
				if doubles[place] && !slices.ContainsFunc(list, func(sc *scan) bool { return sc.alone }) {
					w.fail("one visit for each ticket", "%s of event %s: nobody was alone, and two are in", place, e.name)
				}
			}
			if in {
				inside++
			}
			if ever {
				entered++
			}
		}
		if door.unclear {
			continue
		}
		if got := fmt.Sprint(number(r.doc["inside"]), number(r.doc["entered"]), len(list(r.doc["doubles"]))); got != fmt.Sprint(inside, entered, len(doubles)) {
			w.fail("no scan is lost", "event %s: inside, entered and doubles are %s; by what the gates were told they are %d %d %d", e.name, got, inside, entered, len(doubles))
		}
	}
}
