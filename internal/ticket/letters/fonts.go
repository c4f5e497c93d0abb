package letters

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"io"
	"sync"
	"unicode"

	"github.com/go-text/typesetting/font"
)

// RegularTTF and BoldTTF are IBM Plex Sans, the font for Latin, Greek and Cyrillic
// letters. Licences of all fonts: fonts/README.md.
var (
	//go:embed fonts/IBMPlexSans-Regular.ttf
	RegularTTF []byte
	//go:embed fonts/IBMPlexSans-Bold.ttf
	BoldTTF []byte
	//go:embed fonts/world/*.gz
	world embed.FS
)

// source is a font in fonts/world, read when it is first needed.
type source struct {
	name string
	once sync.Once
	font *font.Font
	err  error
}

func (s *source) load() (*font.Font, error) {
	s.once.Do(func() {
		if s.font, s.err = read(s.name); s.err != nil {
			s.err = fmt.Errorf("font %s: %w", s.name, s.err)
		}
	})
	return s.font, s.err
}

func read(name string) (*font.Font, error) {
	packed, err := world.ReadFile("fonts/world/" + name + ".ttf.gz")
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	ttf, err := io.ReadAll(z)
	if err != nil {
		return nil, err
	}
	return parse(ttf)
}

func parse(ttf []byte) (*font.Font, error) {
	face, err := font.ParseTTF(bytes.NewReader(ttf))
	if err != nil {
		return nil, err
	}
	return face.Font, nil
}

// base is IBM Plex Sans; both weights have the same characters.
var base = sync.OnceValues(func() (*font.Font, error) { return parse(RegularTTF) })

// script is a writing system with a font of its own.
type script struct {
	table *unicode.RangeTable
	*source
}

func noto(name string) *source { return &source{name: "NotoSans" + name + "-Regular"} }

var scripts = []script{
	{unicode.Arabic, arabic}, {unicode.Hebrew, noto("Hebrew")}, {unicode.Thai, noto("Thai")}, {unicode.Devanagari, devanagari},
	{unicode.Bengali, noto("Bengali")}, {unicode.Tamil, noto("Tamil")}, {unicode.Telugu, noto("Telugu")},
	{unicode.Gujarati, noto("Gujarati")}, {unicode.Gurmukhi, noto("Gurmukhi")}, {unicode.Kannada, noto("Kannada")},
	{unicode.Malayalam, noto("Malayalam")}, {unicode.Sinhala, noto("Sinhala")}, {unicode.Oriya, noto("Oriya")},
	{unicode.Georgian, noto("Georgian")}, {unicode.Armenian, noto("Armenian")}, {unicode.Ethiopic, noto("Ethiopic")},
	{unicode.Khmer, noto("Khmer")}, {unicode.Lao, noto("Lao")}, {unicode.Myanmar, noto("Myanmar")}, {unicode.Thaana, noto("Thaana")},
	{unicode.Syriac, noto("Syriac")}, {unicode.Mongolian, noto("Mongolian")}, {unicode.Cherokee, noto("Cherokee")},
	{unicode.Canadian_Aboriginal, noto("CanadianAboriginal")}, {unicode.Javanese, noto("Javanese")}, {unicode.Nko, noto("NKo")},
	{unicode.Tifinagh, noto("Tifinagh")}, {unicode.Yi, noto("Yi")}, {unicode.Tibetan, &source{name: "NotoSerifTibetan-Regular"}},
	{unicode.Han, cjk}, {unicode.Hiragana, cjk}, {unicode.Katakana, cjk}, {unicode.Hangul, cjk}, {unicode.Bopomofo, cjk},
	{unicode.Latin, latin}, {unicode.Greek, latin}, {unicode.Cyrillic, latin},
}

var (
	latin      = &source{name: "NotoSans-Regular"}
	arabic     = noto("Arabic")
	devanagari = noto("Devanagari")
	cjk        = &source{name: "DroidSansFallback"}
	emoji      = &source{name: "NotoEmoji-Regular"}

	// others are tried in this order for characters that belong to no script:
	// punctuation, symbols, emoji.
	others = []*source{cjk, emoji, latin, noto("Symbols"), noto("Symbols2"), arabic, devanagari}
)
