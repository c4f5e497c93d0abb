package event

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"

	"boxoffice/internal/errs"
	"boxoffice/internal/safetext"
	"boxoffice/internal/seating"
)

// planDocument is a seating plan as people and programs write it. Positions are
// in the drawing's own units; rows list their seats from one end to the other.
type planDocument struct {
	Name       string             `json:"name" maxLength:"200"`
	Width      float64            `json:"width,omitempty"`
	Height     float64            `json:"height,omitempty"`
	Categories []seating.Category `json:"categories" maxItems:"100"`
	Sections   []sectionDocument  `json:"sections" maxItems:"2000"`
	Shapes     []seating.Shape    `json:"shapes,omitempty" maxItems:"2000" doc:"What is drawn beneath the seats: stage, walls, texts."`
	NoStage    bool               `json:"no_stage,omitempty" doc:"The drawing has all there is: maps do not guess where a stage might be."`
}

type sectionDocument struct {
	ID       string          `json:"id" maxLength:"40" doc:"Begins the labels of its seats, as in 101-A-12."`
	Name     string          `json:"name,omitempty" maxLength:"200"`
	Category string          `json:"category,omitempty" doc:"Of its seats, unless they say otherwise."`
	Capacity int             `json:"capacity,omitempty" doc:"Makes it a general-admission area with so many places."`
	Rows     []rowDocument   `json:"rows,omitempty" maxItems:"10000"`
	Outline  []seating.Point `json:"outline,omitempty" maxItems:"1000"`
}

type rowDocument struct {
	Label string         `json:"label" maxLength:"40"`
	Seats []seatDocument `json:"seats"`
}

type seatDocument struct {
	Number         string  `json:"number"`
	Label          string  `json:"label,omitempty" doc:"Instead of section-row-number."`
	X              float64 `json:"x"`
	Y              float64 `json:"y"`
	Category       string  `json:"category,omitempty"`
	Accessible     bool    `json:"accessible,omitempty"`
	RestrictedView bool    `json:"restricted_view,omitempty"`
}

const (
	maxCoordinate = 1e6
	maxSections   = 2000
	maxCategories = 100
)

// planError is a fault of a plan document at a place in it.
type planError struct{ path, reason string }

func (e planError) Error() string { return e.path + " " + e.reason }

// asField makes it a field error of a request whose field prefix holds the plan.
func (e planError) asField(prefix string) error {
	if len(e.reason) > maxTold {
		e.reason = strings.ToValidUTF8(e.reason[:maxTold], "") + "…"
	}
	return errs.Bad(strings.TrimSuffix(prefix+"."+e.path, "."), "%s", e.reason)
}

// build checks a document and makes the plan of it. The error is a planError.
func (doc *planDocument) build() (*seating.Plan, error) {
	p := &seating.Plan{Name: doc.Name, Width: doc.Width, Height: doc.Height, Categories: doc.Categories, Shapes: doc.Shapes, NoStage: doc.NoStage}
	b := &planBuilder{plan: p, categories: map[string]uint16{}, labels: map[string]bool{}, sections: map[string]bool{}}
	switch {
	case badText(doc.Name, 1, 200) != "":
		return nil, planError{"name", badText(doc.Name, 1, 200)}
	case len(doc.Categories) == 0 || len(doc.Categories) > maxCategories:
		return nil, planError{"categories", fmt.Sprintf("must list 1 to %d categories", maxCategories)}
	case len(doc.Sections) == 0 || len(doc.Sections) > maxSections:
		return nil, planError{"sections", fmt.Sprintf("must list 1 to %d sections", maxSections)}
	case !finite(doc.Width) || !finite(doc.Height) || doc.Width < 0 || doc.Height < 0:
		return nil, planError{"width", "and height must be numbers from 0 to 1,000,000"}
	}
	for i, c := range doc.Categories {
		path := fmt.Sprintf("categories[%d].name", i)
		if reason := badText(c.Name, 1, 100); reason != "" {
			return nil, planError{path, reason}
		}
		if _, twice := b.categories[c.Name]; twice {
			return nil, planError{path, fmt.Sprintf("%q is there twice", c.Name)}
		}
		if badColor(c.Color) {
			return nil, planError{fmt.Sprintf("categories[%d].color", i), "must be a colour such as #2563eb"}
		}
		b.categories[c.Name] = uint16(i)
	}
	for i := range doc.Sections {
		if err := b.section(fmt.Sprintf("sections[%d]", i), &doc.Sections[i]); err != nil {
			return nil, err
		}
	}
	if len(p.Seats) == 0 {
		return nil, planError{"sections", "have no seats"}
	}
	if err := checkShapes(doc.Shapes); err != nil {
		return nil, err
	}
	p.Index()
	return p, nil
}

type planBuilder struct {
	plan       *seating.Plan
	categories map[string]uint16
	labels     map[string]bool
	sections   map[string]bool
}

func (b *planBuilder) category(path, name string) (uint16, error) {
	if c, ok := b.categories[name]; ok {
		return c, nil
	}
	if name == "" {
		return 0, planError{path, "is required"}
	}
	return 0, planError{path, fmt.Sprintf("%q is not one of the plan's categories", name)}
}

