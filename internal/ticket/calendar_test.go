package ticket

import (
	"bytes"
	"strings"
	"testing"
	"time"

	ics "github.com/arran4/golang-ical"
	"pgregory.net/rapid"
)

func concert(t testing.TB) Entry {
	t.Helper()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return Entry{
		UID: "06evjtkv80f5x1n8@example.org", Revision: 3, Stamp: time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC),
		Start: time.Date(2026, 7, 1, 0, 30, 0, 0, berlin), Summary: "Die Zauberflöte",
	}
}

func TestCalendar(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Entry)
		has    []string
		hasNot []string
	}{
		{"plain", func(*Entry) {},
			[]string{"METHOD:PUBLISH", "VERSION:2.0", "UID:06evjtkv80f5x1n8@example.org", "SEQUENCE:3", "DTSTAMP:20260501T100000Z",
				"DTSTART:20260630T223000Z", "DTEND:20260701T013000Z", "SUMMARY:Die Zauberflöte", "STATUS:CONFIRMED"},
			[]string{"LOCATION", "DESCRIPTION", "URL", "VTIMEZONE"}},
		{"length", func(e *Entry) { e.Duration = 90 * time.Minute }, []string{"DTEND:20260701T000000Z"}, nil},
		{"day only, in the venue's zone", func(e *Entry) { e.DayOnly = true }, []string{"DTSTART;VALUE=DATE:20260701"}, []string{"DTEND", "T0000"}},
		{"several days", func(e *Entry) { e.DayOnly, e.Duration = true, 72*time.Hour }, []string{"DTSTART;VALUE=DATE:20260701", "DTEND;VALUE=DATE:20260704"}, []string{"T0000"}},
		{"cancelled", func(e *Entry) { e.Cancelled = true }, []string{"STATUS:CANCELLED", "METHOD:PUBLISH"}, []string{"CONFIRMED"}},
		{"place", func(e *Entry) { e.Location = "Großes Haus, Schloßplatz; Stuttgart" }, []string{`LOCATION:Großes Haus\, Schloßplatz\; Stuttgart`}, nil},
		{"description", func(e *Entry) { e.Description = "a\\b\r\nc,d" }, []string{`DESCRIPTION:a\\b\nc\,d`}, nil},
		{"web address", func(e *Entry) { e.URL = "https://example.org/e/1?a=1,2;3" }, []string{"URL:https://example.org/e/1?a=1,2;3"}, nil},
		{"nothing gets a line of its own", func(e *Entry) {
			e.Summary, e.URL, e.UID = "x\r\nATTACH:1", "y\nATTACH:2", "z\rATTACH:3\u0085"
			e.Description = "\r\nATTACH:4\rATTACH:5"
		}, []string{"SUMMARY:x ATTACH:1", "URL:y ATTACH:2", `DESCRIPTION:\nATTACH:4ATTACH:5`}, []string{"\nATTACH"}},
	} {
		e := concert(t)
		c.change(&e)
		got := string(Calendar(e))
		for _, h := range c.has {
			if !strings.Contains(got, h+"\r\n") {
				t.Errorf("%s: no %s in\n%s", c.name, h, got)
			}
		}
		for _, h := range c.hasNot {
			if strings.Contains(got, h) {
				t.Errorf("%s: %s in\n%s", c.name, h, got)
			}
		}
	}
	if got := Calendar(Entry{Summary: "x", DayOnly: true}); got != nil {
		t.Errorf("an event to be announced is on %s", got)
	}
}

// Whatever the texts are, lines are of 75 octets at most and end in CRLF, and a
// reader gets the texts back.
func TestCalendarFolds(t *testing.T) {
	e := concert(t)
	letter := rapid.OneOf(rapid.Rune(), rapid.SampledFrom([]rune(`\,;:"<> nNäあ😀`)))
	escape := strings.NewReplacer(`\`, `\\`, ",", `\,`, ";", `\;`, "\n", `\n`)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(letter, 0, rapid.SampledFrom([]int{10, 80, 400}).Draw(t, "length"), -1)
		e.Summary, e.Description = text.Draw(t, "summary"), text.Draw(t, "description")
		file := Calendar(e)
		if strings.Contains(strings.ReplaceAll(string(file), "\r\n", ""), "\n") {
			t.Fatalf("a line ends without CR:\n%q", file)
		}
		for _, l := range strings.Split(string(file), "\r\n") {
			if len(l) > 75 {
				t.Fatalf("%d octets: %q", len(l), l)
			}
		}
		unfolded := strings.ReplaceAll(string(file), "\r\n ", "")
		if want := "SUMMARY:" + escape.Replace(oneLine(e.Summary)) + "\r\n"; !strings.Contains(unfolded, want) {
			t.Fatalf("no %q in\n%q", want, file)
		}
		if want := "DESCRIPTION:" + escape.Replace(manyLines(e.Description)) + "\r\n"; manyLines(e.Description) != "" && !strings.Contains(unfolded, want) {
			t.Fatalf("no %q in\n%q", want, file)
		}
		if cal, err := ics.ParseCalendar(bytes.NewReader(file)); err != nil || len(cal.Events()) != 1 {
			t.Fatalf("%v\n%s", err, file)
		}
	})
}
