package shop

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"testing"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/notifyapi"
)

// calendar is events, and the mailings that were started.
type calendar struct {
	events  []eventapi.Event
	started []notifyapi.Mailing
	fails   int // StartMailing, so many times
}

func (c *calendar) List(_ context.Context, _ caller.Caller, f eventapi.Filter) (p eventapi.Page, err error) {
	at, _ := strconv.Atoi(f.Cursor)
	if p.Events = c.events[at : at+1]; at+1 < len(c.events) {
		p.Next = strconv.Itoa(at + 1)
	}
	return p, nil
}

func (*calendar) People(context.Context, []string) (map[string]caller.Person, error) {
	return map[string]caller.Person{"hall": {Name: "Old Hall"}}, nil
}

func (c *calendar) StartMailing(_ context.Context, m notifyapi.Mailing) error {
	if c.fails--; c.fails >= 0 {
		return errors.New("planned")
	}
	c.started = append(c.started, m)
	return nil
}

// People are reminded once for each time of an event, a day before.
func TestReminders(t *testing.T) {
	now := time.Date(2027, 3, 12, 18, 30, 0, 0, time.UTC)
	in := func(d time.Duration) time.Time { return now.Add(d) }
	c := &calendar{fails: 1, events: []eventapi.Event{
		{ID: "tomorrow", OrganizerID: "hall", Title: "Gala", Status: eventapi.OnSale, Starts: in(24 * time.Hour)},
		{ID: "later", Status: eventapi.OnSale, Starts: in(24*time.Hour + time.Second)},
		{ID: "missed", Status: eventapi.Published, Starts: in(3 * time.Hour)}, // after an outage
		{ID: "too late", Status: eventapi.OnSale, Starts: in(time.Hour)},
		{ID: "began", Status: eventapi.OnSale, Starts: in(-time.Hour)},
		{ID: "off", Status: eventapi.Cancelled, Starts: in(12 * time.Hour)},
		{ID: "draft", Status: eventapi.Draft, Starts: in(12 * time.Hour)},
		{ID: "day", Status: eventapi.OnSale, Zone: "America/New_York", Date: "2027-03-13"}, // 2 hours and a half after noon there
		{ID: "day after", Status: eventapi.OnSale, Zone: "America/New_York", Date: "2027-03-14"},
		{ID: "unknown", Status: eventapi.OnSale, Zone: "Europe/Berlin"},
	}}
	r := &Reminders{Events: c, Mailings: c, People: c, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)}
	if err := r.Round(t.Context()); err == nil {
		t.Error("no error")
	}
	want := func(want ...string) {
		t.Helper()
		for range 2 { // it starts nothing twice
			if err := r.Round(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		for _, m := range c.started {
			got = append(got, m.ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("started are %q", got)
		}
	}
	day := time.Date(2027, 3, 13, 17, 0, 0, 0, time.UTC) // noon in New York
	ids := []string{"reminder/tomorrow/" + strconv.FormatInt(in(24*time.Hour).Unix(), 10), "reminder/missed/" + strconv.FormatInt(in(3*time.Hour).Unix(), 10), "reminder/day/" + strconv.FormatInt(day.Unix(), 10)}
	want(ids...)
	m := c.started[0]
	if !m.MadeUntil.Equal(in(-24*time.Hour)) || !m.Until.Equal(in(24*time.Hour)) || m.Kind != notifyapi.Reminder || m.EventID != "tomorrow" || m.Data.Event.Title != "Gala" || *m.Data.Organizer != (notifyapi.Organizer{ID: "hall", Name: "Old Hall"}) {
		t.Errorf("%+v", m)
	}
	c.events[0].Starts = in(20 * time.Hour) // it is moved
	want(append(ids, "reminder/tomorrow/"+strconv.FormatInt(in(20*time.Hour).Unix(), 10))...)
}
