package safetext

import (
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"
)

// plain replaces letters that Unicode does not decompose by those that people type
// instead, and typographic marks by those of a keyboard.
var plain = strings.NewReplacer(
	"ø", "o", "ł", "l", "đ", "d", "ð", "d", "ħ", "h", "ŧ", "t", "ŋ", "n", "ı", "i", "ƶ", "z", "ɨ", "i", "ƀ", "b", "ŀ", "l",
	"æ", "ae", "œ", "oe", "þ", "th", "ß", "ss", "ĳ", "ij",
	"\u2018", "'", "\u2019", "'", "\u201a", "'", "\u201b", "'", "\u02bc", "'", "\u02bb", "'", "\u02b9", "'", "\u2032", "'", "`", "'", "\u00b4", "'",
	"\u201c", `"`, "\u201d", `"`, "\u201e", `"`, "\u00ab", `"`, "\u00bb", `"`,
	"\u2010", "-", "\u2011", "-", "\u2012", "-", "\u2013", "-", "\u2014", "-", "\u2212", "-")

// Fold normalizes a text for comparison: plain letters without case and accents, so that "Dvorak" finds "Dvořák", "Lodz" finds "Łódź" and
// "don't" finds "don’t".
func Fold(s string) string {
	// An acute accent by itself decomposes into a space and a mark, so marks that
	// stand for apostrophes are written plain before.
	t := transform.Chain(norm.NFKD, runes.Remove(runes.Predicate(ignored)), norm.NFC, cases.Fold())
	out, _, err := transform.String(t, plain.Replace(s))
	if err != nil { // not UTF-8; such input is refused earlier
		return strings.ToLower(s)
	}
	return strings.Join(strings.Fields(plain.Replace(out)), " ")
}

// ignored reports whether a character is an accent or invisible.
func ignored(r rune) bool { return unicode.In(r, unicode.Mn, unicode.Cf) }
