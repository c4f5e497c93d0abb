package app

import (
	"context"
	"time"

	"boxoffice/internal/errs"
	"boxoffice/internal/event"
	"boxoffice/internal/message"
	"boxoffice/internal/web"
)

// onPage is the event service as the pages see it.
type onPage struct{ *Parts }

const (
	upcomingShown = 60
	pastShown     = 6
)

// Listed is what is coming up, and a few events that are over.
func (p onPage) Listed(ctx context.Context) ([]web.Event, error) {
	var out []web.Event
	for _, f := range []event.Filter{{Limit: upcomingShown}, {Status: "past", Limit: pastShown}} {
		list, _, err := p.Events.List(ctx, message.Caller{}, f)
		if err != nil {
			return nil, err
		}
		for i := range list {
			e, err := p.shown(ctx, &list[i], f.Status)
			if err != nil {
				return nil, err
			}
			out = append(out, e)
		}
	}
	return out, nil
}

func (p onPage) shown(ctx context.Context, e *event.Event, status string) (web.Event, error) {
	w := web.Event{
		ID: e.ID, Title: e.Title, Description: e.Description, Category: e.Category, Venue: e.Venue.Name, City: e.Venue.City, Date: e.LocalDate,
		Status: string(e.Status), From: e.PriceFrom, Priced: e.PriceVersion > 0, Currency: e.Currency, Free: e.Seats, Total: e.Seats,
	}
	if status != "" {
		w.Status = status
	}
	if e.StartsAt != 0 {
		w.Starts = time.UnixMicro(e.StartsAt).UTC()
		if zone, err := time.LoadLocation(e.TimeZone); err == nil {
			w.Starts = w.Starts.In(zone)
		}
	}
	if e.OpensAt != 0 {
		w.Opens = time.UnixMicro(e.OpensAt)
	}
	counts, err := p.Bookings.Counts(ctx, e.ID)
	if err != nil && errs.KindOf(err) != errs.NotFound { // not handed over yet: all are free
		return w, err
	}
	if err == nil {
		w.Free = counts.Free
	}
	return w, nil
}
