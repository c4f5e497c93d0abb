package ticket

import (
	"strings"
	"time"
	"unicode"

	ics "github.com/arran4/golang-ical"
)

// Entry is an event as a calendar shows it.
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

// UsualDuration is how long an event takes that does not say: without one
// calendars show it as taking no time at all.
const UsualDuration = 3 * time.Hour

// Calendar is an iCalendar file (RFC 5545) with these entries; those whose date
// is to be announced are left out, and it is nil when that leaves none. Times
// are in UTC: an event is one moment that does not come again, every calendar
// shows it in its reader's zone, and no definition of a zone has to come along
// that may be out of date. Without a time of day an event lasts the whole day,
// and never begins at midnight.
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

// oneLine is a text without control characters, which no value may hold, 3.3.11.
func oneLine(text string) string { return strings.Join(strings.Fields(manyLines(text)), " ") }

// manyLines keeps line ends, which the library escapes, as \n.
func manyLines(text string) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\ufffd"), "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && unicode.IsControl(r) {
			return -1
		}
		return r
	}, text)
}
