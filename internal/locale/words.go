package locale

import (
	"fmt"
	"io/fs"
	"slices"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"

	"boxoffice/internal/codec"
)

// Languages are the available languages; the first is the default.
var Languages = []string{"en", "de"}

var matcher = language.NewMatcher([]language.Tag{language.English, language.German}) // of Languages

// Match chooses the language for a reader: the one that they selected, or else the
// best one for their Accept-Language (RFC 9110, section 12.5.4).
func Match(chosen, accept string) string {
	if slices.Contains(Languages, chosen) {
		return chosen
	}
	tags, _, err := language.ParseAcceptLanguage(accept)
	if err != nil || len(tags) == 0 {
		return Languages[0]
	}
	_, i, _ := matcher.Match(tags...)
	return Languages[i]
}

// Heard returns the language of what a request says about its reader: an Accept-Language,
// or one of Languages. It is "" if the request says nothing.
func Heard(said string) string {
	if said == "" {
		return ""
	}
	return Match(said, said)
}

// Words holds the messages of all languages.
type Words struct {
	byLang map[string]*i18n.Localizer
}

// Load reads the catalogues in a folder: JSON files such as order.de.json. The same
// key has the same placeholders in all languages.
func Load(files fs.FS, dir string) (*Words, error) {
	w := &Words{byLang: map[string]*i18n.Localizer{}}
	bundle := i18n.NewBundle(language.English)
	bundle.RegisterUnmarshalFunc("json", codec.ReadKnown)
	names, err := fs.Glob(files, dir+"/*.json")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if _, err := bundle.LoadMessageFileFS(files, name); err != nil {
			return nil, fmt.Errorf("words: %w", err)
		}
	}
	for _, lang := range Languages {
		w.byLang[lang] = i18n.NewLocalizer(bundle, lang)
	}
	return w, nil
}

// Text returns a message with its placeholders filled in: pairs are names and
// values. A value named N selects the plural form. A missing message shows its key,
// so that somebody notices.
func (w *Words) Text(lang, key string, pairs ...any) string {
	c := &i18n.LocalizeConfig{MessageID: key}
	if len(pairs) > 0 {
		data := make(map[string]any, len(pairs)/2)
		for i := 0; i+1 < len(pairs); i += 2 {
			name := fmt.Sprint(pairs[i])
			data[name] = pairs[i+1]
			if name == "N" {
				c.PluralCount = pairs[i+1]
				data[name] = Number(lang, pairs[i+1])
			}
		}
		c.TemplateData = data
	}
	s, err := w.byLang[lang].Localize(c)
	if err != nil && s == "" {
		return key
	}
	return s
}

// Catalogue returns the messages of a language as they are in the files of a folder. It is
// an error if two files have the same message.
func Catalogue(files fs.FS, dir, lang string) (map[string]any, error) {
	names, err := fs.Glob(files, dir+"/*."+lang+".json")
	if err != nil {
		return nil, err
	}
	all := map[string]any{}
	for _, name := range names {
		raw, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("words: %w", err)
		}
		messages := map[string]any{}
		if err := codec.ReadKnown(raw, &messages); err != nil {
			return nil, fmt.Errorf("words: %s: %w", name, err)
		}
		for key, message := range messages {
			if _, twice := all[key]; twice {
				return nil, fmt.Errorf("words: %s: another file has %q, too", name, key)
			}
			all[key] = message
		}
	}
	return all, nil
}
