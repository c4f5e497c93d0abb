// Package vat checks VAT identification numbers as people type them: their form and, by
// the rule of the country, their check digits. It finds mistakes in typing; whether a
// number is in use only its tax office knows.
//
//	vat.go      Check
//	rules.go    the rules of the countries
//	digits.go   what several rules have in common
package vat

import (
	"slices"
	"strings"

	"boxoffice/internal/errs"
)

// rule checks what follows a number's prefix.
type rule struct {
	prefix string // as the number is written: Greece writes EL
	form   string // see matches; several, separated by blanks
	check  func(n string) bool
}

// Known reports whether the numbers of a country are known.
func Known(country string) bool { return rules[country].check != nil }

// Check returns a country's number as it is written in invoices. The error is for the
// field with the number: another country's prefix, a wrong form, or wrong check digits.
// Numbers of countries that are not known are only cleaned. A number without a prefix
// gets its country's.
func Check(country, number string) (string, error) {
	n := clean(number)
	r, ok := rules[country]
	if !ok {
		if len(n) < 4 || len(n) > 20 {
			return "", errs.Why("not-a-vat-number", "is not a VAT number")
		}
		return n, nil
	}
	rest, found := strings.CutPrefix(n, r.prefix)
	switch {
	case found:
	case len(n) > 2 && letter(n[0]) && letter(n[1]) && otherPrefix(n[:2], r.prefix):
		return "", errs.Why("vat-number-abroad", "begins with %s, but numbers of this country begin with %s", n[:2], r.prefix)
	default:
		rest = n
	}
	if !slices.ContainsFunc(strings.Fields(r.form), func(f string) bool { return matches(f, rest) }) {
		return "", errs.Why("not-a-vat-number", "is not a VAT number of this country: those have the form %s", r.example())
	}
	if !r.check(rest) {
		return "", errs.Why("vat-number-mistyped", "has wrong check digits; it is probably mistyped")
	}
	return r.prefix + rest, nil
}

// clean removes what people put between the parts of a number.
func clean(number string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '+', r == '*':
			return r
		case strings.ContainsRune(" \t.-/\u00a0\u2009\u202f", r):
			return -1
		}
		return '?' // in no form
	}, number)
}

// otherPrefix reports whether two letters are the prefix of another country.
func otherPrefix(letters, own string) bool {
	for _, r := range rules {
		if strings.HasPrefix(r.prefix, letters) && !strings.HasPrefix(own, letters) {
			return true
		}
	}
	return false
}

// example is the form of a country's numbers for people: DE999999999.
func (r rule) example() string {
	list := strings.Fields(r.form)
	for i, f := range list {
		list[i] = r.prefix + strings.NewReplacer("#", "X", "@", "A", "&", "A").Replace(f)
	}
	return strings.Join(list, ", ")
}

// matches reports whether a text has a form: 9 is a digit, @ a letter, # a digit or a
// letter, & one of A to Z, + and *; anything else is itself.
func matches(form, text string) bool {
	if len(form) != len(text) {
		return false
	}
	for i := range len(form) {
		c, ok := text[i], false
		switch form[i] {
		case '9':
			ok = digit(c)
		case '@':
			ok = letter(c)
		case '#':
			ok = digit(c) || letter(c)
		case '&':
			ok = letter(c) || c == '+' || c == '*'
		default:
			ok = c == form[i]
		}
		if !ok {
			return false
		}
	}
	return true
}

func digit(c byte) bool  { return c >= '0' && c <= '9' }
func letter(c byte) bool { return c >= 'A' && c <= 'Z' }
