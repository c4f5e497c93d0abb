package shop

import (
	"strings"
	"time"

	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/page"
	"boxoffice/internal/ticket"
)

const (
	calendarType = "text/calendar; charset=utf-8"
	feedShown    = 500 // events in the feed of all events
)

// calendarEntry converts an event for calendars. Its UID is the same in the feed and
// in single files, so that calendars show the event once.
func calendarEntry(v *page.Visit, e *eventapi.Event) ticket.Entry {
	out := ticket.Entry{
		UID: e.ID + "@" + hostOf(v), Revision: int(e.Version), Stamp: v.Now().UTC().Truncate(time.Hour), Start: e.Starts,
		Summary: e.Title, Location: strings.Join(append([]string{e.Venue.Name}, nonEmpty(addressLine(&e.Venue))...), ", "), Description: e.Description, URL: v.URL(eventPath(e)), Cancelled: e.Status == eventapi.Cancelled,
	}
	if day, ok := dayOf(e.Date); ok && e.Starts.IsZero() {
		out.Start, out.DayOnly = day, true
	}
	out.Duration = lasts(e)
	return out
}

// lasts returns how long an event takes: whole days if its time is unknown, 0 if it
// does not say.
func lasts(e *eventapi.Event) time.Duration {
	last, ok := dayOf(e.EndDate)
	switch first, known := dayOf(e.Date); {
	case !ok || !known:
		return 0
	case e.Starts.IsZero():
		return last.Sub(first) + 24*time.Hour
	case e.Ends.IsZero():
		return time.Date(last.Year(), last.Month(), last.Day()+1, 0, 0, 0, 0, e.Starts.Location()).Sub(e.Starts)
	}
	return e.Ends.Sub(e.Starts)
}

// eventCalendar serves a calendar file with one event.
func (s *Shop) eventCalendar(v *page.Visit) error {
	e, err := s.Events.Event(v.Context(), v.Caller, v.PathValue("id"))
	if err != nil {
		return err
	}
	file := ticket.Calendar(calendarEntry(v, &e))
	if file == nil {
		return errs.Missing("date")
	}
	v.W.Header().Set("Content-Disposition", `attachment; filename="event.ics"`)
	return send(v, &e, calendarType, file)
}

// feed serves coming events for calendars that subscribe to them.
func (s *Shop) feed(v *page.Visit) error {
	found, err := s.find(v, Query{City: v.Request.URL.Query().Get("city"), Category: v.Request.URL.Query().Get("category"), Limit: feedShown})
	if err != nil {
		return err
	}
	entries := make([]ticket.Entry, len(found.Events))
	for i := range found.Events {
		entries[i] = calendarEntry(v, &found.Events[i])
	}
	file := ticket.Calendar(entries...)
	if file == nil {
		return errs.Missing("coming event")
	}
	return v.Send(calendarType, feedCaching, file)
}
