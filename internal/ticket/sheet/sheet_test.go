package sheet

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func newSheet(t testing.TB) *Sheet {
	t.Helper()
	s, err := New(Info{Width: 300, Height: 400})
	if err != nil {
		t.Fatal(err)
	}
	s.Page()
	s.Font(Bold, 11)
	return s
}

// measuredLetters is how many letters a sheet has laid out to measure them.
func measuredLetters(s *Sheet) (n int) {
	for m := range s.widths {
		n += utf8.RuneCountInString(m.text)
	}
	return n
}

// What does not fit is hardly looked at: the work follows from the width, whatever the
// script, and however long the text is.
func TestWorkIsBounded(t *testing.T) {
	const width, lines, least = 200.0, 12, 8.0
	for _, letter := range []string{"ﷺ", "م", "漢", "क्षि", "👩‍👩‍👧", "م\u0651\u064e", "i", "W"} {
		for _, text := range []string{strings.Repeat(letter, 200), strings.Repeat(letter+" ", 100), strings.Repeat(letter, 4000)} {
			for name, do := range map[string]func(s *Sheet) int{
				"cut":    func(s *Sheet) int { s.Cut(text, width); return 1 },
				"shrink": func(s *Sheet) int { s.Shrink(Bold, text, width, 20, least); return 1 },
				"wrap":   func(s *Sheet) int { return len(s.Wrap(text, width, lines)) },
			} {
				s := newSheet(t)
				most := do(s) * 8 * int(4*(width/least)) * utf8.RuneCountInString(letter)
				if n := measuredLetters(s); n > most {
					t.Errorf("%s of %d times %q: %d letters are laid out, more than %d", name, len(text)/len(letter), letter, n, most)
				}
			}
		}
	}
}

// The same text is laid out once for all pages.
func TestMeasuredOnce(t *testing.T) {
	s := newSheet(t)
	for range 6 {
		s.Page()
		s.Shrink(Bold, "محمد عبد الله", 90, 10, 6.5)
		s.Cut("محمد عبد الله", 90)
	}
	once := newSheet(t)
	once.Shrink(Bold, "محمد عبد الله", 90, 10, 6.5)
	once.Cut("محمد عبد الله", 90)
	if len(s.widths) != len(once.widths) {
		t.Errorf("%d texts are measured for six pages, %d for one", len(s.widths), len(once.widths))
	}
}

// As many parts are taken as fit, and few beginnings are measured.
func TestLongest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		widths := rapid.SliceOfN(rapid.OneOf(rapid.IntRange(0, 3), rapid.IntRange(0, 1000)), 0, 300).Draw(t, "widths")
		width, least := rapid.IntRange(0, 2000).Draw(t, "width"), rapid.IntRange(0, min(1, len(widths))).Draw(t, "least")
		want, sum := least, 0
		for i, w := range widths {
			if sum += w; sum <= width {
				want = max(want, i+1)
			}
		}
		tries := 0
		got := longest(least, len(widths), rapid.IntRange(-5, 400).Draw(t, "guess"), float64(width), func(n int) float64 {
			tries++
			sum := 0
			for _, w := range widths[:n] {
				sum += w
			}
			return float64(sum)
		})
		if got != want || tries > 24 {
			t.Fatalf("%d parts fit, not %d, after %d tries", want, got, tries)
		}
	})
}
