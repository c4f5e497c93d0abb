package simulate

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// plans are the seating plans of the house: number 1 has the seats of number 0 in
// another order, number 2 few of them, number 3 places without a number.
var plans = []map[string]any{
	plan(section("S", 4), section("T", 3)),
	plan(section("T", 3), section("S", 4)),
	plan(section("S", 2)),
	plan(section("S", 2), area("G", 3)),
	plan(section("S", 6), section("U", 2)),
}

func plan(sections ...map[string]any) map[string]any {
	return map[string]any{"name": "Hall", "categories": []any{map[string]any{"name": "all"}}, "sections": sections}
}

func section(id string, seats int) map[string]any {
	var row []any
	for i := range seats {
		row = append(row, map[string]any{"number": strconv.Itoa(i + 1), "x": 10 * i, "y": 10 * int(id[0])})
	}
	return map[string]any{"id": id, "name": "Section " + id, "category": "all", "rows": []any{map[string]any{"label": "A", "seats": row}}}
}

func area(id string, places int) map[string]any {
	return map[string]any{"id": id, "name": "Area " + id, "category": "all", "capacity": places}
}

// sections lists a plan's sections, and seats the labels of those with numbers.
func sections(n int) []string {
	var out []string
	for _, s := range plans[n]["sections"].([]map[string]any) {
		out = append(out, s["id"].(string))
	}
	return out
}

func seats(n int) []string {
	var out []string
	for _, s := range plans[n]["sections"].([]map[string]any) {
		for _, r := range list(s["rows"]) {
			for i := range list(object(r)["seats"]) {
				out = append(out, fmt.Sprintf("%s-A-%d", s["id"], i+1))
			}
		}
	}
	return out
}

func eventOps() map[string]*op {
	return map[string]*op{
		"create":   {api: "create-event", weight: 4, make: makeCreate, ask: askCreate, told: toldCreate},
		"change":   {api: "update-event", weight: 14, make: makeChange, ask: askChange, told: toldMatching(toldChange, ofEvent), again: true},
		"call off": {api: "cancel-event", weight: 2, make: makeCallOff, ask: askCallOff, told: toldMatching(toldCallOff, ofEvent), again: true},
		"read":     {weight: 4, make: makeRead, ask: askRead, told: toldRead},
	}
}

// timed turns the durations in a body into times.
func (w *world) timed(set map[string]any) map[string]any {
	body := map[string]any{}
	for k, v := range set {
		if s, ok := v.(string); ok && (strings.HasSuffix(k, "_at") || strings.HasSuffix(k, "_until") || k == "event_time") {
			if d, err := time.ParseDuration(s); err == nil {
				v = w.clock.now().Add(d).UTC().Format(time.RFC3339)
			}
		}
		body[k] = v
	}
	return body
}

// prices is one price for all, or one for each section of a plan; some or all may
// cost nothing.
func (g *gen) prices(set map[string]any, plan int) {
	amount := func() int64 {
		if g.chance(6) {
			return 0
		}
		return int64(1+g.n(9)) * 1000
	}
	switch {
	case g.chance(10):
		set["price"] = 0
	case g.chance(2):
		set["price"] = amount()
	default:
		var tiers []any
		for _, id := range sections(plan) {
			tiers = append(tiers, map[string]any{"name": "Tier " + id, "price": amount(), "sections": []string{id}})
		}
		set["tiers"] = tiers
	}
	set["currency"] = "EUR"
}

func makeCreate(g *gen, s *Step) bool {
	if len(g.w.events) > 2 {
		return false
	}
	n := g.n(len(plans))
	s.As, s.Name, s.Plan = "org", g.name("e"), &n
	s.Set = map[string]any{"event_time": "720h", "hold_minutes": 1 + g.n(2), "limit_per_customer": 1 + g.n(1+g.n(7)), "status": "on_sale"}
	g.prices(s.Set, n)
	switch g.n(8) {
	case 0:
		s.Set["status"] = "published"
	case 1:
		s.Set["status"] = "draft"
	case 2:
		s.Set["refundable_until"] = "48h"
	case 3:
		delete(s.Set, "event_time")
	case 4:
		s.Set["unverified_buyers"] = true
	case 5:
		s.Set["cancellation_fees"] = []any{map[string]any{"fee_rate": 100 * g.n(101), "fee_fixed": g.n(300)}}
	}
	return true
}

func askCreate(w *world, s *Step) *request {
	if w.tokenOf(s.As) == "" || w.events[s.Name] != nil || s.Plan == nil {
		return nil
	}
	body := w.timed(s.Set)
	if !w.knows["unverified_buyers"] {
		delete(body, "unverified_buyers")
	}
	body["title"] = "Event " + s.Name
	body["venue"] = map[string]any{"name": "Hall", "time_zone": "Europe/Berlin"}
	body["plan"] = map[string]any{"document": plans[*s.Plan]}
	return &request{token: w.tokenOf(s.As), method: "POST", path: "/events", body: body}
}

func toldCreate(w *world, s *Step, r *reply) {
	if !r.ok() {
		if r.status != 0 && w.alone && r.status != 503 {
			w.fail("the script can be read", "an event is refused: %s", r)
		}
		return
	}
	e := &event{name: s.Name, organizer: s.As, plan: *s.Plan}
	w.events[s.Name] = e
	w.learnEvent(e, r)
}

