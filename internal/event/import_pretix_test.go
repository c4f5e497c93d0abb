package event

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"boxoffice/internal/event/importer"
	"boxoffice/internal/seating"
)

// readPlan reads a fixture in pretix's format.
func readPlan(t *testing.T, name string) *seating.Plan {
	t.Helper()
	doc, err := importer.ReadPlan(fixture(t, name))
	if err != nil {
		t.Fatal(err)
	}
	p, err := doc.NewPlan()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// people returns the name of each seat as printed on tickets.
func people(p *seating.Plan) (out []string) {
	for i := range p.Seats {
		sec := &p.Sections[p.SectionOf(int32(i))]
		out = append(out, fmt.Sprintf("%s/%s/%s", sec.Name, sec.RowOf(int32(i)).Label, p.Seats[i].Number))
	}
	return out
}

// Real-world plans can be read, and no two seats have the same name for people.
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
	doc, err := importer.ReadPlan(edited(t, "pretix-duplicate-labels.json", `"seat_label":"A%s",`, ``))
	if err != nil {
		t.Fatal(err)
	}
	p, err := doc.NewPlan()
	if err != nil {
		t.Fatal(err)
	}
	if got := people(p); !slices.Equal(got, []string{"Main/1/1", "Main/1/2", "Main/1 (2)/1", "Main/1 (2)/2"}) {
		t.Errorf("two wings with one row name: %q", got)
	}
	if _, err := importer.ReadPlan(edited(t, "pretix-no-category.json", `"categories":[]`, `"categories":[{"name":"a"},{"name":"b"}]`)); err == nil || !strings.Contains(err.Error(), "category") {
		t.Errorf("a seat without a category, where there are two: %v", err)
	}
}

// Areas and texts of the file become shapes of the plan.
func TestPretixShapes(t *testing.T) {
	areas := `"areas": [
		{"shape": "rectangle", "color": "#eeeeee", "border_color": "#333", "rotation": 15, "position": {"x": 10, "y": 5}, "rectangle": {"width": 40, "height": 8}, "text": {"text": "Stage", "size": 6, "position": {"x": 20, "y": 4}}},
		{"shape": "circle", "color": "red", "position": {"x": 1, "y": 1}, "circle": {"radius": 3}},
		{"shape": "ellipse", "color": "#aabbcc", "position": {"x": 1, "y": 1}, "ellipse": {"radius": {"x": 3, "y": 4}}},
		{"shape": "polygon", "color": "#aabbcc", "position": {"x": 1, "y": 1}, "polygon": {"points": [{"x": 0, "y": 0}, {"x": 5, "y": 0}, {"x": 0, "y": 5}]}},
		{"shape": "text", "position": {"x": 7, "y": 8}, "text": {"text": "Bar", "color": "#123456", "size": 10, "position": {"x": 0, "y": 0}}},
		{"shape": "hexagon", "position": {"x": 7, "y": 8}}, {"shape": "rectangle"}]`
	doc, err := importer.ReadPlan(edited(t, "pretix-two-zones-same-name.json", `"zones":[{"name":"Block","position":{"x":0,"y":0},`, `"zones":[{"name":"Block","position":{"x":100,"y":50},`+areas+`,`))
	if err != nil {
		t.Fatal(err)
	}
	p, err := doc.NewPlan()
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
