package safetext

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"boxoffice/internal/errs"
)

// The rule for every text that people type and others see: names, titles,
// descriptions, labels. What shows nothing, or turns what stands beside it around,
// lets two texts look the same or one read as another, so it is refused; imports of
// other people's pages drop it. Letters of every script are fine, from right to left
// too, and so are joiners where scripts and emoji need them, the tags of flags, and the
// vowel separator between Mongolian letters.

// Invisible reports whether a character shows nothing or changes how what stands
// beside it is shown: controls, line and paragraph separators, format characters
// (directions and zero-width ones among them) and what else Unicode calls
// ignorable. Joiners and variation selectors, which some scripts and emoji need,
// count here; see Hidden for where they may stand.
func Invisible(r rune) bool {
	switch {
	case unicode.Is(unicode.Prepended_Concatenation_Mark, r): // signs before Arabic numbers, which are seen
		return false
	case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector):
		return true
	case r == '\u2800', r == unicode.ReplacementChar: // a blank that is a symbol
		return true
	}
	return unicode.Is(unicode.Noncharacter_Code_Point, r)
}

// joiner reports whether an invisible character has its place between others: in
// Persian and Indic names, and in emoji.
func joiner(r rune) bool {
	return r == '\u200c' || r == '\u200d' || unicode.Is(unicode.Variation_Selector, r)
}

// outOfPlace reports whether a character is hidden that stands after another one; a
// space at the beginning.
func outOfPlace(before, r rune) bool {
	return Invisible(r) && (!joiner(r) || unicode.IsSpace(before) || joiner(before) && r != '\u200d')
}

// joined are the scripts in which joiners change how letters are shown: those whose
// letters join (Joining_Type), and those with a sign that takes a vowel away
// (Indic_Syllabic_Category). See UAX #31, section 2.3.1.
var joined = []*unicode.RangeTable{
	unicode.Adlam, unicode.Arabic, unicode.Chorasmian, unicode.Hanifi_Rohingya, unicode.Mandaic, unicode.Manichaean, unicode.Mongolian,
	unicode.Nko, unicode.Phags_Pa, unicode.Psalter_Pahlavi, unicode.Sogdian, unicode.Syriac,

	unicode.Ahom, unicode.Balinese, unicode.Batak, unicode.Bengali, unicode.Bhaiksuki, unicode.Brahmi, unicode.Buginese, unicode.Chakma,
	unicode.Cham, unicode.Devanagari, unicode.Dives_Akuru, unicode.Dogra, unicode.Grantha, unicode.Gujarati, unicode.Gunjala_Gondi,
	unicode.Gurmukhi, unicode.Javanese, unicode.Kaithi, unicode.Kannada, unicode.Kharoshthi, unicode.Khmer, unicode.Khojki,
	unicode.Khudawadi, unicode.Lepcha, unicode.Limbu, unicode.Malayalam, unicode.Masaram_Gondi, unicode.Meetei_Mayek, unicode.Modi,
	unicode.Myanmar, unicode.Nandinagari, unicode.Newa, unicode.Oriya, unicode.Rejang, unicode.Saurashtra, unicode.Sharada,
	unicode.Siddham, unicode.Sinhala, unicode.Soyombo, unicode.Sundanese, unicode.Syloti_Nagri, unicode.Tai_Tham, unicode.Takri,
	unicode.Tamil, unicode.Telugu, unicode.Tibetan, unicode.Tirhuta, unicode.Zanabazar_Square,
}

// joins reports whether a joiner or a variation selector means something after the
// letter or sign base: joiners between letters of some scripts, and in emoji;
// variation selectors after everything but letters of the scripts of Europe.
func joins(base, r, next rune) bool {
	switch script := unicode.In(base, joined...) || base == '\u0640'; r { // the stroke that lengthens Arabic words has no script of its own
	case '\u200c':
		return script
	case '\u200d':
		return script || unicode.IsSymbol(base) && unicode.IsSymbol(next) && !Invisible(next)
	}
	return !unicode.In(base, unicode.Latin, unicode.Greek, unicode.Cyrillic)
}