// learnEvent takes in what an answer says of an event.
func (w *world) learnEvent(e *event, r *reply) {
	if number(r.doc["version"]) < number(e.doc["version"]) {
		return // a node may not have heard of the latest change for a second
	}
	e.id = text(r.doc["id"])
	if e.doc == nil || number(r.doc["version"]) > number(e.doc["version"]) || e.unclear {
		e.told = r.came
	}
	e.doc, e.unclear = r.doc, r.status == 202 || e.unclear && !w.certain() // which tells the change, while reads tell by what seats are sold
	if e.pending, _ = r.doc["sale_pending"].(bool); !e.pending {
		e.waiting = 0
	} else if r.status == 202 {
		e.waiting++
	}
	e.waived = e.waived || r.doc["unverified_buyers"] == true
	e.limits = max(e.limits, number(r.doc["limit_per_customer"]))
	switch text(r.doc["status"]) {
	case "cancelled":
		e.cancelAsked = true
	case "published", "on_sale":
		e.shown = true
	}
}

func makeChange(g *gen, s *Step) bool {
	e := g.event()
	if e == nil {
		return false
	}
	s.Event, s.As, s.Set = e.name, e.organizer, map[string]any{}
	for range 1 + g.n(2) {
		switch g.n(12) {
		case 0, 1:
			g.prices(s.Set, e.plan)
		case 2, 3, 4:
			n := g.n(len(plans))
			s.Plan = &n
			delete(s.Set, "price")
			delete(s.Set, "tiers")
			g.prices(s.Set, n)
		case 5:
			s.Set["hold_minutes"] = 1 + g.n(2)
		case 6:
			s.Set["limit_per_customer"] = 1 + g.n(8)
		case 7:
			s.Set["event_time"] = []string{"720h", "1440h", "-24h", "1h", "24h"}[g.n(5)]
		case 8:
			if g.chance(2) {
				s.Set["cancellation_fees"] = []any{map[string]any{"fee_rate": 100 * g.n(101)}}
				break
			}
			s.Set["refundable_until"] = []string{"-1h", "1h", "48h", "240h"}[g.n(4)]
		case 9:
			s.Set["sale_closes_at"] = []string{"1m", "24h", "480h"}[g.n(3)]
		case 10:
			s.Set["status"] = []string{"published", "on_sale", "on_sale", "draft", "cancelled"}[g.n(5)]
		case 11:
			s.Set["title"] = "Another title"
		}
	}
	g.seenVersion(s)
	g.trouble(s)
	return true
}

func askChange(w *world, s *Step) *request {
	e := w.events[s.Event]
	if e == nil || w.tokenOf(s.As) == "" {
		return nil
	}
	body := w.timed(s.Set)
	if s.Plan != nil {
		body["plan"] = map[string]any{"document": plans[*s.Plan]}
	}
	return &request{token: w.tokenOf(s.As), method: "PUT", path: "/events/" + e.id, body: body, headers: match(s, number(e.doc["version"]))}
}

func toldChange(w *world, s *Step, r *reply) {
	e := w.events[s.Event]
	cancels := s.Set["status"] == "cancelled"
	switch {
	case r.status == 0:
		e.unclear, e.waiting = true, e.waiting+1
		e.cancelAsked = e.cancelAsked || cancels
	case r.ok():
		if s.Plan != nil {
			e.plan = *s.Plan
		}
		w.learnEvent(e, r)
		e.cancelTold = e.cancelTold || cancels && r.status == 200
	case cancels && len(s.Set) == 1 && s.Plan == nil && !s.Match && !s.Stale && w.alone && !w.excused() && r.slug() != "event-cancelled":
		w.fail("cancelling is always accepted", "event %s: %s", e.name, r)
	case text(s.Set["status"]) == "published" && len(s.Set) == 1 && s.Plan == nil && !s.Match && !s.Stale && w.alone && !w.excused() && r.slug() != "event-cancelled":
		w.fail("a pause is always accepted", "event %s: %s", e.name, r)
	}
}

func makeCallOff(g *gen, s *Step) bool {
	e := g.event()
	if e == nil {
		return false
	}
	s.Event, s.As = e.name, e.organizer
	g.seenVersion(s)
	g.trouble(s)
	return true
}

func askCallOff(w *world, s *Step) *request {
	e := w.events[s.Event]
	if e == nil || w.tokenOf(s.As) == "" {
		return nil
	}
	return &request{token: w.tokenOf(s.As), method: "DELETE", path: "/events/" + e.id, headers: match(s, number(e.doc["version"]))}
}

func toldCallOff(w *world, s *Step, r *reply) {
	e := w.events[s.Event]
	switch {
	case r.status == 0:
		e.unclear, e.cancelAsked, e.waiting = true, true, e.waiting+1
	case r.ok():
		w.learnEvent(e, r)
		e.cancelAsked = true
		e.cancelTold = e.cancelTold || r.status == 200
	case w.alone && !w.excused() && r.status != http.StatusPreconditionFailed:
		w.fail("cancelling is always accepted", "event %s: %s", e.name, r)
	}
}

func makeRead(g *gen, s *Step) bool {
	e := g.event()
	if e == nil {
		return false
	}
	s.Event, s.As = e.name, e.organizer
	s.Section = []string{"", "/seats", "/plan"}[g.n(3)]
	return true
}

func askRead(w *world, s *Step) *request {
	e := w.events[s.Event]
	if e == nil {
		return nil
	}
	return &request{token: w.tokenOf(s.As), method: "GET", path: "/events/" + e.id + s.Section}
}

func toldRead(w *world, s *Step, r *reply) {
	if r.ok() && s.Section == "" {
		w.learnEvent(w.events[s.Event], r)
	}
}
