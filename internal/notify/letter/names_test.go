package letter

import (
	"strings"
	"testing"
)

// A name with the address of a site, or of a mailbox, does not get into greetings: a
// mail program would make a link of it.
func TestNamesInGreetings(t *testing.T) {
	for name, there := range map[string]bool{
		"Robin Fan": true, "J. R. Fan": true, "J.R. Fan": true, "Dr. Fan": true, "Zoë 🎸": true, "O'Neil-Fan Jr.": true, "": false,
		"http://evil.example/x": false, "https:evil": false, "Win at evil.example": false, "evil。example": false, "www.evil.example": false,
		"a@evil.example": false, "evil.example/win": false, `\\evil`: false, "tel:+49": false,
	} {
		if got := personName(name); got != name && there || got != "" && !there {
			t.Errorf("%q: %q", name, got)
		}
	}
}

// Names stay on one line, turn nothing around, and make no links.
func TestNamesAreHarmless(t *testing.T) {
	for text, want := range map[string]string{
		"Gala":                           "Gala",
		"Gala\r\nBcc: all@evil.example":  "Gala Bcc: all@evil. example",
		"Gala\x00\u202etxt":              "Galatxt",
		"Ga\u2068la\u2069":               "Gala",
		"مهرجان":                         "\u2068مهرجان\u2069",
		"שלום\u2069 evil":                "\u2068שלום evil\u2069",
		"see https://evil.example/x now": "see https: //evil. example/x now",
		strings.Repeat("x", 500):         strings.Repeat("x", nameLen-1) + "…",
	} {
		if got := name(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
