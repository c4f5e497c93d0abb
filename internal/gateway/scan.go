package gateway

import (
	"bytes"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
)

// Limits of a JSON body, independent of its content.
const (
	maxDepth    = 64  // nested arrays and objects
	maxNameSize = 100 // bytes of a field's name that an error repeats
)

// scanner walks a JSON text (RFC 8259) once, before it is decoded, and refuses what
// decoders or databases handle badly: invalid syntax or UTF-8, escapes of half a
// character, NUL characters, numbers beyond a double, duplicate names, deep nesting and, if asked to, card
// numbers. It tracks the current field, so that each error names its place.
type scanner struct {
	b     []byte
	i     int
	path  []step   // from the root to the value that is scanned
	names [][]byte // of all open objects, one after another
	cards bool     // look for card numbers
	stop  int      // stop at the value that holds this byte; -1: nowhere
	left  int      // values that may still follow

	firstSteps [8]step // saves most bodies an allocation
	firstNames [16][]byte
}

// step is one level of a path: an index in an array or a name in an object.
type step struct {
	array bool
	index int
	name  []byte // quotes included; nil before the first
}

// checkJSON checks a JSON body of at most `most` values, and counts them.
func checkJSON(body []byte, cards bool, most int) (int, *errs.Error) {
	if at := invalidUTF8(body); at >= 0 {
		e := errs.New(errs.Malformed, "not-utf8", "The body is not UTF-8 at byte %d.", at)
		e.Fields = []errs.Field{{Name: fieldAt(body, at), Code: "not-utf8", Reason: "is not UTF-8"}}
		return 0, e.With("position", at)
	}
	s := scanners.Get().(*scanner)
	s.b, s.i, s.cards, s.stop, s.left = body, 0, cards, -1, most
	err := s.text()
	s.b, s.path, s.names = nil, nil, nil
	clear(s.firstSteps[:]) // they point into the body
	clear(s.firstNames[:])
	values := most - s.left
	scanners.Put(s)
	return values, err
}

var scanners = sync.Pool{New: func() any { return new(scanner) }}

// fieldAt names the field that holds a byte of a body, as far as the body can be
// parsed up to there.
func fieldAt(body []byte, at int) string {
	s := scanner{b: body, stop: at, left: len(body)}
	_ = s.text() // what is wrong with it was told already
	return s.name()
}

func invalidUTF8(b []byte) int {
	if utf8.Valid(b) {
		return -1
	}
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

// stopped ends a scan that was looking for a place.
var stopped = &errs.Error{}

func (s *scanner) text() *errs.Error {
	s.path, s.names = s.firstSteps[:0], s.firstNames[:0]
	if err := s.value(); err != nil {
		return err
	}
	if s.space(); s.i < len(s.b) {
		return s.malformed("there is more after its end")
	}
	return nil
}

func (s *scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return
		}
	}
}

// next returns the next byte that is not white space, or 0 at the end.
func (s *scanner) next() byte {
	s.space()
	if s.i < len(s.b) {
		return s.b[s.i]
	}
	return 0
}

func (s *scanner) value() *errs.Error {
	var err *errs.Error
	c := s.next()
	if s.i == s.stop {
		return stopped
	}
	if s.left--; s.left < 0 {
		return errs.New(errs.TooLarge, "too-large", "The body contains too many values.")
	}
	switch {
	case c == '{':
		err = s.object()
	case c == '[':
		err = s.array()
	case c == '"':
		start := s.i
		if err = s.str(); err == nil && s.cards && holdsCard(s.b[start:s.i]) {
			err = s.card()
		}
	case c == '-' || c >= '0' && c <= '9':
		err = s.number()
	case c == 't':
		err = s.word("true")
	case c == 'f':
		err = s.word("false")
	case c == 'n':
		err = s.word("null")
	default:
		err = s.malformed("a value is expected")
	}
	if err == nil && s.stop >= 0 && s.i > s.stop {
		return stopped
	}
	return err
}

func (s *scanner) word(w string) *errs.Error {
	if !bytes.HasPrefix(s.b[s.i:], []byte(w)) {
		return s.malformed("a value is expected")
	}
	s.i += len(w)
	return nil
}

