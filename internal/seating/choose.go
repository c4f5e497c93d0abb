package seating

// Choose finds the best n seats, or returns nil if there are fewer. Best means, in this
// order: together in one row; no single seat left alone beside them; a row nearer to the
// front; nearer to the middle of the row. Sections count in the order of the plan. If no
// row has n seats together, the longest runs of one section are filled first; if no
// section has n seats, several sections are used. In general admission the first places
// are as good as any.
//
// Candidate reports whether a section may have seats to choose from, ok whether a seat
// can be chosen.
func (p *Plan) Choose(n int, candidate func(section int) bool, ok func(seat int32) bool) []int32 {
	var apart, scattered []int32
	for i := range p.Sections {
		if !candidate(i) {
			continue
		}
		sec := &p.Sections[i]
		if sec.GeneralAdmission {
			if got := firstFree(sec, n, ok); len(got) == n {
				return got
			} else if len(scattered) < n {
				scattered = append(scattered, got...)
			}
			continue
		}
		together, any := chooseRows(p, sec, n, ok)
		if together != nil {
			return together
		}
		if apart == nil && len(any) == n {
			apart = any
		}
		if len(scattered) < n {
			scattered = append(scattered, any...)
		}
	}
	if apart != nil {
		return apart
	}
	if len(scattered) >= n {
		return scattered[:n]
	}
	return nil
}

func firstFree(sec *Section, n int, ok func(int32) bool) []int32 {
	var got []int32
	for seat := sec.First; seat < sec.First+sec.Count && len(got) < n; seat++ {
		if ok(seat) {
			got = append(got, seat)
		}
	}
	return got
}

// run is a stretch of adjacent free seats.
type run struct{ first, count int32 }

// chooseRows looks for n seats of one section: together in a row, or else up to n seats
// of the longest runs.
func chooseRows(p *Plan, sec *Section, n int, ok func(int32) bool) (together, apart []int32) {
	var best int32 = -1
	bestCost := int64(1) << 62
	var runs []run
	for r := range sec.Rows {
		row := &sec.Rows[r]
		for seat := row.First; seat < row.First+row.Count; seat++ {
			if !ok(seat) {
				continue
			}
			first := seat
			for seat+1 < row.First+row.Count && p.Beside(seat) && ok(seat+1) {
				seat++
			}
			free := run{first, seat + 1 - first}
			runs = append(runs, free)
			if at, cost := placeInRun(row, free, int32(n), int64(r)); cost < bestCost {
				best, bestCost = at, cost
			}
		}
		if best >= 0 && bestCost < orphanCost {
			break // no later row is better
		}
	}
	if best >= 0 {
		return sequence(best, int32(n)), nil
	}
	return nil, longestFirst(runs, n)
}

// Costs of a place: an orphan outweighs every row, a row every offset.
const (
	rowCost    = int64(1) << 20
	orphanCost = int64(1) << 40
)

// placeInRun finds the cheapest place for n seats within one free run.
func placeInRun(row *Row, free run, n int32, rowIndex int64) (at int32, cost int64) {
	cost = int64(1) << 62
	for first := free.first; first+n <= free.first+free.count; first++ {
		left, right := first-free.first, free.first+free.count-first-n
		c := rowIndex * rowCost
		if left == 1 {
			c += orphanCost
		}
		if right == 1 {
			c += orphanCost
		}
		off := int64(2*first+n) - int64(2*row.First+row.Count) // twice the distance of the middles
		if c += max(off, -off); c < cost {
			at, cost = first, c
		}
	}
	return at, cost
}

// longestFirst takes up to n seats out of runs, the longest first, earlier ones
// first among equals.
func longestFirst(runs []run, n int) []int32 {
	var got []int32
	for len(got) < n {
		best := -1
		for i, r := range runs {
			if r.count > 0 && (best < 0 || r.count > runs[best].count) {
				best = i
			}
		}
		if best < 0 {
			return got
		}
		take := min(runs[best].count, int32(n-len(got)))
		got = append(got, sequence(runs[best].first, take)...)
		runs[best].count = 0
	}
	return got
}

func sequence(first, n int32) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = first + int32(i)
	}
	return out
}
