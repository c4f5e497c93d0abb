package simulate

import (
	"errors"
	"sync"
	"time"
)

// worldOps are what happens to the house itself.
func worldOps() map[string]*op {
	return map[string]*op{
		"wait":     {weight: 12, make: makeWait, do: doWait},
		"leap":     {weight: 2, make: makeLeap, do: doLeap},
		"kill":     {weight: 5, make: makeKill, do: doKill},
		"restart":  {weight: 4, make: ofNode, do: doRestart},
		"freeze":   {weight: 2, make: makeFreeze, do: doFreeze},
		"thaw":     {weight: 3, make: ofNode, do: doThaw},
		"bank":     {weight: 2, make: makeBank, do: doBank},
		"together": {weight: 8, make: makeTogether, do: doTogether},
	}
}

func makeWait(g *gen, s *Step) bool {
	s.Wait = []string{"100ms", "1s", "3s", "20s", "61s", "125s"}[g.n(6)]
	return true
}

func (s *Step) duration() time.Duration {
	d, _ := time.ParseDuration(s.Wait)
	return min(d, 90*24*time.Hour)
}

func doWait(w *world, s *Step) {
	w.note("%s", s)
	w.clock.sleep(min(s.duration(), 10*time.Minute))
}

func makeLeap(g *gen, s *Step) bool {
	s.Wait = []string{"5m", "12m", "3h", "50h", "720h"}[g.n(5)]
	return true
}

// keepTrying is how long a mail is tried that nobody could send.
const keepTrying = 4 * 24 * time.Hour

// doLeap lets a long time pass while all nodes are down, since an hour of all
// their timers takes long.
func doLeap(w *world, s *Step) {
	w.note("%s", s)
	for _, n := range w.nodes {
		w.down(n)
	}
	w.clock.sleep(s.duration())
	for _, b := range w.bookings { // what is unclear for so long is given up, and the money returned
		b.unpaid = b.unpaid || b.payAsked && !w.captured(b)
		b.tooLate = b.tooLate || s.duration() > keepTrying && !w.post.tells(b.id)
	}
	for _, n := range w.nodes {
		w.up(n)
	}
	w.signIn()
}

// captured reports whether somebody was told that a booking's money was taken.
func (w *world) captured(b *booking) bool {
	for _, p := range w.payments {
		if p.booking == b.name && p.status == "captured" && !p.unclear {
			return true
		}
	}
	return false
}

func (w *world) down(n *node) {
	if n.app == nil {
		return
	}
	if err := n.stop(); err != nil {
		w.fail("a node stops", "node %d: %v", n.number, err)
	}
}

func (w *world) up(n *node) {
	if n.app != nil {
		return
	}
	if err := w.patiently(n.start); err != nil {
		n.app = nil
		w.fail("a node starts", "node %d: %v", n.number, err)
	}
}

// signIn gives everybody a session again whose session may be over.
func (w *world) signIn() {
	v := accountOps()["log in"]
	for _, p := range sorted(w.people) {
		if p.guest || p.gone || p.unclear {
			continue
		}
		s := &Step{Op: "log in", As: p.name}
		if q := v.ask(w, s); q != nil {
			r := w.askAny(*q)
			v.told(w, s, &r)
		}
	}
}

// askAny asks a node that can answer, again while the machine is slow.
func (w *world) askAny(q request) (r reply) {
	_ = w.patiently(func() error {
		if r = w.askOne(q); r.status > 500 {
			return errSlow
		}
		return nil
	})
	return r
}

var errSlow = errors.New("simulate: try again")

func (w *world) askOne(q request) reply {
	for _, n := range w.nodes {
		if n.app != nil && !n.life.isFrozen() {
			q.node = n.number
			return w.ask(q)
		}
	}
	return reply{why: "down"}
}

func ofNode(g *gen, s *Step) bool { s.Node = g.node(); return true }

func makeKill(g *gen, s *Step) bool {
	s.Node, s.Quantity, s.Keep = g.node(), 1+g.n(4), g.chance(2)
	return true
}

