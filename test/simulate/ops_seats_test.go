package simulate

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"
)

func seatOps() map[string]*op {
	return map[string]*op{
		"hold":   {api: "hold-seats", weight: 30, make: makeHold, ask: askHold, told: toldHold, again: true},
		"swap":   {api: "swap-seats", weight: 14, make: makeSwap, ask: askSwap, told: toldMatching(toldSwap, ofBooking), again: true},
		"cancel": {api: "cancel-booking", weight: 12, make: makeCancel, ask: askCancel, told: toldMatching(toldCancel, ofBooking), again: true},
		"refuse": {api: "cancel-for-buyer", weight: 3, make: makeRefuse, ask: askRefuse, told: toldMatching(toldCancel, ofBooking), again: true},
		"thank":  {api: "refund-booking", weight: 3, make: makeThank, ask: askThank, told: toldMatching(toldThank, ofBooking)},
		"move":   {api: "reseat-booking", weight: 3, make: makeMove, ask: askMove, told: toldMatching(toldMove, ofBooking), again: true},
		"look":   {weight: 6, make: makeLook, ask: askLook, told: toldLook},
		"link":   {api: "renew-booking-link", weight: 1, make: makeLook, ask: askLink, told: toldNothing, again: true},
		"remind": {api: "send-tickets-again", weight: 1, make: makeRemind, ask: askRemind, told: toldNothing, again: true},
		"block":  {api: "block-seats", weight: 2, make: makeGrant, ask: askGrant, told: toldHold, again: true},
		"give":   {api: "give-seats", weight: 2, make: makeGrant, ask: askGrant, told: toldHold, again: true},

		"reissue": {api: "reissue-tickets", weight: 2, make: makeReissue, ask: askReissue, told: toldReissue, again: true},
		"bind":    {api: "bind-tickets", weight: 3, make: makeBind, ask: askBind, told: toldBind, again: true},
	}
}

func makeHold(g *gen, s *Step) bool {
	e := g.event()
	if e == nil {
		return false
	}
	s.Event, s.As, s.Name = e.name, g.customer(), g.name("b")
	if g.chance(4) {
		if p, b := g.twin(); p != nil {
			s.Event, s.As, e = b.event, p.name, g.w.events[b.event]
		}
	}
	if g.chance(4) {
		s.Key = g.name("k")
	}
	g.wish(s, e)
	g.trouble(s)
	return true
}

func askHold(w *world, s *Step) *request {
	e := w.events[s.Event]
	if e == nil || w.tokenOf(s.As) == "" {
		return nil
	}
	body := wish(s)
	body["event_id"] = e.id
	return &request{token: w.tokenOf(s.As), method: "POST", path: "/bookings", body: body, headers: keyed(s)}
}

func toldHold(w *world, s *Step, r *reply) {
	e := w.events[s.Event]
	key := strings.Join([]string{s.As, s.Event, s.Key}, " ")
	if !r.ok() {
		w.tried[key] = w.tried[key] || s.Key != "" && (r.status == 0 || r.status >= 500)
		w.refusedHold(s, r)
		return
	}
	w.hear(s, r)
	grant := s.Op != "hold"
	owner := s.As
	if grant {
		owner = s.Of
	}
	for _, o := range sorted(w.bookings) {
		if o.id == text(r.doc["id"]) { // the answer to a repeated request
			w.bookings[s.Name] = o
			w.learn(o, r.doc, false)
			return
		}
	}
	before := int64(0)
	b := &booking{name: s.Name, event: e.name, owner: owner, typed: true}
	if p := w.people[owner]; p != nil && p.verified {
		before = w.own(e, canon(p.email), r.came, false)
		b.mail, b.typed = canon(p.email), false
	}
	if w.bookings[s.Name] != nil {
		b.name = fmt.Sprintf("%s.%d", s.Name, len(w.bookings))
	}
	w.bookings[b.name] = b
	w.learn(b, r.doc, false)
	if grant {
		if b.amount != 0 {
			w.fail("a price is a promise", "%s costs %d", s.Op, b.amount)
		}
		return
	}
	if !w.alone || e.unclear || w.tried[key] { // it may have been made when other terms held
		return
	}
	w.asked(b, w.terms(e, s.Node), list(r.doc["seats"]))
	if e.cancelTold {
		w.fail("a cancelled event is not sold", "booking %s of event %s", b.name, e.name)
	}
	if e.pending {
		return
	}
	if want := time.Duration(number(e.doc["hold_minutes"])) * time.Minute; b.status == "pending" {
		if d := b.expires.Sub(at(r.doc["booking_time"])); d != want && !r.sent.After(at(r.doc["booking_time"]).Add(time.Second)) {
			w.fail("a hold lasts", "booking %s is held for %s, not for %s", b.name, d, want)
		}
		if status := text(e.doc["status"]); status != "on_sale" && status != "past" && r.sent.Sub(e.told) > 10*time.Second {
			w.fail("only what is on sale is sold", "event %s was %s for %s, and booking %s was made", e.name, status, r.sent.Sub(e.told), b.name)
		}
	}
	if p := w.people[owner]; p != nil && p.verified && before+int64(len(b.seats)) > number(e.doc["limit_per_customer"]) {
		w.fail("the limit holds for people", "%s has %d seats of event %s and was given %d more; the limit is %d", p.email, before, e.name, len(b.seats), number(e.doc["limit_per_customer"]))
	}
}

