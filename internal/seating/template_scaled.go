package seating

import (
	"math"
	"strconv"
)

// Version 2 of theatre, arena and stadium is true to scale: seats and rows have
// realistic distances, and rows farther out have more seats. Ten units are half a metre.
const (
	seatApart = 10.0
	rowApart  = 12.0
	aisleWide = 18.0
	edgeWide  = 60.0 // left free around the drawing
)

// line is a row of seats: its length, and the position at a fraction 0…1 of it.
type line struct {
	length float64
	at     func(along float64) (x, y float64)
}

// fill adds a section of n seats: as many rows as necessary, with seats in proportion to
// their lengths. It returns the number of rows.
func (d *drawing) fill(id, name string, category uint16, n int, row func(r int) line) (rows int) {
	if n <= 0 {
		return 0
	}
	var lines []line
	var room []int // capacity of the rows up to and including each row
	for sum := 0; sum < n; rows++ {
		l := row(rows)
		sum += max(1, int(l.length/seatApart))
		lines, room = append(lines, l), append(room, sum)
	}
	p := d.plan
	sec := Section{ID: id, Name: name, First: int32(len(p.Seats)), Count: int32(n)}
	placed := 0
	for r := range rows {
		upTo := (n*room[r] + room[rows-1]/2) / room[rows-1]
		count := upTo - placed
		placed = upTo
		if count == 0 {
			continue
		}
		label := rowLabel(len(sec.Rows))
		sec.Rows = append(sec.Rows, Row{Label: label, First: int32(len(p.Seats)), Count: int32(count)})
		for s := range count {
			x, y := lines[r].at((float64(s) + 0.5) / float64(count))
			number := strconv.Itoa(s + 1)
			p.Seats = append(p.Seats, Seat{
				Label: id + "-" + label + "-" + number, Number: number, X: float32(x), Y: float32(y), Category: category,
				Accessible:     r == rows-1 && rows > 2 && (s == 0 || s == count-1),
				RestrictedView: rows > 4 && r < rows/2 && r%2 == 1 && s == 0 && category > 0,
			})
		}
	}
	p.Sections = append(p.Sections, sec)
	return rows
}

// settle moves the drawing to the corner, and sets its size.
func (d *drawing) settle() {
	p := d.plan
	left, top, right, bottom := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for i := range p.Seats {
		x, y := float64(p.Seats[i].X), float64(p.Seats[i].Y)
		left, top, right, bottom = min(left, x), min(top, y), max(right, x), max(bottom, y)
	}
	for i := range p.Seats {
		s := &p.Seats[i]
		s.X, s.Y = round(float64(s.X)-left+edgeWide), round(float64(s.Y)-top+edgeWide)
	}
	p.Width, p.Height = math.Ceil(right-left+2*edgeWide), math.Ceil(bottom-top+2*edgeWide)
}

// fan adds a section with rows on arcs around (0, 0). The first row is at radius, and rows
// extend between two angles, measured from straight down; negative angles are to the left.
func (d *drawing) fan(id, name string, category uint16, n int, radius, from, to float64) (outer float64) {
	rows := d.fill(id, name, category, n, func(row int) line {
		far := radius + rowApart*float64(row)
		aisle := aisleWide / 2 / far
		return line{far * (to - from - 2*aisle), func(along float64) (float64, float64) {
			a := from + aisle + (to-from-2*aisle)*along
			return far * math.Sin(a), far * math.Cos(a)
		}}
	})
	return radius + rowApart*float64(rows)
}

func theatre2(d *drawing, n int) {
	d.plan.Name = "Theatre"
	d.plan.Categories = []Category{{Name: "Premium", Color: "#7c3aed"}, {Name: "Stalls", Color: "#2563eb"}, {Name: "Circle", Color: "#059669"}, {Name: "Balcony", Color: "#d97706"}}
	parts := share(n, 20, 35, 28, 17)
	const half = 0.6 // radians to each side
	first := math.Max(90, math.Sqrt(float64(n))*6)
	at := d.fan("PR", "Premium stalls", 0, parts[0], first, -half, half) + 3.5*rowApart
	left, right := parts[1]/2, parts[1]-parts[1]/2
	at = max(d.fan("SL", "Stalls left", 1, left, at, -half, 0), d.fan("SR", "Stalls right", 1, right, at, 0, half)) + 4*rowApart
	at = d.fan("CI", "Circle", 2, parts[2], at, -half*1.04, half*1.04) + 3*rowApart
	d.fan("BA", "Balcony", 3, parts[3], at, -half*1.08, half*1.08)
	d.settle()
}

