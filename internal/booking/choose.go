package booking

import (
	"boxoffice/internal/seating"
)

// choose returns the best n free seats, of one section or tier if given (-1: any), or
// nil if there are fewer (see seating.Plan.Choose). Seats of own, a hold about to be
// swapped, count as free.
func (s *state) choose(p *priced, n, section, tier int, own *record) []int32 {
	ok := func(seat int32) bool {
		if p.tierOf[seat] == seating.NoTier || tier >= 0 && int(p.tierOf[seat]) != tier {
			return false
		}
		if !s.taken.has(seat) {
			return true
		}
		c := s.claims.of(seat)
		return s.expired(c) || own != nil && c.booking == own.ID
	}
	spare := 0 // seats marked as taken that ok may still allow
	if own != nil {
		spare = len(own.Seats)
	}
	return s.plan.Choose(n, func(i int) bool {
		sec := &s.plan.Sections[i]
		return (section < 0 || i == section) && int(sec.Count)-s.taken.count(sec.First, sec.Count)+spare+s.freeable >= 1
	}, ok)
}
