package phone

import (
	"strings"
	"testing"
)

func TestNormal(t *testing.T) {
	for _, c := range []struct{ text, regions, want, fault string }{
		{"+49 1512 3456789", "", "+4915123456789", ""},
		{" 0151/23456789 ", "DE,AT", "+4915123456789", ""},
		{"0664 1234567", "AT,DE", "+436641234567", ""},
		{"+43 664 1234567", "DE,AT", "+436641234567", ""},
		{"(201) 555-0123", "US", "+12015550123", ""},
		{"+44 7400 123456", "", "+447400123456", ""},
		{"٠١٥١٢٣٤٥٦٧٨٩", "DE", "+4915123456789", ""}, // Arabic digits
		{"", "DE", "", "required"},
		{"0151 23456789", "", "", "no-country-code"},
		{"+44 7400 123456", "DE,AT", "", "country-not-served"},
		{"+49 30 901820", "DE", "", "not-a-mobile-number"},          // a landline
		{"+49 900 1234567", "DE", "", "not-a-mobile-number"},        // premium rate
		{"+44 1481 12", "", "", "not-a-mobile-number"},              // too short
		{"+44 7400 123456 ext. 7", "GB", "", "not-a-mobile-number"}, // nobody texts an extension
		{"+883 5100 1234567", "", "", "not-a-mobile-number"},        // of no country
		{"call me", "DE", "", "not-a-mobile-number"},
		{"+4915123456789\r\nBcc: x", "DE", "", "not-a-mobile-number"},
		{"+" + strings.Repeat("4", 300), "DE", "", "not-a-mobile-number"},
		{"112", "DE", "", "not-a-mobile-number"},
	} {
		var regions []string
		if c.regions != "" {
			regions = strings.Split(c.regions, ",")
		}
		got, reason := Normal(c.text, regions)
		if got != c.want || reason.Code != c.fault {
			t.Errorf("%q (%s): %q %+v, want %q %q", c.text, c.regions, got, reason, c.want, c.fault)
		}
		if got != "" {
			if again, reason := Normal(Shown(got), regions); again != got || !reason.None() {
				t.Errorf("%q is shown as %q, which is read as %q %+v", got, Shown(got), again, reason)
			}
		}
	}
	if !Country("DE") || Country("XX") || Country("de") || Country("") {
		t.Error("countries are not known")
	}
}

func FuzzNormal(f *testing.F) {
	for _, text := range []string{"+49 1512 3456789", "0151/23456789", "tel:+1-201-555-0123;ext=1", "+4915123456789;phone-context=+49", "٠١٥١٢٣٤٥٦٧٨٩"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, reason := Normal(text, []string{"DE", "US"})
		if (got == "") == reason.None() {
			t.Fatalf("%q: %q %+v", text, got, reason)
		}
		if got == "" {
			return
		}
		if got[0] != '+' || len(got) > 16 || strings.Trim(got[1:], "0123456789") != "" {
			t.Fatalf("%q becomes %q", text, got)
		}
		if again, reason := Normal(got, nil); again != got || !reason.None() {
			t.Fatalf("%q becomes %q, which becomes %q %+v", text, got, again, reason)
		}
	})
}
