package simulate

import (
	"fmt"
	"strings"
	"time"
)

// op is an operation of the vocabulary.
type op struct {
	api    string // operation of the OpenAPI document; "": the world's own
	weight int
	make   func(g *gen, s *Step) bool        // fills a step in; false: it makes no sense now
	ask    func(w *world, s *Step) *request  // nil: it makes no sense
	told   func(w *world, s *Step, r *reply) // takes in the answer
	do     func(w *world, s *Step)           // in place of ask and told
	again  bool                              // it may be repeated as it is
}

// vocabulary is every operation, by the name that steps have.
func vocabulary() map[string]*op {
	v := map[string]*op{}
	for _, part := range []map[string]*op{seatOps(), moneyOps(), eventOps(), accountOps(), worldOps()} {
		for name, o := range part {
			v[name] = o
		}
	}
	return v
}

func (w *world) tokenOf(name string) string {
	if p := w.people[name]; p != nil {
		return p.token
	}
	return ""
}

// run carries out a step.
func (w *world) run(v map[string]*op, s *Step) {
	o := v[s.Op]
	if o == nil {
		w.fail("the script can be read", "no operation %q", s.Op)
		return
	}
	if o.do != nil {
		o.do(w, s)
		return
	}
	q := o.ask(w, s)
	if q == nil {
		return
	}
	q.node, q.leave = s.Node, s.Leave
	r := w.ask(*q)
	w.heard(o, s, q, &r)
}

// heard takes in the answer to a step.
func (w *world) heard(o *op, s *Step, q *request, r *reply) {
	w.note("%s\n\t%s %s %v -> %s", s, q.method, q.path, compact(q.body), r)
	w.plain(s, q, r)
	o.told(w, s, r)
}

func compact(v any) string {
	t := fmt.Sprint(v)
	if len(t) > 200 {
		t = t[:200] + "…"
	}
	return t
}

// plain are the rules for every answer.
func (w *world) plain(s *Step, q *request, r *reply) {
	switch {
	case r.status == 500, r.status > 500 && !w.excused():
		w.fail("no 500", "%s %s: %s", q.method, q.path, r)
	case r.why == "late":
		w.fail("everybody is answered", "%s %s: no answer after %s", q.method, q.path, patience)
	}
	if e := w.events[s.Event]; e != nil && text(e.doc["status"]) == "draft" && !e.unclear && !e.pending && r.ok() && w.alone &&
		(!e.shown || len(w.nodes) == 1 || r.sent.Sub(e.told) > 2*time.Second) && // so long another node may show it as it was
		strings.Contains(r.header.Get("Cache-Control"), "public") {
		w.fail("what is private stays private", "%s %s of a draft may be kept by others: %s", q.method, q.path, r.header.Get("Cache-Control"))
	}
}

// wish is the body of a step that names seats.
func wish(s *Step) map[string]any {
	m := map[string]any{}
	if len(s.Seats) > 0 {
		m["seats"] = s.Seats
	}
	if s.Quantity > 0 {
		m["quantity"] = s.Quantity
	}
	if s.Section != "" {
		m["section"] = s.Section
	}
	if s.Tier != "" {
		m["tier"] = s.Tier
	}
	return m
}

func keyed(s *Step) map[string]string {
	if s.Key == "" {
		return nil
	}
	return map[string]string{"Idempotency-Key": s.Key}
}

