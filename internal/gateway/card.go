package gateway

import (
	"bytes"

	"boxoffice/internal/cards"
)

// holdsCard reports whether the JSON string or number in text holds something like a
// card number.
func holdsCard(text []byte) bool {
	if bytes.IndexByte(text, '\\') >= 0 { // digits may be written as \u0034
		text = []byte(unquote(text))
	}
	return cards.In(text)
}
