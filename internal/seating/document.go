package seating

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"math"
	"strings"

	"boxoffice/internal/codec"
	"boxoffice/internal/safetext"
)

// PlanDocument is a seating plan in JSON, as organizers send it and as it is stored.
// Positions are in the drawing's own units; rows list their seats from one end to
// the other.
type PlanDocument struct {
	Name       string            `json:"name" maxLength:"200"`
	Width      float64           `json:"width,omitempty"`
	Height     float64           `json:"height,omitempty"`
	Categories []Category        `json:"categories" maxItems:"100"`
	Sections   []SectionDocument `json:"sections" maxItems:"2000"`
	Shapes     []Shape           `json:"shapes,omitempty" maxItems:"2000" doc:"Shapes that are drawn beneath the seats: stage, walls, texts."`
	NoStage    bool              `json:"no_stage,omitempty" doc:"Whether the drawing is complete. If not, and if it has no shapes, maps guess where the stage is."`
}

// SectionDocument is a section of a plan document: rows of seats, or a
// general-admission area with a capacity.
type SectionDocument struct {
	ID       string        `json:"id" maxLength:"40" doc:"Id of the section. The labels of its seats begin with it, as in 101-A-12."`
	Name     string        `json:"name,omitempty" maxLength:"200"`
	Category string        `json:"category,omitempty" doc:"Name of the category of the section's seats, unless a seat has its own."`
	Capacity int           `json:"capacity,omitempty" doc:"Number of places. It makes the section a general-admission area."`
	Rows     []RowDocument `json:"rows,omitempty" maxItems:"10000"`
	Outline  []Point       `json:"outline,omitempty" maxItems:"1000"`
}

// RowDocument is a row of a section.
type RowDocument struct {
	Label string         `json:"label" maxLength:"40"`
	Seats []SeatDocument `json:"seats"`
}

// SeatDocument is a seat of a row.
type SeatDocument struct {
	Number         string  `json:"number"`
	Label          string  `json:"label,omitempty" doc:"Label of the seat. Default: section-row-number, as in 101-A-12."`
	X              float64 `json:"x"`
	Y              float64 `json:"y"`
	Category       string  `json:"category,omitempty"`
	Accessible     bool    `json:"accessible,omitempty"`
	RestrictedView bool    `json:"restricted_view,omitempty"`
}

// Limits of plan documents.
const (
	MaxSeats      = 200_000
	MaxSections   = 2000
	MaxCategories = 100
	MaxCoordinate = 1e6
)

// Fault is the error that says what is wrong with a plan document, and where.
type Fault struct{ Path, Reason string }

func (e Fault) Error() string { return e.Path + " " + e.Reason }

// build checks a document and builds its plan. The error is a Fault.
func (doc *PlanDocument) build() (*Plan, error) {
	p := &Plan{Name: doc.Name, Width: doc.Width, Height: doc.Height, Categories: doc.Categories, Shapes: doc.Shapes, NoStage: doc.NoStage}
	b := &planBuilder{plan: p, categories: map[string]uint16{}, labels: map[string]bool{}, sections: map[string]bool{}}
	switch {
	case safetext.LineFault(doc.Name, 1, 200).Text != "":
		return nil, Fault{"name", safetext.LineFault(doc.Name, 1, 200).Text}
	case len(doc.Categories) == 0 || len(doc.Categories) > MaxCategories:
		return nil, Fault{"categories", fmt.Sprintf("must list 1 to %d categories", MaxCategories)}
	case len(doc.Sections) == 0 || len(doc.Sections) > MaxSections:
		return nil, Fault{"sections", fmt.Sprintf("must list 1 to %d sections", MaxSections)}
	case !finite(doc.Width) || !finite(doc.Height) || doc.Width < 0 || doc.Height < 0:
		return nil, Fault{"width", "and height must be numbers from 0 to 1,000,000"}
	}
	for i, c := range doc.Categories {
		path := fmt.Sprintf("categories[%d].name", i)
		if reason := safetext.LineFault(c.Name, 1, 100).Text; reason != "" {
			return nil, Fault{path, reason}
		}
		if _, twice := b.categories[c.Name]; twice {
			return nil, Fault{path, fmt.Sprintf("%q appears twice", c.Name)}
		}
		if badColor(c.Color) {
			return nil, Fault{fmt.Sprintf("categories[%d].color", i), "must be a colour such as #2563eb"}
		}
		b.categories[c.Name] = uint16(i)
	}
	for i := range doc.Sections {
		if err := b.section(fmt.Sprintf("sections[%d]", i), &doc.Sections[i]); err != nil {
			return nil, err
		}
	}
	if len(p.Seats) == 0 {
		return nil, Fault{"sections", "have no seats"}
	}
	if err := checkShapes(doc.Shapes); err != nil {
		return nil, err
	}
	p.Index()
	return p, nil
}

