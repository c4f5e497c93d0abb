package seating_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"testing"

	"boxoffice/internal/seating"
	"boxoffice/internal/seating/seatingtest"
)

// Stored events name only a template and a number of seats, so a template must never
// change its drawing. A better drawing gets a new name.
func TestTemplatesNeverChange(t *testing.T) {
	for name, want := range map[string]string{
		"theatre/1": "cc832fa211fc83d3", "arena/1": "0d90561e19ce6d15", "stadium/1": "bf2a15c9e8748183", "club/1": "69031953f4875cac",
		"theatre/2": "c7a088410d7fbe64", "arena/2": "4882263d5964e7fe", "stadium/2": "f769f3860b33508c",
	} {
		h := sha256.New()
		enc := json.NewEncoder(h)
		for _, n := range []int{50, 333, 2_000, 20_000} {
			p, err := seating.Generate(name, n)
			if err != nil {
				t.Fatal(err)
			}
			if err := enc.Encode(p); err != nil {
				t.Fatal(err)
			}
			for _, s := range p.Seats {
				if err := enc.Encode([]any{s.Label, s.Number, fmt.Sprintf("%.1f %.1f", s.X, s.Y), s.Category, s.Accessible, s.RestrictedView}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if got := hex.EncodeToString(h.Sum(nil))[:16]; got != want {
			t.Errorf("%s draws something else: %s, was %s", name, got, want)
		}
	}
}

func TestGeneratedPlans(t *testing.T) {
	for _, name := range seating.TemplateVersions() {
		for _, n := range []int{50, 51, 99, 100, 333, 1_060, 2_001, 19_999, 80_000, 200_000} {
			t.Run(fmt.Sprintf("%s of %d", name, n), func(t *testing.T) {
				p, err := seating.Generate(name, n)
				if err != nil {
					t.Fatal(err)
				}
				if len(p.Seats) != n {
					t.Fatalf("%d seats, want %d", len(p.Seats), n)
				}
				seatingtest.Check(t, p)
			})
		}
	}
	for _, n := range []int{-1, 0, 49, 200_001} {
		if _, err := seating.Generate("arena/1", n); err == nil {
			t.Errorf("a plan of %d seats was made", n)
		}
	}
}

func TestClubHasStandingFloor(t *testing.T) {
	p, err := seating.Generate("club/1", 500)
	if err != nil {
		t.Fatal(err)
	}
	floor := p.Sections[p.SectionByID("FLOOR")]
	if !floor.GeneralAdmission || floor.Rows != nil || p.Seats[floor.First+16].Label != "FLOOR-17" {
		t.Fatalf("floor is %+v", floor)
	}
	if _, ok := p.Ordinal("FLOOR-17"); ok {
		t.Fatal("a standing place can be chosen")
	}
}

func TestTemplateCategoriesExist(t *testing.T) {
	for _, name := range []string{"theatre", "arena", "stadium", "club"} {
		version, known := seating.NewestTemplate(name)
		if !known {
			t.Fatalf("there is no template %s", name)
		}
		categories := seating.TemplateCategories(name)
		p, err := seating.Generate(version, 100)
		if err != nil {
			t.Fatal(err)
		}
		if len(categories) != len(p.Categories) {
			t.Errorf("%s has %d categories, %v are priced", name, len(p.Categories), categories)
		}
		for _, c := range categories {
			if !p.HasCategory(c) {
				t.Errorf("%s has no category %q", name, c)
			}
		}
	}
}

// In drawings true to scale of any size, neighbours in a row have room to sit, and rows
// do not overlap.
func TestDrawingsAreTrueToScale(t *testing.T) {
	for _, name := range []string{"theatre/2", "arena/2", "stadium/2"} {
		for _, n := range []int{50, 1_060, 20_000, 100_000} {
			p, err := seating.Generate(name, n)
			if err != nil {
				t.Fatal(err)
			}
			taken := map[[2]int]*seating.Seat{} // by square of a size that two seats cannot share
			for i := range p.Seats {
				s := &p.Seats[i]
				square := [2]int{int(s.X / 5), int(s.Y / 5)}
				if other := taken[square]; other != nil {
					t.Fatalf("%s of %d: %s and %s are too near to each other", name, n, s.Label, other.Label)
				}
				taken[square] = s
			}
			for _, sec := range p.Sections {
				for _, r := range sec.Rows {
					for i := r.First; i < r.First+r.Count-1; i++ {
						a, b := &p.Seats[i], &p.Seats[i+1]
						if far := math.Hypot(float64(a.X-b.X), float64(a.Y-b.Y)); far < 0.9*seating.SeatApart {
							t.Fatalf("%s of %d: %s and %s are %.1f apart", name, n, a.Label, b.Label, far)
						}
					}
				}
			}
		}
	}
}
