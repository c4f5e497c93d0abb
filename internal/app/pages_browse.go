package app

import (
	"context"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/shop"
)

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
