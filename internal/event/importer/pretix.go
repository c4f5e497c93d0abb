package importer

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"boxoffice/internal/seating"
)

// readPretix reads a seating plan in pretix's format
// (https://docs.pretix.eu/dev/api/resources/seatingplans.html): categories,
// zones, rows, seats. Positions add up: zone, row and seat.
func readPretix(root *node, out *Batch) {
	doc := &seating.PlanDocument{Name: root.at("name").need(200), Width: root.at("size").at("width").coordinate(), Height: root.at("size").at("height").coordinate(), NoStage: true}
	categories := map[string]bool{}
	for _, c := range root.at("categories").list(seating.MaxCategories) {
		name := c.at("name").need(100)
		if categories[name] {
			c.at("name").fail("%q appears twice", name)
		}
		categories[name] = true
		doc.Categories = append(doc.Categories, seating.Category{Name: name, Color: pretixColor(c.at("color"))})
	}
	if root.at("zones").value == nil {
		root.at("zones").fail("is required")
	}
	p := &pretix{doc: doc, categories: categories, guids: map[string]string{}, composed: map[string]bool{}, ids: map[string]bool{}, names: map[string]int{}, rows: map[string]int{}}
	for _, z := range root.at("zones").list(seating.MaxSections) {
		p.zone(z)
	}
	if root.fault != nil {
		return
	}
	if p.uncategorized && len(doc.Categories) == 0 {
		doc.Categories = []seating.Category{{Name: onlyCategory}}
	}
	p.label()
	plan, err := doc.NewPlan()
	if err != nil {
		var at seating.Fault
		if errors.As(err, &at) {
			root.fault = &seating.Fault{Path: p.original(at.Path), Reason: at.Reason}
		}
		return
	}
	out.Plans = append(out.Plans, Plan{Source: "pretix:" + doc.Name, Document: doc, Plan: plan})
}

// pretix is a plan being read.
type pretix struct {
	doc        *seating.PlanDocument
	categories map[string]bool
	guids      map[string]string // seat_guid → path
	composed   map[string]bool   // zone-row-number labels
	ids        map[string]bool   // section ids
	clash      bool              // composed labels are not unique
	order      []string          // guids in the order of seats
	names      map[string]int    // how many zones have a name
	rows       map[string]int    // how many rows of a zone have a name: "zone-name" → count

	uncategorized bool     // a seat names no category
	zones         []string // path of each section
}

// onlyCategory is the category of all seats if a file has no categories.
const onlyCategory = "Standard"

var notInLabel = regexp.MustCompile(`[^\pL\pN._]+`)

func (p *pretix) zone(z *node) {
	name := z.at("name").text(200)
	id := z.at("zone_id").label(40)
	if id == "" {
		id = strings.Trim(notInLabel.ReplaceAllString(name, "-"), "-")
	}
	if id == "" {
		id = fmt.Sprintf("Z%d", len(p.doc.Sections)+1)
	}
	if len([]rune(id)) > 36 {
		id = string([]rune(id)[:36])
	}
	for n, base := 2, id; p.ids[id]; n++ {
		id = fmt.Sprintf("%s-%d", base, n)
	}
	if p.names[name]++; name != "" && p.names[name] > 1 { // people must be able to tell zones apart
		name += fmt.Sprintf(" (%d)", p.names[name])
	}
	sec := seating.SectionDocument{ID: id, Name: name}
	zx, zy := z.at("position").at("x").coordinate(), z.at("position").at("y").coordinate()
	before := len(p.order)
	for _, r := range z.at("rows").list(10_000) {
		sec.Rows = append(sec.Rows, p.row(r, id, zx, zy))
	}
	for _, a := range z.at("areas").list(seating.MaxShapes) {
		p.shape(a, zx, zy)
	}
	if len(p.order) > before { // a zone may hold only drawings
		p.ids[id] = true
		p.doc.Sections = append(p.doc.Sections, sec)
		p.zones = append(p.zones, z.path)
	}
}

func (p *pretix) row(r *node, zone string, x, y float64) seating.RowDocument {
	x += r.at("position").at("x").coordinate()
	y += r.at("position").at("y").coordinate()
	row := seating.RowDocument{Label: r.at("row_number").label(40)}
	if row.Label == "" {
		row.Label = r.at("row_label").label(40)
	}
	if row.Label == "" {
		row.Label = "-"
	}
	pattern := r.at("seat_label").label(40)
	twice := false
	for _, s := range r.at("seats").list(seating.MaxSeats) {
		seat := p.seat(s, pattern, x, y)
		p.order = append(p.order, s.at("seat_guid").text(100))
		if len(p.order) > seating.MaxSeats {
			s.fail("is one too many: a plan has at most %d seats", seating.MaxSeats)
			return row
		}
		twice = twice || p.composed[zone+"-"+row.Label+"-"+seat.Number]
		row.Seats = append(row.Seats, seat)
	}
	if twice { // two wings whose rows have one name: people must be able to tell them apart
		p.rows[zone+"-"+row.Label]++
		row.Label += fmt.Sprintf(" (%d)", p.rows[zone+"-"+row.Label]+1)
	}
	for _, seat := range row.Seats {
		composed := zone + "-" + row.Label + "-" + seat.Number
		p.clash = p.clash || p.composed[composed]
		p.composed[composed] = true
	}
	return row
}

