package gateway

import "bytes"

// Card numbers have 13 to 19 digits, printed in groups of three or more, and
// end with a check digit (ISO/IEC 7812-1).
const (
	minCard  = 13
	maxCard  = 19
	minGroup = 3
)

// holdsCard reports whether the JSON string or number in text holds something
// like a card number: alone or within other words, in groups or not. Digits that
// touch letters, as in ids, are none.
func holdsCard(text []byte) bool {
	if len(text) < minCard {
		return false
	}
	if bytes.IndexByte(text, '\\') >= 0 { // digits may be written as \u0034
		text = []byte(unquote(text))
	}
	for i := 0; i < len(text); i++ {
		if text[i] >= '1' && text[i] <= '9' && (i == 0 || !wordByte(text[i-1])) && cardAt(text[i:]) {
			return true
		}
	}
	return false
}

// cardAt reports whether text begins with a card number.
func cardAt(text []byte) bool {
	var card [maxCard]byte
	n, group := 0, 0
	for i, c := range text {
		switch {
		case isDigit(c):
			if n == maxCard {
				return false
			}
			card[n] = c - '0'
			n++
			group++
		case wordByte(c):
			return false
		case n >= minCard && luhn(card[:n]):
			return true
		case c != ' ' && c != '-' || group < minGroup || i+1 == len(text) || !isDigit(text[i+1]):
			return false
		default:
			group = 0
		}
	}
	return n >= minCard && luhn(card[:n])
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func wordByte(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}

// luhn reports whether the last digit is the check digit of the others.
func luhn(digits []byte) bool {
	sum := 0
	for i := range digits {
		d := int(digits[len(digits)-1-i])
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}
