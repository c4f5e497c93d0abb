package seating

import "slices"

// Near proposes seats in place of chosen ones of which some are gone: as many, in the
// same sections and tiers. Seats that were chosen in one section and tier are looked for
// together in a row, as near to the chosen ones as possible. If there is no such row,
// the remaining seats stay, and each missing seat is replaced by the nearest free one.
// It returns nil if there is nothing to propose. Free reports whether a seat is free.
func (p *Plan) Near(tierOf []uint8, chosen, gone []int32, free func(int32) bool) []int32 {
	type group struct {
		section int
		tier    uint8
	}
	groups := map[group][]int32{}
	var order []group
	for _, n := range chosen {
		g := group{p.SectionOf(n), tierOf[n]}
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
		sec := &p.Sections[g.section]
		ok := func(n int32) bool { return tierOf[n] == g.tier && !slices.Contains(gone, n) && free(n) }
		got := nearTogether(p, sec, seats, ok)
		if got == nil {
			got = nearApart(p, sec, seats, gone, ok)
		}
		if got == nil {
			return nil
		}
		out = append(out, got...)
	}
	return out
}

// nearTogether returns as many neighbouring free seats of one row as were chosen, nearest
// to those; nil if no row has so many.
func nearTogether(p *Plan, sec *Section, chosen []int32, ok func(int32) bool) []int32 {
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

// nearApart replaces each seat that is gone by the free seat nearest to the chosen ones.
func nearApart(p *Plan, sec *Section, chosen, gone []int32, ok func(int32) bool) []int32 {
	out := slices.DeleteFunc(slices.Clone(chosen), func(n int32) bool { return slices.Contains(gone, n) })
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

// distance returns the square of the distance of a seat from the middle of others.
func distance(p *Plan, seat int32, others []int32) float64 {
	var x, y float64
	for _, n := range others {
		x += float64(p.Seats[n].X)
		y += float64(p.Seats[n].Y)
	}
	k := float64(len(others))
	dx, dy := float64(p.Seats[seat].X)-x/k, float64(p.Seats[seat].Y)-y/k
	return dx*dx + dy*dy
}
