// Package phone reads telephone numbers as people write them, for text messages.
package phone

import (
	"slices"
	"strings"

	"github.com/nyaruka/phonenumbers"

	"boxoffice/internal/errs"
)

// MaxLen is the longest text, in bytes, that may be a number.
const MaxLen = 40

var malformed = errs.Why("not-a-mobile-number", "is not a mobile number, such as +44 7400 123456")

// Normal returns the form in which a number is stored: E.164, such as +447400123456.
// regions are the countries (ISO 3166, two letters) whose numbers are accepted; a
// number without its country's code is one of the first. Without regions numbers of all
// countries are accepted, and begin with a plus sign.
//
// Only numbers that may be mobile ones are accepted: a text message to any other is
// lost, and to a premium-rate number it pays whoever entered it.
func Normal(text string, regions []string) (normal string, reason errs.Reason) {
	text = strings.TrimSpace(text)
	if text == "" {
		return "", errs.Why("required", "is required")
	}
	first := phonenumbers.UNKNOWN_REGION
	if len(regions) > 0 {
		first = regions[0]
	}
	if len(text) > MaxLen {
		return "", malformed
	}
	n, err := phonenumbers.Parse(text, first)
	if err != nil {
		if !strings.HasPrefix(text, "+") && len(regions) == 0 {
			return "", errs.Why("no-country-code", "must begin with + and the country's code, such as +44 7400 123456")
		}
		return "", malformed
	}
	if n.GetExtension() != "" || !phonenumbers.IsValidNumber(n) {
		return "", malformed
	}
	switch phonenumbers.GetNumberType(n) {
	case phonenumbers.MOBILE, phonenumbers.FIXED_LINE_OR_MOBILE: // North America tells them apart by no number
	default:
		return "", malformed
	}
	if len(regions) > 0 && !slices.Contains(regions, phonenumbers.GetRegionCodeForNumber(n)) {
		return "", errs.Why("country-not-served", "must be of a country to which we send text messages: %s", strings.Join(regions, ", "))
	}
	return phonenumbers.Format(n, phonenumbers.E164), errs.Reason{}
}

// Shown returns a number in E.164 with spaces, for people.
func Shown(number string) string {
	n, err := phonenumbers.Parse(number, phonenumbers.UNKNOWN_REGION)
	if err != nil {
		return number
	}
	return phonenumbers.Format(n, phonenumbers.INTERNATIONAL)
}

// Country reports whether a code names a country that has telephone numbers.
func Country(code string) bool { return phonenumbers.GetSupportedRegions()[code] }
