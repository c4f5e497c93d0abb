package importer

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"boxoffice/internal/codec"
	"boxoffice/internal/safetext"
	"boxoffice/internal/seating"
)

// reader remembers the first fault of a file, or of an event in it.
type reader struct {
	fault  *seating.Fault
	notes  []seating.Fault // what was left out
	strict bool            // a fault instead of leaving something out
	clean  bool            // hidden characters are removed from texts
}

// node is a value in a JSON document together with its path. After a fault, reading
// returns zero values, so that readers need not check each step.
type node struct {
	*reader
	path  string
	value any // nil: absent or null
}

func (n *node) fail(format string, args ...any) {
	if n.fault == nil {
		n.fault = &seating.Fault{Path: n.path, Reason: fmt.Sprintf(format, args...)}
	}
}

// at returns a member of an object, which may be absent.
func (n *node) at(key string) *node {
	child := &node{reader: n.reader, path: key}
	if n.path != "" {
		child.path = n.path + "." + key
	}
	if n.value == nil {
		return child
	}
	object, ok := n.value.(map[string]any)
	if !ok {
		n.fail("must be an object")
		return child
	}
	child.value = object[key]
	return child
}

// list returns the elements of an array, at most limit; none if it is absent. None may
// be null.
func (n *node) list(limit int) []*node {
	out := n.elements(limit)
	for _, one := range out {
		if one.value == nil {
			one.fail("must not be null")
		}
	}
	return out
}

// elements returns the elements of an array, at most limit, null or not.
func (n *node) elements(limit int) []*node {
	if n.value == nil {
		return nil
	}
	array, ok := n.value.([]any)
	if !ok {
		n.fail("must be a list")
		return nil
	}
	if len(array) > limit {
		n.fail("must have at most %d elements", limit)
		return nil
	}
	out := make([]*node, len(array))
	for i, v := range array {
		out[i] = &node{reader: n.reader, path: fmt.Sprintf("%s[%d]", n.path, i), value: v}
	}
	return out
}

// label returns text, or a number as it is written: seat numbers may be either.
func (n *node) label(limit int) string {
	if v, ok := n.value.(codec.Number); ok {
		written := *n
		written.value = string(v)
		return written.text(limit)
	}
	return n.text(limit)
}

// text returns a string of at most limit characters, "" if it is absent. Soft hyphens
// are a fault, or removed.
func (n *node) text(limit int) string {
	const softHyphen = "\u00ad"
	v, ok := n.value.(string)
	switch {
	case !ok || !strings.Contains(v, softHyphen):
	case n.clean:
		without := *n
		without.value = strings.ReplaceAll(v, softHyphen, "")
		return without.description(limit)
	default:
		n.fail("%s", safetext.HiddenReason.Text)
		return ""
	}
	return n.description(limit)
}

// description returns a string that may contain soft hyphens.
func (n *node) description(limit int) string {
	switch v := n.value.(type) {
	case nil:
		return ""
	case string:
		if n.clean {
			v = safetext.ShownLines(v)
		}
		if n.clean && utf8.RuneCountInString(v) > limit {
			n.without("is cut to %d characters", limit)
			v = safetext.ShownLines(string([]rune(v)[:limit])) // it may be cut at a joiner
		}
		if utf8.RuneCountInString(v) > limit {
			n.fail("must have at most %d characters", limit)
			return ""
		}
		if safetext.HiddenInLines(v) {
			n.fail("%s", safetext.HiddenReason.Text)
			return ""
		}
		return v
	}
	n.fail("must be a string")
	return ""
}

// need returns text that must not be absent or empty.
func (n *node) need(limit int) string {
	s := n.text(limit)
	if s == "" {
		n.fail("is required")
	}
	return s
}

// coordinate returns a finite number of reasonable size, 0 if it is absent.
func (n *node) coordinate() float64 {
	switch v := n.value.(type) {
	case nil:
		return 0
	case codec.Number:
		f, err := strconv.ParseFloat(string(v), 64)
		if err != nil || math.IsInf(f, 0) || math.Abs(f) > seating.MaxCoordinate {
			n.fail("must be a number up to 1,000,000, not %.40s", v)
			return 0
		}
		return f
	}
	n.fail("must be a number")
	return 0
}

// whole returns an integer, 0 if it is absent.
func (n *node) whole(low, high int64) int64 {
	v, ok := n.value.(codec.Number)
	if n.value == nil {
		return 0
	}
	i, err := strconv.ParseInt(string(v), 10, 64)
	if !ok || err != nil || i < low || i > high {
		n.fail("must be a whole number from %d to %d", low, high)
		return 0
	}
	return i
}

// yes returns a boolean, false if it is absent.
func (n *node) yes() bool {
	v, ok := n.value.(bool)
	if n.value != nil && !ok {
		n.fail("must be true or false")
	}
	return v
}
