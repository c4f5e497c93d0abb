package app

import (
	"context"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/event"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/shop"
)

// Search finds coming events.
func (p onPage) Search(ctx context.Context, q shop.Query) (shop.Found, error) {
	hits, err := p.Events.Search(ctx, caller.Caller{}, event.Filter{Text: q.Text, Category: q.Category, City: q.City,
		FirstDay: q.From, LastDay: q.To, Cursor: q.Cursor, Limit: q.Limit})
	if err != nil {
		return shop.Found{}, err
	}
	out := shop.Found{Total: hits.Total, Next: hits.Next}
	for name, list := range map[string]*[]shop.Facet{"category": &out.Categories, "city": &out.Cities} {
		for _, f := range hits.Facets[name] {
			*list = append(*list, shop.Facet(f))
		}
	}
	for i := range hits.Events {
		if hits.Events[i], err = p.Events.Sold(ctx, hits.Events[i]); err != nil {
			return shop.Found{}, err
		}
	}
	out.Events, err = p.shownAll(ctx, hits.Events)
	return out, err
}

// Past are the events that were over last.
func (p onPage) Past(ctx context.Context, n int) ([]eventapi.Event, error) {
	list, _, err := p.Events.List(ctx, caller.Caller{}, event.Filter{Status: "past", Latest: true, Limit: n})
	if err != nil {
		return nil, err
	}
	return p.shownAll(ctx, list)
}

func (p onPage) shownAll(ctx context.Context, list []event.Event) ([]eventapi.Event, error) {
	out := make([]eventapi.Event, len(list))
	for i := range list {
		var err error
		if out[i], err = p.shown(ctx, &list[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Event is an event that a caller may see, as its seats are sold.
func (p onPage) Event(ctx context.Context, caller caller.Caller, id string) (eventapi.Event, error) {
	e, err := p.Events.Get(ctx, caller, id)
	if err != nil {
		return eventapi.Event{}, err
	}
	if e, err = p.Events.Sold(ctx, e); err != nil {
		return eventapi.Event{}, err
	}
	return p.shown(ctx, &e)
}

// shown is an event as pages show it, with its prices and how many seats are
// free. Both are in memory for an event that somebody has asked about.
func (p onPage) shown(ctx context.Context, e *event.Event) (eventapi.Event, error) {
	out, err := p.Events.Shown(ctx, e)
	if err != nil {
		return out, err
	}
	counts, err := bookingapi.One(ctx, p.Bookings.Counts, "event", e.ID)
	switch {
	case errs.KindOf(err) == errs.NotFound: // not handed over yet: all are free
		return out, nil
	case err == nil:
		out.Free, out.Seq = counts.Free, counts.Seq
	}
	return out, err
}

// Changes of an event since it was announced.
func (p onPage) Changes(ctx context.Context, eventID string) ([]shop.Change, error) {
	list, err := p.Events.Changes(ctx, eventID)
	out := make([]shop.Change, len(list))
	for i, c := range list {
		out[i] = shop.Change{At: c.At, Field: c.Field, From: c.From, To: c.To}
	}
	return out, err
}

// Sections of an event with what is free in them.
func (p onPage) Sections(ctx context.Context, caller caller.Caller, eventID string) ([]bookingapi.SectionSeats, error) {
	list, err := p.Bookings.Sections(ctx, caller, eventID)
	if errs.KindOf(err) == errs.NotFound { // not handed over yet
		return nil, nil
	}
	return list, err
}

// Rows are the seats of a section.
func (p onPage) Rows(ctx context.Context, caller caller.Caller, eventID, section string) ([]bookingapi.RowSeats, error) {
	return p.Bookings.Rows(ctx, caller, eventID, section)
}

// Holds are the caller's holds of an event that have not ended.
func (p onPage) Holds(ctx context.Context, caller caller.Caller, eventID string) ([]shop.Held, error) {
	list, err := p.Bookings.List(ctx, bookingapi.Filter{UserID: caller.UserID, EventID: eventID, HeldAt: p.DB.Now().UnixMicro(), Limit: bookingapi.MaxPerPerson})
	if err != nil {
		return nil, err
	}
	orders, err := p.Bookings.Orders(ctx, list)
	if err != nil {
		return nil, err
	}
	var out []shop.Held
	for _, o := range orders {
		held := shop.Held{ID: o.ID, Until: time.UnixMicro(o.ExpiresAt).UTC()}
		for _, place := range o.Places {
			held.Seats = append(held.Seats, place.Label)
		}
		out = append(out, held)
	}
	return out, nil
}

// MapPages are the ids that begin the pages of a map of coming events.
func (p onPage) MapPages(ctx context.Context, size int) ([]string, error) {
	return p.Events.MapPages(ctx, size)
}

// MapPage is a page of the map of coming events.
func (p onPage) MapPage(ctx context.Context, from string, size int) ([]shop.Mapped, error) {
	list, err := p.Events.MapPage(ctx, from, size)
	out := make([]shop.Mapped, len(list))
	for i, m := range list {
		out[i] = shop.Mapped(m)
	}
	return out, err
}
