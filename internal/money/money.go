// Package money holds amounts as integer minor units with an ISO 4217 currency.
package money

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// Max is the largest amount, in minor units, that is accepted anywhere. It is
// small enough that sums stay exact in JSON numbers (2^53).
const Max = 1_000_000_000_00

// exponents are the currencies whose minor unit is not a hundredth (ISO 4217,
// list one).
var exponents = map[string]int{
	"BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0,
	"RWF": 0, "UGX": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
	"BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
}

const hundredths = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST XCD YER ZAR ZMW"

// Known reports whether c is a current ISO 4217 code.
func Known(c string) bool {
	if len(c) != 3 {
		return false
	}
	if _, ok := exponents[c]; ok {
		return true
	}
	i := strings.Index(hundredths, c)
	return i >= 0 && i%4 == 0
}

// Exponent is the number of decimal places of a currency.
func Exponent(c string) int {
	if e, ok := exponents[c]; ok {
		return e
	}
	return 2
}

// Format writes an amount as "50.00 USD".
func Format(minor int64, currency string) string {
	e := Exponent(currency)
	if e == 0 {
		return fmt.Sprintf("%d %s", minor, currency)
	}
	sign := ""
	if minor < 0 {
		sign, minor = "-", -minor
	}
	s := strconv.FormatInt(minor, 10)
	for len(s) <= e {
		s = "0" + s
	}
	return sign + s[:len(s)-e] + "." + s[len(s)-e:] + " " + currency
}

// Parse reads "50.00USD" or "50 USD": a plain decimal without sign, exact in
// the currency's minor unit, then the code.
func Parse(s string) (minor int64, currency string, err error) {
	s = strings.TrimSpace(s)
	if len(s) < 4 {
		return 0, "", fmt.Errorf("%q is not an amount with a currency such as 50.00USD", s)
	}
	currency = s[len(s)-3:]
	if !Known(currency) {
		return 0, "", fmt.Errorf("%q is not an ISO 4217 currency", currency)
	}
	minor, err = FromDecimal(strings.TrimSpace(s[:len(s)-3]), currency)
	return minor, currency, err
}

// FromDecimal reads a plain decimal number ("54.5") exactly into minor units.
// Exponents, signs and more places than the currency has are refused.
func FromDecimal(s, currency string) (int64, error) {
	if s == "" || len(s) > 24 || strings.Trim(s, "0123456789.") != "" || strings.Count(s, ".") > 1 || s == "." {
		return 0, fmt.Errorf("%q is not a plain decimal amount", s)
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return 0, fmt.Errorf("%q is not a plain decimal amount", s)
	}
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(Exponent(currency))), nil)
	r.Mul(r, new(big.Rat).SetInt(scale))
	if !r.IsInt() {
		return 0, fmt.Errorf("%q has more decimal places than %s allows", s, currency)
	}
	n := r.Num()
	if !n.IsInt64() || n.Int64() > Max {
		return 0, fmt.Errorf("%q is too large", s)
	}
	return n.Int64(), nil
}
