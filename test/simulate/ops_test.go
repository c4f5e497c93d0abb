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
	for _, part := range []map[string]*op{seatOps(), moneyOps(), eventOps(), accountOps(), hookOps(), announceOps(), invoiceOps(), doorOps(), worldOps()} {
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
	w.condition(q)
	r := w.ask(*q)
	w.reuse(q, &r)
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
		w.fail("everybody is answered", "%s %s: no answer after %s", q.method, q.path, w.answerTime())
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
