package safetext

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Cell keeps spreadsheets from taking a text, or a part of it, as a formula
// (OWASP, "CSV injection"), by putting an apostrophe in front of it. Programs differ
// in how they separate cells and what they ignore, so a formula may begin after any
// character at which one of them splits, after invisible characters, and with a
// full-width sign.
func Cell(s string) string {
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

// splits reports whether a program may begin a new cell after a character.
func splits(r rune) bool { return strings.ContainsRune(";,|\t\r\n\v\f\u0085\u2028\u2029", r) }

// opensFormula reports whether some program takes a cell that begins with a
// character as a formula, including programs that normalize character width first.
func opensFormula(r rune) bool {
	return r == '\u2212' || strings.ContainsAny(norm.NFKC.String(string(r)), "=+-@") && !unicode.IsLetter(r)
}