func (s *scanner) open(st step) *errs.Error {
	if len(s.path) >= maxDepth {
		return errs.Bad(s.name(), "too-deep", "is nested more than %d levels deep", maxDepth)
	}
	s.path = append(s.path, st)
	s.i++
	return nil
}

func (s *scanner) array() *errs.Error {
	if err := s.open(step{array: true}); err != nil {
		return err
	}
	top := len(s.path) - 1
	if s.next() == ']' {
		s.i++
		s.path = s.path[:top]
		return nil
	}
	for {
		if err := s.value(); err != nil {
			return err
		}
		switch s.next() {
		case ',':
			s.i++
			s.path[top].index++
		case ']':
			s.i++
			s.path = s.path[:top]
			return nil
		default:
			return s.malformed("a comma or ] is expected")
		}
	}
}

func (s *scanner) object() *errs.Error {
	if err := s.open(step{}); err != nil {
		return err
	}
	top := len(s.path) - 1
	seen := nameSet{scanner: s, first: len(s.names)}
	if s.next() == '}' {
		s.i++
		s.path = s.path[:top]
		return nil
	}
	for {
		if s.next() != '"' {
			return s.malformed("a field name in quotes is expected")
		}
		start := s.i
		s.path[top].name = nil // a name that cannot be read belongs to the object
		if err := s.str(); err != nil {
			return err
		}
		quoted := s.b[start:s.i]
		if s.cards && holdsCard(quoted) {
			return s.card()
		}
		s.path[top].name = quoted
		if s.stop >= 0 && s.i > s.stop {
			return stopped
		}
		if seen.count++; seen.count > maxNames {
			s.path[top].name = nil
			return errs.Bad(s.name(), "too-many", "has more than %d fields", maxNames)
		}
		if !seen.add(quoted) {
			return s.twice()
		}
		if s.next() != ':' {
			return s.malformed("a colon is expected")
		}
		s.i++
		if err := s.value(); err != nil {
			return err
		}
		switch s.next() {
		case ',':
			s.i++
		case '}':
			s.i++
			s.path = s.path[:top]
			s.names = s.names[:seen.first]
			return nil
		default:
			return s.malformed("a comma or } is expected")
		}
	}
}

// nameSet holds the names of one object; a few names are compared one by one.
type nameSet struct {
	*scanner
	first int // in scanner.names
	count int
	many  map[string]struct{}
}

func (n *nameSet) add(quoted []byte) bool {
	name := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(name, '\\') >= 0 {
		name = []byte(unquote(quoted))
	}
	if n.many == nil {
		for _, old := range n.names[n.first:] {
			if bytes.Equal(old, name) {
				return false
			}
		}
		n.names = append(n.names, name)
		if len(n.names)-n.first > 16 {
			n.many = make(map[string]struct{}, 64)
			for _, old := range n.names[n.first:] {
				n.many[string(old)] = struct{}{}
			}
		}
		return true
	}
	if _, twice := n.many[string(name)]; twice {
		return false
	}
	n.many[string(name)] = struct{}{}
	return true
}

// str scans a string, quotes included.
func (s *scanner) str() *errs.Error {
	for i := s.i + 1; i < len(s.b); i++ {
		switch c := s.b[i]; {
		case c == '"':
			s.i = i + 1
			return nil
		case c == 0:
			return s.nul()
		case c < 0x20:
			s.i = i
			return s.malformed("a control character in a string must be escaped")
		case c == '\\':
			i++
			if i >= len(s.b) {
				break
			}
			switch s.b[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				if i+4 >= len(s.b) || !hex4(s.b[i+1:i+5]) {
					s.i = i
					return s.malformed("\\u must be followed by four hexadecimal digits")
				}
				if string(s.b[i+1:i+5]) == "0000" {
					return s.nul()
				}
				n := escaped(s.b[i-1:])
				if n == 0 {
					s.i = i - 1
					return s.surrogate()
				}
				i += n - 2
			default:
				s.i = i
				return s.malformed("no such escape in a string")
			}
		}
	}
	s.i = len(s.b)
	return s.malformed("a string has no end")
}

