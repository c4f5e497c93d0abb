// Package letters lays out lines of text in any script, for PDF libraries that write
// one glyph per character from left to right. It shapes the runs that need another
// font than the document's, puts all runs into visual order, and returns the
// outlines of their glyphs.
package letters

import (
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-text/typesetting/di"
	"github.com/go-text/typesetting/font"
	"github.com/go-text/typesetting/font/opentype"
	"github.com/go-text/typesetting/language"
	"github.com/go-text/typesetting/segmenter"
	"github.com/go-text/typesetting/shaping"
	"golang.org/x/image/math/fixed"
	"golang.org/x/text/unicode/bidi"
	"golang.org/x/text/unicode/norm"
)

// Unknown stands for a character that no font has: an empty box.
const Unknown = '□'

// Invisible marks that set the direction of the text that they precede.
const leftToRight, rightToLeft = '\u200e', '\u200f'

// Point is a position relative to the beginning of a line on its base line, in
// points; y grows downwards.
type Point struct{ X, Y float64 }

// Run is a part of a line, seen to the right of the run before it.
type Run struct {
	Text    string    // to be written in the document's own font; "" when there are Glyphs
	Glyphs  [][]Point // outlines, each one polygon to be filled by the nonzero rule, relative to the run
	Advance float64   // width in points, of a run with Glyphs
}

// Setter lays out text. It is not safe for concurrent use.
type Setter struct {
	shaper shaping.HarfbuzzShaper
	split  shaping.Segmenter
	breaks segmenter.Segmenter
	wrap   shaping.LineWrapper
	faces  map[*font.Font]*font.Face
	base   *font.Face
	err    error // the first error of reading a font
}

// New makes a Setter.
func New() (*Setter, error) {
	f, err := base()
	if err != nil {
		return nil, err
	}
	s := &Setter{faces: map[*font.Font]*font.Face{}}
	s.base = s.face(f)
	return s, nil
}

func (s *Setter) face(f *font.Font) *font.Face {
	if s.faces[f] == nil {
		s.faces[f] = font.NewFace(f)
	}
	return s.faces[f]
}

// Clean turns a text into one line that can be laid out: composed, without control
// characters, with Unknown in place of characters that no font has.
func (s *Setter) Clean(text string) string {
	text = norm.NFC.String(strings.ToValidUTF8(text, string(Unknown)))
	text = strings.Map(func(r rune) rune {
		switch {
		case r == unicode.ReplacementChar:
			return Unknown
		case unicode.IsSpace(r), seen(r) < 0:
			return r
		case unicode.Is(unicode.C, r):
			return -1 // control and format characters
		case s.find(r) == nil:
			return Unknown
		}
		return r
	}, text)
	return norm.NFC.String(strings.Join(strings.Fields(text), " "))
}

// Err returns the first error of reading a font; texts show Unknown where that font
// was needed.
func (s *Setter) Err() error { return s.err }

// Plain reports whether the document's own font suffices for a clean text.
func (s *Setter) Plain(text string) bool {
	for _, r := range text {
		if r > unicode.MaxASCII && !s.own(r) {
			return false
		}
	}
	return true
}

func (s *Setter) own(r rune) bool {
	_, ok := s.base.NominalGlyph(r)
	return ok
}

// seen removes characters that only control the layout.
func seen(r rune) rune {
	if joiner(r) || mark(r) || variation(r) {
		return -1
	}
	return r
}

func joiner(r rune) bool    { return r == 0x200c || r == 0x200d }
func mark(r rune) bool      { return r == leftToRight || r == rightToLeft }
func variation(r rune) bool { return unicode.Is(unicode.Variation_Selector, r) }

// find returns the font face for a character: the document's own, that of its
// script, or one of the others; nil if none has it.
func (s *Setter) find(r rune) *font.Face {
	if s.own(r) {
		return s.base
	}
	for i := range scripts {
		if unicode.Is(scripts[i].table, r) {
			if f := s.in(scripts[i].source, r); f != nil {
				return f
			}
		}
	}
	for _, o := range others {
		if f := s.in(o, r); f != nil {
			return f
		}
	}
	return nil
}

func (s *Setter) in(from *source, r rune) *font.Face {
	f, err := from.load()
	if err != nil {
		if s.err == nil {
			s.err = err
		}
		return nil
	}
	face := s.face(f)
	if _, ok := face.NominalGlyph(r); !ok {
		return nil
	}
	return face
}

// ResolveFace is called by the segmenter for every character.
func (s *Setter) ResolveFace(r rune) *font.Face {
	if f := s.find(r); f != nil {
		return f
	}
	return s.base
}

// Breaks splits a clean text at the places where a line may be broken, by Unicode's
// rules (UAX #14). Spaces stay at the ends of parts.
func (s *Setter) Breaks(text string) []string {
	s.breaks.Init([]rune(text))
	var parts []string
	for lines := s.breaks.LineIterator(); lines.Next(); {
		parts = append(parts, string(lines.Line().Text))
	}
	return parts
}

// Continue gives a line of a paragraph the paragraph's direction, which may differ
// from that of the line's first letter.
func (s *Setter) Continue(paragraph, line string) string {
	switch {
	case s.Plain(line):
		return line
	case directionOf(paragraph) == di.DirectionRTL:
		return string(rightToLeft) + line
	default:
		return string(leftToRight) + line
	}
}