// refusedHold holds a refusal against what was told.
func (w *world) refusedHold(s *Step, r *reply) {
	e := w.events[s.Event]
	if r.slug() == "sale-not-open" && w.alone && !e.unclear && !e.pending && text(e.doc["status"]) == "on_sale" && at(e.doc["sale_opens_at"]).Before(r.sent) &&
		r.sent.Sub(e.told) > 10*time.Second && s.Op == "hold" {
		w.fail("what is on sale is sold", "event %s is on sale, and a hold is refused: %s", e.name, r)
	}
}

// hear notes that what hung on a step is answered.
func (w *world) hear(*Step, *reply) {}

func makeSwap(g *gen, s *Step) bool {
	b := g.booking("pending")
	if b == nil {
		return false
	}
	s.Booking, s.As = b.name, b.owner
	g.seenVersion(s)
	g.wish(s, g.w.events[b.event])
	g.trouble(s)
	return true
}

func askSwap(w *world, s *Step) *request {
	b := w.bookings[s.Booking]
	if b == nil || w.tokenOf(s.As) == "" {
		return nil
	}
	return &request{token: w.tokenOf(s.As), method: "PUT", path: "/bookings/" + b.id, body: wish(s), headers: match(s, b.seq)}
}

func toldSwap(w *world, s *Step, r *reply) {
	b := w.bookings[s.Booking]
	switch {
	case r.status == 0:
		b.unclear = true
	case r.ok():
		was := *b
		b.seats = nil // they are exchanged
		w.learn(b, r.doc, false)
		if !same(was.seats, b.seats) {
			w.asked(b, w.terms(w.events[b.event], s.Node), list(r.doc["seats"]))
		}
	}
}

func makeCancel(g *gen, s *Step) bool {
	b := g.booking("")
	if b == nil {
		return false
	}
	if p := g.underWay(); p != nil && g.chance(3) {
		b = g.w.bookings[p.booking]
	}
	s.Booking, s.As = b.name, b.owner
	if g.chance(8) {
		s.As = "admin"
	}
	if g.chance(3) && len(b.seats) > 1 {
		s.Seats = b.seats[:1+g.n(len(b.seats)-1)]
	}
	g.seenVersion(s)
	g.trouble(s)
	return true
}

func askCancel(w *world, s *Step) *request {
	b := w.bookings[s.Booking]
	if b == nil || w.tokenOf(s.As) == "" {
		return nil
	}
	q := &request{token: w.tokenOf(s.As), method: "DELETE", path: "/bookings/" + b.id, headers: match(s, b.seq)}
	if len(s.Seats) > 0 {
		q.path += "?seats=" + strings.Join(s.Seats, ",")
	}
	return q
}