// escaped returns the length of the character that a text begins with, written as \u
// and four hexadecimal digits: 6, or 12 for two surrogates, or 0 for a surrogate
// without the other one.
func escaped(b []byte) int {
	high := func(b []byte) bool { return b[2]|0x20 == 'd' && b[3] >= '8' }
	switch {
	case !high(b):
		return 6
	case strings.IndexByte("89abAB", b[3]) >= 0 && len(b) >= 12 && b[6] == '\\' && b[7] == 'u' && hex4(b[8:12]) &&
		high(b[6:]) && strings.IndexByte("89abAB", b[9]) < 0:
		return 12
	}
	return 0
}

func hex4(b []byte) bool {
	for _, c := range b {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}

func (s *scanner) number() *errs.Error {
	start := s.i
	if s.b[s.i] == '-' {
		s.i++
	}
	whole := s.digits()
	if whole == 0 || whole > 1 && s.b[s.i-whole] == '0' {
		return s.malformed("a number is not written as JSON wants it")
	}
	exponent := false
	if s.at('.') {
		s.i++
		if s.digits() == 0 {
			return s.malformed("a digit is expected")
		}
	}
	if s.at('e') || s.at('E') {
		exponent = true
		s.i++
		if s.at('+') || s.at('-') {
			s.i++
		}
		if s.digits() == 0 {
			return s.malformed("a digit is expected")
		}
	}
	text := s.b[start:s.i]
	if exponent || whole > 300 {
		if _, err := strconv.ParseFloat(string(text), 64); err != nil {
			return errs.Bad(s.name(), "out-of-range", "is a number out of range")
		}
	}
	if s.cards && holdsCard(text) {
		return s.card()
	}
	return nil
}

func (s *scanner) at(c byte) bool { return s.i < len(s.b) && s.b[s.i] == c }

func (s *scanner) digits() (n int) {
	for s.i < len(s.b) && s.b[s.i] >= '0' && s.b[s.i] <= '9' {
		s.i++
		n++
	}
	return n
}

func (s *scanner) malformed(what string) *errs.Error {
	if s.i < len(s.b) && s.b[s.i] == 0 {
		return s.nul()
	}
	line := 1 + bytes.Count(s.b[:s.i], []byte{'\n'})
	column := s.i - bytes.LastIndexByte(s.b[:s.i], '\n')
	e := errs.New(errs.Malformed, "malformed-json", "The body is not JSON: %s, line %d, column %d.", what, line, column)
	e.Fields = []errs.Field{{Name: s.name(), Code: "not-json", Reason: what}}
	return e.With("position", s.i)
}

func (s *scanner) twice() *errs.Error {
	name := s.name()
	e := errs.New(errs.Malformed, "malformed-json", "The body is not JSON: %s is given twice.", name)
	e.Fields = []errs.Field{{Name: name, Code: "given-twice", Reason: "is given twice"}}
	return e
}

// surrogate refuses a string that escapes half a character, which UTF-8 cannot encode.
func (s *scanner) surrogate() *errs.Error {
	e := errs.New(errs.Malformed, "not-utf8", "The body is not UTF-8 at byte %d: the escape is half of a surrogate pair.", s.i)
	e.Fields = []errs.Field{{Name: s.name(), Code: "not-utf8", Reason: "holds half of a surrogate pair"}}
	return e.With("position", s.i)
}

func (s *scanner) nul() *errs.Error {
	return errs.Bad(s.name(), "control-character", "holds a NUL character")
}

func (s *scanner) card() *errs.Error {
	return errs.Bad(s.name(), "card-number", "looks like a card number; card numbers are never sent here")
}

// name returns the path to the current value as clients write it: "seats[0].row".
func (s *scanner) name() string {
	var out []byte
	for _, st := range s.path {
		switch {
		case st.array:
			out = append(out, '[')
			out = strconv.AppendInt(out, int64(st.index), 10)
			out = append(out, ']')
		case st.name != nil:
			if len(out) > 0 {
				out = append(out, '.')
			}
			out = append(out, unquote(st.name)...)
		}
	}
	if len(out) == 0 {
		return "body"
	}
	return clip(string(out))
}

// clip shortens a name before it is sent back to the client.
func clip(name string) string {
	if len(name) <= maxNameSize {
		return name
	}
	n := maxNameSize
	for n > 0 && !utf8.RuneStart(name[n]) {
		n--
	}
	return name[:n] + "…"
}

// unquote returns the text of a JSON string that was already scanned.
func unquote(quoted []byte) string {
	var text string
	if codec.ReadKnown(quoted, &text) != nil {
		return "?"
	}
	return text
}
