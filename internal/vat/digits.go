package vat

import "strings"

// number is the value of a run of digits.
func number(n string) (v int) {
	for i := range len(n) {
		v = v*10 + int(n[i]-'0')
	}
	return v
}

// sum is the sum of the digits of n, each multiplied by its weight; there may be more
// digits than weights.
func sum(n string, weights ...int) (s int) {
	for i, w := range weights {
		s += int(n[i]-'0') * w
	}
	return s
}

func last(n string) int { return int(n[len(n)-1] - '0') }

// luhn checks digits by ISO/IEC 7812-1.
func luhn(n string) bool {
	s := 0
	for i := range len(n) {
		d := int(n[len(n)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		s += d
	}
	return s%10 == 0
}

// mod11, with modulus 10, checks digits by ISO/IEC 7064, MOD 11,10.
func mod11and10(n string) bool {
	p := 5
	for i := range len(n) {
		if p == 0 {
			p = 10
		}
		p = (p*2%11 + int(n[i]-'0')) % 10
	}
	return p == 1
}

// mod97 is a text modulo 97, with letters as numbers from 10 (ISO/IEC 7064).
func mod97(text string) (v int) {
	for i := range len(text) {
		if c := text[i]; digit(c) {
			v = (v*10 + int(c-'0')) % 97
		} else {
			v = (v*100 + int(c-'A') + 10) % 97
		}
	}
	return v
}

// at is the position of a character in an alphabet.
func at(alphabet string, c byte) int { return strings.IndexByte(alphabet, c) }