type planBuilder struct {
	plan       *Plan
	categories map[string]uint16
	labels     map[string]bool
	sections   map[string]bool
}

func (b *planBuilder) category(path, name string) (uint16, error) {
	if c, ok := b.categories[name]; ok {
		return c, nil
	}
	if name == "" {
		return 0, Fault{path, "is required"}
	}
	return 0, Fault{path, fmt.Sprintf("%q is not one of the plan's categories", name)}
}

func (b *planBuilder) section(path string, doc *SectionDocument) error {
	if reason := badLabel(doc.ID); reason != "" {
		return Fault{path + ".id", reason}
	}
	if b.sections[doc.ID] {
		return Fault{path + ".id", fmt.Sprintf("%q appears twice", doc.ID)}
	}
	b.sections[doc.ID] = true
	name := doc.Name
	if name == "" {
		name = doc.ID
	}
	if reason := safetext.LineFault(name, 1, 200).Text; reason != "" {
		return Fault{path + ".name", reason}
	}
	if (doc.Capacity != 0) == (len(doc.Rows) != 0) {
		return Fault{path, "must have either rows or a capacity"}
	}
	for i, pt := range doc.Outline {
		if !finite(pt.X) || !finite(pt.Y) {
			return Fault{fmt.Sprintf("%s.outline[%d]", path, i), "must have numbers up to 1,000,000"}
		}
	}
	sec := Section{ID: doc.ID, Name: name, First: int32(len(b.plan.Seats)), Outline: doc.Outline}
	if doc.Capacity != 0 {
		if err := b.area(path, doc, &sec); err != nil {
			return err
		}
	}
	for i := range doc.Rows {
		if err := b.row(fmt.Sprintf("%s.rows[%d]", path, i), doc, &doc.Rows[i], &sec); err != nil {
			return err
		}
	}
	sec.Count = int32(len(b.plan.Seats)) - sec.First
	if sec.Count == 0 {
		return Fault{path + ".rows", "have no seats"}
	}
	b.plan.Sections = append(b.plan.Sections, sec)
	return nil
}

func (b *planBuilder) area(path string, doc *SectionDocument, sec *Section) error {
	if doc.Capacity < 1 || doc.Capacity > MaxSeats-len(b.plan.Seats) {
		return Fault{path + ".capacity", fmt.Sprintf("must be 1 or more, and a plan has at most %d seats", MaxSeats)}
	}
	c, err := b.category(path+".category", doc.Category)
	if err != nil {
		return err
	}
	sec.GeneralAdmission = true
	for i := range doc.Capacity {
		label := fmt.Sprintf("%s-%d", doc.ID, i+1)
		if b.labels[label] {
			return Fault{path, fmt.Sprintf("has the place %q, which is the label of another seat", label)}
		}
		b.labels[label] = true
		b.plan.Seats = append(b.plan.Seats, Seat{Label: label, Number: fmt.Sprint(i + 1), Category: c})
	}
	return nil
}

