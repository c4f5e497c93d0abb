package page

import (
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// All languages have the same messages, with the same placeholders.
func TestCataloguesAgree(t *testing.T) {
	placeholder := regexp.MustCompile(`\{\{\.\w+\}\}`)
	holes := func(v any) []string {
		text := ""
		switch v := v.(type) {
		case string:
			text = v
		case map[string]any:
			text, _ = v["other"].(string)
		}
		found := placeholder.FindAllString(text, -1)
		slices.Sort(found)
		return slices.Compact(found)
	}
	base, err := catalogue(Languages[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, lang := range Languages[1:] {
		other, err := catalogue(lang)
		if err != nil {
			t.Fatal(err)
		}
		for key, v := range base {
			o, ok := other[key]
			if !ok {
				t.Errorf("%s has no %q", lang, key)
			} else if !slices.Equal(holes(v), holes(o)) {
				t.Errorf("%s: %q has the placeholders %v, not %v", lang, key, holes(o), holes(v))
			}
		}
		for key := range other {
			if _, ok := base[key]; !ok {
				t.Errorf("%s has %q, and %s does not", lang, key, Languages[0])
			}
		}
	}
}

// Whatever message a template or a page names is there.
func TestMessagesExist(t *testing.T) {
	all, err := catalogue(Languages[0])
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`(?:\bt |\.T\()"([a-z][\w.-]+)"`)
	for _, room := range []string{".", "../web", "../console"} {
		_ = fs.WalkDir(os.DirFS(room), ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".html") && (!strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go")) {
				return nil
			}
			raw, err := os.ReadFile(room + "/" + path)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range named.FindAllStringSubmatch(string(raw), -1) {
				if _, ok := all[m[1]]; !ok {
					t.Errorf("%s/%s: there is no message %q", room, path, m[1])
				}
			}
			return nil
		})
	}
}

func TestLanguageOfReader(t *testing.T) {
	w, err := loadWords()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ chosen, accept, want string }{
		{"", "", "en"}, {"", "de-AT,de;q=0.9,en;q=0.5", "de"}, {"", "fr,de;q=0.4", "de"}, {"", "ja", "en"}, {"de", "en", "de"}, {"xx", "de", "de"}, {"", "((", "en"},
	} {
		if got := w.match(c.chosen, c.accept); got != c.want {
			t.Errorf("chosen %q, Accept-Language %q: %s, want %s", c.chosen, c.accept, got, c.want)
		}
	}
}

func TestFormats(t *testing.T) {
	at := time.Date(2026, 3, 7, 20, 5, 0, 0, time.UTC)
	for _, c := range [][2]string{
		{Money("en", 2900, "EUR"), "€29.00"}, {Money("de", 123456, "EUR"), "1.234,56\u00a0€"}, {Money("en", 5000, "JPY"), "¥5,000"}, {Money("en", 14250, "KWD"), "KWD\u00a014.250"},
		{Number("en", 12345), "12,345"}, {Number("de", int32(12345)), "12.345"}, {Number("de", "x"), "x"},
		{When("en", at, Long), "Saturday 7 March 2026, 20:05"}, {When("de", at, Long), "Samstag, 7. März 2026, 20:05 Uhr"}, {When("de", at, Date), "7.3.2026"},
	} {
		if c[0] != c[1] {
			t.Errorf("%q, want %q", c[0], c[1])
		}
	}
}
