package event

import (
	"context"
	"fmt"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/event/check"
	"boxoffice/internal/eventapi"
)

// mergeEnding sets when a changed event ends. An end that the change does not give
// moves along with the beginning. It is dropped when the beginning becomes unknown.
func (f *faults) mergeEnding(e, was *stored, c *change) {
	zone := f.Zone("time_zone", e.TimeZone)
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
		f.Ending(&e.When, at, date, zone)
		return
	}
	if was.EndsAt == 0 || e.SortAt == was.SortAt && e.TimeZone == was.TimeZone || len(f.List) > 0 {
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
	case e.EndsByDay():
		last, _ := time.Parse(time.DateOnly, e.EndDate)
		last = last.AddDate(0, 0, days)
		e.EndDate, e.EndsAt = last.Format(time.DateOnly), check.EndOfDay(last, zone)
	case was.StartsAt != 0 && e.StartsAt != 0:
		e.EndAt(e.EndsAt + e.StartsAt - was.StartsAt)
	default:
		e.EndsAt, e.EndDate = 0, "" // the duration is no longer known
	}
}

// over reports whether an event is over at a time, in µs since 1970.
func (e *stored) over(now int64) bool { return e.overFrom() < now }

// overFrom returns when an event is over, in µs since 1970. Events without a date never
// are.
func (e *stored) overFrom() int64 {
	if e.EndsAt != 0 {
		return e.EndsAt
	}
	return e.SortAt + lasting
}

// overSQL is the condition for over in SQL, and upcomingSQL its opposite. They contain
// numbers instead of parameters, so that upcomingSQL can use the index events_by_time.
func overSQL(now int64) string {
	return fmt.Sprintf("(e.ends_at = 0 AND e.sort_at < %d OR e.ends_at <> 0 AND e.ends_at < %d)", now-lasting, now)
}

func upcomingSQL(now int64) string {
	return fmt.Sprintf("(e.sort_at >= %d AND NOT %s)", now-check.Longest, overSQL(now))
}

// keepPromises refuses changes that would break a promise to buyers. A public event
// cannot be moved into the past. Once people have seats, refundable_until cannot be
// moved into the past either. It may become an earlier time in the future, which then
// holds for later buyers: the booking side keeps the terms of existing bookings.
func (s *Service) keepPromises(ctx context.Context, was, is *stored) error {
	if !was.Announced || is.Status == eventapi.Cancelled {
		return nil
	}
	now := s.now().UnixMicro()
	moved := is.SortAt != was.SortAt
	if moved && is.SortAt <= now && was.SortAt > now {
		return errs.Bad("event_time", "promised", "must lie in the future: people know of the event, and it has not begun")
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
		return errs.Bad("refundable_until", "promised", "must lie in the future: buyers were promised that they may cancel")
	}
	return nil
}
