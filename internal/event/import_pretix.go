package event

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"boxoffice/internal/message"
)

// readPretix reads a seating plan in pretix's format
// (https://docs.pretix.eu/dev/api/resources/seatingplans.html): categories,
// zones, rows, seats. Positions add up: zone, row and seat.
func readPretix(root *node, out *found) {
	doc := &planDocument{Name: root.at("name").need(200), Width: root.at("size").at("width").coordinate(), Height: root.at("size").at("height").coordinate()}
	categories := map[string]bool{}
	for _, c := range root.at("categories").list(maxCategories) {
		name := c.at("name").need(100)
		if categories[name] {
			c.at("name").fail("%q is there twice", name)
		}
		categories[name] = true
		doc.Categories = append(doc.Categories, message.Category{Name: name, Color: pretixColor(c.at("color"))})
	}
	if root.at("zones").value == nil {
		root.at("zones").fail("is required")
	}
	p := &pretix{doc: doc, categories: categories, guids: map[string]string{}, composed: map[string]bool{}, ids: map[string]bool{}}
	for _, z := range root.at("zones").list(maxSections) {
		p.zone(z)
	}
	if root.fault != nil {
		return
	}
	p.label()
	plan, err := doc.build()
	if err != nil {
		var at planError
		if errors.As(err, &at) {
			root.fault = &planError{p.original(at.path), at.reason}
		}
		return
	}
	out.plans = append(out.plans, foundPlan{source: "pretix:" + doc.Name, doc: doc, plan: plan})
}

// pretix is a plan being read.
type pretix struct {
	doc        *planDocument
	categories map[string]bool
	guids      map[string]string // seat_guid → path
	composed   map[string]bool   // zone-row-number labels
	ids        map[string]bool   // section ids
	clash      bool              // composed labels are not unique
	order      []string          // guids in the order of seats
	zones      []string          // path of each section
}

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
	sec := sectionDocument{ID: id, Name: name}
	zx, zy := z.at("position").at("x").coordinate(), z.at("position").at("y").coordinate()
	before := len(p.order)
	for _, r := range z.at("rows").list(10_000) {
		sec.Rows = append(sec.Rows, p.row(r, id, zx, zy))
	}
	if len(p.order) > before { // a zone may hold only drawings
		p.ids[id] = true
		p.doc.Sections = append(p.doc.Sections, sec)
		p.zones = append(p.zones, z.path)
	}
}

func (p *pretix) row(r *node, zone string, x, y float64) rowDocument {
	x += r.at("position").at("x").coordinate()
	y += r.at("position").at("y").coordinate()
	row := rowDocument{Label: r.at("row_number").label(40)}
	if row.Label == "" {
		row.Label = r.at("row_label").label(40)
	}
	if row.Label == "" {
		row.Label = "-"
	}
	for _, s := range r.at("seats").list(maxSeats) {
		guid := s.at("seat_guid").need(100)
		if first, twice := p.guids[guid]; twice {
			s.at("seat_guid").fail("%q is there twice, first at %s", guid, first)
		}
		p.guids[guid] = s.path
		number := s.at("seat_number").label(40)
		if number == "" {
			number = guid
		}
		category := s.at("category").need(100)
		if !p.categories[category] {
			s.at("category").fail("%q is not one of the plan's categories", category)
		}
		composed := zone + "-" + row.Label + "-" + number
		p.clash = p.clash || p.composed[composed]
		p.composed[composed] = true
		p.order = append(p.order, guid)
		if len(p.order) > maxSeats {
			s.fail("is one too many: a plan has at most %d seats", maxSeats)
			return row
		}
		row.Seats = append(row.Seats, seatDocument{Number: number, Category: category,
			X: x + s.at("position").at("x").coordinate(), Y: y + s.at("position").at("y").coordinate()})
	}
	return row
}

// label leaves seats the label zone-row-number, which people can read, where that
// is unique in the whole plan; else their guids are the labels.
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

// original is where in the file a fault of the document came from.
func (p *pretix) original(path string) string {
	for i, z := range p.zones {
		if rest, ok := strings.CutPrefix(path, fmt.Sprintf("sections[%d]", i)); ok {
			return z + rest
		}
	}
	return path
}

var hexColor = regexp.MustCompile(`^#[0-9a-fA-F]{3,8}$`)

// pretixColor is a colour if it is a plain one; others are left to the map.
func pretixColor(n *node) string {
	if c := n.text(100); hexColor.MatchString(c) {
		return c
	}
	return ""
}