// doKill lets a node die at a commit to come; one that does not come is one of the
// house's own jobs.
func doKill(w *world, s *Step) {
	w.note("%s", s)
	if n := w.nodes[s.Node%len(w.nodes)]; n.app != nil {
		n.life.dieAt(max(1, s.Quantity), s.Keep)
		w.hurt = true
	}
}

func doRestart(w *world, s *Step) {
	w.note("%s", s)
	n := w.nodes[s.Node%len(w.nodes)]
	w.down(n)
	w.up(n)
}

// makeFreeze freezes a node between transactions, or while it drives a payment;
// where that has a meaning, also within a transaction, with all its locks.
func makeFreeze(g *gen, s *Step) bool {
	s.Node = g.node()
	switch {
	case g.chance(3):
		s.At = []string{"authorize", "capture", "void", "refund"}[g.n(4)]
	case g.w.record.server != nil && g.chance(2):
		s.Quantity = 1 + g.n(3)
	}
	return len(g.w.nodes) > 1
}

func doFreeze(w *world, s *Step) {
	w.note("%s", s)
	if n := w.nodes[s.Node%len(w.nodes)]; n.app != nil {
		switch {
		case s.At != "":
			n.life.freezeAt(s.At)
		case s.Quantity > 0 && w.record.server != nil:
			n.life.freezeWithin(s.Quantity)
		default:
			n.life.freeze()
		}
		w.hurt = true
	}
}

func doThaw(w *world, s *Step) {
	w.note("%s", s)
	if n := w.nodes[s.Node%len(w.nodes)]; n.app != nil {
		n.life.thaw()
		w.clock.sleep(time.Second)
	}
}

func makeBank(g *gen, s *Step) bool {
	s.Set = map[string]any{"down": g.chance(3), "deaf": g.chance(3)}
	return true
}

func doBank(w *world, s *Step) {
	w.note("%s", s)
	down, _ := s.Set["down"].(bool)
	deaf, _ := s.Set["deaf"].(bool)
	w.bank.mode(down, deaf)
	w.hurt = w.hurt || down || deaf
}

func makeTogether(g *gen, s *Step) bool {
	names := []string{"hold", "swap", "cancel", "pay", "void", "change", "hold", "pay", "look"}
	v := vocabulary()
	for range 2 + g.n(3) {
		part := Step{Op: names[g.n(len(names))], Node: g.node()}
		if v[part.Op].make(g, &part) {
			part.Leave = 0
			s.With = append(s.With, part)
		}
	}
	if g.chance(3) && len(s.With) > 0 { // the same, twice
		s.With = append(s.With, s.With[0])
	}
	return len(s.With) > 1
}

// doTogether sends requests at the same moment.
func doTogether(w *world, s *Step) {
	w.note("%s", s)
	v := vocabulary()
	type sent struct {
		step  *Step
		op    *op
		q     *request
		reply reply
	}
	var all []*sent
	for i := range s.With {
		part := &s.With[i]
		o := v[part.Op]
		if o == nil || o.ask == nil {
			continue
		}
		if q := o.ask(w, part); q != nil {
			q.node = part.Node
			all = append(all, &sent{step: part, op: o, q: q})
		}
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var order []*sent
	for _, x := range all {
		wg.Go(func() {
			r := w.ask(*x.q)
			mu.Lock()
			defer mu.Unlock()
			x.reply = r
			order = append(order, x)
		})
	}
	wg.Wait()
	w.alone = false
	blur := func() { // which of them came first is not known
		for _, x := range order {
			for _, b := range w.bookings {
				if b.name == x.step.Booking || w.payments[x.step.Payment] != nil && w.payments[x.step.Payment].booking == b.name {
					b.unclear = true
				}
			}
			if e := w.events[x.step.Event]; e != nil && x.step.Op == "change" {
				e.unclear = true
			}
		}
	}
	for _, x := range order {
		blur()
		w.heard(x.op, x.step, x.q, &x.reply)
	}
	blur()
	w.alone = true
}
