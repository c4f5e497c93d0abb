package safetext

import (
	"strings"
	"testing"
)

func TestUnlinked(t *testing.T) {
	for name, want := range map[string]string{
		"Night of the Violins":          "Night of the Violins",
		"St. Martin, Dr. No (2. Teil)…": "St. Martin, Dr. No (2. Teil)…",
		"Win at evil.example/x now":     "Win at evil. example/x now",
		"https://a.b.c.example":         "https: //a. b. c. example",
		"write to x@evil.example":       "write to x@evil. example",
		"www.böse-seite.example":        "www. böse-seite. example",
		"evil。example":                  "evil。 example",
		"Win 3.5 million, Vol. 2.1":     "Win 3.5 million, Vol. 2.1",
		"http://[::1]/":                 "http: //[::1]/",
	} {
		got := Unlinked(name)
		if got != want || strings.Contains(got, "://") {
			t.Errorf("%q became %q, want %q", name, got, want)
		}
	}
}
