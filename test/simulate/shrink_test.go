package simulate

import (
	"slices"
	"time"
)

// shrink leaves out what a failing history does not need to break the same rule.
func shrink(wk *worker, s *Script, out *outcome) (*Script, *outcome) {
	want := rule(out.Broken[0])
	deadline := time.Now().Add(90 * time.Second)
	last := out
	fails := func(c *Script) bool {
		if time.Now().After(deadline) {
			return false
		}
		o, err := wk.play(job{Script: c.String(), Hasty: true})
		if err != nil || len(o.Broken) == 0 || rule(o.Broken[0]) != want {
			return false
		}
		last = o
		return true
	}
	best := &Script{Seed: s.Seed, Nodes: s.Nodes, Steps: slices.Clone(s.Steps)}
	for n := len(best.Steps) / 2; n >= 1; {
		smaller := false
		for at := 0; at < len(best.Steps); {
			c := &Script{Seed: best.Seed, Nodes: best.Nodes}
			c.Steps = slices.Concat(best.Steps[:at], best.Steps[min(at+n, len(best.Steps)):])
			if fails(c) {
				best, smaller = c, true
			} else {
				at += n
			}
		}
		if n == 1 && !smaller {
			break
		}
		if n > 1 {
			n /= 2
		}
	}
	for best.Nodes > 1 {
		c := &Script{Seed: best.Seed, Nodes: best.Nodes - 1, Steps: best.Steps}
		if !fails(c) {
			break
		}
		best = c
	}
	for i := range best.Steps {
		for again := true; again; {
			again = false
			for _, simpler := range simpler(best.Steps[i]) {
				c := &Script{Seed: best.Seed, Nodes: best.Nodes, Steps: slices.Clone(best.Steps)}
				c.Steps[i] = simpler
				if fails(c) {
					best, again = c, true
					break
				}
			}
		}
	}
	return best, last
}

// simpler is what a step could be instead.
func simpler(s Step) []Step {
	var out []Step
	add := func(change func(*Step)) {
		c := s
		change(&c)
		if c.String() != s.String() {
			out = append(out, c)
		}
	}
	if len(s.With) == 1 {
		out = append(out, s.With[0])
	}
	if len(s.With) > 0 {
		for i := range s.With {
			if len(s.With) > 1 {
				add(func(c *Step) { c.With = slices.Delete(slices.Clone(s.With), i, i+1) })
			}
		}
	}
	add(func(c *Step) { c.Leave = 0 })
	add(func(c *Step) { c.Key = "" })
	add(func(c *Step) { c.Match = false })
	add(func(c *Step) { c.Node = 0 })
	if s.Op == "pay" {
		add(func(c *Step) { c.Method = tokOK })
	}
	for k := range s.Set {
		add(func(c *Step) {
			c.Set = map[string]any{}
			for o, v := range s.Set {
				if o != k {
					c.Set[o] = v
				}
			}
		})
	}
	return out
}
