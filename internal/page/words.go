package page

import (
	"embed"
	"slices"
	"strings"

	"boxoffice/internal/locale"
)

//go:embed words/*.json
var wordFiles embed.FS

// loadWords reads the messages of all languages.
func loadWords() (*locale.Words, error) { return locale.Load(wordFiles, "words") }

// catalogue returns the messages of a language as they are in its files.
func catalogue(lang string) (map[string]any, error) {
	return locale.Catalogue(wordFiles, "words", lang)
}

// wordsBelow returns all messages below a prefix, by the rest of their keys, for scripts.
func (s *Site) wordsBelow(lang, prefix string) map[string]string {
	out := map[string]string{}
	for _, k := range s.keys {
		if rest, ok := strings.CutPrefix(k, prefix); ok {
			out[rest] = s.words.Text(lang, k)
		}
	}
	return out
}

// speaks reports whether there are messages in a language.
func speaks(lang string) bool { return slices.Contains(locale.Languages, lang) }
