package safetext

import (
	"strings"
	"unicode"
)

// OneLine makes what another server said harmless for logs and pages: one line without
// control characters, cut after most bytes.
func OneLine(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "�"))
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
