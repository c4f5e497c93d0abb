package shop

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
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
		if earlier := slices.IndexFunc(due, same); earlier >= 0 { // nobody was told of it
			if due[earlier].Kind == notifyapi.EventCancelled {
				continue
			}
			follow(&m, &due[earlier])
			due = slices.Delete(due, earlier, earlier+1)
		}
		old, err := c.complete(ctx, &m, ch.Version)
		if err != nil {
			return nil, fmt.Errorf("event %s: %w", m.EventID, err)
		}
		if !old {
			due = append(due, m)
		}
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
	m.ID, m.Kind = movedMailing(ch.EventID)+strconv.FormatInt(ch.Version, 10), notifyapi.EventMoved
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

// movedMailing is how the ids of mailings begin that tell that an event was moved; then
// comes the event's version.
func movedMailing(eventID string) string { return "moved/" + eventID + "/" }

// complete adds to a mailing what people knew before, if another one was still running or
// waiting; and to one about a moved event when it begins, and until when orders may be
// cancelled. It reports whether the change is old: a later one, of another version, was
// told already, since the message about this one could not be handled for a while.
func (c *Changes) complete(ctx context.Context, m *notifyapi.Mailing, version int64) (old bool, err error) {
	now := c.Now()
	others, err := c.Mailings.MailingsOf(ctx, m.EventID)
	if err != nil {
		return false, err
	}
	if m.Kind == notifyapi.EventMoved && slices.ContainsFunc(others, func(o notifyapi.Progress) bool { return after(&o, version) }) {
		return true, nil
	}
	others = slices.DeleteFunc(others, func(o notifyapi.Progress) bool { return o.Kind != notifyapi.EventMoved || o.ID == m.ID })
	if len(others) > 0 { // the newest is the first
		if o := &others[0]; o.State == notifyapi.Running && o.Data.Before != nil && o.Data.Event != nil {
			follow(m, &o.Mailing)
		}
	}
	if m.Kind == notifyapi.EventCancelled {
		return false, nil
	}
	sale, err := bookingapi.One(ctx, c.Sales.Sales, "event", m.EventID)
	if err != nil {
		return false, err
	}
	m.Data.CancelUntil, m.Data.CancelAnyTime = cancelUntil(&sale, now)
	m.Begins = begins(m, others, now)
	return false, nil
}

// after reports whether a mailing tells of a later version of its event.
func after(p *notifyapi.Progress, version int64) bool {
	if p.Kind == notifyapi.EventCancelled {
		return true
	}
	told, err := strconv.ParseInt(strings.TrimPrefix(p.ID, movedMailing(p.EventID)), 10, 64)
	return p.Kind == notifyapi.EventMoved && err == nil && told > version
}

// mostKnown is how many states of an event a mailing tells apart. Of an event that was
// changed more often in a few hours, the oldest but the first are taken together.
const mostKnown = 20

// follow has a mailing tell what another one has not told everybody.
func follow(m, before *notifyapi.Mailing) {
	list := slices.Concat(known(before), known(m))
	for len(list) > mostKnown {
		if list[2].Told == nil && !sameWhere(&list[1].Event, &list[2].Event) {
			told := list[1].Event // its place is the next one's soon
			list[2].Told = &told
		}
		list = slices.Delete(list, 1, 2)
	}
	m.Data.Known = list
	if m.Kind == notifyapi.EventMoved {
		m.Data.Before = &list[0].Event
	}
}

// known returns what the event was like when the orders were made that a mailing is about.
func known(m *notifyapi.Mailing) []notifyapi.Known {
	switch {
	case len(m.Data.Known) > 0:
		return slices.Clone(m.Data.Known)
	case m.Kind == notifyapi.EventMoved:
		return []notifyapi.Known{{Until: m.MadeUntil, Event: *m.Data.Before}}
	}
	return nil // everybody knows what Data has
}