// ellipse adds a ring of sections around (0, 0), with its first row at rx, ry.
func (d *drawing) ellipse(name string, first, sections int, category uint16, n int, rx, ry float64) (rows int) {
	ends := parting(rx, ry, sections)
	weights := make([]int, sections)
	for i := range weights {
		weights[i] = int(1000 * arc(rx, ry, ends[i], ends[i+1]))
	}
	for i, count := range share(n, weights...) {
		id := strconv.Itoa(first + i)
		rows = max(rows, d.fill(id, name+" "+id, category, count, func(r int) line {
			a, b := rx+rowApart*float64(r), ry+rowApart*float64(r)
			length := arc(a, b, ends[i], ends[i+1])
			aisle := aisleWide / 2 / length
			return line{length - aisleWide, func(along float64) (float64, float64) {
				t := ends[i] + (ends[i+1]-ends[i])*(aisle+(1-2*aisle)*along)
				return a * math.Cos(t), b * math.Sin(t)
			}}
		}))
	}
	return rows
}

// arc returns the length of an ellipse between two of its parameters.
func arc(a, b, from, to float64) float64 {
	const steps = 32
	sum := 0.0
	for i := range steps {
		t := from + (to-from)*(float64(i)+0.5)/steps
		sum += math.Hypot(a*math.Sin(t), b*math.Cos(t))
	}
	return sum * (to - from) / steps
}

// parting divides an ellipse into parts of about the same length.
func parting(a, b float64, parts int) []float64 {
	const steps = 3600
	whole := arc(a, b, 0, math.Pi/2) * 4
	ends := make([]float64, 1, parts+1)
	sum := 0.0
	for i := range steps {
		t := 2 * math.Pi * float64(i) / steps
		sum += arc(a, b, t, t+2*math.Pi/steps)
		if sum >= whole*float64(len(ends))/float64(parts) && len(ends) < parts {
			ends = append(ends, t+2*math.Pi/steps)
		}
	}
	return append(ends, 2*math.Pi)
}

func arena2(d *drawing, n int) {
	d.plan.Name = "Arena"
	d.plan.Categories = []Category{{Name: "Floor", Color: "#7c3aed"}, {Name: "Lower level", Color: "#2563eb"}, {Name: "Upper level", Color: "#059669"}}
	parts := share(n, 15, 40, 45)
	blocks := share(parts[0], 1, 1, 1, 1)
	inRow := max(2, int(math.Sqrt(float64(blocks[3])*1.5)))
	width := float64(inRow) * seatApart
	depth := rowApart * math.Ceil(float64(blocks[3])/float64(inRow))
	gap := math.Max(24, width*0.26) // between each block and the stage in the middle
	for i, count := range blocks {
		id := "F" + strconv.Itoa(i+1)
		left, top := gap-(2*gap+width)*float64(1-i%2), gap-(2*gap+depth)*float64(1-i/2)
		d.fill(id, "Floor "+id, 0, count, func(r int) line {
			y := top + rowApart*(float64(r)+0.5)
			if i < 2 { // the first row is at the stage
				y = top + depth - rowApart*(float64(r)+0.5)
			}
			return line{width, func(along float64) (float64, float64) { return left + width*along, y }}
		})
	}
	rx, ry := (gap+width)*1.5, (gap+depth)*1.55
	lower, upper := max(4, min(24, n/200), min(90, n/1200)), max(4, min(32, n/160), min(90, n/1000))
	far := rowApart*float64(d.ellipse("Section", 101, lower, 1, parts[1], rx, ry)) + 4*rowApart
	d.ellipse("Section", 201, upper, 2, parts[2], rx+far, ry+far)
	d.settle()
}

func stadium2(d *drawing, n int) {
	d.plan.Name = "Stadium"
	d.plan.Categories = []Category{{Name: "Lower tier", Color: "#7c3aed"}, {Name: "Middle tier", Color: "#2563eb"}, {Name: "Upper tier", Color: "#059669"}}
	parts := share(n, 38, 22, 40)
	s := max(4, min(48, n/500), min(90, n/1200))
	rx, ry := math.Max(120, math.Sqrt(float64(n))*6), math.Max(90, math.Sqrt(float64(n))*4.4)
	for tier, count := range parts {
		far := rowApart*float64(d.ellipse("Section", 101+100*tier, s, uint16(tier), count, rx, ry)) + 4*rowApart
		rx, ry = rx+far, ry+far
	}
	d.settle()
}
