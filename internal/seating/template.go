package seating

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

// MinGenerated is the minimum number of seats of a generated plan.
const MinGenerated = 50

// templates draws plans of any size. A template never changes, because stored plans
// consist of its name and a number of seats. A better one gets a new name.
var templates = map[string]func(*drawing, int){
	"theatre/1": theatre,
	"arena/1":   arena,
	"stadium/1": stadium,
	"club/1":    club,
	"theatre/2": theatre2,
	"arena/2":   arena2,
	"stadium/2": stadium2,
}

// newest maps the names that organizers use to the newest version of each template.
var newest = map[string]string{"theatre": "theatre/2", "arena": "arena/2", "stadium": "stadium/2", "club": "club/1"}

// NewestTemplate returns the newest version of a template: "theatre" is "theatre/2".
func NewestTemplate(name string) (version string, known bool) {
	version, known = newest[name]
	return version, known
}

// templateCategories are the categories of each template's plans, the best first.
var templateCategories = map[string][]string{
	"theatre": {"Premium", "Stalls", "Circle", "Balcony"},
	"arena":   {"Floor", "Lower level", "Upper level"},
	"stadium": {"Lower tier", "Middle tier", "Upper tier"},
	"club":    {"Balcony", "Standing"},
}

// TemplateCategories returns the categories of a template's plans, the best first.
func TemplateCategories(name string) []string { return templateCategories[name] }

// BestFirst returns the names of a plan's categories, the best first if a template
// drew the plan, otherwise in the plan's order.
func (p *Plan) BestFirst() []string {
	for _, names := range templateCategories {
		if len(names) == len(p.Categories) && p.HasCategory(names[0]) && p.HasCategory(names[len(names)-1]) {
			return names
		}
	}
	names := make([]string, len(p.Categories))
	for i, c := range p.Categories {
		names[i] = c.Name
	}
	return names
}

// HasCategory reports whether a plan has a category with this name.
func (p *Plan) HasCategory(name string) bool {
	return slices.ContainsFunc(p.Categories, func(c Category) bool { return c.Name == name })
}

// Generate draws a plan of exactly n seats by a version of a template.
func Generate(template string, n int) (*Plan, error) {
	draw := templates[template]
	if draw == nil {
		return nil, fmt.Errorf("there is no plan template %q", template)
	}
	if n < MinGenerated || n > MaxSeats {
		return nil, fmt.Errorf("a generated plan has %d to %d seats", MinGenerated, MaxSeats)
	}
	d := &drawing{plan: &Plan{Width: 1600, Height: 1400, Seats: make([]Seat, 0, n)}}
	draw(d, n)
	d.plan.Index()
	return d.plan, nil
}

// drawing is a plan being drawn.
type drawing struct {
	plan *Plan
}

// place returns the position of a seat.
type place func(row, seat, inRow int) (x, y float64)

// seated adds a section of n seats in rows of about perRow.
func (d *drawing) seated(id, name string, category uint16, n, perRow int, at place) {
	if n <= 0 {
		return
	}
	p := d.plan
	sec := Section{ID: id, Name: name, First: int32(len(p.Seats)), Count: int32(n)}
	rows := max(1, (n+perRow-1)/perRow)
	for r := range rows {
		count := n / rows // rows differ by at most one seat
		if r < n%rows {
			count++
		}
		label := rowLabel(r)
		sec.Rows = append(sec.Rows, Row{Label: label, First: int32(len(p.Seats)), Count: int32(count)})
		prefix := id + "-" + label + "-"
		for s := range count {
			x, y := at(r, s, count)
			number := strconv.Itoa(s + 1)
			p.Seats = append(p.Seats, Seat{
				Label: prefix + number, Number: number, X: round(x), Y: round(y), Category: category,
				Accessible:     r == rows-1 && rows > 2 && (s == 0 || s == count-1),
				RestrictedView: rows > 4 && r < rows/2 && r%2 == 1 && s == 0 && category > 0,
			})
		}
	}
	p.Sections = append(p.Sections, sec)
}

