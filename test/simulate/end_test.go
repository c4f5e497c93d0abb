package simulate

import (
	"context"
	"slices"
	"strings"
	"time"

	"boxoffice/internal/app"
	"boxoffice/internal/patience"
)

// end brings a history to its end, and looks whether everybody has what they were
// promised.
func (w *world) end(v map[string]*op) {
	if len(w.broken) > 0 {
		w.bury()
		return
	}
	w.note("the end")
	for _, n := range w.nodes {
		if n.app != nil {
			n.life.spare()
			n.life.thaw()
		}
		w.up(n)
	}
	w.bank.settle()
	w.hurt = true // what was under way may still complain
	w.clock.sleep(15 * time.Second)
	w.await(w.handedOver)
	for w.working() {
		w.clock.pause(50 * time.Millisecond)
	}
	w.after()
	w.hurt = false
	w.signIn()
	w.resumeRefunds()
	for _, e := range sorted(w.events) {
		w.probe(v, e)
	}
	if len(w.broken) > 0 {
		w.bury()
		return
	}
	for _, n := range w.nodes {
		w.down(n)
	}
	w.clock.sleep(16 * time.Minute)
	w.up(w.nodes[0])
	if len(w.broken) > 0 {
		w.bury()
		return
	}
	w.clock.sleep(40 * time.Second)
	w.complaints()
	w.signIn()
	w.await(func() bool {
		w.broken = nil
		for _, e := range sorted(w.events) {
			w.judge(e)
		}
		w.money()
		w.letters()
		w.invoices()
		w.judgeDoors()
		w.toldOrganizers()
		w.toldAudiences()
		return len(w.broken) == 0
	})
	for _, e := range sorted(w.events) {
		w.sellRest(e)
	}
	w.sessions()
	err := w.patiently(func() error {
		_, err := app.Verify(context.Background(), w.nodes[0].app.DB, "")
		return err
	})
	if err != nil {
		w.fail("verify", "%v", err)
	}
	w.complaints()
	w.down(w.nodes[0])
}

// await gives what goes by timers its time. In a bubble it has had that already.
func (w *world) await(done func() bool) {
	most := patience.Long
	if w.hasty {
		most = 20 * time.Second
	}
	for began := time.Now(); !done() && w.clock.leap != nil && time.Since(began) < most; {
		w.clock.sleep(3 * time.Second)
	}
}

// handedOver reports whether all sales follow their events.
func (w *world) handedOver() bool {
	for _, e := range sorted(w.events) {
		r := w.askAny(request{token: w.tokenOf(e.organizer), method: "GET", path: "/events/" + e.id})
		if pending, _ := r.doc["sale_pending"].(bool); pending || !r.ok() {
			return false
		}
	}
	return true
}

// bury ends all nodes at once.
func (w *world) bury() {
	for _, n := range w.nodes {
		if n.app != nil {
			n.life.kill()
			n.bury()
		}
	}
}

// probe asks about an event what must be possible, and what must not.
func (w *world) probe(v map[string]*op, e *event) {
	s := &Step{Op: "read", Event: e.name, As: e.organizer}
	r := w.askAny(*askRead(w, s))
	if !r.ok() {
		w.fail("an event can be read", "%s: %s", e.name, &r)
		return
	}
	e.told = time.Time{}
	w.learnEvent(e, &r)
	e.told = r.came.Add(-time.Minute)
	hold := &Step{Op: "hold", Name: "probe " + e.name, As: "z", Event: e.name, Quantity: 1}
	w.run(v, hold)
	if b := w.bookings[hold.Name]; b != nil {
		if text(e.doc["status"]) == "cancelled" {
			w.fail("a cancelled event is not sold", "event %s: booking %s", e.name, b.name)
		}
		w.run(v, &Step{Op: "cancel", As: "z", Booking: b.name})
	}
	if text(e.doc["status"]) == "on_sale" {
		w.run(v, &Step{Op: "change", As: e.organizer, Event: e.name, Set: map[string]any{"status": "published"}})
	}
	w.after()
}

// all is every item of a list.
func (w *world) all(path string) []map[string]any {
	var out []map[string]any
	cursor := ""
	for {
		q := request{token: w.tokenOf("admin"), method: "GET", path: path + "?limit=200"}
		if cursor != "" {
			q.path += "&cursor=" + cursor
		}
		r := w.askAny(q)
		w.plain(&Step{}, &q, &r)
		if !r.ok() {
			w.fail("lists can be read", "%s: %s", path, &r)
			return out
		}
		for _, i := range list(r.doc["items"]) {
			out = append(out, object(i))
		}
		if cursor = text(r.doc["next_cursor"]); cursor == "" {
			return out
		}
	}
}

