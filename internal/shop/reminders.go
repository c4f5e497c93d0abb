package shop

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/jobs"
	"boxoffice/internal/notifyapi"
)

// Reminders remind people of events for which they have tickets, a day before. Whoever
// books in the day before that has just got a confirmation, and is not reminded.
type Reminders struct {
	Events interface {
		List(ctx context.Context, c caller.Caller, f eventapi.Filter) (eventapi.Page, error)
	}
	Mailings interface {
		StartMailing(ctx context.Context, m notifyapi.Mailing) error
	}
	People Names
	Now    func() time.Time
	Log    *slog.Logger

	started map[string]bool // mailings of the last round, by id
}

const (
	remindEvery = time.Minute
	remindAhead = 24 * time.Hour
	remindLast  = 2 * time.Hour // not later than that before the event, for example after an outage
	remindRead  = 100           // events at once
)

// Run starts reminders until ctx ends. Several nodes may do so: a reminder starts once.
func (r *Reminders) Run(ctx context.Context) error {
	var trouble jobs.Trouble
	return jobs.Every(ctx, remindEvery, nil, func(ctx context.Context) error {
		err := jobs.Catch(func() error { return r.Round(ctx) })
		trouble.Log(ctx, r.Log, slog.LevelError, "reminders wait", err)
		return nil
	})
}

// Round starts the reminders that are due.
func (r *Reminders) Round(ctx context.Context) error {
	now := r.Now()
	started := map[string]bool{}
	for f := (eventapi.Filter{From: now, To: now.Add(2 * remindAhead), Limit: remindRead}); ; {
		page, err := r.Events.List(ctx, caller.System, f)
		if err != nil {
			return fmt.Errorf("reminders: %w", err)
		}
		for i := range page.Events {
			m, due := reminder(&page.Events[i], now)
			if !due {
				continue
			}
			if !r.started[m.ID] {
				if err := r.start(ctx, &page.Events[i], m); err != nil {
					return fmt.Errorf("reminder of event %s: %w", m.EventID, err)
				}
			}
			started[m.ID] = true
		}
		if f.Cursor = page.Next; f.Cursor == "" {
			break
		}
	}
	r.started = started
	return nil
}

func (r *Reminders) start(ctx context.Context, e *eventapi.Event, m notifyapi.Mailing) error {
	if e.OrganizerID != "" {
		people, err := r.People.People(ctx, []string{e.OrganizerID})
		if err != nil {
			return err
		}
		m.Data.Organizer = &notifyapi.Organizer{ID: e.OrganizerID, Name: people[e.OrganizerID].Name}
	}
	return r.Mailings.StartMailing(ctx, m)
}

// reminder returns the mailing that reminds of an event, and whether it is due. An event
// that is moved afterwards has another one, a day before its new time.
func reminder(e *eventapi.Event, now time.Time) (m notifyapi.Mailing, due bool) {
	starts := e.Starts
	if starts.IsZero() { // only the day is known: at noon of the day before
		day, err := time.ParseInLocation(time.DateOnly, e.Date, zoneOf(e))
		if err != nil {
			return m, false
		}
		starts = day.Add(12 * time.Hour)
	}
	at := starts.Add(-remindAhead)
	if now.Before(at) || now.After(starts.Add(-remindLast)) || e.OverAt(now) || e.Status == eventapi.Draft {
		return m, false
	}
	return notifyapi.Mailing{
		ID: fmt.Sprintf("reminder/%s/%d", e.ID, starts.Unix()), Kind: notifyapi.Reminder, EventID: e.ID,
		Data: notifyapi.Data{Event: noticeEvent(e)}, MadeUntil: at.Add(-remindAhead), Until: starts,
		Replaces: []notifyapi.Kind{notifyapi.Reminder},
	}, true
}
