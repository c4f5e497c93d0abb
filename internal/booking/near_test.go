package booking

import (
	"strings"
	"testing"
)

// Proposals when some of the chosen seats are gone: C chosen, G chosen and
// gone, x taken, o proposed.
func TestNear(t *testing.T) {
	for _, c := range []struct{ name, hall, want string }{
		{"next to it", "....CG....", "...ooG...."},
		{"together rather than close", ".xxCGx....", ".xx.Gxoo.."},
		{"the row behind is nearer than the far end", "CG........ ........ ........", ".G........ oo...... ........"},
		{"all that was chosen stays together", "..CCG.... .........", ".oooG.... ........."},
		{"not beside a gone seat only", "xxxCGxxx ........", "xxx.Gxxx ...oo..."},
		{"no row has so many: what is left stays", "xCGxx x.xx.", "xoGxx xoxx."},
		{"nothing is left", "xCGxx xxxxx", ""},
		{"one alone", "x.xGx.x ..x.x..", "x.xGx.x ..xox.."},
		{"all of them gone", "..GG.. ......", "..GG.. ..oo.."},
	} {
		lines := strings.Fields(strings.NewReplacer("C", ".", "G", "x").Replace(c.hall))
		s := drawn(lines...)
		var chosen, gone []int32
		n := int32(0)
		for y, line := range strings.Fields(c.hall) {
			for x, mark := range line {
				s.plan.Seats[n].X, s.plan.Seats[n].Y = float32(x), float32(y)
				if mark == 'C' || mark == 'G' {
					chosen = append(chosen, n)
				}
				if mark == 'G' {
					gone = append(gone, n)
				}
				n++
			}
		}
		got := s.today().plan.Near(s.today().tierOf, chosen, gone, func(n int32) bool { return !s.taken.has(n) })
		drawing := ""
		if got != nil {
			if len(got) != len(chosen) {
				t.Errorf("%s: %d seats for %d", c.name, len(got), len(chosen))
			}
			drawing = shown(s, got)
		}
		want := strings.NewReplacer("G", "x").Replace(c.want)
		if drawing != want {
			t.Errorf("%s: %q, want %q", c.name, drawing, want)
		}
	}
}

// Seats of another price or section are no replacement, and chosen seats elsewhere stay
// as they are.
func TestNearKeepsPriceAndSection(t *testing.T) {
	s := drawn("....", "....")
	p := s.today()
	for n := range s.plan.Seats {
		s.plan.Seats[n].X, s.plan.Seats[n].Y = float32(n%4), float32(n/4)
	}
	p.tierOf[0], p.tierOf[1], p.tierOf[4] = 7, 7, 7
	free := func(n int32) bool { return n != 1 }
	if got := p.plan.Near(p.tierOf, []int32{1, 7}, []int32{1}, free); len(got) != 2 || got[0] != 0 || got[1] != 7 {
		t.Errorf("%v", got)
	}
	p.tierOf[0], p.tierOf[4] = 3, 3
	if got := p.plan.Near(p.tierOf, []int32{1, 7}, []int32{1}, free); got != nil {
		t.Errorf("at another price: %v", got)
	}
}