func toldCancel(w *world, s *Step, r *reply) {
	b := w.bookings[s.Booking]
	all := len(s.Seats) == 0
	switch {
	case r.status == 0:
		b.unclear, b.cancelAsked = true, true
		return
	case r.ok():
		b.gaveBack = append(b.gaveBack, s.Seats...)
		if all {
			b.gaveBack = append(b.gaveBack, b.seats...)
			b.cancelAsked = true
		}
		was := *b
		w.unused(s, &was)
		b.status = ""
		w.learn(b, r.doc, false)
		if all && (b.status == "booked" || b.status == "pending") && w.alone {
			w.fail("what is given back is given back", "booking %s was cancelled and is %s", b.name, b.status)
		}
		b.promise = was.promise
		return
	}
	if !w.alone || b.unclear {
		return
	}
	if len(s.Seats) > 0 && subset(s.Seats, b.gaveBack) && r.status == 422 {
		w.fail("a repeated request is done", "%v of booking %s were given back, and asked again: %s", s.Seats, b.name, r)
	}
	if r.slug() == "refunds-over" && b.status == "booked" && r.came.Before(b.promise) {
		w.fail("a promise is kept", "booking %s could be given back until %s: %s", b.name, b.promise, r)
	}
	if r.slug() == "refunds-over" && b.amount == 0 {
		w.fail("what cost nothing can be given back", "booking %s: %s", b.name, r)
	}
}

// unused holds a cancellation by a booking's owner against who is inside.
func (w *world) unused(s *Step, was *booking) {
	seats := s.Seats
	if len(seats) == 0 {
		seats = was.seats
	}
	for _, seat := range seats {
		sc := &scan{gate: &gate{event: was.event}, place: was.id + " " + seat, body: map[string]any{"kind": "in"}}
		if w.alone && s.Op == "cancel" && s.As == was.owner && was.status == "booked" && !was.unclear && slices.Contains(was.seats, seat) && w.surelyInside(sc) {
			w.fail("who was let in gives nothing back", "booking %s, seat %s", was.name, seat)
		}
	}
}

// makeRefuse has an organizer cancel seats of a buyer; now and then the buyer tries.
func makeRefuse(g *gen, s *Step) bool {
	if !makeCancel(g, s) {
		return false
	}
	if b := g.w.bookings[s.Booking]; !g.chance(6) && g.w.events[b.event] != nil {
		s.As = g.w.events[b.event].organizer
	}
	if s.Amount = 0; g.chance(3) {
		s.Amount = 1 // by the terms
	}
	return true
}

func askRefuse(w *world, s *Step) *request {
	q := askCancel(w, s)
	if q == nil {
		return nil
	}
	body := map[string]any{"reason": "The stalls are closed.", "refund": []string{"full", "terms"}[s.Amount]}
	if len(s.Seats) > 0 {
		body["seats"] = s.Seats
	}
	q.method, q.path, q.body = "POST", "/bookings/"+w.bookings[s.Booking].id+"/cancellations", body
	return q
}

// makeThank has an organizer give a part of the money back.
func makeThank(g *gen, s *Step) bool {
	b := g.booking("booked")
	if b == nil {
		return false
	}
	s.Booking, s.As, s.Amount = b.name, g.w.events[b.event].organizer, 1+int64(g.n(int(max(b.amount, 1))))
	if g.chance(6) {
		s.As = b.owner
	}
	g.seenVersion(s)
	g.trouble(s)
	return true
}

func askThank(w *world, s *Step) *request {
	b := w.bookings[s.Booking]
	q := askLook(w, s)
	if q == nil {
		return nil
	}
	q.method, q.path, q.headers = "POST", q.path+"/refunds", match(s, b.seq)
	q.body = map[string]any{"amount": s.Amount, "paid_left": b.amount, "reason": "The view was bad."}
	return q
}

func toldThank(w *world, s *Step, r *reply) {
	b := w.bookings[s.Booking]
	switch {
	case r.status == 0:
		b.unclear = true
	case r.ok():
		was := *b
		w.learn(b, r.doc, false)
		if w.alone && !was.unclear && w.people[s.As] != nil && s.As == was.owner && s.As != w.events[was.event].organizer {
			w.fail("only the organizer gives money back", "booking %s: %s", b.name, r)
		}
	}
}

