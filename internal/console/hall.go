package console

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/maypok86/otter/v2"

	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/seating"
)

// hall is an event's plan as a picture: each section, and how full it is.
type hall struct {
	View     string // of the drawing: x y width height
	Sections []block
	Labels   string // of two of its seats: how they are written
}

// block is a section of a hall.
type block struct {
	ID, Name         string
	Path             string // of its outline; "": it is nowhere in the drawing
	Free, Held, Sold int32
	Full             int // tenths of its seats that are sold
}

// Total is how many seats the section has.
func (b block) Total() int32 { return b.Free + b.Held + b.Sold }

// shape is the part of the picture that depends only on the plan.
type shape struct {
	view  string
	paths []string
}

// halls caches shapes by plan and version, which never change.
type halls struct {
	shapes *otter.Cache[eventapi.StoredPlan, *shape]
}

func newHalls() halls {
	return halls{otter.Must(&otter.Options[eventapi.StoredPlan, *shape]{MaximumSize: 500})}
}

// hall returns the picture of an event's seats; nil if it has no sale yet.
func (c *Console) hall(ctx context.Context, e *eventapi.Event) (*hall, error) {
	key := eventapi.StoredPlan{ID: e.PlanID, Version: e.PlanVersion}
	figures, err := c.Figures.SectionFigures(ctx, e.ID)
	if errs.KindOf(err) == errs.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	plan, err := c.Events.ChosenPlan(ctx, eventapi.PlanChoice{ID: e.PlanID, Version: e.PlanVersion})
	if err != nil {
		return nil, err
	}
	s, ok := c.halls.shapes.GetIfPresent(key)
	if !ok {
		s = shapeOf(plan)
		c.halls.shapes.Set(key, s)
	}
	if len(figures) != len(plan.Sections) {
		return nil, nil // the plan has just been replaced
	}
	h := &hall{View: s.view, Labels: labelsOf(plan)}
	for i, f := range figures {
		b := block{ID: plan.Sections[i].ID, Name: plan.Sections[i].Name, Path: s.paths[i], Free: f.Free, Held: f.Held, Sold: f.Sold}
		if f.Sold > 0 {
			b.Full = max(1, int(10*f.Sold/b.Total()))
		}
		h.Sections = append(h.Sections, b)
	}
	return h, nil
}

// labelsOf returns examples of the plan's seat labels.
func labelsOf(p *seating.Plan) string {
	var labels []string
	for _, s := range p.Seats[:min(2, len(p.Seats))] {
		labels = append(labels, s.Label)
	}
	return strings.Join(labels, ", ")
}

// shapeOf draws the outlines of a plan's sections.
func shapeOf(p *seating.Plan) *shape {
	s := &shape{paths: make([]string, len(p.Sections))}
	var low, high seating.Point
	some := false
	for i := range p.Sections {
		outline := outlineOf(p, &p.Sections[i])
		if outline == nil {
			continue
		}
		var path strings.Builder
		for k, pt := range outline {
			if !some {
				low, high, some = pt, pt, true
			}
			low = seating.Point{X: min(low.X, pt.X), Y: min(low.Y, pt.Y)}
			high = seating.Point{X: max(high.X, pt.X), Y: max(high.Y, pt.Y)}
			fmt.Fprintf(&path, "%c%.1f %.1f", "ML"[min(k, 1)], pt.X, pt.Y)
		}
		s.paths[i] = path.String() + "Z"
	}
	if !some {
		return s
	}
	edge := max(high.X-low.X, high.Y-low.Y, 1) / 50
	s.view = fmt.Sprintf("%.1f %.1f %.1f %.1f", low.X-edge, low.Y-edge, high.X-low.X+2*edge, high.Y-low.Y+2*edge)
	return s
}

// outlineOf returns a section's own outline, or one around its rows: along the first
// row, down the row ends, back along the last row, and up the row beginnings. It is
// nil if all places are at one point.
func outlineOf(p *seating.Plan, sec *seating.Section) []seating.Point {
	if len(sec.Outline) > 2 {
		return sec.Outline
	}
	var out []seating.Point
	add := func(n int32) {
		out = append(out, seating.Point{X: float64(p.Seats[n].X), Y: float64(p.Seats[n].Y)})
	}
	if len(sec.Rows) == 0 {
		return nil
	}
	const corners = 12 // of a long row
	first, last := sec.Rows[0], sec.Rows[len(sec.Rows)-1]
	along := func(r seating.Row, back bool) {
		steps := min(corners, r.Count-1)
		for i := int32(0); i <= steps; i++ {
			at := int32(0)
			if steps > 0 {
				at = i * (r.Count - 1) / steps
			}
			if back {
				at = r.Count - 1 - at
			}
			add(r.First + at)
		}
	}
	along(first, false)
	for _, r := range sec.Rows[1:] {
		add(r.First + r.Count - 1)
	}
	along(last, true)
	for i := len(sec.Rows) - 1; i > 0; i-- {
		add(sec.Rows[i-1].First)
	}
	for _, pt := range out {
		if pt != out[0] {
			if len(sec.Rows) == 1 {
				widen(out)
			}
			return out
		}
	}
	return nil
}

// widen gives the outline of a single row a width of two thirds of the distance
// between seats; without it the row would be invisible.
func widen(out []seating.Point) {
	half := len(out) / 2
	first, last := out[0], out[half-1]
	x, y := last.X-first.X, last.Y-first.Y
	length := max(math.Hypot(x, y), 1e-9)
	wide := length / float64(half) / 3
	for i := range out {
		side := wide
		if i >= half {
			side = -wide
		}
		out[i].X, out[i].Y = out[i].X-y/length*side, out[i].Y+x/length*side
	}
}