// flags are those that Unicode writes with invisible tags: England, Scotland, Wales.
var flags = []string{tagged("gbeng"), tagged("gbsct"), tagged("gbwls")}

func tagged(region string) string {
	flag := []rune{'\U0001f3f4'}
	for _, r := range region {
		flag = append(flag, '\U000e0000'+r)
	}
	return string(append(flag, '\U000e007f'))
}

// mongolian reports whether a character is a letter that the Mongolian vowel
// separator may stand beside.
func mongolian(r rune) bool { return unicode.Is(unicode.Mongolian, r) && unicode.IsLetter(r) }

// seen reports whether a word may be broken by a soft hyphen beside a character.
func seen(r rune) bool { return !unicode.IsSpace(r) && !Invisible(r) }

// chillu reports whether a text ends in a Malayalam consonant without a vowel, which
// a joiner makes a letter of its own: that is how Unicode before 5.1 writes the last
// letter of many names.
func chillu(text string) bool {
	rest, ok := strings.CutSuffix(text, "\u0d4d")
	last, _ := utf8.DecodeLastRuneInString(rest)
	return ok && strings.ContainsRune("\u0d15\u0d23\u0d28\u0d30\u0d32\u0d33", last)
}

// HiddenReason is what is wrong with a text that has hidden characters.
var HiddenReason = errs.Why("invisible-characters", "must not contain invisible characters")

// LineFault says what is wrong with a text of one line that must have minLen to
// maxLen characters. It accepts hidden characters other than
// controls: texts that were stored before Hidden was a rule may have some.
func LineFault(s string, minLen, maxLen int) errs.Reason {
	n := utf8.RuneCountInString(s)
	switch {
	case n < minLen && n == 0:
		return errs.Why("required", "is required")
	case n < minLen:
		return errs.Why("too-short", "must have at least %d characters", minLen)
	case n > maxLen:
		return errs.Why("too-long", "must have at most %d characters", maxLen)
	case !utf8.ValidString(s):
		return errs.Why("not-utf8", "is not UTF-8")
	case strings.ContainsFunc(s, unicode.IsControl):
		return HiddenReason
	}
	return errs.Reason{}
}

// Hidden reports whether a text of one line has characters that show nothing, other
// than joiners and variation selectors where they mean something.
func Hidden(text string) bool { return Shown(text) != text }

// HiddenInLines is Hidden for a text that may have several lines, tabs and soft
// hyphens in words: a description.
func HiddenInLines(text string) bool { return ShownLines(text) != text }

// Shown is a text of one line without its hidden characters.
func Shown(text string) string { return shown(text, false) }

// ShownLines is a text of several lines without its hidden characters.
func ShownLines(text string) string { return shown(text, true) }

func shown(text string, lines bool) string {
	if !strings.ContainsFunc(text, Invisible) {
		return text
	}
	var out strings.Builder
	base := ' ' // the last character that is no mark, joiner or variation selector
	for before, rest := ' ', text; rest != ""; {
		size := 0
		for _, flag := range flags {
			if strings.HasPrefix(rest, flag) {
				size = len(flag)
			}
		}
		r, width := utf8.DecodeRuneInString(rest)
		if size == 0 {
			size = width
			next, _ := utf8.DecodeRuneInString(rest[width:])
			if outOfPlace(before, r) && !allowed(before, r, next, lines) || joiner(r) && !joins(base, r, next) {
				rest = rest[width:]
				continue
			}
		}
		out.WriteString(rest[:size])
		if before, rest = r, rest[size:]; !joiner(r) && !unicode.IsMark(r) {
			base = r
		}
	}
	text = strings.TrimRight(out.String(), "\u200c\u200d")
	if strings.HasPrefix(out.String()[len(text):], "\u200d") && chillu(text) {
		text += "\u200d"
	}
	return text
}

// allowed reports whether a character that shows nothing may stand between two
// others: ends of lines, and soft hyphens, in texts of several lines only.
func allowed(before, r, next rune, lines bool) bool {
	switch r {
	case '\n', '\r', '\t':
		return lines
	case '\u00ad':
		return lines && seen(before) && seen(next)
	case '\u180e':
		return mongolian(before) && mongolian(next)
	}
	return false
}
