package errs

import (
	"slices"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// ETag names an answer about something: its version, by which changes are made (see
// ParseIfMatch), and a digest of all that is shown, as encoded. For what is shown beside
// the thing itself changes with other things: whoever has the tag has this answer.
func ETag(version int64, shown []byte) string {
	tag := make([]byte, 0, 36)
	tag = strconv.AppendInt(append(tag, '"'), version, 10)
	tag = strconv.AppendUint(append(tag, '.'), xxhash.Sum64(shown), 36)
	return string(append(tag, '"'))
}

// IfMatch is what an If-Match header asks for (RFC 9110, section 13.1.1).
type IfMatch struct {
	given    bool
	none     bool // a tag of something that there is not yet, whose version is 0
	versions []int64
}

// ParseIfMatch reads an If-Match header: "*", or a list of entity tags. Our tags
// begin with the version of what they name; what follows a dot or a dash changes
// with what is shown beside it, and does not matter to a change of the thing itself. By the
// standard a weak tag never matches, and neither does one that is not ours. What
// is not a list of tags is refused; a single version without quotes is taken for
// its tag.
func ParseIfMatch(h, what string) (IfMatch, error) {
	h = strings.Trim(h, " \t")
	if h == "" || h == "*" {
		return IfMatch{}, nil
	}
	m := IfMatch{given: true}
	if v, err := strconv.ParseInt(h, 10, 64); err == nil {
		m.add(v)
		return m, nil
	}
	for rest := h; rest != ""; {
		rest = strings.TrimLeft(rest, " \t,")
		if rest == "" {
			break
		}
		strong := !strings.HasPrefix(rest, "W/")
		tag, after, ok := quoted(strings.TrimPrefix(rest, "W/"))
		if !ok {
			return m, New(Precondition, "version-differs", "If-Match does not name a version of this %s.", what)
		}
		if end := strings.IndexAny(tag, ".-"); end >= 0 { // what else is shown, and how it is compressed
			tag = tag[:end]
		}
		if v, err := strconv.ParseInt(tag, 10, 64); err == nil && strong {
			m.add(v)
		}
		rest = strings.TrimLeft(after, " \t")
		if rest != "" && rest[0] != ',' {
			return m, New(Precondition, "version-differs", "If-Match does not name a version of this %s.", what)
		}
	}
	return m, nil
}

// Expected is the version that a change must find, by its If-Match header: all
// that changes a thing with an ETag asks here. For what the values mean, and for
// current, see Version.
func Expected(h, what string, current func() (int64, error)) (int64, error) {
	m, err := ParseIfMatch(h, what)
	if err != nil {
		return 0, err
	}
	return m.Version(current)
}

func (m *IfMatch) add(v int64) {
	m.none = m.none || v == 0
	if v > 0 {
		m.versions = append(m.versions, v)
	}
}

// quoted cuts an opaque tag off the beginning of a list.
func quoted(s string) (tag, rest string, ok bool) {
	if len(s) < 2 || s[0] != '"' {
		return "", "", false
	}
	end := strings.IndexByte(s[1:], '"')
	if end < 0 {
		return "", "", false
	}
	return s[1 : 1+end], s[2+end:], true
}

// NotYet is the version that a change must find when the header names something that
// there is not yet: what can be read before it is stored has a tag, too.
const NotYet int64 = -2

// Version is the version that a change must find: 0: any, NotYet: none, otherwise
// negative: none that there could be. Where the header names several, current tells which one it is.
func (m IfMatch) Version(current func() (int64, error)) (int64, error) {
	switch {
	case !m.given:
		return 0, nil
	case len(m.versions) == 0 && m.none:
		return NotYet, nil
	case len(m.versions) == 0:
		return -1, nil
	case len(m.versions) == 1 && !m.none:
		return m.versions[0], nil
	}
	now, err := current()
	if err != nil {
		return 0, err
	}
	switch {
	case now == 0 && m.none:
		return NotYet, nil
	case slices.Contains(m.versions, now):
		return now, nil
	}
	return -1, nil
}
