package simulate

import (
	"fmt"
	"strings"
	"time"
)

func moneyOps() map[string]*op {
	return map[string]*op{
		"pay":    {api: "pay", weight: 30, make: makePay, ask: askPay, told: toldPayThenLatest, again: true},
		"amend":  {api: "amend-payment", weight: 3, make: makeAmend, ask: askAmend, told: toldMatching(toldAmend, ofPayment), again: true},
		"void":   {api: "void-payment", weight: 5, make: makeVoid, ask: askVoid, told: toldMatching(toldVoid, ofPayment), again: true},
		"check":  {weight: 5, make: makeCheck, ask: askCheck, told: toldCheck},
		"notice": {api: "receive-payment-notice", weight: 3, make: makeNotice, ask: askNotice, told: toldNotice, again: true},
		"texted": {api: "receive-text-status", weight: 1, make: makeTextStatus, ask: askTextStatus, told: toldTextStatus, again: true},
		"latest": {weight: 3, make: makeLook, ask: askLatest, told: toldLatest},

		"pause refunds": {api: "change-event-refunds", weight: 3, make: makePauseRefunds, ask: askPauseRefunds, told: toldPauseRefunds},
	}
}

// makePauseRefunds has an organizer pause the refunds of an event, or resume them.
func makePauseRefunds(g *gen, s *Step) bool {
	e := g.event()
	if e == nil {
		return false
	}
	s.Event, s.As, s.Method = e.name, e.organizer, "running"
	if g.chance(2) {
		s.Method = "paused"
	}
	g.trouble(s)
	return true
}

func askPauseRefunds(w *world, s *Step) *request {
	e := w.events[s.Event]
	if e == nil || w.tokenOf(s.As) == "" {
		return nil
	}
	return &request{token: w.tokenOf(s.As), method: "PUT", path: "/events/" + e.id + "/refunds", body: map[string]any{"state": s.Method, "retry_failed": s.Method == "running"}}
}

func toldPauseRefunds(w *world, s *Step, r *reply) {
	if state := text(r.doc["state"]); r.ok() && w.alone && (state == "paused") != (s.Method == "paused") {
		w.fail("refunds pause and go on as the organizer says", "event %s, %s: %s", s.Event, s.Method, r)
	}
}

// resumeRefunds ends all pauses, so that everybody gets their money.
func (w *world) resumeRefunds() {
	for _, e := range sorted(w.events) {
		w.askAny(request{token: w.tokenOf("admin"), method: "PUT", path: "/events/" + e.id + "/refunds", body: map[string]any{"state": "running"}})
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
	if g.chance(3) {
		s.Amount = b.amount
	}
	g.trouble(s)
	return true
}

func askPay(w *world, s *Step) *request {
	b := w.bookings[s.Booking]
	if b == nil || w.tokenOf(s.As) == "" {
		return nil
	}
	body := map[string]any{"booking_id": b.id, "method": s.Method}
	if s.Amount != 0 {
		body["amount"] = s.Amount
	}
	return &request{token: w.tokenOf(s.As), method: "POST", path: "/payments", body: body, headers: keyed(s)}
}

// toldPayThenLatest reads what became of a booking's payments once one was asked for:
// a reader who kept an earlier one hears of it.
func toldPayThenLatest(w *world, s *Step, r *reply) {
	toldPay(w, s, r)
	if !w.alone || r.status == 0 {
		return
	}
	q := askLatest(w, s)
	q.node = s.Node
	w.condition(q)
	latest := w.ask(*q)
	w.reuse(q, &latest)
	w.plain(s, q, &latest)
	toldLatest(w, s, &latest)
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
		if s.Amount != 0 && p.amount != s.Amount {
			w.fail("nobody pays what they have not agreed to", "booking %s, over %d: %s", b.name, s.Amount, r)
		}
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
	sure = sure && (s.Amount == 0 || s.Amount == was.amount)
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
	p.status, p.amount, p.method, p.unclear = text(doc["status"]), number(doc["amount"]), text(doc["method"]), p.unclear && !w.certain()
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

func askLatest(w *world, s *Step) *request {
	q := askLook(w, s)
	if q != nil {
		q.path += "/payment"
	}
	return q
}

// toldLatest takes in a booking's latest payment, if somebody was told of it before.
func toldLatest(w *world, s *Step, r *reply) {
	for _, p := range sorted(w.payments) {
		if r.ok() && p.id == text(r.doc["id"]) {
			w.learnPay(p, r.doc, r)
		}
	}
}