func (b *planBuilder) section(path string, doc *sectionDocument) error {
	if reason := badLabel(doc.ID); reason != "" {
		return planError{path + ".id", reason}
	}
	if b.sections[doc.ID] {
		return planError{path + ".id", fmt.Sprintf("%q is there twice", doc.ID)}
	}
	b.sections[doc.ID] = true
	name := doc.Name
	if name == "" {
		name = doc.ID
	}
	if reason := badText(name, 1, 200); reason != "" {
		return planError{path + ".name", reason}
	}
	if (doc.Capacity != 0) == (len(doc.Rows) != 0) {
		return planError{path, "must have either rows or a capacity"}
	}
	for i, pt := range doc.Outline {
		if !finite(pt.X) || !finite(pt.Y) {
			return planError{fmt.Sprintf("%s.outline[%d]", path, i), "must have numbers up to 1,000,000"}
		}
	}
	sec := seating.Section{ID: doc.ID, Name: name, First: int32(len(b.plan.Seats)), Outline: doc.Outline}
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
		return planError{path + ".rows", "have no seats"}
	}
	b.plan.Sections = append(b.plan.Sections, sec)
	return nil
}

func (b *planBuilder) area(path string, doc *sectionDocument, sec *seating.Section) error {
	if doc.Capacity < 1 || doc.Capacity > maxSeats-len(b.plan.Seats) {
		return planError{path + ".capacity", fmt.Sprintf("must be 1 or more, and a plan has at most %d seats", maxSeats)}
	}
	c, err := b.category(path+".category", doc.Category)
	if err != nil {
		return err
	}
	sec.GeneralAdmission = true
	for i := range doc.Capacity {
		label := fmt.Sprintf("%s-%d", doc.ID, i+1)
		if b.labels[label] {
			return planError{path, fmt.Sprintf("has the place %q, which is the label of another seat", label)}
		}
		b.labels[label] = true
		b.plan.Seats = append(b.plan.Seats, seating.Seat{Label: label, Number: fmt.Sprint(i + 1), Category: c})
	}
	return nil
}

func (b *planBuilder) row(path string, secDoc *sectionDocument, doc *rowDocument, sec *seating.Section) error {
	if reason := badLabel(doc.Label); reason != "" {
		return planError{path + ".label", reason}
	}
	if len(doc.Seats) == 0 {
		return nil
	}
	row := seating.Row{Label: doc.Label, First: int32(len(b.plan.Seats)), Count: int32(len(doc.Seats))}
	for i := range doc.Seats {
		s := &doc.Seats[i]
		at := fmt.Sprintf("%s.seats[%d]", path, i)
		if reason := badLabel(s.Number); reason != "" {
			return planError{at + ".number", reason}
		}
		label := s.Label
		if label == "" {
			label = secDoc.ID + "-" + doc.Label + "-" + s.Number
		}
		if reason := badText(label, 1, 120); reason != "" {
			return planError{at + ".label", reason}
		}
		if b.labels[label] {
			return planError{at + ".label", fmt.Sprintf("%q is there twice", label)}
		}
		b.labels[label] = true
		if !finite(s.X) || !finite(s.Y) {
			return planError{at, "must have x and y up to 1,000,000"}
		}
		name := s.Category
		if name == "" {
			name = secDoc.Category
		}
		c, err := b.category(at+".category", name)
		if err != nil {
			return err
		}
		if len(b.plan.Seats) >= maxSeats {
			return planError{at, fmt.Sprintf("is one too many: a plan has at most %d seats", maxSeats)}
		}
		b.plan.Seats = append(b.plan.Seats, seating.Seat{Label: label, Number: s.Number, X: float32(s.X), Y: float32(s.Y),
			Category: c, Accessible: s.Accessible, RestrictedView: s.RestrictedView})
	}
	sec.Rows = append(sec.Rows, row)
	return nil
}

func finite(v float64) bool { return !math.IsNaN(v) && math.Abs(v) <= maxCoordinate }

// badLabel says what is wrong with a short name that becomes part of labels.
func badLabel(s string) string {
	if reason := badText(s, 1, 40); reason != "" {
		return reason
	}
	if strings.ContainsAny(s, ",&?#/") {
		return "must not contain , & ? # or /"
	}
	return ""
}

// badText says what is wrong with a text of minLen to maxLen characters on one line.
// Stored plans are read by it, too: see hidden for what new ones must not have.
func badText(s string, minLen, maxLen int) string {
	n := utf8.RuneCountInString(s)
	switch {
	case n < minLen && n == 0:
		return "is required"
	case n < minLen:
		return fmt.Sprintf("must have at least %d characters", minLen)
	case n > maxLen:
		return fmt.Sprintf("must have at most %d characters", maxLen)
	case !utf8.ValidString(s):
		return "is not UTF-8"
	case strings.ContainsFunc(s, unicode.IsControl):
		return safetext.HiddenReason
	}
	return ""
}

// hidden is the path of the first text with hidden characters; "" without one.
func (doc *planDocument) hidden() string {
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

func (s *sectionDocument) hidden() string {
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

// pack is the stored form of a document: gzip, and the fingerprint of what is in it.
func (doc *planDocument) pack() (packed, fingerprint []byte, err error) {
	raw, err := json.Marshal(doc)
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

func unpack(packed []byte) (*seating.Plan, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("unpack plan: %w", err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("unpack plan: %w", err)
	}
	var doc planDocument
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, fmt.Errorf("unpack plan: %w", err)
	}
	return doc.build()
}
