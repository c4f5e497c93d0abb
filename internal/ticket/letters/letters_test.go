package letters

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func setter(t testing.TB) *Setter {
	t.Helper()
	s, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Words of a script that goes from right to left are seen from the right, and
// letters join: the four forms of beh are four glyphs.
func TestRightToLeft(t *testing.T) {
	s := setter(t)
	runs := s.Line("abc ببب ב def", 10)
	var seen []string
	for _, r := range runs {
		if r.Text != "" {
			seen = append(seen, strings.TrimSpace(r.Text))
		} else {
			seen = append(seen, "outlines")
		}
	}
	if got := strings.Join(seen, "|"); !strings.HasPrefix(got, "abc") || !strings.HasSuffix(got, "def") {
		t.Errorf("seen: %s", got)
	}
	alone, joined := s.Line("ب", 100)[0], s.Line("ببب", 100)[0]
	if len(joined.Glyphs) < 3 || joined.Advance >= 3*alone.Advance {
		t.Errorf("beh is %f wide, three of them %f, in %d outlines: they are not joined", alone.Advance, joined.Advance, len(joined.Glyphs))
	}
	hebrew := s.Line("אב", 100)[0]
	alef := s.Line("א", 100)[0]
	if first := left(hebrew.Glyphs[len(hebrew.Glyphs)-1]); first < hebrew.Advance-alef.Advance-1 {
		t.Errorf("alef, the first letter, begins at %f of %f: not at the right", first, hebrew.Advance)
	}
}

func left(glyph []Point) float64 {
	x := glyph[0].X
	for _, p := range glyph {
		x = min(x, p.X)
	}
	return x
}

// Characters of people are kept or lost whole.
func TestCharacters(t *testing.T) {
	s := setter(t)
	for text, want := range map[string][]int{"": nil, "ab": {1, 2}, "x👩‍👩‍👧": {1, 19}, "xe\u0301\u0323": {1, 6}, "x🇩🇪": {1, 9}} {
		if got := s.Letters(text); !slices.Equal(got, want) {
			t.Errorf("the characters of %q end at %d, not %d", text, got, want)
		}
	}
}

func TestBreaks(t *testing.T) {
	s := setter(t)
	if got := s.Breaks("東京都 one two"); len(got) < 5 || strings.Join(got, "") != "東京都 one two" {
		t.Errorf("%q", got)
	}
}

// Any text can be laid out, and its parts are the text again.
func TestAnyLine(t *testing.T) {
	s := setter(t)
	rapid.Check(t, func(t *rapid.T) {
		text := s.Clean(rapid.StringN(0, 60, -1).Draw(t, "text"))
		for _, r := range s.Line(text, rapid.Float64Range(4, 40).Draw(t, "size")) {
			if r.Text == "" && r.Advance < 0 {
				t.Fatalf("%q: a run is %f wide", text, r.Advance)
			}
		}
		if ends := s.Letters(text); text != "" && ends[len(ends)-1] != len(text) {
			t.Fatalf("the characters of %q end at %d", text, ends)
		}
		if strings.Join(s.Breaks(text), "") != text {
			t.Fatalf("%q breaks into %q", text, s.Breaks(text))
		}
		if s.Clean(text) != text {
			t.Fatalf("%q is not clean once it is clean", text)
		}
	})
	if s.Err() != nil {
		t.Fatal(s.Err())
	}
}

func TestAllFontsAreRead(t *testing.T) {
	for _, sc := range scripts {
		if _, err := sc.load(); err != nil {
			t.Error(err)
		}
	}
	for _, o := range others {
		if _, err := o.load(); err != nil {
			t.Error(err)
		}
	}
}
