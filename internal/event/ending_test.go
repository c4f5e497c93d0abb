package event

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"boxoffice/internal/event/importer"
	"boxoffice/internal/eventapi"
)

// Events have an end, and may last for days.
func TestEnding(t *testing.T) {
	w := newWorld(t)
	festival := func(in *eventapi.NewEvent) { in.EventTime, in.EventDate, in.EndDate = nil, "2027-07-26", "2027-07-28" }
	e := w.create(t, festival)
	if e.EndDate != "2027-07-28" || e.End() != "2027-07-28" || e.EndsAt != time.Date(2027, 7, 28, 21, 59, 59, 0, time.UTC).UnixMicro() {
		t.Fatalf("%+v", e)
	}
	night := w.create(t, func(in *eventapi.NewEvent) { in.EndTime = ptr("2027-03-02T01:30") })
	if night.EndDate != "2027-03-02" || night.End() != "2027-03-02T01:30:00+01:00" {
		t.Fatalf("%+v", night)
	}
	for field, change := range map[string]func(*eventapi.NewEvent){
		"end_time":   func(in *eventapi.NewEvent) { in.EndTime = in.EventTime },
		"end_time ":  func(in *eventapi.NewEvent) { in.EventTime, in.EndTime = nil, ptr("2027-03-01T23:00") },
		"end_time  ": func(in *eventapi.NewEvent) { in.EndTime = ptr("tomorrow") },
		"end_date":   func(in *eventapi.NewEvent) { festival(in); in.EndDate = "2027-07-25" },
		"end_date ":  func(in *eventapi.NewEvent) { festival(in); in.EndDate = "2028-07-28" },
		"end_date  ": func(in *eventapi.NewEvent) { festival(in); in.EndTime = ptr("2027-07-28T20:00") },
	} {
		in := gala()
		change(&in)
		_, err := w.add(t.Context(), organizer, "", in)
		wantField(t, err, strings.TrimSpace(field))
	}
	// The end moves along with the beginning, unless it is given.
	e = w.update(t, e, eventapi.Update{EventDate: ptr("2027-08-02")})
	if e.EndDate != "2027-08-04" {
		t.Errorf("%+v", e)
	}
	night = w.update(t, night, eventapi.Update{EventTime: ptr("2027-03-05T19:00")})
	if night.End() != "2027-03-06T00:30:00+01:00" {
		t.Errorf("%s", night.End())
	}
	// Buyers are told when it ends earlier.
	e = w.update(t, e, eventapi.Update{EndDate: ptr("2027-08-03")})
	list, err := w.history(t.Context(), e.ID)
	if err != nil || len(list) != 2 || list[1].Field != "end_time" || list[1].From != "2027-08-04" || list[1].To != "2027-08-03" {
		t.Errorf("%+v %v", list, err)
	}
	night = w.update(t, night, eventapi.Update{EndTime: ptr("")})
	if night.EndsAt != 0 || night.EndDate != "" {
		t.Errorf("%+v", night)
	}
}

