package poster

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// shape is a filled area.
type shape struct {
	fill   string // #rrggbb
	circle *disc  // instead of a path
	path   []step
}

type disc struct{ x, y, r float64 }

// step is a piece of an outline: a move or line to its last point, or a cubic
// curve when it has three.
type step struct {
	move   bool
	points []point
}

type point struct{ x, y float64 }

// at is a point at an angle, in radians, and a distance from another.
func (p point) at(angle, distance float64) point {
	return point{p.x + math.Cos(angle)*distance, p.y + math.Sin(angle)*distance}
}

// polygon is an area with straight sides.
func polygon(fill string, corners ...point) shape {
	s := shape{fill: fill}
	for i, c := range corners {
		s.path = append(s.path, step{move: i == 0, points: []point{c}})
	}
	return s
}

func circle(fill string, c point, r float64) shape {
	return shape{fill: fill, circle: &disc{c.x, c.y, r}}
}

// wedge is the part of a disc between two angles, in radians; up to π.
func wedge(fill string, c point, r, from, to float64) shape {
	s := shape{fill: fill, path: []step{{true, []point{c}}, {false, []point{c.at(from, r)}}}}
	const pieces = 2 // a cubic follows a quarter of a circle closely
	for i := range pieces {
		a := from + (to-from)*float64(i)/pieces
		b := from + (to-from)*float64(i+1)/pieces
		s.path = append(s.path, arc(c, r, a, b))
	}
	return s
}

// arc is a cubic along a circle, for at most a quarter of it.
func arc(c point, r, from, to float64) step {
	k := 4.0 / 3 * math.Tan((to-from)/4) * r
	a, b := c.at(from, r), c.at(to, r)
	return step{points: []point{a.at(from+math.Pi/2, k), b.at(to-math.Pi/2, k), b}}
}

// outline is a shape's path, also of a circle.
func (s *shape) outline() []step {
	if s.circle == nil {
		return s.path
	}
	c := point{s.circle.x, s.circle.y}
	steps := []step{{true, []point{c.at(0, s.circle.r)}}}
	for i := range 4 {
		steps = append(steps, arc(c, s.circle.r, float64(i)*math.Pi/2, float64(i+1)*math.Pi/2))
	}
	return steps
}

// svg writes a shape with presentation attributes only.
func (s *shape) svg(b *strings.Builder) {
	if s.circle != nil {
		fmt.Fprintf(b, `<circle cx="%s" cy="%s" r="%s" fill="%s"/>`, short(s.circle.x), short(s.circle.y), short(s.circle.r), s.fill)
		return
	}
	b.WriteString(`<path d="`)
	for _, st := range s.path {
		switch {
		case st.move:
			b.WriteByte('M')
		case len(st.points) == 3:
			b.WriteByte('C')
		default:
			b.WriteByte('L')
		}
		for i, p := range st.points {
			if i > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(short(p.x) + " " + short(p.y))
		}
	}
	b.WriteString(`Z" fill="` + s.fill + `"/>`)
}

// short writes a number with one decimal at most: a tenth of a unit is not seen.
func short(v float64) string { return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) }
