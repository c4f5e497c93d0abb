// Package cards finds card numbers in what clients send, since none may be stored or
// logged. A card number has 12 to 19 digits, the last of which is a check digit
// (ISO/IEC 7812-1).
package cards

const (
	minDigits = 12
	maxDigits = 19
	minInText = 13 // digits of a number in a text, where phone numbers and codes are common
	minAbroad = 16 // digits behind a plus: phone numbers with a country's code have up to 15 (E.164)
	minGroup  = 3  // digits of a group in a text
)

// In reports whether a text holds something like a card number: alone or among other
// words, in groups with spaces or dashes between them or not. Digits next to letters, as
// in ids, do not count, nor do numbers with dots, as in dates. or phone numbers that begin
// with a plus.
func In(text []byte) bool {
	if len(text) < minInText {
		return false
	}
	for i := 0; i+minInText <= len(text); i++ {
		if text[i] < '1' || text[i] > '9' || i > 0 && wordByte(text[i-1]) {
			continue
		}
		least := minInText
		if i > 0 && text[i-1] == '+' {
			least = minAbroad
		}
		if begins(text[i:], least) {
			return true
		}
	}
	return false
}

// begins reports whether text begins with a card number of at least so many digits.
func begins(text []byte, least int) bool {
	var card [maxDigits]byte
	n, group := 0, 0
	for i, c := range text {
		if isDigit(c) {
			if n == maxDigits {
				return false
			}
			card[n] = c - '0'
			n++
			group++
			continue
		}
		switch {
		case wordByte(c):
			return false
		case n >= least && checks(card[:n]):
			return true
		case c != ' ' && c != '-' || group < minGroup || i+1 == len(text) || !isDigit(text[i+1]):
			return false
		}
		group = 0
	}
	return n >= least && checks(card[:n])
}

// InToken reports whether a text that should be a payment gateway's token holds
// something like a card number, in whatever it is wrapped: unlike for In, digits next to
// letters count, and groups of any size with dots or underscores between them.
func InToken(s string) bool {
	if len(s) < minDigits {
		return false
	}
	digits := make([]byte, 0, 64)
	for i := 0; i <= len(s); i++ {
		switch {
		case i < len(s) && isDigit(s[i]):
			digits = append(digits, s[i]-'0')
		case i < len(s) && separates(s[i]):
		default:
			if anyChecks(digits) {
				return true
			}
			digits = digits[:0]
		}
	}
	return In([]byte(s)) // a card number and further digits
}

// anyChecks reports whether digits are a card number. A short run is checked as a
// whole; a longer one may hide a number anywhere.
func anyChecks(digits []byte) bool {
	if len(digits) <= maxDigits {
		return len(digits) >= minDigits && checks(digits)
	}
	for from := 0; from+minDigits <= len(digits); from++ {
		for n := minDigits; n <= maxDigits && from+n <= len(digits); n++ {
			if checks(digits[from : from+n]) {
				return true
			}
		}
	}
	return false
}

// checks reports whether the last digit is the check digit of the others (Luhn).
func checks(digits []byte) bool {
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

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func separates(c byte) bool { return c == ' ' || c == '.' || c == '-' || c == '_' }

func wordByte(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}
