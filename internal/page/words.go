package page

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
)

//go:embed words/*.json
var wordFiles embed.FS

// Languages are those that there are words for; the first is the default.
var Languages = []string{"en", "de"}

// words are the texts of all languages.
type words struct {
	bundle  *i18n.Bundle
	matcher language.Matcher
	byLang  map[string]*i18n.Localizer
}

func loadWords() (*words, error) {
	w := &words{bundle: i18n.NewBundle(language.English), byLang: map[string]*i18n.Localizer{}}
	w.bundle.RegisterUnmarshalFunc("json", json.Unmarshal)
	tags := make([]language.Tag, len(Languages))
	files, err := wordFiles.ReadDir("words")
	if err != nil {
		return nil, err
	}
	for _, f := range files { // such as shop.de.json
		if _, err := w.bundle.LoadMessageFileFS(wordFiles, "words/"+f.Name()); err != nil {
			return nil, fmt.Errorf("words: %w", err)
		}
	}
	for i, lang := range Languages {
		tags[i] = language.Make(lang)
		w.byLang[lang] = i18n.NewLocalizer(w.bundle, lang)
	}
	w.matcher = language.NewMatcher(tags)
	return w, nil
}

// match is the language for a reader: the one that they chose, else the best for
// their Accept-Language (RFC 9110, section 12.5.4).
func (w *words) match(chosen, accept string) string {
	if w.byLang[chosen] != nil {
		return chosen
	}
	tags, _, err := language.ParseAcceptLanguage(accept)
	if err != nil || len(tags) == 0 {
		return Languages[0]
	}
	_, i, _ := w.matcher.Match(tags...)
	return Languages[i]
}

// text is a message with its placeholders filled in: pairs are names and
// values. A value named N chooses the plural form. A message that is missing
// shows its key, so that it is seen.
func (w *words) text(lang, key string, pairs ...any) string {
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

// group are all messages below a prefix, by the rest of their keys: for scripts.
func (w *words) group(lang, prefix string, keys []string) map[string]string {
	out := map[string]string{}
	for _, k := range keys {
		if rest, ok := strings.CutPrefix(k, prefix); ok {
			out[rest] = w.text(lang, k)
		}
	}
	return out
}

// catalogue are the messages of a language as they stand in its files.
func catalogue(lang string) (map[string]any, error) {
	names, err := fs.Glob(wordFiles, "words/*."+lang+".json")
	if err != nil {
		return nil, err
	}
	all := map[string]any{}
	for _, name := range names {
		raw, err := wordFiles.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("words: %w", err)
		}
		if err := json.Unmarshal(raw, &all); err != nil {
			return nil, fmt.Errorf("words: %s: %w", name, err)
		}
	}
	return all, nil
}
