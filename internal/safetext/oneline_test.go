package safetext_test

import (
	"testing"

	"boxoffice/internal/safetext"
)

func TestOneLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "",
		"250 2.0.0 OK":              "250 2.0.0 OK",
		" 550 nobody\r\n\there\x00": "550 nobody here",
		"a\x1b[31mb":                "a [31mb",
		"a\xffb":                    "a�b",
		"0123456789012345":          "0123456789012345",
		"0123456789012345x":         "0123456789012345…",
		"012345678901234ü":          "012345678901234…", // no half characters
	} {
		if got := safetext.OneLine(text, 16); got != want {
			t.Errorf("%q becomes %q, not %q", text, got, want)
		}
	}
}