// standing adds a general-admission area of n places, drawn as a rectangle.
func (d *drawing) standing(id, name string, category uint16, n int, x, y, w, h float64) {
	if n <= 0 {
		return
	}
	p := d.plan
	p.Sections = append(p.Sections, Section{
		ID: id, Name: name, First: int32(len(p.Seats)), Count: int32(n), GeneralAdmission: true,
		Outline: []Point{{X: x, Y: y}, {X: x + w, Y: y}, {X: x + w, Y: y + h}, {X: x, Y: y + h}},
	})
	for i := range n {
		number := strconv.Itoa(i + 1)
		p.Seats = append(p.Seats, Seat{Label: id + "-" + number, Number: number, X: round(x + w/2), Y: round(y + h/2), Category: category})
	}
}

func round(v float64) float32 { return float32(math.Round(v*10) / 10) }

// rowLabel is A…Z, AA, AB, …
func rowLabel(i int) string {
	if i < 26 {
		return string(rune('A' + i))
	}
	return rowLabel(i/26-1) + string(rune('A'+i%26))
}

// share splits n into parts in proportion to weights; the last part gets the remainder.
func share(n int, weights ...int) []int {
	sum := 0
	for _, w := range weights {
		sum += w
	}
	out := make([]int, len(weights))
	left := n
	for i, w := range weights {
		out[i] = n * w / sum
		left -= out[i]
	}
	out[len(out)-1] += left
	return out
}

// curved places rows on arcs around a stage at (cx, cy), each farther out.
func curved(cx, cy, radius, depth, from, to float64) place {
	return func(row, seat, inRow int) (float64, float64) {
		r := radius + float64(row)*depth
		a := (from + to) / 2
		if inRow > 1 {
			a = from + (to-from)*float64(seat)/float64(inRow-1)
		}
		return cx + r*math.Sin(a), cy + r*math.Cos(a)
	}
}

// oval places rows on ellipses around the middle.
func oval(cx, cy, rx, ry, depth, from, to float64) place {
	return func(row, seat, inRow int) (float64, float64) {
		a := from + (to-from)*(float64(seat)+0.5)/float64(inRow)
		grow := float64(row) * depth
		return cx + (rx+grow)*math.Cos(a), cy + (ry+grow)*math.Sin(a)
	}
}

// grid places rows as straight lines.
func grid(x, y, dx, dy float64) place {
	return func(row, seat, inRow int) (float64, float64) {
		return x + dx*(float64(seat)-float64(inRow-1)/2), y + dy*float64(row)
	}
}

func theatre(d *drawing, n int) {
	d.plan.Name = "Theatre"
	d.plan.Categories = []Category{{Name: "Premium", Color: "#7c3aed"}, {Name: "Stalls", Color: "#2563eb"}, {Name: "Circle", Color: "#059669"}, {Name: "Balcony", Color: "#d97706"}}
	parts := share(n, 20, 35, 28, 17)
	perRow := max(8, int(math.Sqrt(float64(n))*0.9))
	const half = 0.62 // radians to each side
	depth := 900.0 / math.Max(24, 4*float64(n)/float64(perRow*3))
	d.seated("PR", "Premium stalls", 0, parts[0], perRow*2/3, curved(800, 60, 180, depth, half*0.7, -half*0.7))
	left, right := parts[1]/2, parts[1]-parts[1]/2
	d.seated("SL", "Stalls left", 1, left, perRow/2, curved(800, 60, 420, depth, half, 0.03))
	d.seated("SR", "Stalls right", 1, right, perRow/2, curved(800, 60, 420, depth, -0.03, -half))
	d.seated("CI", "Circle", 2, parts[2], perRow, curved(800, 60, 800, depth, half, -half))
	d.seated("BA", "Balcony", 3, parts[3], perRow, curved(800, 60, 1080, depth, half, -half))
}