// seat reads a seat of a row at x, y. The pattern is the row's seat_label, such as "A%s".
func (p *pretix) seat(s *node, pattern string, x, y float64) seating.SeatDocument {
	guid := s.at("seat_guid").need(100)
	if first, twice := p.guids[guid]; twice {
		s.at("seat_guid").fail("%q appears twice, first at %s", guid, first)
	}
	p.guids[guid] = s.path
	number := s.at("seat_number").label(40)
	if number == "" {
		number = guid
	} else if strings.Contains(pattern, "%s") {
		number = strings.ReplaceAll(pattern, "%s", number)
	}
	return seating.SeatDocument{Number: number, Category: p.category(s.at("category")),
		X: x + s.at("position").at("x").coordinate(), Y: y + s.at("position").at("y").coordinate()}
}

// category reads the category of a seat. Real files leave it empty, which is accepted
// if there are not two to choose from.
func (p *pretix) category(n *node) string {
	name := n.text(100)
	switch {
	case p.categories[name]:
	case name == "" && len(p.doc.Categories) == 0:
		p.uncategorized = true
		return onlyCategory
	case name == "" && len(p.doc.Categories) == 1:
		return p.doc.Categories[0].Name
	case name == "":
		n.fail("is required")
	default:
		n.fail("%q is not one of the plan's categories", name)
	}
	return name
}

// shape reads an area or a text of a zone at x, y.
func (p *pretix) shape(a *node, x, y float64) {
	s := seating.Shape{
		X: x + a.at("position").at("x").coordinate(), Y: y + a.at("position").at("y").coordinate(),
		Rotation: a.at("rotation").coordinate(), Fill: pretixColor(a.at("color")), Line: pretixColor(a.at("border_color")),
	}
	switch a.at("shape").text(20) {
	case "rectangle":
		s.Kind, s.Width, s.Height = "rectangle", a.at("rectangle").at("width").coordinate(), a.at("rectangle").at("height").coordinate()
	case "circle":
		r := a.at("circle").at("radius").coordinate()
		s.Kind, s.Width, s.Height = "ellipse", 2*r, 2*r
	case "ellipse":
		r := a.at("ellipse").at("radius")
		s.Kind, s.Width, s.Height = "ellipse", 2*r.at("x").coordinate(), 2*r.at("y").coordinate()
	case "polygon":
		s.Kind = "polygon"
		for _, pt := range a.at("polygon").at("points").list(seating.MaxPoints) {
			s.Points = append(s.Points, seating.Point{X: pt.at("x").coordinate(), Y: pt.at("y").coordinate()})
		}
	case "text":
		s.Kind = "text"
	}
	if t := a.at("text"); t.at("text").text(200) != "" {
		s.Text = strings.Join(strings.Fields(t.at("text").text(200)), " ")
		s.TextAt = &seating.Point{X: t.at("position").at("x").coordinate(), Y: t.at("position").at("y").coordinate()}
		s.TextSize, s.TextFill = t.at("size").coordinate(), pretixColor(t.at("color"))
	}
	// Shapes without extent, and those of later versions of the format, are left out:
	// nobody sits on them.
	if _, reason := s.Check(); reason == "" && len(p.doc.Shapes) < seating.MaxShapes {
		p.doc.Shapes = append(p.doc.Shapes, s)
	}
}

// label uses the seats' guids as their labels if zone-row-number, which people can read,
// is not unique in the plan.
func (p *pretix) label() {
	if !p.clash {
		return
	}
	i := 0
	for s := range p.doc.Sections {
		for r := range p.doc.Sections[s].Rows {
			seats := p.doc.Sections[s].Rows[r].Seats
			for k := range seats {
				seats[k].Label = p.order[i]
				i++
			}
		}
	}
}

// original returns the place in the file that a fault of the document comes from.
func (p *pretix) original(path string) string {
	for i, z := range p.zones {
		if rest, ok := strings.CutPrefix(path, fmt.Sprintf("sections[%d]", i)); ok {
			return z + rest
		}
	}
	return path
}

var hexColor = regexp.MustCompile(`^#[0-9a-fA-F]{3,8}$`)

// pretixColor returns a colour if it is a hexadecimal one, else "": the map chooses.
func pretixColor(n *node) string {
	if c := n.text(100); hexColor.MatchString(c) {
		return c
	}
	return ""
}
