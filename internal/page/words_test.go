package page

import (
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"boxoffice/internal/locale"
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
	base, err := catalogue(locale.Languages[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, lang := range locale.Languages[1:] {
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
				t.Errorf("%s has %q, and %s does not", lang, key, locale.Languages[0])
			}
		}
	}
}

// Whatever message a template or a page names is there.
func TestMessagesExist(t *testing.T) {
	all, err := catalogue(locale.Languages[0])
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`(?:\bt |\.T\()"([a-z][\w.-]+)"`)
	for _, room := range []string{".", "../shop", "../console"} {
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

// Categories of events that are known are told in the reader's language; others
// as the organizer wrote them.
func TestCategoryNames(t *testing.T) {
	k, err := New(Config{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][3]string{{"de", "Concert", "Konzert"}, {"de", "Music", "Musik"}, {"de", "arts & theatre", "Kunst und Theater"}, {"en", "Music", "Music"}, {"de", "Höhlentauchen", "Höhlentauchen"}} {
		if got := k.category(c[0], c[1]); got != c[2] {
			t.Errorf("%s in %s: %s, want %s", c[1], c[0], got, c[2])
		}
	}
}

// German texts have one word for a section, and say "seat" once for each.
func TestWordsOfSeatsInGerman(t *testing.T) {
	all, err := catalogue("de")
	if err != nil {
		t.Fatal(err)
	}
	for key, v := range all {
		text, _ := v.(string)
		if regexp.MustCompile(`\bBl[oö]cke?\b`).MatchString(text) {
			t.Errorf("%s says Block, other texts Bereich: %s", key, text)
		}
		if strings.Contains(text, "Platz {{.Seat}}") && !strings.Contains(text, "Reihe") {
			t.Errorf("%s says Platz before the name of a seat, which begins with it: %s", key, text)
		}
	}
}

// German texts have one word for one thing, and address readers as Sie.
func TestOneWordForOneThingInGerman(t *testing.T) {
	all, err := catalogue("de")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ not, but string }{
		{`Bestell(ung|nummer)`, "Buchung"}, {`Warenkorb`, "Kasse"}, {`\bSitze?\b`, "Platz"}, {`(?i)pausier`, "unterbrochen"},
		{`Verkaufsbeginn|Vorverkaufsstart`, "Verkaufsstart"}, {`Teilnehmerliste|Gästeliste`, "Besucherliste"}, {`Preiskategorie`, "Preisgruppe"},
		{`zum vollen Preis`, "den vollen Betrag"}, {`(?i)\b(du|dich|dir|dein\w*)\b`, "Sie"},
	} {
		not := regexp.MustCompile(c.not)
		for key, v := range all {
			if text := fmt.Sprint(v); not.MatchString(text) {
				t.Errorf("%s: other texts say %q: %s", key, c.but, text)
			}
		}
	}
}

// A refused log-in says for how long the right password is refused, too, and what helps.
func TestWrongPasswordSaysWhatHelps(t *testing.T) {
	for lang, parts := range map[string][]string{"en": {"15 minutes", "new password"}, "de": {"15 Minuten", "neues Passwort"}} {
		all, err := catalogue(lang)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range parts {
			if text, _ := all["problem.wrong-password"].(string); !strings.Contains(text, part) {
				t.Errorf("%q does not say %q", text, part)
			}
		}
	}
}

// An error page says what is with seats and money, and what to do next.
func TestErrorsTellOfSeatsAndMoney(t *testing.T) {
	about := map[string]*regexp.Regexp{
		"en": regexp.MustCompile(`(?i)booked|held|charged|tickets|refund|full amount|nothing has changed|not saved`),
		"de": regexp.MustCompile(`(?i)gebucht|reserviert|abgebucht|tickets|erstattet|vollen Betrag|nichts geändert|nicht gespeichert`),
	}
	for lang, tells := range about {
		all, err := catalogue(lang)
		if err != nil {
			t.Fatal(err)
		}
		for key, v := range all {
			if text, ok := v.(string); ok && strings.HasPrefix(key, "error.") && strings.HasSuffix(key, ".text") && !tells.MatchString(text) {
				t.Errorf("%s %s says nothing of seats and money: %s", lang, key, text)
			}
		}
	}
}

// No line ends within "e-mail": English texts write it in one word, German ones
// with a hyphen at which nothing breaks.
func TestEmailDoesNotBreak(t *testing.T) {
	for _, lang := range locale.Languages {
		all, err := catalogue(lang)
		if err != nil {
			t.Fatal(err)
		}
		for key, v := range all {
			if strings.Contains(strings.ToLower(fmt.Sprint(v)), "e-mail") {
				t.Errorf("%s: %q has an e-mail that breaks: %v", lang, key, v)
			}
		}
	}
}