// makeMove has an organizer move a booking to other seats; now and then the buyer tries.
func makeMove(g *gen, s *Step) bool {
	b := g.booking("booked")
	if b == nil {
		return false
	}
	e := g.w.events[b.event]
	s.Booking, s.As = b.name, e.organizer
	if g.chance(6) {
		s.As = b.owner
	}
	g.wish(s, e)
	s.Tier, s.Section, s.Quantity = "", "", 0
	s.Seats = append(s.Seats, b.seats...)
	s.Seats = s.Seats[:min(len(s.Seats), max(len(b.seats), 1))]
	g.seenVersion(s)
	g.trouble(s)
	return true
}

func askMove(w *world, s *Step) *request {
	b := w.bookings[s.Booking]
	q := askLook(w, s)
	if q == nil {
		return nil
	}
	q.method, q.path, q.headers = "PUT", q.path+"/seats", match(s, b.seq)
	q.body = map[string]any{"seats": s.Seats, "reason": "The row is closed."}
	return q
}

func toldMove(w *world, s *Step, r *reply) {
	b := w.bookings[s.Booking]
	switch {
	case r.status == 0 || r.status >= 500:
		b.unclear = true
	case r.ok():
		was := *b
		b.seats = labels(r.doc) // they are exchanged
		b.gaveBack = without(b.gaveBack, b.seats)
		w.learn(b, r.doc, true)
		if w.alone && s.As == was.owner && s.As != w.events[was.event].organizer {
			w.fail("only the organizer moves a booking", "booking %s: %s", b.name, r)
		}
		if w.alone && !same(b.seats, s.Seats) {
			w.fail("a booking is moved to the seats that are named", "booking %s: %v, not %v", b.name, b.seats, s.Seats)
		}
	}
}

// without leaves out some labels.
func without(list, some []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(label string) bool { return slices.Contains(some, label) })
}

func subset(a, b []string) bool {
	for _, x := range a {
		found := false
		for _, y := range b {
			found = found || x == y
		}
		if !found {
			return false
		}
	}
	return true
}

func makeLook(g *gen, s *Step) bool {
	b := g.booking("")
	if b == nil {
		return false
	}
	s.Booking, s.As = b.name, b.owner
	return true
}

func askLook(w *world, s *Step) *request {
	b := w.bookings[s.Booking]
	if b == nil || w.tokenOf(s.As) == "" {
		return nil
	}
	return &request{token: w.tokenOf(s.As), method: "GET", path: "/bookings/" + b.id}
}

func askLink(w *world, s *Step) *request {
	q := askLook(w, s)
	if q != nil {
		q.method, q.path = "POST", q.path+"/link"
	}
	return q
}

// makeRemind has an organizer send the tickets of an order again.
func makeRemind(g *gen, s *Step) bool {
	b := g.booking("booked")
	if b == nil {
		return false
	}
	s.Booking, s.As = b.name, g.w.events[b.event].organizer
	g.trouble(s)
	return true
}

func askRemind(w *world, s *Step) *request {
	q := askLook(w, s)
	if q != nil {
		q.method, q.path, q.body = "POST", q.path+"/notices", map[string]any{}
	}
	return q
}

// makeReissue has the owner or the organizer of a booking replace its tickets.
func makeReissue(g *gen, s *Step) bool {
	b := g.booking("booked")
	if b == nil {
		return false
	}
	s.Booking, s.As = b.name, b.owner
	if g.chance(3) {
		s.As = g.w.events[b.event].organizer
	}
	g.trouble(s)
	return true
}

func askReissue(w *world, s *Step) *request {
	q := askLook(w, s)
	if q != nil {
		q.method, q.path, q.body = "POST", q.path+"/tickets/reissue", map[string]any{"reason": "The codes were seen."}
		w.bookings[s.Booking].reissued = true
	}
	return q
}

