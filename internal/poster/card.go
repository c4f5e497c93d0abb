package poster

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"strings"
	"sync"

	"github.com/gosimple/unidecode"
	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// CardWidth and CardHeight are what pages that show links expect of their
// pictures, in pixels (the Open Graph protocol's og:image).
const (
	CardWidth  = 1200
	CardHeight = 630
)

// Card is what the picture for links to an event says.
type Card struct {
	Title, When, Where string
}

// fonts are parsed once.
var fonts = sync.OnceValues(func() (f struct{ bold, plain *sfnt.Font }, err error) {
	if f.bold, err = opentype.Parse(gobold.TTF); err == nil {
		f.plain, err = opentype.Parse(goregular.TTF)
	}
	return f, err
})

const (
	margin = 72
	split  = 660 // where the words end and the poster begins
)

// PNG is the poster beside an event's words. Characters that the font does not
// have are written in Latin letters.
func (p Poster) PNG(c Card) ([]byte, error) {
	f, err := fonts()
	if err != nil {
		return nil, fmt.Errorf("fonts: %w", err)
	}
	img := image.NewRGBA(image.Rect(0, 0, CardWidth, CardHeight))
	draw.Draw(img, img.Bounds(), image.NewUniform(rgb(p.colors.ground)), image.Point{}, draw.Src)
	p.paint(img, image.Rect(split, 0, CardWidth, CardHeight))
	ink := image.NewUniform(rgb(p.colors.ink))
	y := margin + 8
	if y, err = write(img, f.bold, 30, ink, y, 1, "boxoffice"); err != nil {
		return nil, err
	}
	size := 68.0
	if len(c.Title) > 40 {
		size = 52
	}
	if y, err = write(img, f.bold, size, ink, y+60, 4, c.Title); err != nil {
		return nil, err
	}
	if y, err = write(img, f.plain, 32, ink, y+34, 2, c.When); err != nil {
		return nil, err
	}
	if _, err = write(img, f.plain, 32, ink, y+8, 2, c.Where); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = png.Encode(&out, img)
	return out.Bytes(), err
}

// paint fills a part of a picture with the poster, which keeps its shape and
// loses what does not fit at its sides.
func (p Poster) paint(img *image.RGBA, area image.Rectangle) {
	scale := max(float64(area.Dx())/Width, float64(area.Dy())/Height)
	dx, dy := (float64(area.Dx())-Width*scale)/2, (float64(area.Dy())-Height*scale)/2
	z := vector.NewRasterizer(area.Dx(), area.Dy())
	for i := range p.shapes {
		s := &p.shapes[i]
		z.Reset(area.Dx(), area.Dy())
		for _, st := range s.outline() {
			var v [6]float32
			for k, pt := range st.points {
				v[2*k], v[2*k+1] = float32(pt.x*scale+dx), float32(pt.y*scale+dy)
			}
			switch {
			case st.move:
				z.MoveTo(v[0], v[1])
			case len(st.points) == 3:
				z.CubeTo(v[0], v[1], v[2], v[3], v[4], v[5])
			default:
				z.LineTo(v[0], v[1])
			}
		}
		z.ClosePath()
		z.Draw(img, area, image.NewUniform(rgb(s.fill)), image.Point{})
	}
}

// write writes a text in lines below y, and answers where it ends. What does
// not fit into its lines ends with an ellipsis.
func write(img *image.RGBA, f *sfnt.Font, size float64, ink image.Image, y, lines int, text string) (int, error) {
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: size, DPI: 72, Hinting: font.HintingNone})
	if err != nil {
		return y, fmt.Errorf("font: %w", err)
	}
	defer face.Close()
	d := &font.Drawer{Dst: img, Src: ink, Face: face}
	step := int(size * 1.16)
	for _, line := range wrap(face, legible(f, text), split-margin-40, lines) {
		y += step
		d.Dot = fixed.P(margin, y-int(size*0.26))
		d.DrawString(line)
	}
	return y, nil
}

// wrap breaks a text into lines of a width in pixels.
func wrap(face font.Face, text string, width, lines int) []string {
	var out []string
	line := ""
	for _, word := range strings.Fields(text) {
		longer := strings.TrimSpace(line + " " + word)
		if line != "" && font.MeasureString(face, longer).Ceil() > width {
			out = append(out, line)
			longer = word
		}
		line = longer
	}
	if line != "" {
		out = append(out, line)
	}
	cut := len(out) > lines
	if cut {
		out = out[:lines]
	}
	for i := range out { // a word can be longer than a line
		mark := ""
		if cut && i == lines-1 {
			mark = "…"
		}
		runes := []rune(out[i])
		for len(runes) > 0 && font.MeasureString(face, string(runes)+mark).Ceil() > width {
			runes, mark = runes[:len(runes)-1], "…"
		}
		out[i] = string(runes) + mark
	}
	return out
}

// legible is a text in characters that the font has.
func legible(f *sfnt.Font, text string) string {
	var buf sfnt.Buffer
	var b strings.Builder
	for _, r := range text {
		if i, err := f.GlyphIndex(&buf, r); err != nil || i == 0 {
			b.WriteString(unidecode.Unidecode(string(r)))
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// rgb reads #rrggbb.
func rgb(hex string) color.RGBA {
	c := color.RGBA{A: 255}
	_, _ = fmt.Sscanf(hex, "#%02x%02x%02x", &c.R, &c.G, &c.B)
	return c
}