// ring adds sections first, first+1, … around the middle, their rows at most
// depth apart and all within band.
func (d *drawing) ring(name string, first, sections int, category uint16, n, perRow int, rx, ry, depth, band float64) {
	weights := make([]int, sections)
	for i := range weights {
		weights[i] = 1
	}
	const aisle = 0.012 // radians at each side of a section
	counts := share(n, weights...)
	rows := (counts[sections-1] + perRow - 1) / perRow // the last has the most
	depth = math.Min(depth, band/float64(max(1, rows)))
	for i, count := range counts {
		from := 2 * math.Pi * float64(i) / float64(sections)
		to := 2 * math.Pi * float64(i+1) / float64(sections)
		id := strconv.Itoa(first + i)
		d.seated(id, name+" "+id, category, count, perRow, oval(800, 700, rx, ry, depth, from+aisle, to-aisle))
	}
}

func arena(d *drawing, n int) {
	d.plan.Name = "Arena"
	d.plan.Categories = []Category{{Name: "Floor", Color: "#7c3aed"}, {Name: "Lower level", Color: "#2563eb"}, {Name: "Upper level", Color: "#059669"}}
	parts := share(n, 15, 40, 45)
	blocks := share(parts[0], 1, 1, 1, 1)
	perRow := max(5, min(24, n/400))
	for i, count := range blocks {
		x, y := 690.0+220*float64(i%2), 560.0+190*float64(i/2)
		step := 170 / math.Max(8, math.Sqrt(float64(count)*1.3))
		id := "F" + strconv.Itoa(i+1)
		d.seated(id, "Floor "+id, 0, count, max(5, int(math.Sqrt(float64(count)*1.3))), grid(x, y, step, step))
	}
	lower, upper := max(4, min(24, n/200)), max(4, min(32, n/160))
	d.ring("Section", 101, lower, 1, parts[1], perRow, 330, 260, 8, 205)
	d.ring("Section", 201, upper, 2, parts[2], perRow, 560, 480, 7, 205)
}

func stadium(d *drawing, n int) {
	d.plan.Name = "Stadium"
	d.plan.Categories = []Category{{Name: "Lower tier", Color: "#7c3aed"}, {Name: "Middle tier", Color: "#2563eb"}, {Name: "Upper tier", Color: "#059669"}}
	parts := share(n, 38, 22, 40)
	perRow := max(5, min(28, n/600))
	s := max(4, min(48, n/500))
	d.ring("Section", 101, s, 0, parts[0], perRow, 330, 230, 4, 155)
	d.ring("Section", 201, s, 1, parts[1], perRow, 500, 400, 4, 105)
	d.ring("Section", 301, s, 2, parts[2], perRow, 620, 520, 3.5, 165)
}

func club(d *drawing, n int) {
	d.plan.Name = "Club"
	d.plan.Categories = []Category{{Name: "Standing", Color: "#7c3aed"}, {Name: "Balcony", Color: "#2563eb"}}
	parts := share(n, 80, 16, 4)
	d.standing("FLOOR", "Standing floor", 0, parts[0], 400, 200, 800, 500)
	perRow := max(6, int(math.Sqrt(float64(parts[1])*3)))
	rows := float64((parts[1] + perRow - 1) / perRow)
	d.seated("BALCONY", "Balcony", 1, parts[1], perRow, grid(800, 950, math.Min(18, 1400/float64(perRow)), math.Min(26, 400/rows)))
	d.seated("TABLES", "Tables", 1, parts[2], 4, tables(parts[2]))
}

// tables places rows as tables of four in a band between floor and balcony.
func tables(n int) place {
	count := (n + 3) / 4
	perLine := max(1, int(math.Ceil(math.Sqrt(float64(count)*8))))
	step := math.Min(60, 1400/float64(perLine))
	return func(row, seat, _ int) (float64, float64) {
		x := 800 + step*(float64(row%perLine)-float64(min(count, perLine)-1)/2)
		y := 750 + step*float64(row/perLine)
		return x + step/5*float64(seat%2*2-1), y + step/5*float64(seat/2*2-1)
	}
}
