package seating

import (
	"cmp"
	"math"
	"slices"

	"boxoffice/internal/safetext"
)

// NewPlan checks a new document, puts the seats of its rows in the order in which
// people sit, and builds the plan. Stored documents are not reordered (see Unpack):
// their ordinals are in use. The error is a Fault.
func (doc *PlanDocument) NewPlan() (*Plan, error) {
	if at := doc.hidden(); at != "" {
		return nil, Fault{at, safetext.HiddenReason.Text}
	}
	p, err := doc.build()
	if err != nil {
		return nil, err
	}
	moved := false
	for s := range doc.Sections {
		for r := range doc.Sections[s].Rows {
			moved = arrange(doc.Sections[s].Rows[r].Seats) || moved
		}
	}
	if !moved {
		return p, nil
	}
	return doc.build()
}

// maxChain is the length of the longest rows that are ordered from neighbour to
// neighbour, which takes the square of their length. Longer rows are ordered along
// their longer side. So a plan takes at most MaxSeats*maxChain steps.
const maxChain = 200

// arrange orders the seats of a row by position, from one end to the other. Files list
// them by number, but odd numbers may be on the left and even ones on the right. Rows
// that are in order already, or have no positions, stay as they are.
func arrange(seats []SeatDocument) (moved bool) {
	if len(seats) < 3 {
		return false
	}
	order := chain(seats)
	if way(order) > way(seats)*0.98 {
		return false
	}
	first, last := &order[0], &order[len(order)-1]
	if slices.IndexFunc(seats, same(last)) < slices.IndexFunc(seats, same(first)) {
		slices.Reverse(order)
	}
	copy(seats, order)
	return true
}

func same(a *SeatDocument) func(SeatDocument) bool {
	return func(b SeatDocument) bool { return *a == b }
}

// chain returns the seats from one end of the row to the other, always the nearest next.
func chain(seats []SeatDocument) []SeatDocument {
	rest := slices.Clone(seats)
	if len(rest) > maxChain {
		left, right, top, bottom := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
		for _, s := range rest {
			left, right, top, bottom = min(left, s.X), max(right, s.X), min(top, s.Y), max(bottom, s.Y)
		}
		slices.SortStableFunc(rest, func(a, b SeatDocument) int {
			if right-left >= bottom-top {
				return cmp.Compare(a.X, b.X)
			}
			return cmp.Compare(a.Y, b.Y)
		})
		return rest
	}
	// The seat that is farthest from any other is at an end.
	end := farthest(rest, rest[farthest(rest, rest[0])])
	out := make([]SeatDocument, 0, len(rest))
	for at := end; ; {
		out = append(out, rest[at])
		rest = slices.Delete(rest, at, at+1)
		if len(rest) == 0 {
			return out
		}
		at = nearest(rest, out[len(out)-1])
	}
}

func farthest(seats []SeatDocument, from SeatDocument) (at int) {
	for i := range seats {
		if apart(seats[i], from) > apart(seats[at], from) {
			at = i
		}
	}
	return at
}

func nearest(seats []SeatDocument, from SeatDocument) (at int) {
	for i := range seats {
		if apart(seats[i], from) < apart(seats[at], from) {
			at = i
		}
	}
	return at
}

func apart(a, b SeatDocument) float64 { return math.Hypot(a.X-b.X, a.Y-b.Y) }

// way returns the length of the way from the first seat to the last, seat by seat.
func way(seats []SeatDocument) (sum float64) {
	for i := 1; i < len(seats); i++ {
		sum += apart(seats[i-1], seats[i])
	}
	return sum
}