func seatOps() map[string]*op {
	return map[string]*op{
		"hold":   {api: "hold-seats", weight: 30, make: makeHold, ask: askHold, told: toldHold, again: true},
		"swap":   {api: "swap-seats", weight: 14, make: makeSwap, ask: askSwap, told: toldMatching(toldSwap, ofBooking), again: true},
		"cancel": {api: "cancel-booking", weight: 12, make: makeCancel, ask: askCancel, told: toldMatching(toldCancel, ofBooking), again: true},
		"look":   {weight: 6, make: makeLook, ask: askLook, told: toldLook},
		"link":   {api: "renew-booking-link", weight: 1, make: makeLook, ask: askLink, told: toldNothing, again: true},
		"block":  {api: "block-seats", weight: 2, make: makeGrant, ask: askGrant, told: toldHold, again: true},
		"give":   {api: "give-seats", weight: 2, make: makeGrant, ask: askGrant, told: toldHold, again: true},
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

func moneyOps() map[string]*op {
	return map[string]*op{
		"pay":   {api: "pay", weight: 30, make: makePay, ask: askPay, told: toldPay, again: true},
		"amend": {api: "amend-payment", weight: 3, make: makeAmend, ask: askAmend, told: toldMatching(toldAmend, ofPayment), again: true},
		"void":  {api: "void-payment", weight: 5, make: makeVoid, ask: askVoid, told: toldMatching(toldVoid, ofPayment), again: true},
		"check": {weight: 5, make: makeCheck, ask: askCheck, told: toldCheck},
	}
}

func makePay(g *gen, s *Step) bool {
	status := "pending"
	switch {
	case g.chance(5):
		status = "expired"
	case g.chance(12):
		status = ""
	}
	b := g.booking(status)
	if b == nil {
		return false
	}
	s.Booking, s.As, s.Name = b.name, b.owner, g.name("p")
	s.Method = tokOK
	if g.chance(2) {
		s.Method = methods[g.n(len(methods))]
	}
	if g.chance(3) {
		s.Key = g.name("k")
	}
	g.trouble(s)
	return true
}

func askPay(w *world, s *Step) *request {
	b := w.bookings[s.Booking]
	if b == nil || w.tokenOf(s.As) == "" {
		return nil
	}
	return &request{token: w.tokenOf(s.As), method: "POST", path: "/payments", body: map[string]any{"booking_id": b.id, "method": s.Method}, headers: keyed(s)}
}

func toldPay(w *world, s *Step, r *reply) {
	b := w.bookings[s.Booking]
	was := *b
	open := false // another payment is, or may be, under way
	for _, p := range sorted(w.payments) {
		open = open || p.booking == b.name && (p.unclear || p.status == "pending" || p.status == "authorized" || p.voidAsked)
	}
	sure := w.sure(b) && !b.unpaid && (!b.payAsked || !open)
	b.payAsked = true
	switch s.Method {
	case tokNoCapture, tokNever, tokDecline:
		b.unpaid = true
	}
	id := text(r.doc["id"])
	if id == "" {
		id = text(r.doc["payment_id"])
	}
	var p *pay
	for _, o := range sorted(w.payments) {
		if id != "" && o.id == id {
			p = o
		}
	}
	if p == nil && id != "" {
		p = &pay{name: s.Name, id: id, booking: b.name, method: s.Method}
		if w.payments[p.name] != nil {
			p.name = fmt.Sprintf("%s.%d", s.Name, len(w.payments))
		}
		w.payments[p.name] = p
	}
	switch {
	case r.status == 0:
		b.unclear = true
		return
	case r.ok():
		w.learnPay(p, r.doc, r)
		if w.alone && sure {
			w.paid(b, &was, p, r)
		}
		return
	case p != nil && r.status == 402:
		p.status = "failed"
	case p != nil && r.status == 409 && text(r.doc["money"]) == "returned":
		p.status = "voided"
	}
	if r.status == 402 && s.Method == tokOK && w.alone && !w.excused() {
		w.fail("a good card is taken", "booking %s: %s", b.name, r)
	}
	owner := w.people[s.As]
	if sure && was.amount == 0 {
		w.refusedFree(&was, owner, s, r)
	}
	if r.status == 409 && w.alone && sure && !w.excused() && was.status == "pending" && r.came.Before(was.expires) && approves(s.Method) && !was.payAsked && owner != nil && owner.verified && !w.overLimit(b, r) {
		w.fail("a live hold can be paid", "booking %s is held until %s: %s", b.name, was.expires, r)
	}
}

// refusedFree holds it against the house that a hold was not booked which costs
// nothing: neither the card nor the bank has anything to do with that.
func (w *world) refusedFree(was *booking, owner *person, s *Step, r *reply) {
	e := w.events[was.event]
	up := !w.record.slow()
	for _, n := range w.nodes {
		up = up && n.app != nil && !n.life.isFrozen() && !n.life.isDoomed()
	}
	if up && w.alone && was.status == "pending" && r.came.Before(was.expires) && !was.payAsked && s.As == was.owner && owner != nil && owner.verified && !e.unclear && !e.pending && !w.overLimit(was, r) {
		w.fail("what is free is booked", "booking %s by %s: %s", was.name, s.Method, r)
	}
}

// overLimit reports whether a hold may be refused when it is paid: it was made
// before its owner had shown an address, of which others have seats, too.
func (w *world) overLimit(b *booking, r *reply) bool {
	e := w.events[b.event]
	return b.typed && r.slug() == "too-many-seats" && (e.unclear || w.own(e, b.mail, r.came, true) > number(e.doc["limit_per_customer"]))
}

// paid holds a payment that was taken against what was told.
func (w *world) paid(b, was *booking, p *pay, r *reply) {
	if p.status != "captured" {
		return
	}
	e := w.events[b.event]
	if e != nil && b.typed && b.mail != "" && !e.unclear && !e.waived {
		n := w.own(e, b.mail, r.came, false)
		if b.status != "booked" {
			n += int64(len(b.seats))
		}
		if n > e.limits {
			w.fail("the limit holds for people", "%s has %d seats of event %s with those of booking %s; the limit was never more than %d", b.mail, n, e.name, b.name, e.limits)
		}
	}
	if p.amount != was.amount && was.status == "pending" {
		w.fail("a price is a promise", "booking %s was over %d, and %d was paid", b.name, was.amount, p.amount)
	}
	if late := at(r.doc["created_at"]).Sub(was.expires); late > 0 && !was.payAsked && // a payment may have made the hold longer
		(was.status == "pending" || was.status == "expired") {
		if late > 2*time.Minute+time.Second {
			w.fail("too late is too late", "booking %s was paid %s after its hold had ended", b.name, late)
		}
		if e != nil && !e.unclear && !e.pending {
			w.today(b, was, e)
		}
	}
}

// today compares what a late payer has paid with today's price.
func (w *world) today(b, was *booking, e *event) {
	prices := map[string]int64{}
	for _, t := range list(e.doc["tiers"]) {
		for _, s := range list(object(t)["sections"]) {
			prices[text(s)] = number(object(t)["price"])
		}
	}
	tiers := list(e.doc["tiers"])
	var sum int64
	for _, s := range was.seats {
		section, _, _ := strings.Cut(s, "-")
		p, ok := prices[section]
		if !ok {
			if len(tiers) != 1 {
				return
			}
			p = number(object(tiers[0])["price"])
		}
		sum += p
	}
	if sum != was.amount {
		w.fail("who pays late pays today's price", "booking %s was paid late with %d, and its seats cost %d", b.name, was.amount, sum)
	}
}

// learnPay takes in what an answer says of a payment.
func (w *world) learnPay(p *pay, doc map[string]any, r *reply) {
	was := p.status
	p.status, p.amount, p.method, p.unclear = text(doc["status"]), number(doc["amount"]), text(doc["method"]), false
	p.version = r.header.Get("ETag")
	if was == "captured" && (p.status == "voided" || p.status == "failed" || p.status == "pending" || p.status == "authorized") {
		w.fail("paid stays paid", "payment %s was %s and is %s", p.name, was, p.status)
	}
	if b := w.bookings[p.booking]; b != nil && p.status == "captured" && b.status == "pending" && w.alone {
		w.refresh(b)
		if b.status != "booked" && w.sure(b) && !p.voidAsked {
			w.fail("who has paid has the seats", "payment %s is captured, and booking %s is %s", p.name, b.name, b.status)
		}
	}
}

// refresh reads a booking again.
func (w *world) refresh(b *booking) {
	for _, n := range w.nodes {
		if n.app == nil || n.life.isFrozen() {
			continue
		}
		s := &Step{Op: "look", Booking: b.name, As: b.owner, Node: n.number}
		q := askLook(w, s)
		if q == nil {
			return
		}
		q.node = n.number
		r := w.ask(*q)
		if r.status != 0 {
			w.note("refresh %s -> %s", b.name, &r)
			toldLook(w, s, &r)
			return
		}
	}
}

func makeAmend(g *gen, s *Step) bool {
	p := g.payment("pending")
	if p == nil {
		return false
	}
	s.Payment, s.As = p.name, g.w.bookings[p.booking].owner
	s.Method = methods[g.n(len(methods))]
	g.seenVersion(s)
	g.trouble(s)
	return true
}

func (w *world) askPayment(s *Step, method string) *request {
	p := w.payments[s.Payment]
	if p == nil || w.tokenOf(s.As) == "" {
		return nil
	}
	q := &request{token: w.tokenOf(s.As), method: method, path: "/payments/" + p.id}
	if method != "GET" {
		q.headers = match(s, versionOf(p.version))
	}
	return q
}

func askAmend(w *world, s *Step) *request {
	q := w.askPayment(s, "PUT")
	if q != nil {
		q.body = map[string]any{"method": s.Method}
	}
	return q
}

func toldAmend(w *world, s *Step, r *reply) {
	p := w.payments[s.Payment]
	b := w.bookings[p.booking]
	if !approves(s.Method) {
		b.unpaid = true
	}
	switch {
	case r.status == 0:
		p.unclear, b.unclear = true, true
	case r.ok():
		w.learnPay(p, r.doc, r)
	}
}

func makeVoid(g *gen, s *Step) bool {
	p := g.payment("")
	if o := g.underWay(); o != nil && !g.chance(3) {
		p = o
	}
	if p == nil {
		return false
	}
	s.Payment, s.As = p.name, g.w.bookings[p.booking].owner
	g.seenVersion(s)
	g.trouble(s)
	return true
}

func askVoid(w *world, s *Step) *request { return w.askPayment(s, "DELETE") }

func toldVoid(w *world, s *Step, r *reply) {
	p := w.payments[s.Payment]
	b := w.bookings[p.booking]
	if r.status == 0 || r.ok() {
		p.voidAsked, b.cancelAsked = true, true
	}
	switch {
	case r.status == 0:
		p.unclear, b.unclear = true, true
	case r.ok():
		w.learnPay(p, r.doc, r)
	case r.slug() == "refunds-over" && b.status == "booked" && r.came.Before(b.promise) && w.alone && !b.unclear:
		w.fail("a promise is kept", "booking %s could be given back until %s: %s", b.name, b.promise, r)
	}
}

func makeCheck(g *gen, s *Step) bool {
	p := g.payment("")
	if p == nil {
		return false
	}
	s.Payment, s.As = p.name, g.w.bookings[p.booking].owner
	return true
}

func askCheck(w *world, s *Step) *request { return w.askPayment(s, "GET") }

func toldCheck(w *world, s *Step, r *reply) {
	if r.ok() {
		w.learnPay(w.payments[s.Payment], r.doc, r)
	}
}
