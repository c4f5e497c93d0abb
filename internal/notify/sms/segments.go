package sms

import (
	"strings"
	"unicode/utf16"
)

// plain is the alphabet of GSM 03.38; characters of double take two places.
const (
	// cspell:disable-next-line
	plain  = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	double = "^{}\\[~]|€"
)

// Segments is in how many parts a text is sent, each of which is paid for. A text of the
// GSM alphabet has 160 characters, or 153 in each of several parts; any other text has
// 70, or 67, units of UTF-16.
func Segments(text string) int {
	n, one, each := 0, 160, 153
	for _, r := range text {
		switch {
		case strings.ContainsRune(plain, r):
			n++
		case strings.ContainsRune(double, r):
			n += 2
		default:
			one, each = 70, 67
		}
	}
	if one == 70 {
		n = len(utf16.Encode([]rune(text)))
	}
	if n <= one {
		return 1
	}
	return (n + each - 1) / each
}