// An event of several days is not over while it goes on, and is found on each of
// its days.
func TestEventsOfSeveralDays(t *testing.T) {
	s := newSite(t)
	e := s.create(t, func(in *eventapi.NewEvent) { in.EventTime, in.EventDate, in.EndDate = nil, "2027-07-26", "2027-07-28" })
	found := func(f eventapi.Filter) int {
		t.Helper()
		f.Limit = 10
		list, _, err := s.list(t.Context(), s.db.Browse(), nobody, f)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	for at, upcoming := range map[string]bool{"2027-07-25T12:00:00Z": true, "2027-07-28T12:00:00Z": true, "2027-07-28T22:00:00Z": false} {
		s.clock, _ = time.Parse(time.RFC3339, at)
		want := map[bool]int{true: 1}
		if found(eventapi.Filter{}) != want[upcoming] || found(eventapi.Filter{Status: "past"}) != want[!upcoming] {
			t.Errorf("%s: %d upcoming, %d past", at, found(eventapi.Filter{}), found(eventapi.Filter{Status: "past"}))
		}
		if mapped, err := s.MapPage(t.Context(), "", 10); err != nil || len(mapped) != want[upcoming] {
			t.Errorf("%s: the site map has %v, %v", at, mapped, err)
		}
		if sum, err := s.Summary(t.Context(), admin); err != nil || sum.Counts["upcoming"] != int64(want[upcoming]) || sum.Counts["past"] != int64(want[!upcoming]) {
			t.Errorf("%s: %v, %v", at, sum, err)
		}
		if shown := s.ask(t, nobody, http.StatusOK, http.MethodGet, "/events/"+e.ID, "").Body.String(); strings.Contains(shown, `"past"`) == upcoming || !strings.Contains(shown, `"end_date":"2027-07-28"`) {
			t.Errorf("%s: %s", at, shown)
		}
	}
	for day, n := range map[string]int{"2027-07-25": 0, "2027-07-26": 1, "2027-07-27": 1, "2027-07-28": 1, "2027-07-29": 0} {
		if found(eventapi.Filter{Status: "all", FirstDay: day, LastDay: day}) != n {
			t.Errorf("%s: not %d", day, n)
		}
	}
	if from := time.Date(2027, 7, 28, 8, 0, 0, 0, time.UTC); found(eventapi.Filter{Status: "all", From: from}) != 1 {
		t.Error("it still goes on at that time")
	}
}

// No change breaks promises to buyers.
func TestPromisesAreKept(t *testing.T) {
	w := newWorld(t)
	past, ahead := w.clock.Add(-time.Hour), w.clock.Add(time.Hour)
	e := w.create(t, nil)
	move := eventapi.Update{EventTime: ptr(past.Format(time.RFC3339))}
	_, err := w.change(t.Context(), organizer, e.ID, 0, move)
	wantField(t, err, "event_time")
	w.update(t, e, eventapi.Update{RefundableUntil: &past}) // nobody has a seat yet
	e = w.update(t, e, eventapi.Update{RefundableUntil: ptr(w.clock.AddDate(0, 0, 10))})
	w.booth.Sell(e.ID, 1)
	_, err = w.change(t.Context(), organizer, e.ID, 0, eventapi.Update{RefundableUntil: &past})
	wantField(t, err, "refundable_until")
	if e = w.update(t, e, eventapi.Update{RefundableUntil: &ahead}); e.RefundsEnd != ahead.UnixMicro() {
		t.Errorf("%+v", e)
	}
	w.clock = w.clock.Add(2 * time.Hour)
	w.update(t, e, eventapi.Update{RefundableUntil: &past}) // that time is over anyhow
	// Nobody knows of a draft.
	draft := w.create(t, func(in *eventapi.NewEvent) { in.Status = eventapi.Draft })
	w.update(t, draft, move)
	// Mistakes in an event that is over can be corrected.
	w.clock = w.clock.AddDate(1, 0, 0)
	w.update(t, e, eventapi.Update{EventTime: ptr("2027-03-01T19:00")})
}

// Changes by an import are recorded like all others. An import neither breaks promises
// nor overwrites what the organizer has set.
func TestImportKeepsPromises(t *testing.T) {
	w := newWorld(t)
	file := func(at string) []importer.File {
		return []importer.File{{Name: "own.json", Data: []byte(`{"boxoffice":1,"events":[{"source_id":"g","title":"Gala","event_time":"` + at + `","status":"on_sale",
			"venue":{"name":"Hall","time_zone":"Europe/Berlin"},"plan":{"template":"club","seats":100},"currency":"EUR","price":1000}]}`)}}
	}
	load := func(at string) stored {
		t.Helper()
		if _, err := w.Import(t.Context(), file(at), importer.Options{OrganizerID: organizer.UserID}); err != nil {
			t.Fatal(err)
		}
		list, _, err := w.list(t.Context(), w.db.Browse(), admin, eventapi.Filter{Status: "all", Limit: 10})
		if err != nil || len(list) != 1 {
			t.Fatalf("%v %v", list, err)
		}
		return list[0]
	}
	e := load("2027-03-01T20:00")
	until := w.clock.AddDate(0, 0, 5)
	w.update(t, e, eventapi.Update{RefundableUntil: &until, LimitPerCustomer: ptr(int32(3)), HoldMinutes: ptr(int64(20)), UnverifiedBuyers: ptr(true), Status: ptr(eventapi.Published)})
	e = load("2027-03-02T20:00")
	if e.RefundsEnd != until.UnixMicro() || e.LimitPerCustomer != 3 || e.HoldFor != 20*60_000_000 || !e.UnverifiedBuyers || e.ChangedAt != w.clock.UnixMicro() {
		t.Fatalf("%+v", e)
	}
	if list, err := w.history(t.Context(), e.ID); err != nil || len(list) != 1 || list[0].Field != "event_time" {
		t.Fatalf("%+v %v", list, err)
	}
	if s := w.booth.All()[e.ID]; s.ChangedAt == 0 || !s.UnverifiedBuyers {
		t.Fatalf("%+v", s)
	}
	e = load("2027-03-02T20:00")
	if e.ChangedAt == 0 || e.PriceVersion != 2 {
		t.Fatalf("%+v", e)
	}
	var fault importer.FileError
	_, err := w.Import(t.Context(), file("2026-03-02T20:00"), importer.Options{})
	if !errors.As(err, &fault) || fault.Path != "events[0].event_time" {
		t.Fatalf("%v", err)
	}
}
