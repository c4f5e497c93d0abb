// Package money holds amounts as integer minor units with an ISO 4217 currency.
package money

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"boxoffice/internal/errs"

	"github.com/bojanz/currency"
)

// Max is the largest amount, in minor units, that is accepted anywhere. It is
// small enough that sums stay exact in JSON numbers (2^53).
const Max = 1_000_000_000_00

// units are codes of ISO 4217 that nobody pays with: funds and units of account.
const units = "BOV CHE CHW CLF COU MXV USN UYI UYW"

// Known reports whether c is a current ISO 4217 code of money that people pay with.
func Known(c string) bool {
	return len(c) == 3 && currency.IsValid(c) && !strings.Contains(units, c)
}

// Exponent is the number of decimal places of a currency. Currencies that are no
// more, and that old price lists name, had two.
func Exponent(c string) int {
	if digits, ok := currency.GetDigits(c); ok {
		return int(digits)
	}
	return 2
}

// Format writes an amount as "50.00 USD".
func Format(minor int64, code string) string {
	e := Exponent(code)
	if e == 0 {
		return fmt.Sprintf("%d %s", minor, code)
	}
	sign := ""
	if minor < 0 {
		sign, minor = "-", -minor
	}
	s := strconv.FormatInt(minor, 10)
	for len(s) <= e {
		s = "0" + s
	}
	return sign + s[:len(s)-e] + "." + s[len(s)-e:] + " " + code
}

// Parse reads "50.00USD" or "50 USD": a plain decimal without sign, exact in
// the currency's minor unit, then the code.
func Parse(s string) (minor int64, code string, err error) {
	s = strings.TrimSpace(s)
	if len(s) < 4 {
		return 0, "", errs.Why("not-an-amount", "%q is not an amount with a currency such as 50.00USD", s)
	}
	code = s[len(s)-3:]
	if !Known(code) {
		return 0, "", errs.Why("not-a-currency", "%q is not an ISO 4217 currency", code)
	}
	minor, err = FromDecimal(strings.TrimSpace(s[:len(s)-3]), code)
	return minor, code, err
}

// FromDecimal reads a plain decimal number ("54.5") exactly into minor units.
// Exponents, signs and more places than the currency has are refused.
func FromDecimal(s, code string) (int64, error) {
	if s == "" || len(s) > 24 || strings.Trim(s, "0123456789.") != "" || strings.Count(s, ".") > 1 || s == "." {
		return 0, errs.Why("not-an-amount", "%q is not a plain decimal amount", s)
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return 0, errs.Why("not-an-amount", "%q is not a plain decimal amount", s)
	}
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(Exponent(code))), nil)
	r.Mul(r, new(big.Rat).SetInt(scale))
	if !r.IsInt() {
		return 0, errs.Why("too-many-decimals", "%q has more decimal places than %s allows", s, code)
	}
	n := r.Num()
	if !n.IsInt64() || n.Int64() > Max {
		return 0, errs.Why("not-an-amount", "%q is too large", s)
	}
	return n.Int64(), nil
}
