package ticket

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"

	"github.com/signintech/gopdf"

	"boxoffice/internal/ticket/letters"
)

const regular, bold = "regular", "bold"

type rgb struct{ r, g, b uint8 }

// sheet draws; the first error stays and makes the rest do nothing.
type sheet struct {
	pdf  gopdf.GoPdf
	set  *letters.Setter
	size float64 // of the font set last, in points
	err  error
}

func newSheet(d Document) (*sheet, error) {
	set, err := letters.New()
	if err != nil {
		return nil, err
	}
	s := &sheet{set: set}
	s.pdf.Start(gopdf.Config{PageSize: gopdf.Rect{W: pageWidth, H: pageHeight}})
	for _, f := range []struct {
		name string
		ttf  []byte
	}{{regular, letters.RegularTTF}, {bold, letters.BoldTTF}} {
		if err := s.pdf.AddTTFFontData(f.name, f.ttf); err != nil {
			return nil, err
		}
	}
	info := gopdf.PdfInfo{Title: property(d.Event), Author: property(d.Organizer), Creator: "boxoffice"}
	if !d.Issued.IsZero() {
		info.CreationDate = d.Issued.UTC() // gopdf writes no minutes of an offset
	}
	s.pdf.SetInfo(info)
	return s, nil
}

// property is a text for the file's properties. gopdf writes characters there by
// four digits, which those beyond the basic plane, emoji for one, would break: they
// are left out.
func property(text string) string {
	text = strings.Map(func(r rune) rune {
		if r > 0xffff || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}

func (s *sheet) bytes() ([]byte, error) {
	var b bytes.Buffer
	if s.err == nil {
		_, s.err = s.pdf.WriteTo(&b)
	}
	if s.err == nil {
		s.err = s.set.Err()
	}
	if s.err != nil {
		return nil, fmt.Errorf("tickets: %w", s.err)
	}
	return b.Bytes(), nil
}

func (s *sheet) try(err error) {
	if s.err == nil {
		s.err = err
	}
}

func (s *sheet) font(name string, size float64) {
	s.size = size
	s.try(s.pdf.SetFont(name, "", size))
}

// width is that of a clean text in the font set last.
func (s *sheet) width(text string) float64 {
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

func (s *sheet) plainWidth(text string) float64 {
	w, err := s.pdf.MeasureTextWidth(text)
	s.try(err)
	return w
}

// text writes a clean text on a base line: as text where the document's own font
// has the letters, else as outlines.
func (s *sheet) text(c rgb, x, y float64, text string) {
	if text == "" {
		return
	}
	s.pdf.SetTextColor(c.r, c.g, c.b)
	if s.set.Plain(text) {
		s.plain(x, y, text)
		return
	}
	s.pdf.SetFillColor(c.r, c.g, c.b)
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

func (s *sheet) plain(x, y float64, text string) {
	s.pdf.SetXY(x, y)
	s.try(s.pdf.Text(text))
}

// shrink sets the largest size, from most to least, in which a text fits.
func (s *sheet) shrink(font, text string, width, most, least float64) {
	s.font(font, most)
	if w := s.width(s.set.Clean(text)); w > width {
		s.font(font, max(most*width/w*0.98, least)) // widths are rounded at each letter
	}
}

// cut cleans a text, and ends it with an ellipsis when it is too wide.
func (s *sheet) cut(text string, width float64) string {
	text = s.set.Clean(text)
	if s.width(text) <= width {
		return text
	}
	for text != "" && s.width(text+"…") > width {
		text = s.set.Shorten(text)
	}
	return strings.TrimRight(text, " ") + "…"
}

// wrap breaks a text into lines where its script allows it; what does not fit in
// the last is cut.
func (s *sheet) wrap(text string, width float64, lines int) []string {
	text = s.set.Clean(text)
	parts := s.set.Breaks(text)
	var out []string
	for len(parts) > 0 {
		if len(out) == lines-1 {
			return append(out, s.set.Continue(text, s.cut(strings.Join(parts, ""), width)))
		}
		n := 1
		for n < len(parts) && s.width(strings.TrimRight(strings.Join(parts[:n+1], ""), " ")) <= width {
			n++
		}
		out = append(out, s.set.Continue(text, s.cut(strings.Join(parts[:n], ""), width)))
		parts = parts[n:]
	}
	return out
}

func (s *sheet) fill(c rgb, x, y, width, height float64) {
	s.pdf.SetFillColor(c.r, c.g, c.b)
	s.pdf.RectFromUpperLeftWithStyle(x, y, width, height, "F")
}

// disc is a filled circle, as a polygon.
func (s *sheet) disc(c rgb, x, y, radius float64) {
	s.pdf.SetFillColor(c.r, c.g, c.b)
	s.pdf.SetStrokeColor(c.r, c.g, c.b)
	s.try(s.pdf.Rectangle(x-radius, y-radius, x+radius, y+radius, "F", radius, 12))
}

func (s *sheet) dashes(c rgb, x, y, to float64) {
	s.pdf.SetStrokeColor(c.r, c.g, c.b)
	s.pdf.SetLineWidth(0.8)
	s.pdf.SetCustomLineType([]float64{3, 3}, 0)
	s.pdf.Line(x, y, to, y)
}
