package locale

import (
	"testing"
	"time"
)

func TestLanguageOfReader(t *testing.T) {
	for _, c := range []struct{ chosen, accept, want string }{
		{"", "", "en"}, {"", "de-AT,de;q=0.9,en;q=0.5", "de"}, {"", "fr,de;q=0.4", "de"}, {"", "ja", "en"}, {"de", "en", "de"}, {"xx", "de", "de"}, {"", "((", "en"},
	} {
		if got := Match(c.chosen, c.accept); got != c.want {
			t.Errorf("chosen %q, Accept-Language %q: %s, want %s", c.chosen, c.accept, got, c.want)
		}
	}
}

func TestFormats(t *testing.T) {
	at := time.Date(2026, 3, 7, 20, 5, 0, 0, time.UTC)
	for _, c := range [][2]string{
		{Money("en", 2900, "EUR"), "€29.00"}, {Money("de", 123456, "EUR"), "1.234,56\u00a0€"}, {Money("en", 5000, "JPY"), "¥5,000"}, {Money("en", 14250, "KWD"), "KWD\u00a014.250"},
		{Number("en", 12345), "12,345"}, {Number("de", int32(12345)), "12.345"}, {Number("de", "x"), "x"},
		{When("en", at, Long), "Saturday 7 March 2026, 20:05"}, {When("de", at, Long), "Samstag, 7. März 2026, 20:05\u00a0Uhr"}, {When("de", at, Date), "7.3.2026"}, {When("de", at, Short), "Sa, 7. März, 20:05\u00a0Uhr"},
	} {
		if c[0] != c[1] {
			t.Errorf("%q, want %q", c[0], c[1])
		}
	}
}
