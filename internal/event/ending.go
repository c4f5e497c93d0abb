package event

import (
	"context"
	"fmt"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/errs"
)

// longest is how long an event may last, µs. Lists rely on it: what began before
// is over.
const longest = 367 * 24 * 3600_000_000

// ending sets when an event ends from what was given. Its beginning and its zone
// are set before.
func (f *faults) ending(e *stored, endTime *string, date string, zone *time.Location) {
	e.EndsAt, e.EndDate = 0, ""
	field := "end_time"
	switch {
	case endTime != nil && date != "":
		f.add("end_date", "cannot be combined with end_time")
		return
	case endTime != nil:
		if t, ok := f.instant("end_time", *endTime, zone); ok {
			e.endAt(t.UnixMicro())
		}
	case date != "":
		field = "end_date"
		d, err := time.Parse(time.DateOnly, date)
		if err != nil {
			f.add("end_date", "must be a date such as 2027-03-01")
			return
		}
		if f.within("end_date", d) && zone != nil {
			e.EndDate, e.EndsAt = date, endOfDay(d, zone)
		}
	}
	if e.EndsAt == 0 {
		return
	}
	begins := e.StartsAt
	if begins == 0 && e.LocalDate != "" && zone != nil {
		d, _ := time.Parse(time.DateOnly, e.LocalDate) // checked before
		begins = time.Date(d.Year(), d.Month(), d.Day(), 0, 0, 0, 0, zone).UnixMicro()
	}
	switch {
	case begins == 0:
		f.add(field, "needs the event's time or date")
	case e.EndsAt <= begins:
		f.add(field, "must be after the event begins")
	case e.EndsAt-begins > longest-24*3600_000_000:
		f.add(field, "must be at most a year after the event begins")
	}
}

// endOfDay is the last second of a day in a zone, µs since 1970.
func endOfDay(d time.Time, zone *time.Location) int64 {
	return time.Date(d.Year(), d.Month(), d.Day(), 23, 59, 59, 0, zone).UnixMicro()
}

// mergeEnding sets when a changed event ends. An end that is not given moves
// along with the beginning, and goes when that becomes unknown.
func (f *faults) mergeEnding(e, was *stored, c *change) {
	zone := f.zone("time_zone", e.TimeZone)
	if zone == nil {
		return
	}
	if c.EndTime != nil || c.EndDate != nil {
		at, date := c.EndTime, ""
		if c.EndDate != nil {
			date = *c.EndDate
		}
		if at != nil && *at == "" {
			at = nil
		}
		f.ending(e, at, date, zone)
		return
	}
	if was.EndsAt == 0 || e.SortAt == was.SortAt && e.TimeZone == was.TimeZone || len(f.list) > 0 {
		return
	}
	from, err1 := time.Parse(time.DateOnly, was.LocalDate)
	to, err2 := time.Parse(time.DateOnly, e.LocalDate)
	if err1 != nil || err2 != nil {
		e.EndsAt, e.EndDate = 0, ""
		return
	}
	days := int(to.Sub(from).Hours() / 24)
	switch {
	case e.endsByDay():
		last, _ := time.Parse(time.DateOnly, e.EndDate)
		last = last.AddDate(0, 0, days)
		e.EndDate, e.EndsAt = last.Format(time.DateOnly), endOfDay(last, zone)
	case was.StartsAt != 0 && e.StartsAt != 0:
		e.endAt(e.EndsAt + e.StartsAt - was.StartsAt)
	default:
		e.EndsAt, e.EndDate = 0, "" // how long it takes is not known any more
	}
}

// end is an event's end in words of RFC 3339: the time, the date, or nothing.
func (e *stored) end() string {
	if e.EndsAt == 0 || e.endsByDay() {
		return e.EndDate
	}
	return inZone(e.EndsAt, e.TimeZone).Format(time.RFC3339)
}

// endAt sets the time at which an event ends.
func (e *stored) endAt(at int64) {
	e.EndsAt, e.EndDate = at, inZone(at, e.TimeZone).Format(time.DateOnly)
}

// endsByDay reports whether only the last day is known: then the event ends with it.
func (e *stored) endsByDay() bool {
	return e.EndsAt != 0 && endOfItsDay(inZone(e.EndsAt, e.TimeZone))
}

// endOfItsDay reports whether a local time stands for the end of a day.
func endOfItsDay(t time.Time) bool { return t.Format(time.TimeOnly) == "23:59:59" }

func inZone(at int64, name string) time.Time {
	t := time.UnixMicro(at).UTC()
	if zone, err := time.LoadLocation(name); err == nil {
		t = t.In(zone)
	}
	return t
}

// over reports whether an event has taken place at a time, µs since 1970.
func (e *stored) over(now int64) bool { return e.overFrom() < now }

// overFrom is when an event is over, µs since 1970. Events without a date never are.
func (e *stored) overFrom() int64 {
	if e.EndsAt != 0 {
		return e.EndsAt
	}
	return e.SortAt + lasting
}

// overSQL is over as a condition, upcomingSQL its opposite. What they compare
// with are numbers, so that the index events_by_time serves the latter.
func overSQL(now int64) string {
	return fmt.Sprintf("(e.ends_at = 0 AND e.sort_at < %d OR e.ends_at <> 0 AND e.ends_at < %d)", now-lasting, now)
}

func upcomingSQL(now int64) string {
	return fmt.Sprintf("(e.sort_at >= %d AND NOT %s)", now-longest, overSQL(now))
}

// keepPromises refuses a change that takes a right away which buyers have been
// promised: an event that people know of is not moved into the past, and the time
// until which buyers may cancel is not, once they have seats. An earlier one that
// still lies ahead is for later buyers; the booking side keeps what was promised
// to the others.
func (s *Service) keepPromises(ctx context.Context, was, is *stored) error {
	if !was.Announced || is.Status == "cancelled" {
		return nil
	}
	now := s.now().UnixMicro()
	moved := is.SortAt != was.SortAt
	if moved && is.SortAt <= now && was.SortAt > now {
		return errs.Bad("event_time", "must lie in the future: people know of the event, and it has not begun")
	}
	before, after := was.sale().RefundsEnd, is.sale().RefundsEnd
	if after == before || after == 0 || after > now || before != 0 && before <= now {
		return nil
	}
	counts, err := bookingapi.One(ctx, s.sales.Counts, "event", is.ID)
	switch {
	case errs.KindOf(err) == errs.NotFound:
		return nil // never handed over
	case err != nil:
		return fmt.Errorf("count seats: %w", err)
	case counts.Held+counts.Sold > 0:
		return errs.Bad("refundable_until", "must lie in the future: buyers were promised that they may cancel")
	}
	return nil
}
