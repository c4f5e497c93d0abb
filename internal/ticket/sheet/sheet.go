// Package sheet draws on the pages of a PDF: texts in any script, as text if the document's
// own font has the characters and otherwise as outlines, and simple shapes. Measures are in
// points (1/72 inch), from the upper left corner.
package sheet

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"slices"
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
	pdf    gopdf.GoPdf
	set    *letters.Setter
	font   string // set last
	size   float64
	widths map[measured]float64 // a document has the same texts on many pages
	err    error
}

// measured is a text in a font.
type measured struct {
	text, font string
	size       float64
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
	s := &Sheet{set: set, widths: map[measured]float64{}}
	s.pdf.Start(gopdf.Config{PageSize: gopdf.Rect{W: d.Width, H: d.Height}})
	for _, f := range []struct {
		name string
		ttf  []byte
	}{{Regular, letters.RegularTTF}, {Bold, letters.BoldTTF}} {
		if err := s.pdf.AddTTFFontData(f.name, f.ttf); err != nil {
			return nil, err
		}
	}
	s.pdf.SetCompressLevel(zlib.BestSpeed) // otherwise outlines take three times as long
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
	s.font, s.size = name, size
	s.try(s.pdf.SetFont(name, "", size))
}

// Width returns the width of a clean text in the current font.
func (s *Sheet) Width(text string) float64 {
	key := measured{text, s.font, s.size}
	width, ok := s.widths[key]
	if !ok {
		width = s.measure(text)
		s.widths[key] = width
	}
	return width
}

func (s *Sheet) measure(text string) float64 {
	if s.set.Plain(text) {
		return s.plainWidth(text)
	}
	sum := 0.0
	for _, run := range s.set.Measure(text, s.size) {
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
	text = s.set.Clean(text)
	if s.Font(font, least); len(s.set.Letters(text)) > s.usual(width) {
		return
	}
	s.Font(font, most)
	if w := s.Width(text); w > width {
		s.Font(font, max(most*width/w*0.98, least)) // widths are rounded at each letter
	}
}

// Cut cleans a text, and ends it with an ellipsis if it is too wide. Where not even that
// fits, nothing is left.
func (s *Sheet) Cut(text string, width float64) string {
	text = s.set.Clean(text)
	ends := s.set.Letters(text)
	n := longest(0, len(ends), s.usual(width), width, func(n int) float64 { return s.Width(text[:ends[n-1]]) })
	if n == len(ends) {
		return text
	}
	n = longest(0, n, n, width, func(n int) float64 { return s.Width(text[:ends[n-1]] + "…") })
	switch {
	case n > 0:
		return strings.TrimRight(text[:ends[n-1]], " ") + "…"
	case s.Width("…") <= width:
		return "…"
	}
	return ""
}

// Wrap breaks a text into lines where its script allows it, and cuts the last line
// if necessary.
func (s *Sheet) Wrap(text string, width float64, lines int) []string {
	text = s.set.Clean(text)
	parts := s.set.Breaks(text)
	ends := make([]int, len(parts))
	for i, end := 0, 0; i < len(parts); i++ {
		end += len(parts[i])
		ends[i] = end
	}
	guess, _ := slices.BinarySearch(ends, s.usual(width))
	var out []string
	for from := 0; len(ends) > 0; {
		n := len(ends)
		if len(out) < lines-1 {
			n = longest(1, n, guess, width, func(n int) float64 { return s.Width(strings.TrimRight(text[from:ends[n-1]], " ")) })
		}
		out = append(out, s.set.Continue(text, s.Cut(text[from:ends[n-1]], width)))
		from, ends, guess = ends[n-1], ends[n:], n
	}
	return out
}

// usual is how many letters can be expected to fit at most, as narrow as they may be.
func (s *Sheet) usual(width float64) int { return int(4 * width / s.size) }

// longest returns how many parts of a text to take, least to most, so that they fit.
// Measuring takes long in some scripts: it measures few beginnings of the text, near to a
// guess, and hardly more than fits.
func longest(least, most, guess int, width float64, measure func(n int) float64) int {
	low, high := least, most+1 // low parts fit, high do not
	for tries := 0; high-low > 1; tries++ {
		if tries > 3 { // some parts are much wider than others
			guess = min((low+high)/2, 2*low)
		}
		guess = max(min(guess, high-1), low+1)
		w := measure(guess)
		near := 2 * guess
		if w > width/2 {
			near = int(float64(guess) * width / w)
		}
		if w <= width {
			low = guess
		} else {
			high = guess
		}
		guess = near
	}
	return low
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
