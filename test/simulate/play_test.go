package simulate

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// outcome is what came of a history.
type outcome struct {
	Broken []string `json:"broken,omitempty"`
	Script string   `json:"script,omitempty"`
	Trace  []string `json:"trace,omitempty"`
	Steps  int      `json:"steps"`
	Slow   int      `json:"slow"` // steps during which the machine was slow
}

// stage is a house before anything has happened, from which each history begins:
// its database, and the people who have accounts.
type stage struct {
	record *record
	people map[string]person
	knows  map[string]bool // fields of events that this revision has
}

// customers of the stage; z looks after histories.
var customers = []string{"a", "b", "c", "d", "z"}

// setStage makes a stage of an empty database.
func setStage(r *record) (*stage, error) {
	st := &stage{record: r, people: map[string]person{}, knows: map[string]bool{}}
	w := st.world(r, 1)
	if err := w.nodes[0].start(); err != nil {
		return nil, err
	}
	pw, err := w.nodes[0].app.Users.CreateAdmin(context.Background(), "admin@example.org")
	if err != nil {
		return nil, err
	}
	w.people["admin"] = &person{name: "admin", email: "admin@example.org", password: pw, role: "admin", verified: true}
	v := vocabulary()
	for _, name := range append([]string{"org"}, customers...) {
		for _, s := range []Step{{Op: "sign up", Name: name, Set: map[string]any{"email": name + "@example.org"}}, {Op: "verify", As: name}} {
			for range 10_000 { // until it has come
				if s.Op == "sign up" || w.mailed(w.people[name], "/verify?token=", 26) != "" {
					break
				}
				w.clock.quiet()
			}
			w.run(v, &s)
			w.clock.quiet()
		}
		if w.people[name] == nil || !w.people[name].verified {
			return nil, fmt.Errorf("no account for %s: %s", name, strings.Join(w.trace, "\n"))
		}
	}
	w.signIn()
	w.run(v, &Step{Op: "edit account", As: "admin", Of: "org", Set: map[string]any{"role": "organizer"}})
	for name, p := range w.people {
		if name == "admin" {
			p.id = text(object(w.ask(request{token: p.token, method: "GET", path: "/users/" + p.id}).doc)["id"])
		}
		st.people[name] = *p
	}
	doc, err := w.nodes[0].app.Gateway().API().OpenAPI().MarshalJSON()
	if err != nil {
		return nil, err
	}
	st.knows["unverified_buyers"] = strings.Contains(string(doc), `"unverified_buyers"`)
	if len(w.broken) > 0 {
		return nil, fmt.Errorf("%v\n%s", w.broken, strings.Join(w.trace, "\n"))
	}
	return st, w.nodes[0].stop()
}

func (st *stage) world(r *record, nodes int) *world {
	w := &world{house: newHouse(r, nodes), people: map[string]*person{}, events: map[string]*event{}, hooks: map[string]*hook{}, said: map[string]*announcement{}, bookings: map[string]*booking{},
		payments: map[string]*pay{}, kept: map[string]*kept{}, gates: map[string]*gate{}, doors: map[string]*doorway{}, tried: map[string]bool{}, knows: st.knows, alone: true}
	for name, p := range st.people {
		w.people[name] = &p
	}
	return w
}

// play plays a script, or with more > 0 makes one up. Each step is told before it
// is carried out, for those who want to know where the process has crashed.
func (st *stage) play(dir string, s *Script, j *job, tell func(*Script)) *outcome {
	more := j.More
	out := &outcome{}
	r, err := st.record.copyTo(dir)
	if err != nil {
		out.Broken = append(out.Broken, err.Error())
		return out
	}
	if r.server != nil {
		defer func() { _ = r.drop() }()
	}
	w := st.world(r, max(1, s.Nodes))
	w.hasty = j.Hasty
	w.clock.sleep(time.Hour) // nothing is as old as the stage
	for _, n := range w.nodes {
		w.up(n)
	}
	w.signIn()
	v := vocabulary()
	if more > 0 {
		g := newGen(s.Seed, w)
		first := Step{Op: "create"}
		for !makeCreate(g, &first) {
		}
		s.Steps = append(s.Steps, first)
		tell(s)
		w.step(v, &s.Steps[0])
		for range more {
			if len(w.broken) > 0 {
				break
			}
			s.Steps = append(s.Steps, g.step())
			tell(s)
			w.step(v, &s.Steps[len(s.Steps)-1])
		}
	} else {
		for i := range s.Steps {
			if len(w.broken) > 0 {
				break
			}
			w.step(v, &s.Steps[i])
		}
	}
	w.end(v)
	out.Broken, out.Trace, out.Steps, out.Slow = w.broken, w.trace, len(s.Steps), w.slow
	if more > 0 {
		out.Script = s.String()
	}
	return out
}

// step carries out a step, and what follows of it.
func (w *world) step(v map[string]*op, s *Step) {
	signsOfLife.Add(1)
	w.hurt = w.troubled()
	w.run(v, s)
	w.after()
	if w.record.slow() {
		w.slow++
	}
}

// troubled reports whether somebody may be told to try again.
func (w *world) troubled() bool {
	for _, n := range w.nodes {
		if n.app == nil || n.life.isFrozen() || n.life.isDoomed() {
			return true
		}
	}
	w.bank.mu.Lock()
	defer w.bank.mu.Unlock()
	return w.bank.down || w.bank.deaf
}

// after buries nodes that have died, starts them again, and finds out what became
// of requests that were not answered.
func (w *world) after() {
	w.clock.quiet()
	for _, n := range w.reap() {
		w.note("node %d has died, and starts again", n.number)
		w.up(n)
	}
	w.complaints()
	if w.frozen() {
		return
	}
	for _, b := range sorted(w.bookings) {
		if b.unclear {
			w.refresh(b)
		}
	}
	for _, e := range sorted(w.events) {
		if e.unclear {
			w.clock.sleep(1100 * time.Millisecond) // so long another node's change may go unseen
			s := &Step{Op: "read", Event: e.name, As: e.organizer}
			r := w.askAny(*askRead(w, s))
			toldRead(w, s, &r)
		}
	}
	w.complaints()
}

// complaints holds what nodes have logged as errors against them.
func (w *world) complaints() {
	for _, l := range w.logs.take() {
		if !w.excused() && !strings.Contains(l, "context canceled") {
			w.fail("nothing is wrong", "%s", l)
		}
	}
}
