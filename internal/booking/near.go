package booking

import (
	"context"
	"slices"

	"boxoffice/internal/seating"
)

// near proposes seats in place of chosen ones of which some are gone: as many, in
// the same sections and at the same prices. Those chosen in one section at one
// price are looked for together in a row, as near to the chosen ones as can be;
// where there is no such row, those that are left stay, each of the gone is
// replaced by the nearest free seat. nil when there is nothing to propose. It is
// pure; free says which seats can be had.
func near(p *priced, chosen, gone []int32, free func(int32) bool) []int32 {
	type group struct {
		section int
		tier    uint8
	}
	groups := map[group][]int32{}
	var order []group
	for _, n := range chosen {
		g := group{p.plan.SectionOf(n), p.tierOf[n]}
		if groups[g] == nil {
			order = append(order, g)
		}
		groups[g] = append(groups[g], n)
	}
	var out []int32
	for _, g := range order {
		seats := groups[g]
		if !slices.ContainsFunc(seats, func(n int32) bool { return slices.Contains(gone, n) }) {
			out = append(out, seats...)
			continue
		}
		sec := &p.plan.Sections[g.section]
		ok := func(n int32) bool { return p.tierOf[n] == g.tier && !slices.Contains(gone, n) && free(n) }
		got := nearTogether(p.plan, sec, seats, ok)
		if got == nil {
			got = nearApart(p.plan, sec, seats, gone, ok)
		}
		if got == nil {
			return nil
		}
		out = append(out, got...)
	}
	return out
}

// nearTogether is the run of neighbouring free seats of one row that is nearest to
// the chosen ones, as many as those; nil when no row has so many.
func nearTogether(p *seating.Plan, sec *seating.Section, chosen []int32, ok func(int32) bool) []int32 {
	n := int32(len(chosen))
	best, bestAway := int32(-1), 0.0
	for r := range sec.Rows {
		row := &sec.Rows[r]
		run := int32(0)
		for seat := row.First; seat < row.First+row.Count; seat++ {
			if seat > row.First && !p.Beside(seat-1) {
				run = 0
			}
			if run++; !ok(seat) {
				run = 0
			}
			if run < n {
				continue
			}
			first, away := seat-n+1, 0.0
			for i := range n {
				away += distance(p, first+i, chosen)
			}
			if best < 0 || away < bestAway {
				best, bestAway = first, away
			}
		}
	}
	if best < 0 {
		return nil
	}
	return sequence(best, n)
}

// nearApart replaces each seat that is gone by the free one nearest to the chosen.
func nearApart(p *seating.Plan, sec *seating.Section, chosen, gone []int32, ok func(int32) bool) []int32 {
	out := without(chosen, gone)
	for range len(chosen) - len(out) {
		best, bestAway := int32(-1), 0.0
		for seat := sec.First; seat < sec.First+sec.Count; seat++ {
			if slices.Contains(out, seat) || !ok(seat) {
				continue
			}
			if away := distance(p, seat, chosen); best < 0 || away < bestAway {
				best, bestAway = seat, away
			}
		}
		if best < 0 {
			return nil
		}
		out = append(out, best)
	}
	return out
}

// distance is the square of how far a seat is from the middle of others, in units
// of the drawing.
func distance(p *seating.Plan, seat int32, others []int32) float64 {
	var x, y float64
	for _, n := range others {
		x += float64(p.Seats[n].X)
		y += float64(p.Seats[n].Y)
	}
	k := float64(len(others))
	dx, dy := float64(p.Seats[seat].X)-x/k, float64(p.Seats[seat].Y)-y/k
	return dx*dx + dy*dy
}

// Near proposes labels of free seats in place of chosen ones of which some are
// gone: see near. It reads the seat view: what it proposes may be gone a moment
// later.
func (s *Service) Near(ctx context.Context, eventID string, chosen, gone []string) ([]string, error) {
	v, err := s.views.get(ctx, eventID)
	if err != nil {
		return nil, err
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	plan := v.priced.plan
	ordinals := func(labels []string) (out []int32) {
		for _, l := range labels {
			if n, ok := plan.Ordinal(l); ok {
				out = append(out, n)
			}
		}
		return out
	}
	found := near(v.priced, ordinals(chosen), ordinals(gone), func(n int32) bool {
		return v.priced.tierOf[n] != seating.NoTier && v.status[n] == seatFree
	})
	labels := make([]string, len(found))
	for i, n := range found {
		labels[i] = plan.Seats[n].Label
	}
	return labels, nil
}
