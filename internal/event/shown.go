package event

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/maypok86/otter/v2"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/event/check"
	"boxoffice/internal/eventapi"
)

// Event implements eventapi.Reader.
func (s *Service) Event(ctx context.Context, c caller.Caller, id string) (eventapi.Event, error) {
	e, err := s.get(ctx, c, id)
	if err != nil {
		return eventapi.Event{}, err
	}
	if e, err = s.sold(ctx, e); err != nil {
		return eventapi.Event{}, err
	}
	return s.counted(ctx, &e)
}

// OwnEvent implements eventapi.Organizer.
func (s *Service) OwnEvent(ctx context.Context, c caller.Caller, id string) (eventapi.Event, error) {
	if err := mayOrganize(c); err != nil {
		return eventapi.Event{}, err
	}
	e, err := s.get(ctx, c, id)
	if err == nil && !c.MayOrganize(e.OrganizerID) {
		err = errs.Missing("event")
	}
	if err != nil {
		return eventapi.Event{}, err
	}
	return s.counted(ctx, &e)
}

// Events implements eventapi.Reader.
func (s *Service) Events(ctx context.Context, ids []string) (map[string]eventapi.Event, error) {
	out := map[string]eventapi.Event{}
	var missing []string
	found := map[string]stored{}
	for _, id := range ids {
		if e, ok := s.recently(id); ok {
			found[id] = e
		} else {
			missing = append(missing, id)
		}
	}
	read, err := s.readAll(ctx, missing)
	if err != nil {
		return nil, err
	}
	maps.Copy(found, read)
	for id, e := range found {
		if out[id], err = s.show(ctx, &e); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// answered returns an event after a change.
func (s *Service) answered(ctx context.Context, e stored, err error) (eventapi.Event, error) {
	if err != nil {
		return eventapi.Event{}, err
	}
	return s.counted(ctx, &e)
}

// showAll shows events of a list, as their seats are sold or as they were last changed.
func (s *Service) showAll(ctx context.Context, list []stored, sold bool) ([]eventapi.Event, error) {
	if sold {
		if err := s.sell(ctx, list); err != nil {
			return nil, err
		}
	}
	out, ids := make([]eventapi.Event, len(list)), make([]string, len(list))
	for i := range list {
		var err error
		if out[i], err = s.show(ctx, &list[i]); err != nil {
			return nil, err
		}
		ids[i] = list[i].ID
	}
	counts, err := s.sales.Counts(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("count seats: %w", err)
	}
	for i := range out {
		if c, ok := counts[out[i].ID]; ok { // otherwise it is not handed over yet: all seats are free
			out[i].Free, out[i].Seq = c.Free, c.Seq
		}
	}
	return out, nil
}

// counted shows one event, with its free seats counted.
func (s *Service) counted(ctx context.Context, e *stored) (eventapi.Event, error) {
	list, err := s.showAll(ctx, []stored{*e}, false)
	if err != nil {
		return eventapi.Event{}, err
	}
	return list[0], nil
}

// sold returns an event in the state by which its seats are sold now.
func (s *Service) sold(ctx context.Context, e stored) (stored, error) {
	if !e.Pending() {
		return e, nil
	}
	list := []stored{e}
	err := s.sell(ctx, list)
	return list[0], err
}

// sell gives events the plan, the prices and the terms by which their seats are sold now.
// Until the booking side has followed an event's last change, these are the old ones, and
// buyers must not see others.
func (s *Service) sell(ctx context.Context, list []stored) error {
	var pending []string
	for i := range list {
		if list[i].Pending() {
			pending = append(pending, list[i].ID)
		}
	}
	if len(pending) == 0 {
		return nil
	}
	sales, err := s.sales.Sales(ctx, pending)
	if err != nil {
		return fmt.Errorf("sales of events: %w", err)
	}
	for i := range list {
		if sale, ok := sales[list[i].ID]; ok && list[i].Pending() { // otherwise the event itself is current
			if err := s.sellAs(ctx, &list[i], &sale); err != nil {
				return err
			}
		}
	}
	return nil
}

// sellAs gives an event the plan, the prices and the terms of its sale.
func (s *Service) sellAs(ctx context.Context, e *stored, sale *bookingapi.Sale) error {
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

// show joins an event with its prices. All seats count as free.
func (s *Service) show(ctx context.Context, e *stored) (eventapi.Event, error) {
	now := s.now().UnixMicro()
	out := eventapi.Event{
		ID: e.ID, OrganizerID: e.OrganizerID, Title: e.Title, Description: e.Description, Category: e.Category, Venue: e.Venue.show(),
		Starts: instant(e.StartsAt), Date: e.LocalDate, Zone: e.TimeZone, EndDate: e.EndDate, Status: e.shown(now), Paused: e.Paused,
		Opens: instant(e.OpensAt), Closes: instant(e.ClosesAt), RefundsEnd: instant(e.sale().RefundsEnd), CancelFees: showFees(e.CancelFees), Changed: instant(e.ChangedAt),
		Attributes: eventapi.Attributes(e.Attributes), PlanID: e.PlanID, PlanVersion: e.PlanVersion, Free: e.Seats, Total: e.Seats,
		LimitPerCustomer: e.LimitPerCustomer, HoldFor: time.Duration(e.HoldFor) * time.Microsecond, Version: e.Version,
		UnverifiedBuyers: e.UnverifiedBuyers, Pending: e.Pending(), Private: !e.public(),
	}
	if over := e.overFrom(); over < check.Never {
		out.Over = instant(over)
	}
	zone := s.zone(ctx, e.TimeZone)
	if !out.Starts.IsZero() {
		out.Starts = out.Starts.In(zone)
	}
	if ends := instant(e.EndsAt).In(zone); e.EndsAt != 0 && !check.EndOfItsDay(ends) {
		out.Ends = ends
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

func (v venue) show() eventapi.Venue {
	return eventapi.Venue{ID: v.ID, Name: v.Name, Address: v.Address, City: v.City, Country: v.Country, Zone: v.TimeZone}
}

// zone returns the time zone of an event. Names of zones are checked before they are stored.
func (s *Service) zone(ctx context.Context, name string) *time.Location {
	z, err := s.zones.Get(ctx, name, otter.LoaderFunc[string, *time.Location](func(_ context.Context, name string) (*time.Location, error) {
		return time.LoadLocation(name)
	}))
	if err != nil {
		return time.UTC
	}
	return z
}

// instant returns a stored time in UTC; the zero time for 0.
func instant(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
