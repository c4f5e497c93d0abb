package shop

import (
	"context"
	"fmt"
	"slices"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/notifyapi"
)

// Changes tell everybody with tickets that an event was moved or cancelled.
type Changes struct {
	Sales interface {
		Sales(ctx context.Context, eventIDs []string) (map[string]bookingapi.Sale, error)
	}
	Mailings interface {
		MailingsOf(ctx context.Context, eventID string) ([]notifyapi.Progress, error)
	}
	Now func() time.Time
}

// mailTime is how long mails about a change are tried.
const mailTime = 4 * 24 * time.Hour

// Due returns the mailings that tell of some changes, each event's in order. Several
// changes of an event are told by one mailing, as far as they are told together or the
// mailing before is still running or waits: it is replaced.
func (c *Changes) Due(ctx context.Context, list []eventapi.Settled) ([]notifyapi.Mailing, error) {
	var due []notifyapi.Mailing
	for i := range list {
		ch := &list[i]
		m, tells := c.mailing(ch)
		if !tells {
			continue
		}
		same := func(other notifyapi.Mailing) bool { return other.EventID == m.EventID }
		earlier := slices.IndexFunc(due, same)
		switch {
		case earlier >= 0 && due[earlier].Kind == notifyapi.EventCancelled:
			continue
		case m.Kind == notifyapi.EventCancelled:
			due = append(slices.DeleteFunc(due, same), m)
			continue
		case earlier >= 0: // nobody was told of it
			m.Data.Before = due[earlier].Data.Before
			if due = slices.Delete(due, earlier, earlier+1); sameWhere(m.Data.Before, m.Data.Event) {
				continue
			}
		}
		if err := c.complete(ctx, &m); err != nil {
			return nil, fmt.Errorf("event %s: %w", m.EventID, err)
		}
		due = append(due, m)
	}
	return due, nil
}

// mailing returns the mailing that a change begins, if it is one that people must be told
// of: the event was cancelled, or has another time or venue and has not begun.
func (c *Changes) mailing(ch *eventapi.Settled) (m notifyapi.Mailing, tells bool) {
	was, is := ch.Before, &ch.After
	m = notifyapi.Mailing{
		EventID: ch.EventID, Until: c.Now().Add(mailTime),
		Replaces: []notifyapi.Kind{notifyapi.EventMoved, notifyapi.Reminder},
	}
	switch {
	case !is.Announced, was != nil && was.Status == eventapi.Cancelled:
		return m, false
	case is.Status == eventapi.Cancelled:
		m.ID, m.Kind = cancelledMailing(ch.EventID), notifyapi.EventCancelled
		if was != nil { // as people know it
			is = was
		}
		m.Data.Event = factsEvent(is)
		return m, true
	case was == nil || !was.Announced:
		return m, false
	}
	m.ID, m.Kind = fmt.Sprintf("moved/%s/%d", ch.EventID, ch.Version), notifyapi.EventMoved
	m.Data.Before, m.Data.Event, m.MadeUntil = factsEvent(was), factsEvent(is), ch.At
	begins := m.Data.Event.Starts
	if sameWhere(m.Data.Before, m.Data.Event) || !begins.IsZero() && begins.Before(c.Now()) {
		return m, false
	}
	if !begins.IsZero() && begins.Before(m.Until) {
		m.Until = begins
	}
	return m, true
}

// cancelledMailing is the id of the mailing that tells that an event does not take place.
func cancelledMailing(eventID string) string { return "cancelled/" + eventID }

// complete adds to the mailing about a moved event until when orders may be cancelled,
// what people knew before, if another one was still running or waiting, and when it
// begins. If nobody was told of what is taken back now, nobody is told at all.
func (c *Changes) complete(ctx context.Context, m *notifyapi.Mailing) error {
	now := c.Now()
	sale, err := bookingapi.One(ctx, c.Sales.Sales, "event", m.EventID)
	if err != nil {
		return err
	}
	m.Data.CancelUntil, m.Data.CancelAnyTime = cancelUntil(&sale, now)
	others, err := c.Mailings.MailingsOf(ctx, m.EventID)
	if err != nil {
		return err
	}
	others = slices.DeleteFunc(others, func(o notifyapi.Progress) bool { return o.Kind != notifyapi.EventMoved || o.ID == m.ID })
	if len(others) == 0 {
		return nil
	}
	m.Begins = begins(m, others, now)
	if o := &others[0]; o.State == notifyapi.Running && o.Data.Before != nil { // the newest
		if !sameWhere(o.Data.Before, m.Data.Event) {
			m.Data.Before = o.Data.Before
		} else {
			m.Revokes = o.Begins.After(now.Add(time.Minute))
		}
	}
	return nil
}

// Pauses between the mailings about moves of an event: the second one within a day
// begins firstWait after the first, and each further one twice as late.
const (
	firstWait = 10 * time.Minute
	mostWait  = 6 * time.Hour
	soonWait  = 30 * time.Minute // at most, when the event begins within two days
)

// begins returns when a mailing about a moved event begins, after others; the zero time:
// at once. Changes until then are told together.
func begins(m *notifyapi.Mailing, others []notifyapi.Progress, now time.Time) time.Time {
	told, last := 0, time.Time{}
	for i := range others {
		o := &others[i]
		at := o.Created
		switch {
		case !o.Ended.IsZero():
			at = o.Ended
		case o.State == notifyapi.Running:
			at = now
		}
		if !o.Begins.IsZero() || o.State == notifyapi.Stopped && o.Counts[string(notifyapi.StateSent)] == 0 || now.Sub(at) > 24*time.Hour {
			continue // nobody was told, or long ago
		}
		if told++; at.After(last) {
			last = at
		}
	}
	if told == 0 {
		return time.Time{}
	}
	wait := min(firstWait<<min(told-1, 10), mostWait)
	for _, e := range []*notifyapi.Event{m.Data.Before, m.Data.Event} {
		if !e.Starts.IsZero() && e.Starts.Before(now.Add(48*time.Hour)) {
			wait = min(wait, soonWait)
		}
	}
	at := last.Add(wait)
	if !at.After(now) || !at.Add(time.Hour).Before(m.Until) {
		return time.Time{}
	}
	return at
}

// cancelUntil returns until when orders that were made before the last change of time or
// venue may be cancelled. The zero time: no longer, or at any time.
func cancelUntil(s *bookingapi.Sale, now time.Time) (until time.Time, anyTime bool) {
	last := s.RefundsEnd
	if s.ChangedAt != 0 && last != 0 {
		last = max(last, s.ChangeRefundsEnd)
		if s.ChangeRefundsEnd == 0 {
			last = 0
		}
	}
	if last == 0 {
		return time.Time{}, true
	}
	if until = time.UnixMicro(last).UTC(); !until.After(now) {
		return time.Time{}, false
	}
	return until, false
}

// factsEvent is an event as notices tell of it.
func factsEvent(f *eventapi.Facts) *notifyapi.Event {
	e := &notifyapi.Event{Title: f.Title, Zone: f.TimeZone, Venue: f.Venue, Address: f.Address, City: f.City}
	if f.StartsAt != 0 {
		e.Starts = time.UnixMicro(f.StartsAt).UTC()
	} else {
		e.Date = f.Date
	}
	return e
}

// sameWhere reports whether an event has the same time and venue.
func sameWhere(a, b *notifyapi.Event) bool {
	return a.Starts.Equal(b.Starts) && a.Date == b.Date && a.Zone == b.Zone && a.Venue == b.Venue && a.Address == b.Address && a.City == b.City
}