// toldReissue sees that each answer names issues that no answer has named before.
func toldReissue(w *world, s *Step, r *reply) {
	if !r.ok() {
		return
	}
	b := w.bookings[s.Booking]
	if b.issued == nil {
		b.issued, b.issue = map[string]bool{}, map[string]int64{}
	}
	items, _ := r.doc["items"].([]any)
	for _, item := range items {
		i, _ := item.(map[string]any)
		seat, n := text(i["seat"]), number(i["issue"])
		key := fmt.Sprint(seat, " ", n)
		if n < 1 || b.issued[key] || w.alone && n <= b.issue[seat] {
			w.fail("a ticket that was replaced stays replaced", "booking %s: %s after issue %d", b.name, r, b.issue[seat])
		}
		b.issued[key], b.issue[seat] = true, max(b.issue[seat], n)
	}
}

// phones are those that tickets are bound to.
var phones = map[string]ed25519.PrivateKey{
	"left": ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize)), "right": ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, ed25519.SeedSize)),
}

func publicOf(phone string) string {
	return base64.RawURLEncoding.EncodeToString(phones[phone].Public().(ed25519.PublicKey))
}

// part is what a phone makes the codes of a ticket from.
type part struct {
	phone, text string
	issue       int64
}

// makeBind has the owner of a booking bind its tickets to a phone, also to another one.
func makeBind(g *gen, s *Step) bool {
	b := g.booking("booked")
	if b == nil {
		return false
	}
	s.Booking, s.As, s.Key = b.name, b.owner, []string{"left", "right"}[g.n(2)]
	if s.Method = "bind"; g.chance(2) {
		s.Method = "move"
	}
	g.trouble(s)
	return true
}

func askBind(w *world, s *Step) *request {
	q := askLook(w, s)
	if q != nil {
		q.method, q.path, q.body = "POST", q.path+"/tickets/bind", map[string]any{"public_key": publicOf(s.Key), "move": s.Method == "move"}
		w.bookings[s.Booking].reissued = true
	}
	return q
}

// toldBind sees that the tickets are the phone's, and under no issue that was another's.
func toldBind(w *world, s *Step, r *reply) {
	b := w.bookings[s.Booking]
	if !r.ok() {
		return
	}
	if b.issue == nil {
		b.issued, b.issue = map[string]bool{}, map[string]int64{}
	}
	if b.parts == nil {
		b.parts = map[string]part{}
	}
	for _, item := range list(r.doc["items"]) {
		i := object(item)
		seat, n, own := text(i["seat"]), number(i["issue"]), part{s.Key, text(i["part"]), number(i["issue"])}
		before, known := b.parts[seat]
		if text(i["bound_to"]) != publicOf(s.Key) || own.text == "" || n < 1 || known && before.issue == n && before.phone != s.Key || w.alone && n < b.issue[seat] {
			w.fail("a ticket is on one phone", "booking %s, bound to %s: %s", b.name, s.Key, r)
		}
		if n >= b.issue[seat] {
			b.issue[seat], b.parts[seat] = n, own
		}
		b.issued[fmt.Sprint(seat, " ", n)] = true
	}
}

func toldLook(w *world, s *Step, r *reply) {
	if r.ok() {
		w.learn(w.bookings[s.Booking], r.doc, true)
	}
}

func makeGrant(g *gen, s *Step) bool {
	e := g.event()
	if e == nil {
		return false
	}
	s.Event, s.As, s.Name = e.name, e.organizer, g.name("b")
	if g.chance(2) {
		s.Key = g.name("k")
	}
	if s.Op == "give" && g.chance(2) {
		s.Of = g.customer()
	}
	g.wish(s, e)
	s.Tier = ""
	g.trouble(s)
	return true
}

func askGrant(w *world, s *Step) *request {
	e := w.events[s.Event]
	if e == nil || w.tokenOf(s.As) == "" {
		return nil
	}
	body, path := wish(s), "/blocks"
	if s.Op == "give" {
		path = "/complimentary"
		if p := w.people[s.Of]; p != nil {
			body["user_id"] = p.id
		}
	}
	return &request{token: w.tokenOf(s.As), method: "POST", path: "/events/" + e.id + path, body: body, headers: keyed(s)}
}
