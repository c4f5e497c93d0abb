package eventapi

import (
	"time"

	"boxoffice/internal/errs"
)

// Events and their sales take place between these times.
var (
	Earliest = time.Date(1970, 1, 2, 0, 0, 0, 0, time.UTC)
	Latest   = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

// OutOfRange returns why a time cannot be an event's, or no reason.
func OutOfRange(t time.Time) errs.Reason {
	if t.Before(Earliest) || t.After(Latest) {
		return errs.Why("out-of-range", "must lie between %d and %d", Earliest.Year(), Latest.Year())
	}
	return errs.Reason{}
}

// Instant reads the time of an event or of its sale: RFC 3339, or a local time such as
// 2027-03-01T20:00, which clocks in the zone must show exactly once. The reason says
// what is wrong with it. Without a zone, which is a fault of another field, a local
// time gives the zero time and no reason.
func Instant(text string, zone *time.Location) (t time.Time, reason errs.Reason) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, OutOfRange(t)
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04"} {
		wall, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		if zone == nil {
			return time.Time{}, errs.Reason{}
		}
		if t, reason = AtWall(wall, zone); reason.None() {
			reason = OutOfRange(t)
		}
		return t, reason
	}
	return time.Time{}, errs.Why("not-a-time", "must be a time such as 2027-03-01T20:00:00+01:00 (RFC 3339)")
}

// AtWall returns the instant at which clocks in a zone show a wall time. The reason says
// if they never do, or do so twice.
func AtWall(wall time.Time, zone *time.Location) (t time.Time, reason errs.Reason) {
	t = time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), 0, zone)
	shows := func(t time.Time) bool {
		return t.Format("2006-01-02T15:04:05") == wall.Format("2006-01-02T15:04:05")
	}
	if !shows(t) {
		return t, errs.Why("skipped-by-clocks", "%s does not exist in %s, because the clocks go forward then", wall.Format("2006-01-02T15:04"), zone)
	}
	for _, d := range []time.Duration{-2 * time.Hour, -time.Hour, -30 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour} {
		if shows(t.Add(d).In(zone)) {
			return t, errs.Why("repeated-by-clocks", "%s occurs twice in %s; give it with an offset", wall.Format("2006-01-02T15:04"), zone)
		}
	}
	return t, errs.Reason{}
}
