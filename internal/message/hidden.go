package message

import (
	"strings"
	"unicode"
)

// The rule for every text that people type and others see: names, titles,
// descriptions, labels. What shows nothing, or turns what stands beside it around,
// lets two texts look the same or one read as another, so it is refused; imports of
// other people's pages drop it. Letters of every script are fine, from right to left
// too, and so are joiners where scripts and emoji need them.

// Invisible reports whether a character shows nothing or changes how what stands
// beside it is shown: controls, line and paragraph separators, format characters
// (directions and zero-width ones among them) and what else Unicode calls
// ignorable. Joiners and variation selectors, which some scripts and emoji need,
// count here; see Hidden for where they may stand.
func Invisible(r rune) bool {
	switch {
	case unicode.Is(unicode.Prepended_Concatenation_Mark, r): // signs before Arabic numbers, which are seen
		return false
	case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector):
		return true
	case r == '\u2800', r == unicode.ReplacementChar: // a blank that is a symbol
		return true
	}
	return unicode.Is(unicode.Noncharacter_Code_Point, r)
}

// joiner reports whether an invisible character has its place between others: in
// Persian and Indic names, and in emoji.
func joiner(r rune) bool {
	return r == '\u200c' || r == '\u200d' || unicode.Is(unicode.Variation_Selector, r)
}

// outOfPlace reports whether a character is hidden that stands after another one; a
// space at the beginning.
func outOfPlace(before, r rune) bool {
	return Invisible(r) && (!joiner(r) || unicode.IsSpace(before) || joiner(before) && r != '\u200d')
}

// HiddenReason is what is said of a text with hidden characters.
const HiddenReason = "must not contain invisible characters"

// Hidden reports whether a text of one line has characters that show nothing, other
// than joiners and variation selectors with a letter or sign before them.
func Hidden(text string) bool { return Shown(text) != text }

// HiddenInLines is Hidden for a text that may have several lines and tabs.
func HiddenInLines(text string) bool { return ShownLines(text) != text }

// Shown is a text of one line without its hidden characters.
func Shown(text string) string { return shown(text, false) }

// ShownLines is a text of several lines without its hidden characters.
func ShownLines(text string) string { return shown(text, true) }

func shown(text string, lines bool) string {
	before := ' '
	text = strings.Map(func(r rune) rune {
		ends := lines && (r == '\n' || r == '\r' || r == '\t')
		if !ends && outOfPlace(before, r) {
			return -1
		}
		before = r
		return r
	}, text)
	return strings.TrimRight(text, "\u200c\u200d")
}
