package ticket

import (
	"strings"
	"time"
	"unicode"

	ics "github.com/arran4/golang-ical"
)

// Entry is an event in a calendar.
type Entry struct {
	UID      string    // the same for ever, such as "ID@example.org"
	Revision int       // grows with each change of the event, so that calendars take the newest
	Stamp    time.Time // when the event was changed last, or now

	Start    time.Time     // in the venue's zone; zero: to be announced
	DayOnly  bool          // the time of day is unknown
	Duration time.Duration // 0: UsualDuration, or one day; whole days with DayOnly

	Summary     string
	Location    string
	Description string
	URL         string
	Cancelled   bool
}

// UsualDuration is the duration of an event that does not state one. Without a
// duration calendars would show it as taking no time.
const UsualDuration = 3 * time.Hour

// Calendar returns an iCalendar file (RFC 5545) with these entries, without those
// whose date is to be announced; nil if none is left. Times are in UTC: an event is
// a single moment, which calendars show in their own zone, so no zone definition,
// which may become outdated, is needed. Without a time of day an event lasts the
// whole day, rather than beginning at midnight.
func Calendar(entries ...Entry) []byte {
	cal := ics.NewCalendarFor("boxoffice")
	cal.SetProductId("-//boxoffice//tickets//EN")
	cal.SetMethod(ics.MethodPublish)
	for i := range entries {
		if !entries[i].Start.IsZero() {
			entries[i].into(cal)
		}
	}
	if len(cal.Components) == 0 {
		return nil
	}
	return []byte(cal.Serialize(ics.WithNewLineWindows)) // lines end in CRLF, 3.1
}

// into adds an entry to a calendar.
func (e *Entry) into(cal *ics.Calendar) {
	v := cal.AddEvent(oneLine(e.UID))
	v.SetDtStampTime(e.Stamp)
	v.SetSequence(e.Revision)
	if e.DayOnly {
		v.SetAllDayStartAt(e.Start) // without an end it is one day, 3.6.1
		if days := int(e.Duration.Hours() / 24); days > 1 {
			v.SetAllDayEndAt(e.Start.AddDate(0, 0, days)) // the day after the last
		}
	} else {
		v.SetStartAt(e.Start)
		length := e.Duration
		if length <= 0 {
			length = UsualDuration
		}
		v.SetEndAt(e.Start.Add(length))
	}
	v.SetSummary(oneLine(e.Summary))
	for _, p := range []struct {
		name  ics.ComponentProperty
		value string
	}{
		{ics.ComponentPropertyLocation, oneLine(e.Location)},
		{ics.ComponentPropertyDescription, manyLines(e.Description)},
		{ics.ComponentPropertyUrl, oneLine(e.URL)},
	} {
		if p.value != "" {
			v.SetProperty(p.name, p.value)
		}
	}
	v.SetStatus(ics.ObjectStatusConfirmed)
	if e.Cancelled {
		v.SetStatus(ics.ObjectStatusCancelled)
	}
}

// oneLine removes line ends and control characters, which no value may contain
// (3.3.11).
func oneLine(text string) string { return strings.Join(strings.Fields(manyLines(text)), " ") }

// manyLines keeps line ends, which the library escapes as \n.
func manyLines(text string) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\ufffd"), "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && unicode.IsControl(r) {
			return -1
		}
		return r
	}, text)
}
