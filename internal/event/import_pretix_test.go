package event

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"boxoffice/internal/seating"
)

// readPlan reads a fixture in pretix's format.
func readPlan(t *testing.T, name string) *seating.Plan {
	t.Helper()
	doc, err := readPlanFile(fixture(t, name))
	if err != nil {
		t.Fatal(err)
	}
	p, err := doc.plan()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// people is where each seat is, as a ticket says it.
func people(p *seating.Plan) (out []string) {
	for i := range p.Seats {
		sec := &p.Sections[p.SectionOf(int32(i))]
		out = append(out, fmt.Sprintf("%s/%s/%s", sec.Name, sec.RowOf(int32(i)).Label, p.Seats[i].Number))
	}
	return out
}

// Plans as they are found in the wild are read, and no two seats have one name for people.
func TestPretixInTheWild(t *testing.T) {
	for _, c := range []struct {
		file string
		want []string
	}{
		{"pretix-duplicate-labels.json", []string{"Main/1/A1", "Main/1/A2", "Main/1/1", "Main/1/2"}},
		{"pretix-no-category.json", []string{"Main/1/1", "Main/1/2"}},
		{"pretix-no-zone-name.json", []string{"Z1/-/g1"}},
		{"pretix-two-zones-same-name.json", []string{"Block/1/1", "Block (2)/1/1"}},
	} {
		p := readPlan(t, c.file)
		if got := people(p); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.file, got, c.want)
		}
		if !p.NoStage {
			t.Errorf("%s: a stage would be guessed", c.file)
		}
	}
	doc, err := readPlanFile(edited(t, "pretix-duplicate-labels.json", `"seat_label":"A%s",`, ``))
	if err != nil {
		t.Fatal(err)
	}
	p, err := doc.plan()
	if err != nil {
		t.Fatal(err)
	}
	if got := people(p); !slices.Equal(got, []string{"Main/1/1", "Main/1/2", "Main/1 (2)/1", "Main/1 (2)/2"}) {
		t.Errorf("two wings with one row name: %q", got)
	}
	if _, err := readPlanFile(edited(t, "pretix-no-category.json", `"categories":[]`, `"categories":[{"name":"a"},{"name":"b"}]`)); err == nil || !strings.Contains(err.Error(), "category") {
		t.Errorf("a seat without a category, where there are two: %v", err)
	}
}

// Areas and texts of the file are drawn.
func TestPretixShapes(t *testing.T) {
	areas := `"areas": [
		{"shape": "rectangle", "color": "#eeeeee", "border_color": "#333", "rotation": 15, "position": {"x": 10, "y": 5}, "rectangle": {"width": 40, "height": 8}, "text": {"text": "Stage", "size": 6, "position": {"x": 20, "y": 4}}},
		{"shape": "circle", "color": "red", "position": {"x": 1, "y": 1}, "circle": {"radius": 3}},
		{"shape": "ellipse", "color": "#aabbcc", "position": {"x": 1, "y": 1}, "ellipse": {"radius": {"x": 3, "y": 4}}},
		{"shape": "polygon", "color": "#aabbcc", "position": {"x": 1, "y": 1}, "polygon": {"points": [{"x": 0, "y": 0}, {"x": 5, "y": 0}, {"x": 0, "y": 5}]}},
		{"shape": "text", "position": {"x": 7, "y": 8}, "text": {"text": "Bar", "color": "#123456", "size": 10, "position": {"x": 0, "y": 0}}},
		{"shape": "hexagon", "position": {"x": 7, "y": 8}}, {"shape": "rectangle"}]`
	doc, err := readPlanFile(edited(t, "pretix-two-zones-same-name.json", `"zones":[{"name":"Block","position":{"x":0,"y":0},`, `"zones":[{"name":"Block","position":{"x":100,"y":50},`+areas+`,`))
	if err != nil {
		t.Fatal(err)
	}
	p, err := doc.plan()
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Shapes) != 5 {
		t.Fatalf("%d shapes: %+v", len(p.Shapes), p.Shapes)
	}
	stage, round := p.Shapes[0], p.Shapes[1]
	if stage.X != 110 || stage.Y != 55 || stage.Width != 40 || stage.Rotation != 15 || stage.Text != "Stage" || *stage.TextAt != (seating.Point{X: 20, Y: 4}) || stage.Line != "#333" {
		t.Errorf("%+v", stage)
	}
	if round.Kind != "ellipse" || round.Width != 6 || round.Fill != "" {
		t.Errorf("%+v", round)
	}
	if p.Shapes[4].Text != "Bar" || p.Shapes[4].TextFill != "#123456" {
		t.Errorf("%+v", p.Shapes[4])
	}
}

// Seats are in the order in which people sit, whatever their numbers are.
func TestArrange(t *testing.T) {
	row := func(numbers string, place func(number int) (x, y float64)) *planDocument {
		doc := &planDocument{Name: "Hall", Categories: []seating.Category{{Name: "c"}}, Sections: []sectionDocument{{ID: "S", Category: "c", Rows: []rowDocument{{Label: "A"}}}}}
		for _, n := range strings.Fields(numbers) {
			var number int
			fmt.Sscan(n, &number)
			x, y := place(number)
			doc.Sections[0].Rows[0].Seats = append(doc.Sections[0].Rows[0].Seats, seatDocument{Number: n, X: x, Y: y})
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
		p, err := row(c.numbers, c.place).plan()
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
