package app

import (
	"context"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/shop"
)

// office is the ticket office itself: it sees everything.
var office = caller.System

const ordersRead = 2000 // of one account, at most

// orders reads orders for the pages.
func (p onPage) orders() shop.Orders {
	return shop.Orders{Bookings: p.Bookings, Events: p.Events, Payments: p.Payments, People: p.Users, Now: p.DB.Now}
}

// bookingsOf are an account's bookings, of one status or of all, up to a limit.
func (p onPage) bookingsOf(ctx context.Context, userID string, status bookingapi.Status, limit int) ([]bookingapi.Booking, error) {
	var all []bookingapi.Booking
	f := bookingapi.Filter{UserID: userID, Status: status, Limit: 200}
	for len(all) < limit {
		list, err := p.Bookings.List(ctx, f)
		if err != nil {
			return nil, err
		}
		if all = append(all, list...); len(list) < f.Limit {
			break
		}
		f.After = list[len(list)-1].ID
	}
	return all, nil
}

// eventOnce is an event, looked up once for several orders.
func (p onPage) eventOnce(ctx context.Context, known map[string]eventapi.Event, id string) (eventapi.Event, error) {
	if e, ok := known[id]; ok {
		return e, nil
	}
	e, err := p.eventOf(ctx, id)
	known[id] = e
	return e, err
}

// eventOf is an event that somebody has booked, whoever may see it now.
func (p onPage) eventOf(ctx context.Context, id string) (eventapi.Event, error) {
	events, err := p.Events.Events(ctx, []string{id})
	if err != nil {
		return eventapi.Event{}, err
	}
	e, ok := events[id]
	if !ok {
		return e, errs.Missing("event")
	}
	return e, nil
}

// eventOver reports whether nobody needs a seat of an event any more at a time, µs since 1970.
func (p onPage) eventOver(ctx context.Context, eventID string, at int64) (bool, error) {
	e, err := p.eventOf(ctx, eventID)
	return err == nil && e.OverAt(time.UnixMicro(at)), err
}
