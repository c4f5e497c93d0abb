package poster

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"image/png"
	"io"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
)

// A poster is the same for ever: caches keep it, and a fan knows it again.
func TestSameForEver(t *testing.T) {
	a, b := Of("06a1b2c3d4e5f6g7", "Music").SVG(), Of("06a1b2c3d4e5f6g7", "Music").SVG()
	if !bytes.Equal(a, b) {
		t.Error("the same event has two posters")
	}
	if bytes.Equal(a, Of("06a1b2c3d4e5f6g8", "Music").SVG()) {
		t.Error("two events have the same poster")
	}
}

// Every composition with every palette is well-formed, has no styles or scripts
// that a strict policy would refuse, and stays small.
func TestSVG(t *testing.T) {
	style := regexp.MustCompile(`style|<script|href|on\w+=`)
	for i := range 300 {
		category := []string{"Music", "Theatre", "Sports", "Dance", "Comedy", "Family", ""}[i%7]
		svg := Of(fmt.Sprintf("event-%d", i), category).SVG()
		for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%s: %v\n%s", category, err, svg)
			}
		}
		if style.Match(svg) || bytes.Contains(svg, []byte("NaN")) {
			t.Fatalf("%s: %s", category, svg)
		}
		if len(svg) > 16_000 {
			t.Errorf("%s: %d bytes", category, len(svg))
		}
	}
}

// The picture for links has the size that it should have, shows the poster in
// its right part, and has other pixels for other words.
func TestCard(t *testing.T) {
	p := Of("06a1b2c3d4e5f6g7", "Music")
	pictures := map[string]bool{}
	for _, c := range []Card{
		{"Aurora Lines", "Friday 8 January 2027, 20:00", "Harbour Arena, Hamburg"},
		{strings.Repeat("Donaudampfschifffahrtsgesellschaft ", 9), "", ""},
		{"宇宙戦艦ヤマト", "", ""},
	} {
		raw, err := p.PNG(c)
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		if b := img.Bounds(); b.Dx() != CardWidth || b.Dy() != CardHeight {
			t.Errorf("%v", b)
		}
		colors := map[any]bool{}
		for x := split; x < CardWidth; x += 9 {
			for y := 0; y < CardHeight; y += 9 {
				colors[img.At(x, y)] = true
			}
		}
		if len(colors) < 3 {
			t.Errorf("the poster's part has %d colours", len(colors))
		}
		pictures[string(raw)] = true
	}
	if len(pictures) != 3 {
		t.Errorf("%d pictures for three titles", len(pictures))
	}
}

func TestWrap(t *testing.T) {
	f, err := fonts()
	if err != nil {
		t.Fatal(err)
	}
	face, err := opentype.NewFace(f.bold, &opentype.FaceOptions{Size: 40, DPI: 72, Hinting: font.HintingNone})
	if err != nil {
		t.Fatal(err)
	}
	lines := wrap(face, "one two three four five six seven eight nine ten eleven twelve", 300, 3)
	if len(lines) != 3 || !strings.HasSuffix(lines[2], "…") {
		t.Errorf("%q", lines)
	}
	for _, l := range append(lines, wrap(face, strings.Repeat("x", 100), 300, 3)...) {
		if w := font.MeasureString(face, l).Ceil(); w > 300 {
			t.Errorf("%q is %d wide", l, w)
		}
	}
	if got := legible(f.bold, "Dvořák – Привет 東"); !strings.HasPrefix(got, "Dvořák") || strings.ContainsRune(got, '東') {
		t.Errorf("%q", got)
	}
}

func BenchmarkSVG(b *testing.B) {
	for b.Loop() {
		Of("06a1b2c3d4e5f6g7", "Family").SVG()
	}
}