// asKnown completes what the holder of an order is told of a change, by when the order was
// made, and by what they were shown since, the oldest first. It reports whether the holder
// is told at all: not if the event is again what they know, and nothing they may have read
// says otherwise.
func asKnown(n *notifyapi.Notice, m *notifyapi.Mailing, made time.Time, shown []notifyapi.Shown) bool {
	if len(m.Data.Known) == 0 || made.After(m.Data.Known[len(m.Data.Known)-1].Until) {
		return true
	}
	states := statesAt(m, made)
	know, others := states[0], states[1:]
	sure := true // what they know
	for i := range shown {
		s := &shown[i]
		if m.Kind == notifyapi.EventCancelled && s.Kind == notifyapi.Refunded {
			continue // it comes with the cancellation, before its news or after it
		}
		if s.Event != nil && s.Kind == notifyapi.EventMoved && s.Sent {
			know, others, sure = s.Event, nil, true
			continue
		}
		states := []*notifyapi.Event{s.Event}
		if s.Event == nil {
			read := s.At.Add(-writeTime)
			if made.After(read) {
				read = made
			}
			states = slices.Concat(statesAt(m, read), statesAt(m, s.At))
		}
		others = append(others, states...)
		neither := func(e *notifyapi.Event) bool { return !sameWhere(e, know) && !sameWhere(e, m.Data.Event) }
		sure = sure && !slices.ContainsFunc(states, neither)
	}
	if m.Kind == notifyapi.EventCancelled {
		n.Data.Event = know
		if len(others) > 0 && !sameWhere(others[len(others)-1], know) {
			n.Data.Event, n.Data.Before = others[len(others)-1], know
		}
		return true
	}
	if !sameWhere(know, m.Data.Event) {
		n.Data.Before, n.Data.Unsure = know, !sure
		return true
	}
	i := slices.IndexFunc(others, func(e *notifyapi.Event) bool { return !sameWhere(e, m.Data.Event) })
	if i < 0 {
		return false
	}
	n.Data.Before, n.Data.Unsure = others[i], true
	return true
}

// writeTime is how long before it is stored a letter may have read what the event is like.
const writeTime = time.Minute

// statesAt returns what an event was like at a time. If several states were taken
// together, it is one of those.
func statesAt(m *notifyapi.Mailing, at time.Time) []*notifyapi.Event {
	for i := range m.Data.Known {
		if k := &m.Data.Known[i]; !at.After(k.Until) {
			if k.Told != nil {
				return []*notifyapi.Event{&k.Event, k.Told}
			}
			return []*notifyapi.Event{&k.Event}
		}
	}
	return []*notifyapi.Event{m.Data.Event}
}

// Pauses between the mailings about moves of an event: the second one within a day
// begins firstWait after the first, and each further one twice as late.
const (
	firstWait = 10 * time.Minute
	mostWait  = 6 * time.Hour
	soonWait  = 30 * time.Minute // at most, when the event begins, or was to begin, within two days
	noWait    = 2 * time.Hour    // before the event, as it was or is, and after: people are on their way
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
		case o.State == notifyapi.Running && !(o.Complete && o.Counts[string(notifyapi.StateQueued)] == 0): // not only texts
			at = now
		}
		if o.Complete && at.Sub(o.Created) > 2*mostWait { // only for mailboxes that are full
			at = o.Created
		}
		nobody := o.State == notifyapi.Stopped && o.Counts[string(notifyapi.StateSent)] == 0 || o.Complete && o.Total == 0
		if !o.Begins.IsZero() || nobody || now.Sub(at) > 24*time.Hour {
			continue // nobody was told, or long ago
		}
		if told++; at.After(last) {
			last = at
		}
	}
	if told == 0 {
		return time.Time{}
	}
	first := start(m.Data.Event)
	for _, k := range known(m) {
		for _, e := range []*notifyapi.Event{&k.Event, k.Told} {
			if at := start(e); at.Add(lateness(e)).After(now) && (first.IsZero() || at.Before(first)) {
				first = at
			}
		}
	}
	wait := min(firstWait<<min(told-1, 10), mostWait)
	if !first.IsZero() && first.Before(now.Add(48*time.Hour)) {
		wait = min(wait, soonWait)
	}
	at := last.Add(wait)
	if !at.After(now) || !first.IsZero() && !at.Add(noWait).Before(first) {
		return time.Time{}
	}
	return at
}

// lateness is how long after the start of an event, as it was to begin, people may be on
// their way.
func lateness(e *notifyapi.Event) time.Duration {
	if e != nil && e.Starts.IsZero() { // at some time of the day
		return 24 * time.Hour
	}
	return noWait
}

// start is when an event begins, or its day, if that is all that is known; the zero time:
// nobody knows.
func start(e *notifyapi.Event) time.Time {
	if e == nil || !e.Starts.IsZero() || e.Date == "" {
		if e == nil {
			return time.Time{}
		}
		return e.Starts
	}
	zone, err := time.LoadLocation(e.Zone)
	if err != nil {
		zone = time.UTC
	}
	day, _ := time.ParseInLocation(time.DateOnly, e.Date, zone) // the zero time, if it is none
	return day
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