func (b *planBuilder) row(path string, secDoc *SectionDocument, doc *RowDocument, sec *Section) error {
	if reason := badLabel(doc.Label); reason != "" {
		return Fault{path + ".label", reason}
	}
	if len(doc.Seats) == 0 {
		return nil
	}
	row := Row{Label: doc.Label, First: int32(len(b.plan.Seats)), Count: int32(len(doc.Seats))}
	for i := range doc.Seats {
		s := &doc.Seats[i]
		at := fmt.Sprintf("%s.seats[%d]", path, i)
		if reason := badLabel(s.Number); reason != "" {
			return Fault{at + ".number", reason}
		}
		label := s.Label
		if label == "" {
			label = secDoc.ID + "-" + doc.Label + "-" + s.Number
		}
		if reason := safetext.LineFault(label, 1, 120).Text; reason != "" {
			return Fault{at + ".label", reason}
		}
		if b.labels[label] {
			return Fault{at + ".label", fmt.Sprintf("%q appears twice", label)}
		}
		b.labels[label] = true
		if !finite(s.X) || !finite(s.Y) {
			return Fault{at, "must have x and y up to 1,000,000"}
		}
		name := s.Category
		if name == "" {
			name = secDoc.Category
		}
		c, err := b.category(at+".category", name)
		if err != nil {
			return err
		}
		if len(b.plan.Seats) >= MaxSeats {
			return Fault{at, fmt.Sprintf("is one too many: a plan has at most %d seats", MaxSeats)}
		}
		b.plan.Seats = append(b.plan.Seats, Seat{Label: label, Number: s.Number, X: float32(s.X), Y: float32(s.Y),
			Category: c, Accessible: s.Accessible, RestrictedView: s.RestrictedView})
	}
	sec.Rows = append(sec.Rows, row)
	return nil
}

func finite(v float64) bool { return !math.IsNaN(v) && math.Abs(v) <= MaxCoordinate }

// badLabel returns what is wrong with a short name that becomes part of labels.
func badLabel(s string) string {
	if reason := safetext.LineFault(s, 1, 40).Text; reason != "" {
		return reason
	}
	if strings.ContainsAny(s, ",&?#/") {
		return "must not contain , & ? # or /"
	}
	return ""
}

// hidden returns the path of the first text with hidden characters, "" if there is
// none. Only new documents are checked for them: stored ones may have some.
func (doc *PlanDocument) hidden() string {
	if safetext.Hidden(doc.Name) {
		return "name"
	}
	for i, c := range doc.Categories {
		if safetext.Hidden(c.Name) {
			return fmt.Sprintf("categories[%d].name", i)
		}
	}
	for i := range doc.Shapes {
		if safetext.Hidden(doc.Shapes[i].Text) {
			return fmt.Sprintf("shapes[%d].text", i)
		}
	}
	for i := range doc.Sections {
		if at := doc.Sections[i].hidden(); at != "" {
			return fmt.Sprintf("sections[%d].%s", i, at)
		}
	}
	return ""
}

func (s *SectionDocument) hidden() string {
	switch {
	case safetext.Hidden(s.ID):
		return "id"
	case safetext.Hidden(s.Name):
		return "name"
	}
	for i, r := range s.Rows {
		if safetext.Hidden(r.Label) {
			return fmt.Sprintf("rows[%d].label", i)
		}
		for j := range r.Seats {
			switch seat := &r.Seats[j]; {
			case safetext.Hidden(seat.Number):
				return fmt.Sprintf("rows[%d].seats[%d].number", i, j)
			case safetext.Hidden(seat.Label):
				return fmt.Sprintf("rows[%d].seats[%d].label", i, j)
			}
		}
	}
	return ""
}

// Pack returns the stored form of a document (JSON, gzipped) and the SHA-256 of its
// JSON, by which equal documents are recognized.
func (doc *PlanDocument) Pack() (packed, fingerprint []byte, err error) {
	raw, err := codec.Marshal(doc)
	if err != nil {
		return nil, nil, fmt.Errorf("pack plan: %w", err)
	}
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	if _, err := z.Write(raw); err != nil {
		return nil, nil, fmt.Errorf("pack plan: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, nil, fmt.Errorf("pack plan: %w", err)
	}
	h := sha256.Sum256(raw)
	return buf.Bytes(), h[:], nil
}

// Unpack builds the plan of a stored document.
func Unpack(packed []byte) (*Plan, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("unpack plan: %w", err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("unpack plan: %w", err)
	}
	doc, err := decode(raw, false)
	if err != nil {
		return nil, fmt.Errorf("unpack plan: %w", err)
	}
	return doc.build()
}

// ReadDocument reads a plan document from JSON. Unknown members are an error.
func ReadDocument(raw []byte) (*PlanDocument, error) { return decode(raw, true) }

// decode is the only place that reads the JSON of plan documents. Stored documents
// may have members of a later version.
func decode(raw []byte, strict bool) (*PlanDocument, error) {
	doc := &PlanDocument{}
	if strict {
		return doc, codec.Read(raw, doc)
	}
	return doc, codec.ReadKnown(raw, doc)
}