// Letters returns where the characters of a text end, as people see them: an emoji, or a
// letter with all its marks.
func (s *Setter) Letters(text string) (ends []int) {
	s.breaks.Init([]rune(text))
	end := 0
	for g := s.breaks.GraphemeIterator(); g.Next(); {
		for _, r := range g.Grapheme().Text {
			end += utf8.RuneLen(r)
		}
		ends = append(ends, end)
	}
	return ends
}

// Line lays out a clean text at a size in points. Runs in the document's own font
// are returned as text, whose width the document knows.
func (s *Setter) Line(text string, size float64) []Run { return s.line(text, size, true) }

// Measure is Line without the outlines.
func (s *Setter) Measure(text string, size float64) []Run { return s.line(text, size, false) }

func (s *Setter) line(text string, size float64, outlines bool) []Run {
	runes := []rune(text)
	if len(runes) == 0 {
		return nil
	}
	direction := directionOf(text)
	inputs := s.split.Split(shaping.Input{
		Text: runes, RunEnd: len(runes), Direction: direction, Size: units(size), Language: language.NewLanguage("en"),
	}, s)
	shaped := make([]shaping.Output, len(inputs))
	for i, in := range inputs {
		shaped[i] = s.shaper.Shape(in)
	}
	lines, _ := s.wrap.WrapParagraph(shaping.WrapConfig{Direction: direction, DisableTrailingWhitespaceTrim: true, BreakPolicy: shaping.Never},
		math.MaxInt32>>8, runes, shaping.NewSliceIterator(shaped))
	var out []Run
	for _, line := range lines {
		order := slices.Clone(line)
		slices.SortStableFunc(order, func(a, b shaping.Output) int { return int(a.VisualIndex - b.VisualIndex) })
		for i := range order {
			out = append(out, s.run(&order[i], runes, size, outlines))
		}
	}
	return out
}

func (s *Setter) run(o *shaping.Output, runes []rune, size float64, outlines bool) Run {
	if o.Face == s.base {
		return Run{Text: strings.Map(seen, string(runes[o.Runes.Offset:o.Runes.Offset+o.Runes.Count]))}
	}
	var r Run
	scale := size / float64(o.Face.Upem())
	x := 0.0
	for _, g := range o.Glyphs {
		if outlines {
			if outline, ok := o.Face.GlyphDataOutline(g.GlyphID); ok && len(outline.Segments) > 0 {
				r.Glyphs = append(r.Glyphs, polygon(outline.Segments, scale, Point{x + points(g.XOffset), -points(g.YOffset)}))
			}
		}
		x += s.advance(g, runes, size)
	}
	r.Advance = x
	return r
}

// advance returns a glyph's advance width. Spaces are as wide as in the document's
// own font; in an emoji font they would be as wide as an emoji.
func (s *Setter) advance(g shaping.Glyph, runes []rune, size float64) float64 {
	if runes[g.TextIndex()] == ' ' {
		space, _ := s.base.NominalGlyph(' ')
		return float64(s.base.HorizontalAdvance(space)) * size / float64(s.base.Upem())
	}
	return points(g.Advance)
}

// directionOf returns the direction of a text's first strong letter (UAX #9, P2 and
// P3).
func directionOf(text string) di.Direction {
	for _, r := range text {
		p, _ := bidi.LookupRune(r)
		switch p.Class() {
		case bidi.L:
			return di.DirectionLTR
		case bidi.R, bidi.AL:
			return di.DirectionRTL
		}
	}
	return di.DirectionLTR
}

// steps is the number of lines that approximate a curve. At the sizes of a ticket
// they are shorter than a printer's dots.
const steps = 6

// polygon combines a glyph's contours into one polygon. After each contour it
// returns to the start of the first one; these connections are traversed in both
// directions, so they enclose nothing.
func polygon(segments []opentype.Segment, scale float64, at Point) []Point {
	var out []Point
	var first, start, from Point
	place := func(p opentype.SegmentPoint) Point {
		return Point{at.X + float64(p.X)*scale, at.Y - float64(p.Y)*scale}
	}
	end := func() {
		if len(out) > 0 {
			out = append(out, start, first)
		}
	}
	for _, seg := range segments {
		switch seg.Op {
		case opentype.SegmentOpMoveTo:
			end()
			start = place(seg.Args[0])
			if len(out) == 0 {
				first = start
			}
			out = append(out, start)
			from = start
		case opentype.SegmentOpLineTo:
			from = place(seg.Args[0])
			out = append(out, from)
		case opentype.SegmentOpQuadTo:
			c, to := place(seg.Args[0]), place(seg.Args[1])
			for i := 1; i <= steps; i++ {
				t := float64(i) / steps
				a, b, d := (1-t)*(1-t), 2*t*(1-t), t*t
				out = append(out, Point{a*from.X + b*c.X + d*to.X, a*from.Y + b*c.Y + d*to.Y})
			}
			from = to
		case opentype.SegmentOpCubeTo:
			c, e, to := place(seg.Args[0]), place(seg.Args[1]), place(seg.Args[2])
			for i := 1; i <= steps; i++ {
				t := float64(i) / steps
				a, b, d, f := (1-t)*(1-t)*(1-t), 3*t*(1-t)*(1-t), 3*t*t*(1-t), t*t*t
				out = append(out, Point{a*from.X + b*c.X + d*e.X + f*to.X, a*from.Y + b*c.Y + d*e.Y + f*to.Y})
			}
			from = to
		}
	}
	end()
	return out
}

func units(points float64) fixed.Int26_6 { return fixed.Int26_6(math.Round(points * 64)) }
func points(u fixed.Int26_6) float64     { return float64(u) / 64 }
