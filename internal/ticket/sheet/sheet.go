// Package sheet draws on the pages of a PDF: texts in any script, as text if the document's
// own font has the characters and otherwise as outlines, and simple shapes. Measures are in
// points (1/72 inch), from the upper left corner.
package sheet

import (
	"bytes"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/signintech/gopdf"

	"boxoffice/internal/ticket/letters"
)

// The fonts.
const Regular, Bold = "regular", "bold"

// Color is a color in RGB.
type Color struct{ R, G, B uint8 }

// Sheet draws; after the first error it does nothing more.
type Sheet struct {
	pdf  gopdf.GoPdf
	set  *letters.Setter
	size float64 // of the font set last, in points
	err  error
}

// Info describes a document.
type Info struct {
	Width, Height float64 // of its pages
	Title, Author string
	Issued        time.Time // zero: left out
}

// New makes a document without pages.
func New(d Info) (*Sheet, error) {
	set, err := letters.New()
	if err != nil {
		return nil, err
	}
	s := &Sheet{set: set}
	s.pdf.Start(gopdf.Config{PageSize: gopdf.Rect{W: d.Width, H: d.Height}})
	for _, f := range []struct {
		name string
		ttf  []byte
	}{{Regular, letters.RegularTTF}, {Bold, letters.BoldTTF}} {
		if err := s.pdf.AddTTFFontData(f.name, f.ttf); err != nil {
			return nil, err
		}
	}
	info := gopdf.PdfInfo{Title: property(d.Title), Author: property(d.Author), Creator: "boxoffice"}
	if !d.Issued.IsZero() {
		info.CreationDate = d.Issued.UTC() // gopdf writes no minutes of an offset
	}
	s.pdf.SetInfo(info)
	return s, nil
}

// Page begins the next page.
func (s *Sheet) Page() { s.pdf.AddPage() }

// Clean turns a text into one line that can be drawn; see letters.Setter.
func (s *Sheet) Clean(text string) string { return s.set.Clean(text) }

// property prepares a text for the file's properties. gopdf writes characters there
// with four hexadecimal digits, which characters beyond the basic plane, such as
// emoji, would break: they are removed.
func property(text string) string {
	text = strings.Map(func(r rune) rune {
		if r > 0xffff || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}

// Bytes returns the document.
func (s *Sheet) Bytes() ([]byte, error) {
	var b bytes.Buffer
	if s.err == nil {
		_, s.err = s.pdf.WriteTo(&b)
	}
	if s.err == nil {
		s.err = s.set.Err()
	}
	if s.err != nil {
		return nil, fmt.Errorf("pdf: %w", s.err)
	}
	return b.Bytes(), nil
}

func (s *Sheet) try(err error) {
	if s.err == nil {
		s.err = err
	}
}

// Font sets font and size.
func (s *Sheet) Font(name string, size float64) {
	s.size = size
	s.try(s.pdf.SetFont(name, "", size))
}

// Width returns the width of a clean text in the current font.
func (s *Sheet) Width(text string) float64 {
	if s.set.Plain(text) {
		return s.plainWidth(text)
	}
	sum := 0.0
	for _, run := range s.set.Line(text, s.size) {
		if run.Text != "" {
			run.Advance = s.plainWidth(run.Text)
		}
		sum += run.Advance
	}
	return sum
}

func (s *Sheet) plainWidth(text string) float64 {
	w, err := s.pdf.MeasureTextWidth(text)
	s.try(err)
	return w
}

// Text draws a clean text on a base line: as text if the document's own font has the
// characters, otherwise as outlines.
func (s *Sheet) Text(c Color, x, y float64, text string) {
	if text == "" {
		return
	}
	s.pdf.SetTextColor(c.R, c.G, c.B)
	if s.set.Plain(text) {
		s.plain(x, y, text)
		return
	}
	s.pdf.SetFillColor(c.R, c.G, c.B)
	for _, run := range s.set.Line(text, s.size) {
		if run.Text != "" {
			s.plain(x, y, run.Text)
			x += s.plainWidth(run.Text)
			continue
		}
		for _, glyph := range run.Glyphs {
			outline := make([]gopdf.Point, len(glyph))
			for i, p := range glyph {
				outline[i] = gopdf.Point{X: x + p.X, Y: y + p.Y}
			}
			s.pdf.Polygon(outline, "F")
		}
		x += run.Advance
	}
}

func (s *Sheet) plain(x, y float64, text string) {
	s.pdf.SetXY(x, y)
	s.try(s.pdf.Text(text))
}

// Shrink sets the largest size, from most to least, in which a text fits.
func (s *Sheet) Shrink(font, text string, width, most, least float64) {
	s.Font(font, most)
	if w := s.Width(s.set.Clean(text)); w > width {
		s.Font(font, max(most*width/w*0.98, least)) // widths are rounded at each letter
	}
}

// Cut cleans a text, and ends it with an ellipsis if it is too wide. Where not even that
// fits, nothing is left.
func (s *Sheet) Cut(text string, width float64) string {
	text = s.set.Clean(text)
	if s.Width(text) <= width {
		return text
	}
	for text != "" && s.Width(text+"…") > width {
		text = s.set.Shorten(text)
	}
	if text == "" && s.Width("…") > width {
		return ""
	}
	return strings.TrimRight(text, " ") + "…"
}

// Wrap breaks a text into lines where its script allows it, and cuts the last line
// if necessary.
func (s *Sheet) Wrap(text string, width float64, lines int) []string {
	text = s.set.Clean(text)
	parts := s.set.Breaks(text)
	var out []string
	for len(parts) > 0 {
		if len(out) == lines-1 {
			return append(out, s.set.Continue(text, s.Cut(strings.Join(parts, ""), width)))
		}
		n := 1
		for n < len(parts) && s.Width(strings.TrimRight(strings.Join(parts[:n+1], ""), " ")) <= width {
			n++
		}
		out = append(out, s.set.Continue(text, s.Cut(strings.Join(parts[:n], ""), width)))
		parts = parts[n:]
	}
	return out
}

// Fill draws a filled rectangle.
func (s *Sheet) Fill(c Color, x, y, width, height float64) {
	s.pdf.SetFillColor(c.R, c.G, c.B)
	s.pdf.RectFromUpperLeftWithStyle(x, y, width, height, "F")
}

// Disc draws a filled circle, as a polygon.
func (s *Sheet) Disc(c Color, x, y, radius float64) {
	s.pdf.SetFillColor(c.R, c.G, c.B)
	s.pdf.SetStrokeColor(c.R, c.G, c.B)
	s.try(s.pdf.Rectangle(x-radius, y-radius, x+radius, y+radius, "F", radius, 12))
}

// Dashes draws a dashed horizontal line.
func (s *Sheet) Dashes(c Color, x, y, to float64) {
	s.pdf.SetStrokeColor(c.R, c.G, c.B)
	s.pdf.SetLineWidth(0.8)
	s.pdf.SetCustomLineType([]float64{3, 3}, 0)
	s.pdf.Line(x, y, to, y)
}
