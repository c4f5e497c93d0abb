package simulate

import (
	"fmt"
	"strings"
)

func invoiceOps() map[string]*op {
	return map[string]*op{
		"introduce": {api: "update-seller", weight: 1, make: makeIntroduce, ask: askIntroduce, told: toldIntroduce, again: true},
		"bill to":   {api: "update-invoice-details", weight: 2, make: makeBillTo, ask: askBillTo, told: toldBillTo, again: true},
	}
}

func makeIntroduce(g *gen, s *Step) bool {
	s.As, s.Name = "org", g.name("s")
	g.trouble(s)
	return true
}

func askIntroduce(w *world, s *Step) *request {
	p := w.people[s.As]
	if p == nil || p.token == "" {
		return nil
	}
	body := map[string]any{"name": "Hall " + s.Name, "street": "Theaterplatz 1", "city": "Berlin", "country": "DE", "vat_number": "DE136695976", "tax_rate": 700, "time_zone": "Europe/Berlin"}
	return &request{token: p.token, method: "PUT", path: "/sellers/" + p.id, body: body}
}

func toldIntroduce(w *world, s *Step, r *reply) {
	if p := w.people[s.As]; r.ok() && p != nil {
		w.introduced = true
		if name := "Hall " + s.Name; text(r.doc["name"]) != name {
			w.fail("what somebody chooses is so", "%s is %s, and is told %s", s.As, name, r)
		}
	}
}

// makeBillTo has a buyer say which firm the invoice is to name.
func makeBillTo(g *gen, s *Step) bool {
	status := "pending"
	if g.chance(5) {
		status = ""
	}
	b := g.booking(status)
	if b == nil {
		return false
	}
	s.Booking, s.As, s.Name = b.name, b.owner, g.name("f")
	g.trouble(s)
	return true
}

func askBillTo(w *world, s *Step) *request {
	b := w.bookings[s.Booking]
	if b == nil || w.tokenOf(s.As) == "" {
		return nil
	}
	body := map[string]any{"name": "Firm " + s.Name, "street": "Rechenweg 12", "city": "Berlin", "country": "DE", "vat_number": "DE136695976"}
	return &request{token: w.tokenOf(s.As), method: "PUT", path: "/bookings/" + b.id + "/invoice-details", body: body}
}

func toldBillTo(w *world, s *Step, r *reply) {
	b := w.bookings[s.Booking]
	b.billAsked = true
	if !r.ok() {
		return
	}
	b.billTold = true
	if name := "Firm " + s.Name; text(r.doc["name"]) != name {
		w.fail("what somebody chooses is so", "the invoice for %s is to name %s, and its owner is told %s", s.Booking, name, r)
	}
}

// invoices looks whether each payment has its documents, and whether their numbers have no
// gaps.
func (w *world) invoices() {
	org := w.people["org"]
	if !w.introduced || org == nil {
		return
	}
	for _, e := range sorted(w.events) {
		if e.organizer != "org" {
			continue
		}
		for _, p := range w.all("/events/" + e.id + "/payments") {
			w.documents(p)
		}
	}
	for i, d := range w.all("/sellers/" + org.id + "/invoices") {
		if n := text(d["number"]); !strings.HasSuffix(n, fmt.Sprintf("-%06d", i+1)) {
			w.fail("invoices have no gaps", "the document after %d has the number %s", i, n)
			return
		}
	}
}

// documents compares a payment with its invoice and credit notes.
func (w *world) documents(p map[string]any) {
	id, booking := text(p["id"]), text(p["booking_id"])
	r := w.askAny(request{token: w.tokenOf("admin"), method: "GET", path: "/bookings/" + booking + "/invoices"})
	if !r.ok() {
		w.fail("who has paid gets an invoice", "booking %s: %s", w.nameOf(booking), &r)
		return
	}
	var billed, back int64
	invoices := 0
	for _, i := range list(r.doc["items"]) {
		d := object(i)
		switch {
		case text(d["payment_id"]) != id:
		case text(d["kind"]) == "invoice":
			billed += number(d["amount"])
			invoices++
			w.billed(booking, text(object(d["buyer"])["name"]))
		default:
			back += number(d["amount"])
		}
	}
	status := text(p["status"])
	paid := number(p["amount"]) > 0 && (status == "captured" || status == "refunded" && !gaveUp(p))
	switch {
	case !paid && invoices > 0, invoices > 1:
		w.fail("who has paid gets an invoice", "payment %s is %s, and has %d", id, status, invoices)
	case paid && (billed != number(p["amount"]) || back != number(p["refunded"])):
		w.fail("who has paid gets an invoice", "payment %s is over %d, of which %d went back; its documents say %d and %d", id, number(p["amount"]), number(p["refunded"]), billed, back)
	}
}

// billed looks whether an invoice names the firm that its buyer has given.
func (w *world) billed(booking, name string) {
	for _, b := range sorted(w.bookings) {
		if b.id != booking {
			continue
		}
		if firm := strings.HasPrefix(name, "Firm "); b.billTold && !firm || firm && !b.billAsked {
			w.fail("what somebody chooses is so", "the invoice for %s names %q", b.name, name)
		}
	}
}

// gaveUp reports whether a payment was given up, and its money went back for that.
func gaveUp(p map[string]any) bool {
	for _, s := range list(p["history"]) {
		switch text(object(s)["status"]) {
		case "taking_back", "voiding", "returning":
			return true
		}
	}
	return false
}