// judge holds the bookings of an event against what their owners were told, and
// against the bank's books.
func (w *world) judge(e *event) {
	now := w.clock.now()
	docs := w.all("/events/" + e.id + "/bookings")
	owner := map[string]string{}
	byID := map[string]map[string]any{}
	for _, d := range docs {
		id, status := text(d["id"]), text(d["status"])
		byID[id] = d
		live := status == "booked" || status == "pending"
		if status == "pending" && now.Sub(at(d["expires_at"])) > 30*time.Second {
			w.fail("nobody is stuck", "the hold of booking %s ended at %s, and it is pending at %s", w.nameOf(id), at(d["expires_at"]), now)
		}
		for _, s := range labels(d) {
			if o := owner[s]; live && o != "" {
				w.fail("a seat has one owner", "%s of event %s belongs to bookings %s and %s", s, e.name, w.nameOf(o), w.nameOf(id))
			}
			if live {
				owner[s] = id
			}
		}
		w.balance(e, d)
		if live && text(e.doc["status"]) == "cancelled" {
			w.fail("who has booked a cancelled event gets the money back", "booking %s is %s", w.nameOf(id), status)
		}
	}
	for _, b := range sorted(w.bookings) {
		if b.event != e.name {
			continue
		}
		d := byID[b.id]
		if d == nil {
			w.fail("what was told is there", "booking %s (%s) is not", b.name, b.status)
			continue
		}
		was := *b
		w.compare(&was, &booking{name: b.name, status: text(d["status"]), seats: labels(d), amount: number(d["amount"]), expires: at(d["expires_at"])}, now)
		b.status, b.seats = text(d["status"]), labels(d)
	}
	e.owner = owner
}

// sellRest takes all seats that nobody has: all of them must be free.
func (w *world) sellRest(e *event) {
	r := w.askAny(request{token: w.tokenOf(e.organizer), method: "GET", path: "/events/" + e.id})
	w.learnEvent(e, &r)
	if text(e.doc["status"]) == "cancelled" {
		return
	}
	r = w.askAny(request{token: w.tokenOf(e.organizer), method: "GET", path: "/events/" + e.id + "/plan"})
	var rest []string
	for _, s := range list(r.doc["seats"]) {
		if l := text(object(s)["label"]); e.owner[l] == "" && !strings.HasPrefix(l, "G") {
			rest = append(rest, l)
		}
	}
	if len(rest) == 0 {
		return
	}
	q := request{token: w.tokenOf(e.organizer), method: "POST", path: "/events/" + e.id + "/blocks", body: map[string]any{"seats": rest}}
	r = w.askAny(q)
	w.note("the rest of %s: %v -> %s", e.name, rest, &r)
	if !r.ok() {
		w.fail("what nobody has is free", "%v of event %s: %s", rest, e.name, &r)
	}
}

func (w *world) nameOf(id string) string {
	for _, b := range sorted(w.bookings) {
		if b.id == id {
			return b.name + " (" + id + ")"
		}
	}
	return id
}

// balance compares a booking with the bank's books.
func (w *world) balance(e *event, d map[string]any) {
	id, status := text(d["id"]), text(d["status"])
	net, _ := w.bank.net(id)
	want := int64(0)
	if status == "booked" && text(d["kind"]) == "sale" {
		want = number(d["amount"])
	}
	if left, ok := d["paid_left"]; ok { // some may have been given back, or kept of what was
		want = number(left)
	}
	if status == "cancelled" && net == 0 { // before the money was taken, so nothing could be kept
		return
	}
	if net != want {
		w.fail("money is seats", "booking %s of event %s is %s over %d, and the bank has %d for it", w.nameOf(id), e.name, status, number(d["amount"]), net)
	}
}

// money compares all payments with the bank's books.
func (w *world) money() {
	for _, f := range w.bank.faults {
		w.fail("the bank is asked what can be asked", "%s", f)
	}
	for _, id := range w.bank.reserved() {
		w.fail("no money is kept reserved", "charge %s", id)
	}
	for _, e := range sorted(w.events) {
		for _, d := range w.all("/events/" + e.id + "/payments") {
			status := text(d["status"])
			if !slices.Contains([]string{"captured", "refunded", "failed", "voided"}, status) {
				w.fail("nobody is stuck", "payment %s is %s", text(d["id"]), status)
			}
			for _, p := range sorted(w.payments) {
				if p.id == text(d["id"]) && p.status == "captured" && status != "captured" && status != "refunded" {
					w.fail("paid stays paid", "payment %s was captured and is %s", p.name, status)
				}
			}
		}
	}
	for _, p := range sorted(w.payments) {
		b := w.bookings[p.booking]
		if p.status == "captured" && !p.voidAsked && b != nil && w.sure(b) && b.status != "booked" {
			w.fail("who has paid has the seats", "payment %s is captured, and booking %s is %s", p.name, b.name, b.status)
		}
	}
}

// letters looks for the confirmation of everything that was paid.
func (w *world) letters() {
	for _, b := range sorted(w.bookings) {
		p := w.people[b.owner]
		if b.status != "booked" || b.kind != "sale" || b.amount == 0 || p == nil || p.gone || p.unclear || b.cancelAsked || b.tooLate {
			continue
		}
		r := w.askAny(request{token: w.tokenOf("admin"), method: "GET", path: "/bookings/" + b.id})
		if ref := text(r.doc["reference"]); !w.post.tells(ref) {
			w.fail("who has paid gets a letter", "booking %s (%s) of %s", b.name, ref, p.email)
		}
	}
}

// tells reports whether a mail about a paid order has a text.
func (p *post) tells(text string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.mails, func(m mail) bool {
		return strings.Contains(m.subject, "Your tickets") && strings.Contains(m.subject+m.text, text)
	})
}

// sessions looks whether sessions that were ended are over.
func (w *world) sessions() {
	for _, p := range sorted(w.people) {
		for _, t := range p.ended {
			if t == "" {
				continue
			}
			if r := w.askAny(request{token: t, method: "GET", path: "/users/" + p.id}); r.ok() {
				w.fail("an ended session is over", "of %s: %s", p.name, &r)
			}
		}
	}
}
