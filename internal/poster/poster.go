package poster

import (
	"hash/fnv"
	"math/rand/v2"
	"strings"
)

// Width and Height are the size of a poster, in units of its drawing.
const (
	Width  = 800.0
	Height = 600.0
)

// Poster is a composition.
type Poster struct {
	colors palette
	shapes []shape
}

// palette is the colours of a poster: a ground that stands on light and on dark
// pages, and what is on it.
type palette struct {
	ground string
	tones  [4]string // from the quietest to the loudest
	ink    string    // for words on the ground
}

var palettes = []palette{
	{"#2b2140", [4]string{"#46356a", "#8c4a7c", "#e0694f", "#f7b267"}, "#fff4e6"},
	{"#0f3d4c", [4]string{"#1b5a68", "#3d8a86", "#e8a948", "#f3dfae"}, "#f6f1e2"},
	{"#c8452f", [4]string{"#a93522", "#e0714d", "#f4b183", "#fbe6cf"}, "#fff6ec"},
	{"#1d3557", [4]string{"#2c4f7c", "#457b9d", "#e4576a", "#f4d8c8"}, "#f4f1ea"},
	{"#e2a336", [4]string{"#cf8c22", "#b5482a", "#274a4f", "#fbeccb"}, "#2a1a08"},
	{"#23433a", [4]string{"#35604f", "#6f9a6b", "#e9c46a", "#f4765b"}, "#f7f3e3"},
	{"#5b2a4a", [4]string{"#77395f", "#b0527a", "#f08a7b", "#fcd5b5"}, "#fff1ea"},
	{"#dcd0bb", [4]string{"#c9b998", "#8aa39b", "#cc5a3d", "#2f3e46"}, "#2f2a22"},
}

// A composition draws itself with some chance.
type composition func(*rand.Rand, palette) []shape

// byCategory names compositions by a part of a category's name, in the
// languages of the pages.
var byCategory = []struct {
	parts string
	draw  []composition
}{
	{"musi konz conc rock jazz klass class festival", []composition{rings, rings, waves}},
	{"theat drama oper bühne stage arts kunst", []composition{arcs}},
	{"sport fußball footb", []composition{stripes}},
	{"dan ballet tanz", []composition{ribbons}},
	{"comed kabar humor", []composition{beams}},
	{"famil kind circ zirk", []composition{tiles}},
}

var all = []composition{rings, arcs, stripes, ribbons, beams, tiles, waves}

// Of is the poster of an event: always the same for an id and a category.
func Of(id, category string) Poster {
	h := fnv.New64a()
	_, _ = h.Write([]byte(id))
	rnd := rand.New(rand.NewPCG(h.Sum64(), 0x706f73746572)) // not for secrets
	among := all
	name := strings.ToLower(category)
	for _, c := range byCategory {
		for _, part := range strings.Fields(c.parts) {
			if strings.Contains(name, part) && len(among) == len(all) {
				among = c.draw
			}
		}
	}
	colors := palettes[rnd.IntN(len(palettes))]
	return Poster{colors, among[rnd.IntN(len(among))](rnd, colors)}
}

// SVG is the poster as a picture for pages. It has no words: pages have them.
func (p Poster) SVG() []byte {
	var b strings.Builder
	b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 600" width="800" height="600" preserveAspectRatio="xMidYMid slice"><path d="M0 0H800V600H0Z" fill="` + p.colors.ground + `"/>`)
	for i := range p.shapes {
		p.shapes[i].svg(&b)
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}
