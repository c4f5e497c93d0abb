package simulate

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// gen makes histories: each step of what the world knows at the time.
type gen struct {
	w     *world
	rand  *rand.Rand
	names map[string]int
	done  []Step // that may be repeated
	ops   map[string]*op
	list  []string // operations by weight
	upset int      // one client of so many goes away
	few   bool     // few people come
}

func newGen(seed uint64, w *world) *gen {
	g := &gen{w: w, rand: rand.New(rand.NewPCG(seed, 1)), names: map[string]int{}, ops: vocabulary()}
	var names []string
	for name := range g.ops {
		names = append(names, name)
	}
	slices.Sort(names)
	// Each history likes some operations more than others: what only happens when
	// one of them is frequent is then found sooner.
	g.upset, g.few = 2+g.n(20), g.chance(3)
	for _, name := range names {
		for range g.ops[name].weight * []int{0, 1, 1, 2, 4}[g.n(5)] {
			g.list = append(g.list, name)
		}
	}
	g.list = append(g.list, "create", "hold", "hold", "pay", "pay", "wait")
	return g
}

func (g *gen) n(n int) int          { return g.rand.IntN(n) }
func (g *gen) chance(in int) bool   { return g.rand.IntN(in) == 0 }
func (g *gen) node() int            { return g.n(len(g.w.nodes)) }
func (g *gen) name(k string) string { g.names[k]++; return fmt.Sprintf("%s%d", k, g.names[k]) }

// step is the next step.
func (g *gen) step() Step {
	for {
		if len(g.done) > 0 && g.chance(15) { // again, as it was
			s := g.done[len(g.done)-1-g.n(min(6, len(g.done)))]
			s.Node = g.node()
			return s
		}
		s := Step{Op: g.list[g.n(len(g.list))], Node: g.node()}
		o := g.ops[s.Op]
		if !o.make(g, &s) {
			continue
		}
		if o.again {
			g.done = append(g.done, s)
		}
		return s
	}
}

// trouble lets the client of a step go away before the answer.
func (g *gen) trouble(s *Step) {
	if g.chance(g.upset) {
		s.Leave = 1 + g.n(2)
	}
}

func (g *gen) event() *event {
	all := sorted(g.w.events)
	if len(all) == 0 {
		return nil
	}
	return all[g.n(len(all))]
}

func (g *gen) customer() string {
	p := g.person()
	for range 3 {
		if q := g.w.people[p]; q != nil && q.token != "" {
			return p
		}
		p = g.person()
	}
	return p
}

func (g *gen) person() string {
	all := sorted(g.w.people)
	if g.few && g.chance(2) {
		return []string{"a", "a", "b"}[g.n(3)]
	}
	for range 10 {
		if p := all[g.n(len(all))]; p.name != "admin" && p.name != "org" {
			return p.name
		}
	}
	return "a"
}

// booking is a booking of a status, one of the latest if there is a choice.
func (g *gen) booking(status string) *booking {
	var fit []*booking
	now := g.w.clock.now()
	for _, b := range sorted(g.w.bookings) {
		is := b.status
		if is == "pending" && !now.Before(b.expires) {
			is = "expired"
		}
		if b.owner != "" && (status == "" || is == status) {
			fit = append(fit, b)
		}
	}
	if len(fit) == 0 {
		return nil
	}
	return fit[len(fit)-1-g.n(min(4, len(fit)))]
}

func (g *gen) payment(status string) *pay {
	var fit []*pay
	for _, p := range sorted(g.w.payments) {
		if g.w.bookings[p.booking] != nil && (status == "" || p.status == status) {
			fit = append(fit, p)
		}
	}
	if len(fit) == 0 {
		return nil
	}
	return fit[len(fit)-1-g.n(min(4, len(fit)))]
}

// underWay is a payment of which nobody knows yet what comes of it, if there is
// one: what is asked about it then meets what the house is at.
func (g *gen) underWay() *pay {
	for _, status := range []string{"authorized", "pending"} {
		if p := g.payment(status); p != nil {
			return p
		}
	}
	return nil
}

// twin is somebody else with the address of one who has seats, and these; nil when
// nobody has one.
func (g *gen) twin() (*person, *booking) {
	now := g.w.clock.now()
	for range 4 {
		b := g.booking("")
		if b == nil || b.mail == "" || !b.live(now) {
			continue
		}
		for _, p := range sorted(g.w.people) {
			if p.name != b.owner && p.token != "" && canon(p.email) == b.mail {
				return p, b
			}
		}
	}
	return nil, nil
}

// wish fills in which seats somebody wants, in one of the forms.
func (g *gen) wish(s *Step, e *event) {
	n := e.plan
	if g.chance(3) {
		s.Quantity = 1 + g.n(2)
		switch g.n(4) {
		case 0, 1:
			s.Section = sections(n)[g.n(len(sections(n)))]
		case 2:
			if t := list(e.doc["tiers"]); len(t) > 0 {
				s.Tier = text(object(t[g.n(len(t))])["name"])
			}
		}
		return
	}
	all := seats(n)
	for range 1 + g.n(2) {
		if seat := all[g.n(len(all))]; !slices.Contains(s.Seats, seat) {
			s.Seats = append(s.Seats, seat)
		}
	}
}
