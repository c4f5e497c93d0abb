package ticket

import (
	"bytes"
	_ "embed"
	"fmt"
	"strings"
	"unicode"

	"github.com/signintech/gopdf"
	"golang.org/x/text/unicode/norm"
)

// IBM Plex Sans: Latin, Greek and Cyrillic. Licence: fonts/OFL.txt.
var (
	//go:embed fonts/IBMPlexSans-Regular.ttf
	regularTTF []byte
	//go:embed fonts/IBMPlexSans-Bold.ttf
	boldTTF []byte
)

const regular, bold = "regular", "bold"

// missing stands for a letter that the font does not have: a question mark in a
// diamond.
const missing = unicode.ReplacementChar

type rgb struct{ r, g, b uint8 }

// sheet draws; the first error stays and makes the rest do nothing.
type sheet struct {
	pdf gopdf.GoPdf
	err error
}

func newSheet(d Document) (*sheet, error) {
	s := &sheet{}
	s.pdf.Start(gopdf.Config{PageSize: gopdf.Rect{W: pageWidth, H: pageHeight}})
	for _, f := range []struct {
		name string
		ttf  []byte
	}{{regular, regularTTF}, {bold, boldTTF}} {
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

// property is a text for the file's properties. gopdf writes letters there by four
// digits, which those beyond the basic plane, emoji for one, would break.
func property(text string) string {
	return strings.Map(func(r rune) rune {
		if r > 0xffff {
			return missing
		}
		return r
	}, text)
}

func (s *sheet) bytes() ([]byte, error) {
	var b bytes.Buffer
	if s.err == nil {
		_, s.err = s.pdf.WriteTo(&b)
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

func (s *sheet) font(name string, size float64) { s.try(s.pdf.SetFont(name, "", size)) }

// clean makes a text one line of letters that the font has: composed, so that an
// umlaut is one letter, with the sign for it where one is missing.
func (s *sheet) clean(text string) string {
	text = strings.Join(strings.Fields(norm.NFC.String(strings.ToValidUTF8(text, string(missing)))), " ")
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.C, r) {
			return -1 // control and format characters
		}
		if has, err := s.pdf.IsCurrFontContainGlyph(r); err != nil || !has {
			return missing
		}
		return r
	}, text)
}

// width is that of a clean text in the font set last.
func (s *sheet) width(text string) float64 {
	w, err := s.pdf.MeasureTextWidth(text)
	s.try(err)
	return w
}

// text writes a clean text on a base line.
func (s *sheet) text(c rgb, x, y float64, text string) {
	if text == "" {
		return
	}
	s.pdf.SetTextColor(c.r, c.g, c.b)
	s.pdf.SetXY(x, y)
	s.try(s.pdf.Text(text))
}

// shrink sets the largest size, from most to least, in which a text fits.
func (s *sheet) shrink(font, text string, width, most, least float64) {
	s.font(font, most)
	if w := s.width(s.clean(text)); w > width {
		s.font(font, max(most*width/w*0.98, least)) // widths are rounded at each letter
	}
}

// cut cleans a text, and ends it with an ellipsis when it is too wide.
func (s *sheet) cut(text string, width float64) string {
	text = s.clean(text)
	if s.width(text) <= width {
		return text
	}
	runes := []rune(text)
	for len(runes) > 0 && s.width(string(runes)+"…") > width {
		runes = runes[:len(runes)-1]
	}
	return strings.TrimRight(string(runes), " ") + "…"
}

// wrap breaks a text into lines, at spaces where it can; what does not fit in the
// last is cut.
func (s *sheet) wrap(text string, width float64, lines int) []string {
	words := strings.Fields(s.clean(text))
	var out []string
	for len(words) > 0 {
		if len(out) == lines-1 {
			return append(out, s.cut(strings.Join(words, " "), width))
		}
		n := 1
		for n < len(words) && s.width(strings.Join(words[:n+1], " ")) <= width {
			n++
		}
		out = append(out, s.cut(strings.Join(words[:n], " "), width))
		words = words[n:]
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
