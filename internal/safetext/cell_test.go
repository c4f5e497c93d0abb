package safetext

import "testing"

// No part of a text that a spreadsheet might take for a cell begins a formula;
// what begins none stays as it is.
func TestCell(t *testing.T) {
	for in, want := range map[string]string{
		"":                     "",
		"Ann":                  "Ann",
		"Anne-Marie; Jean":     "Anne-Marie; Jean",
		"a=b, c+d":             "a=b, c+d",
		"ann+x@example.org":    "ann+x@example.org",
		"=1+1":                 "'=1+1",
		"+1":                   "'+1",
		"-1":                   "'-1",
		"@sum":                 "'@sum",
		"\t=1":                 "'\t'=1",
		"\r=1":                 "'\r'=1",
		"x;=1+1":               "x;'=1+1",
		"x; =1":                "x; '=1",
		"x,=1":                 "x,'=1",
		"x|@a":                 "x|'@a",
		"x\n=1":                "x\n'=1",
		"x\u2028=1":            "x\u2028'=1",
		"\u200b=1":             "\u200b'=1",
		"\ufeff\u00a0=1":       "\ufeff\u00a0'=1",
		"x;\u200b\u2060=1":     "x;\u200b\u2060'=1",
		"\"=1":                 "\"'=1",
		"x;\"=1\"":             "x;\"'=1\"",
		"\uff1d1+1":            "'\uff1d1+1", // full width
		"\uff0b1":              "'\uff0b1",
		"\uff0d1":              "'\uff0d1",
		"\uff20a":              "'\uff20a",
		"\ufe63" + "1;\ufe661": "'\ufe63" + "1;'\ufe661",
		"\u22121":              "'\u22121",
	} {
		if got := Cell(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
