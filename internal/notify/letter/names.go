package letter

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/bidi"

	"boxoffice/internal/safetext"
)

// nameLen is the longest name in characters. What is longer than the forms of this
// site allow was imported, or is stored by an earlier version.
const nameLen = 200

// name makes a name that somebody else chose harmless.
func name(text string) string { return isolated(safetext.Unlinked(clean(text))) }

// clean returns a name as one line without hidden characters: nothing in it can begin
// another header, or turn the text around it.
func clean(text string) string {
	text = safetext.Shown(strings.Join(strings.Fields(text), " "))
	if utf8.RuneCountInString(text) > nameLen {
		text = string([]rune(text)[:nameLen-1]) + "…"
	}
	return text
}

const (
	isolate = "\u2068" // FIRST STRONG ISOLATE
	pop     = "\u2069" // POP DIRECTIONAL ISOLATE
)

// isolated keeps a name that is written from right to left from turning around the
// sentence that it stands in.
func isolated(text string) string {
	for _, r := range text {
		switch p, _ := bidi.LookupRune(r); p.Class() {
		case bidi.R, bidi.AL, bidi.AN:
			return isolate + text + pop
		}
	}
	return text
}

// personName returns the name for a greeting; "" if mail programs could turn it into a
// link, since somebody who is no friend may have chosen it.
func personName(text string) string {
	if text = clean(text); linkable(text) {
		return ""
	}
	return isolated(text)
}

// linkable reports whether a name contains something like a web or mail address: a
// scheme, an at sign, a slash or backslash, or a dot (or what browsers take for one)
// directly followed by text, except in initials such as J.R.
func linkable(name string) bool {
	if strings.ContainsAny(name, "@/\\") || strings.Contains(name, ":") {
		return true
	}
	runes := []rune(name)
	for i, r := range runes {
		if !strings.ContainsRune(".。．｡", r) || i+1 == len(runes) || runes[i+1] == ' ' {
			continue
		}
		if end := i + 2; end < len(runes) && runes[end] != '.' && runes[end] != ' ' {
			return true // more than one letter after the dot
		}
	}
	return false
}
