// Package seatingtest checks seating plans in tests.
package seatingtest

import (
	"testing"

	"boxoffice/internal/seating"
)

// Check checks what every plan must be: ordinals without gaps, labels that
// are unique and lead back, seats inside the drawing and not on one another.
func Check(t testing.TB, p *seating.Plan) {
	t.Helper()
	type spot struct{ x, y float32 }
	next, spots, ids := int32(0), map[spot]string{}, map[string]bool{}
	for i := range p.Sections {
		sec := &p.Sections[i]
		if sec.First != next || sec.Count <= 0 || ids[sec.ID] {
			t.Fatalf("section %s has seats %d+%d, want them from %d on", sec.ID, sec.First, sec.Count, next)
		}
		ids[sec.ID] = true
		for _, r := range sec.Rows {
			if r.First != next || r.Count <= 0 {
				t.Fatalf("row %s of %s has seats %d+%d, want them from %d on", r.Label, sec.ID, r.First, r.Count, next)
			}
			next += r.Count
		}
		if sec.GeneralAdmission {
			next += sec.Count
		}
		if next != sec.First+sec.Count {
			t.Fatalf("rows of section %s have %d seats, want %d", sec.ID, next-sec.First, sec.Count)
		}
		for n := sec.First; n < next; n++ {
			s := &p.Seats[n]
			if s.X < 0 || s.Y < 0 || float64(s.X) > p.Width || float64(s.Y) > p.Height {
				t.Fatalf("%s is at %v, %v, outside of the drawing", s.Label, s.X, s.Y)
			}
			if int(s.Category) >= len(p.Categories) {
				t.Fatalf("%s has category %d", s.Label, s.Category)
			}
			if sec.GeneralAdmission {
				continue
			}
			if other := spots[spot{s.X, s.Y}]; other != "" {
				t.Fatalf("%s and %s are at the same place", s.Label, other)
			}
			spots[spot{s.X, s.Y}] = s.Label
			if back, ok := p.Ordinal(s.Label); !ok || back != n {
				t.Fatalf("label %s leads to %d (%v), want %d", s.Label, back, ok, n)
			}
		}
	}
	if int(next) != len(p.Seats) {
		t.Fatalf("sections have %d seats, the plan %d", next, len(p.Seats))
	}
}
