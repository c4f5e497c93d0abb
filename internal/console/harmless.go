package console

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// harmless keeps spreadsheets from taking a text, or a part of it, for a formula
// (OWASP, "CSV injection"): an apostrophe goes in front of it. Programs differ in
// what separates cells and in what they pass over, so a formula may begin behind
// any character that one of them splits at, behind characters that nobody sees,
// and with a full-width sign.
func harmless(s string) string {
	var out strings.Builder
	begins := true // a cell may begin here
	for i, r := range s {
		switch {
		case i == 0 && unicode.IsControl(r):
			out.WriteByte('\'')
		case begins && opensFormula(r):
			out.WriteByte('\'')
			begins = false
		}
		out.WriteRune(r)
		begins = splits(r) || begins && (unicode.IsSpace(r) || unicode.Is(unicode.C, r) || unicode.Is(unicode.M, r) || r == '"' || r == '\'')
	}
	return out.String()
}

// splits reports whether a program may begin a new cell behind a character.
func splits(r rune) bool { return strings.ContainsRune(";,|\t\r\n\v\f\u0085\u2028\u2029", r) }

// opensFormula reports whether a cell that begins with a character is taken for a
// formula, also by a program that folds signs of other widths first.
func opensFormula(r rune) bool {
	return r == '\u2212' || strings.ContainsAny(norm.NFKC.String(string(r)), "=+-@") && !unicode.IsLetter(r)
}
