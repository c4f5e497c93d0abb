package event

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"

	"boxoffice/internal/seating"
)

// Stored events name a template and a number of seats, nothing else: what a
// template draws may never change. A better drawing gets a new name.
func TestTemplatesNeverChange(t *testing.T) {
	for name, want := range map[string]string{
		"theatre/1": "cc832fa211fc83d3", "arena/1": "0d90561e19ce6d15", "stadium/1": "bf2a15c9e8748183", "club/1": "69031953f4875cac",
		"theatre/2": "c7a088410d7fbe64", "arena/2": "4882263d5964e7fe", "stadium/2": "f769f3860b33508c",
	} {
		h := sha256.New()
		enc := json.NewEncoder(h)
		for _, n := range []int{50, 333, 2_000, 20_000} {
			p, err := generate(name, n)
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
	for name := range templates {
		for _, n := range []int{50, 51, 99, 100, 333, 1_060, 2_001, 19_999, 80_000, 200_000} {
			t.Run(fmt.Sprintf("%s of %d", name, n), func(t *testing.T) {
				p, err := generate(name, n)
				if err != nil {
					t.Fatal(err)
				}
				if len(p.Seats) != n {
					t.Fatalf("%d seats, want %d", len(p.Seats), n)
				}
				checkPlan(t, p)
			})
		}
	}
	for _, n := range []int{-1, 0, 49, 200_001} {
		if _, err := generate("arena/1", n); err == nil {
			t.Errorf("a plan of %d seats was made", n)
		}
	}
}

// checkPlan checks what every plan must be: ordinals without gaps, labels that
// are unique and lead back, seats inside the drawing and not on one another.
func checkPlan(t *testing.T, p *seating.Plan) {
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

func TestClubHasStandingFloor(t *testing.T) {
	p, err := generate("club/1", 500)
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
	for name, categories := range templateCategories {
		p, err := generate(newest[name], 100)
		if err != nil {
			t.Fatal(err)
		}
		if len(categories) != len(p.Categories) {
			t.Errorf("%s has %d categories, %v are priced", name, len(p.Categories), categories)
		}
		for _, c := range categories {
			if !hasCategory(p, c) {
				t.Errorf("%s has no category %q", name, c)
			}
		}
	}
}

// An event of 80,000 seats is a few rows; how long they take is shown, not judged.
func TestLargeEventWritesNoSeats(t *testing.T) {
	w := newWorld(t)
	var ids []string
	for i := range 2 {
		start := time.Now()
		e := w.create(t, func(in *NewEvent) { in.Plan = PlanInput{Template: "stadium", Seats: 80_000} })
		t.Logf("80,000 seats, plan made before: %v: %v", i > 0, time.Since(start))
		ids = append(ids, e.PlanID)
	}
	var plans, document int
	if err := w.db.Reader().QueryRow(`SELECT count(*), coalesce(sum(length(document)), 0) FROM plans`).Scan(&plans, &document); err != nil {
		t.Fatal(err)
	}
	if ids[0] != ids[1] || plans != 1 || document != 0 {
		t.Fatalf("plans %v, %d rows with %d bytes; want one row that names its template", ids, plans, document)
	}
}

func BenchmarkCreate80000(b *testing.B) {
	w := newWorld(b)
	for b.Loop() {
		w.plans.InvalidateAll()
		w.create(b, func(in *NewEvent) { in.Plan = PlanInput{Template: "stadium", Seats: 80_000} })
	}
}

// Drawings true to scale: no two neighbours in a row are nearer than people sit,
// and rows do not run into each other, whatever the size.
func TestDrawingsAreTrueToScale(t *testing.T) {
	for _, name := range []string{"theatre/2", "arena/2", "stadium/2"} {
		for _, n := range []int{50, 1_060, 20_000, 100_000} {
			p, err := generate(name, n)
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
						if far := math.Hypot(float64(a.X-b.X), float64(a.Y-b.Y)); far < 0.9*seatApart {
							t.Fatalf("%s of %d: %s and %s are %.1f apart", name, n, a.Label, b.Label, far)
						}
					}
				}
			}
		}
	}
}
