package check

import (
	"strings"
	"time"
	"unicode/utf8"

	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/safetext"
)

// Faults collects what is wrong with an input, up to MaxFaults.
type Faults struct{ List []errs.Field }

// MaxFaults is the maximum number of faults in one answer.
const MaxFaults = 20

// maxTold is the maximum length of a reason in bytes, since it may quote the input.
const maxTold = 200

// Short truncates a reason that quotes a long input.
func Short(reason string) string {
	if len(reason) > maxTold {
		return strings.ToValidUTF8(reason[:maxTold], "") + "…"
	}
	return reason
}

// Add notes what is wrong with a field; see errs.Why.
func (f *Faults) Add(field, code, format string, args ...any) {
	f.Note(field, errs.Why(code, format, args...))
}

// Note notes why a field is wrong.
func (f *Faults) Note(field string, why errs.Reason) {
	if f.Full() {
		return
	}
	why.Text = Short(why.Text)
	for i, arg := range why.Args {
		if text, ok := arg.(string); ok {
			why.Args[i] = Short(text)
		}
	}
	f.List = append(f.List, why.In(field))
}

// Full reports whether MaxFaults are known, so that no more need to be looked for.
func (f *Faults) Full() bool { return len(f.List) >= MaxFaults }

// Text checks a single-line text.
func (f *Faults) Text(field, s string, minLen, maxLen int) {
	switch why := safetext.LineFault(s, minLen, maxLen); {
	case !why.None():
		f.Note(field, why)
	case safetext.Hidden(s):
		f.Note(field, safetext.HiddenReason)
	}
}

// Lines checks a multi-line text.
func (f *Faults) Lines(field, s string, maxLen int) {
	switch {
	case utf8.RuneCountInString(s) > maxLen:
		f.Add(field, "too-long", "must have at most %d characters", maxLen)
	case !utf8.ValidString(s):
		f.Add(field, "not-utf8", "is not UTF-8")
	case safetext.HiddenInLines(s):
		f.Note(field, safetext.HiddenReason)
	}
}

// Zone loads a time zone by its IANA name.
func (f *Faults) Zone(field, name string) *time.Location {
	if name == "" || name == "Local" {
		f.Add(field, "required", "is required: an IANA name such as Europe/Berlin")
		return nil
	}
	z, err := time.LoadLocation(name)
	if err != nil {
		f.Add(field, "no-such-zone", "%q is not an IANA time zone", name)
		return nil
	}
	return z
}

// Instant reads RFC 3339, or a local time, which clocks in the zone show once.
func (f *Faults) Instant(field, s string, zone *time.Location) (time.Time, bool) {
	t, why := eventapi.Instant(s, zone)
	if !why.None() {
		f.Note(field, why)
	}
	return t, why.None() && !t.IsZero()
}

// Within checks that a time can be an event's.
func (f *Faults) Within(field string, t time.Time) bool {
	why := eventapi.OutOfRange(t)
	if !why.None() {
		f.Note(field, why)
	}
	return why.None()
}

// CountryCode reports whether a text has the form of an ISO 3166-1 code.
func CountryCode(text string) bool {
	return len(text) == 2 && strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// Venue checks a venue, and returns its time zone.
func (f *Faults) Venue(v eventapi.NewVenue) *time.Location {
	f.Text("venue.name", v.Name, 1, 200)
	f.Text("venue.address", v.Address, 0, 300)
	f.Text("venue.city", v.City, 0, 100)
	if v.Country != "" && !CountryCode(v.Country) {
		f.Add("venue.country", "not-a-country", "must be an ISO 3166-1 code such as DE")
	}
	return f.Zone("venue.time_zone", v.TimeZone)
}

// Depth returns how deeply a JSON text is nested.
func Depth(raw []byte) int {
	level, deepest, quoted := 0, 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			level++
			deepest = max(deepest, level)
		case c == '}' || c == ']':
			level--
		}
	}
	return deepest
}
