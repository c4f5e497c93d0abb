package money

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		in       string
		minor    int64
		currency string
		fails    string
	}{
		{"50.00USD", 5000, "USD", ""},
		{"50USD", 5000, "USD", ""},
		{"4.66 EUR", 466, "EUR", ""},
		{"54.5EUR", 5450, "EUR", ""},
		{"5000JPY", 5000, "JPY", ""},
		{"1.234KWD", 1234, "KWD", ""},
		{"0.00EUR", 0, "EUR", ""},
		{"5.5JPY", 0, "", "decimal places"},
		{"1.005EUR", 0, "", "decimal places"},
		{"-5EUR", 0, "", "plain decimal"},
		{"1e3EUR", 0, "", "plain decimal"},
		{"1,5EUR", 0, "", "plain decimal"},
		{".EUR", 0, "", "plain decimal"},
		{"5XYZ", 0, "", "ISO 4217"},
		{"5 EU", 0, "", "ISO 4217"},
		{"EUR", 0, "", "amount with a currency"},
		{"99999999999999999999EUR", 0, "", "too large"},
		{"1000000000000.01EUR", 0, "", "too large"},
	} {
		minor, currency, err := Parse(c.in)
		switch {
		case c.fails != "":
			if err == nil || !strings.Contains(err.Error(), c.fails) {
				t.Errorf("Parse(%q): error is %v, want one about %q", c.in, err, c.fails)
			}
		case err != nil || minor != c.minor || currency != c.currency:
			t.Errorf("Parse(%q) = %d %s, %v; want %d %s", c.in, minor, currency, err, c.minor, c.currency)
		}
	}
}

func TestFormat(t *testing.T) {
	for _, c := range []struct {
		minor    int64
		currency string
		want     string
	}{{5000, "USD", "50.00 USD"}, {5, "EUR", "0.05 EUR"}, {-150, "EUR", "-1.50 EUR"}, {5000, "JPY", "5000 JPY"}, {1234, "KWD", "1.234 KWD"}, {0, "EUR", "0.00 EUR"}} {
		if got := Format(c.minor, c.currency); got != c.want {
			t.Errorf("Format(%d, %s) = %q, want %q", c.minor, c.currency, got, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("50.00USD")
	f.Fuzz(func(t *testing.T, s string) {
		minor, currency, err := Parse(s)
		if err != nil {
			return
		}
		if minor < 0 || minor > Max || !Known(currency) {
			t.Fatalf("%q became %d %s", s, minor, currency)
		}
		if again, c, err := Parse(Format(minor, currency)); err != nil || again != minor || c != currency {
			t.Fatalf("%q became %d %s, which reads back as %d %s, %v", s, minor, currency, again, c, err)
		}
	})
}

// The list is today's: currencies come and go.
func TestKnown(t *testing.T) {
	for c, exponent := range map[string]int{"EUR": 2, "JPY": 0, "KWD": 3, "XCG": 2, "ZWG": 2, "VED": 2, "SLE": 2, "UGX": 0, "ISK": 0, "IQD": 3, "MRU": 2} {
		if !Known(c) || Exponent(c) != exponent {
			t.Errorf("%s: known %v, %d places", c, Known(c), Exponent(c))
		}
	}
	for _, c := range []string{"", "EU", "eur", "XYZ", "ANG", "BGN", "HRK", "ZWL", "SLL", "CUC", "CLF", "USN", "XXX", "XAU", "UR "} {
		if Known(c) {
			t.Errorf("%q is known", c)
		}
	}
}
