package check

import "time"

// When is when an event takes place. Local dates are those of TimeZone.
type When struct {
	StartsAt  int64  // µs since 1970; 0: to be announced
	LocalDate string // YYYY-MM-DD; "" when unknown
	TimeZone  string
	SortAt    int64  // µs since 1970; approximate time for sorting; Never if unknown
	EndsAt    int64  // µs since 1970; when only EndDate is known, the end of that day; 0: unknown
	EndDate   string // YYYY-MM-DD, the last day; "" when unknown
}

// When sets when an event begins, from a time or a date.
func (f *Faults) When(e *When, eventTime *string, date string, zone *time.Location) {
	e.StartsAt, e.LocalDate, e.SortAt = 0, "", Never
	switch {
	case eventTime != nil && date != "":
		f.Add("event_date", "cannot-combine", "cannot be combined with event_time")
	case eventTime != nil:
		if t, ok := f.Instant("event_time", *eventTime, zone); ok && zone != nil {
			e.StartsAt, e.SortAt = t.UnixMicro(), t.UnixMicro()
			e.LocalDate = t.In(zone).Format(time.DateOnly)
		}
	case date != "":
		d, err := time.Parse(time.DateOnly, date)
		if err != nil {
			f.Add("event_date", "not-a-date", "must be a date such as 2027-03-01")
			return
		}
		if f.Within("event_date", d) && zone != nil {
			e.LocalDate = date
			e.SortAt = EndOfDay(d, zone)
		}
	}
}

// Never sorts after every time.
const Never = int64(1) << 62

// Longest is the maximum duration of an event in µs. Lists rely on it: events that began
// longer ago are over.
const Longest = 367 * 24 * 3600_000_000

// Ending sets when an event ends. Its beginning and its zone must be set before.
func (f *Faults) Ending(e *When, endTime *string, date string, zone *time.Location) {
	e.EndsAt, e.EndDate = 0, ""
	field := "end_time"
	switch {
	case endTime != nil && date != "":
		f.Add("end_date", "cannot-combine", "cannot be combined with end_time")
		return
	case endTime != nil:
		if t, ok := f.Instant("end_time", *endTime, zone); ok {
			e.EndAt(t.UnixMicro())
		}
	case date != "":
		field = "end_date"
		d, err := time.Parse(time.DateOnly, date)
		if err != nil {
			f.Add("end_date", "not-a-date", "must be a date such as 2027-03-01")
			return
		}
		if f.Within("end_date", d) && zone != nil {
			e.EndDate, e.EndsAt = date, EndOfDay(d, zone)
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
		f.Add(field, "needs-time", "needs the event's time or date")
	case e.EndsAt <= begins:
		f.Add(field, "bad-end", "must be after the event begins")
	case e.EndsAt-begins > Longest-24*3600_000_000:
		f.Add(field, "bad-end", "must be at most a year after the event begins")
	}
}

// EndOfDay returns the last second of a day in a zone, in µs since 1970.
func EndOfDay(d time.Time, zone *time.Location) int64 {
	return time.Date(d.Year(), d.Month(), d.Day(), 23, 59, 59, 0, zone).UnixMicro()
}

// End returns the end as RFC 3339: the time, the date, or nothing.
func (e *When) End() string {
	if e.EndsAt == 0 || e.EndsByDay() {
		return e.EndDate
	}
	return InZone(e.EndsAt, e.TimeZone).Format(time.RFC3339)
}

// EndAt sets the time at which an event ends.
func (e *When) EndAt(at int64) {
	e.EndsAt, e.EndDate = at, InZone(at, e.TimeZone).Format(time.DateOnly)
}

// EndsByDay reports whether only the last day is known: then the event ends with it.
func (e *When) EndsByDay() bool {
	return e.EndsAt != 0 && EndOfItsDay(InZone(e.EndsAt, e.TimeZone))
}

// EndOfItsDay reports whether a local time stands for the end of a day.
func EndOfItsDay(t time.Time) bool { return t.Format(time.TimeOnly) == "23:59:59" }

// InZone returns a time, given in µs since 1970, in a zone; in UTC if the zone does not
// exist.
func InZone(at int64, name string) time.Time {
	t := time.UnixMicro(at).UTC()
	if zone, err := time.LoadLocation(name); err == nil {
		t = t.In(zone)
	}
	return t
}

// Begin returns the beginning as RFC 3339: the time, the date, or nothing.
func (e *When) Begin() string {
	if e.StartsAt == 0 {
		return e.LocalDate
	}
	return InZone(e.StartsAt, e.TimeZone).Format(time.RFC3339)
}
