package seating

import (
	"fmt"
	"strings"
	"testing"
)

// Seats are ordered by position, whatever their numbers are.
func TestArrange(t *testing.T) {
	row := func(numbers string, place func(number int) (x, y float64)) *PlanDocument {
		doc := &PlanDocument{Name: "Hall", Categories: []Category{{Name: "c"}}, Sections: []SectionDocument{{ID: "S", Category: "c", Rows: []RowDocument{{Label: "A"}}}}}
		for _, n := range strings.Fields(numbers) {
			var number int
			fmt.Sscan(n, &number)
			x, y := place(number)
			doc.Sections[0].Rows[0].Seats = append(doc.Sections[0].Rows[0].Seats, SeatDocument{Number: n, X: x, Y: y})
		}
		return doc
	}
	// Odd numbers go to the left of the middle, even ones to the right: 3 and 5 sit
	// 25 apart, 4 and 5 far from each other.
	oddEven := func(n int) (float64, float64) {
		if n%2 == 1 {
			return -12.5 - 25*float64(n/2), 0
		}
		return 12.5 + 25*float64(n/2-1), 0
	}
	for _, c := range []struct {
		name, numbers, want, gaps string
		place                     func(int) (float64, float64)
	}{
		{"in order", "1 2 3 4", "1 2 3 4", "", func(n int) (float64, float64) { return 25 * float64(n), 0 }},
		{"from the right", "1 2 3 4", "1 2 3 4", "", func(n int) (float64, float64) { return -25 * float64(n), 0 }},
		{"odd left, even right", "1 2 3 4 5 6", "5 3 1 2 4 6", "", oddEven},
		{"an aisle", "1 2 3 4 5 6", "1 2 3 4 5 6", "3", func(n int) (float64, float64) { return 25*float64(n) + 30*float64(n/4), 0 }},
		{"no places", "1 2 3 4", "1 2 3 4", "", func(int) (float64, float64) { return 0, 0 }},
		{"a curve", "1 3 2 4 5", "1 2 3 4 5", "", func(n int) (float64, float64) { return 20 * float64(n), float64(n * n) }},
	} {
		p, err := row(c.numbers, c.place).NewPlan()
		if err != nil {
			t.Fatal(err)
		}
		var got, gaps []string
		for i := range p.Seats {
			got = append(got, p.Seats[i].Number)
			if i+1 < len(p.Seats) && !p.Beside(int32(i)) {
				gaps = append(gaps, p.Seats[i].Number)
			}
		}
		if strings.Join(got, " ") != c.want || strings.Join(gaps, " ") != c.gaps {
			t.Errorf("%s: %q with gaps after %q, want %q, %q", c.name, got, gaps, c.want, c.gaps)
		}
	}
}
