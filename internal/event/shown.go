package event

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
)

// Sold is an event as its seats are sold now, for whoever may buy them. Until the
// booking side follows its last change, seats are held at the prices, from the
// plan and on the terms of before: nobody is shown others meanwhile.
func (s *Service) Sold(ctx context.Context, e Event) (Event, error) {
	if !e.Pending() {
		return e, nil
	}
	sale, err := bookingapi.One(ctx, s.sales.Sales, "event", e.ID)
	if errs.KindOf(err) == errs.NotFound { // nothing of it is sold yet
		return e, nil
	}
	if err != nil {
		return e, fmt.Errorf("sale of event %s: %w", e.ID, err)
	}
	err = s.sellAs(ctx, &e, &sale)
	return e, err
}

// sellAs gives an event what seats are held by: plan, prices and terms of its sale.
func (s *Service) sellAs(ctx context.Context, e *Event, sale *bookingapi.Sale) error {
	e.PlanID, e.PlanVersion, e.Seats = sale.PlanID, sale.PlanVersion, sale.Seats
	e.LimitPerCustomer, e.HoldFor = sale.LimitPerCustomer, sale.HoldFor
	if e.PriceVersion == sale.PriceVersion {
		return nil
	}
	e.PriceVersion, e.PriceFrom, e.Currency = sale.PriceVersion, 0, sale.Currency
	if e.PriceVersion == 0 {
		return nil
	}
	p, err := s.Prices(ctx, e.ID, e.PriceVersion)
	if err != nil {
		return err
	}
	e.PriceFrom = lowest(p.Tiers)
	return nil
}

// Shown is an event as pages show it. Its seats are all counted as free: the
// booking side knows better.
func (s *Service) Shown(ctx context.Context, e *Event) (eventapi.Event, error) {
	at := func(us int64) time.Time {
		if us == 0 {
			return time.Time{}
		}
		return time.UnixMicro(us).UTC()
	}
	out := eventapi.Event{
		ID: e.ID, OrganizerID: e.OrganizerID, Title: e.Title, Description: e.Description, Category: e.Category,
		Venue:  eventapi.Venue{ID: e.Venue.ID, Name: e.Venue.Name, Address: e.Venue.Address, City: e.Venue.City, Country: e.Venue.Country, Zone: e.Venue.TimeZone},
		Starts: at(e.StartsAt), Date: e.LocalDate, Zone: e.TimeZone, Status: e.shown(s.now().UnixMicro()), Paused: e.Paused,
		Opens: at(e.OpensAt), Closes: at(e.ClosesAt), RefundsEnd: at(e.sale().RefundsEnd), Changed: at(e.ChangedAt), Attributes: json.RawMessage(e.Attributes),
		PlanID: e.PlanID, PlanVersion: e.PlanVersion, Free: e.Seats, Total: e.Seats,
		LimitPerCustomer: e.LimitPerCustomer, HoldFor: time.Duration(e.HoldFor) * time.Microsecond, Version: e.Version,
		EndDate: e.EndDate, UnverifiedBuyers: e.UnverifiedBuyers, Pending: e.Pending(), Private: !e.public(),
	}
	if zone, err := s.zone(e.TimeZone); err == nil && !out.Starts.IsZero() {
		out.Starts = out.Starts.In(zone)
	}
	if e.EndsAt != 0 && !e.endsByDay() {
		out.Ends = inZone(e.EndsAt, e.TimeZone)
	}
	if r := e.Refusal(); r != nil {
		out.Refused = r.Type
	}
	if e.PriceVersion == 0 {
		return out, nil
	}
	prices, err := s.Prices(ctx, e.ID, e.PriceVersion)
	if err != nil {
		return out, err
	}
	out.Prices, out.From, out.To = *prices, e.PriceFrom, e.PriceFrom
	for _, t := range prices.Tiers {
		out.To = max(out.To, t.Price)
	}
	return out, nil
}
