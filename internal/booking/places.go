package booking

import (
	"context"
	"fmt"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/seating"
)

// places returns a booking's seats for display, at the prices at which they were held.
func (s *Service) places(ctx context.Context, b *bookingapi.Booking) (has, held []bookingapi.Place, err error) {
	p, err := s.catalog.load(ctx, bookingKey(b))
	if err != nil {
		return nil, nil, err
	}
	if err := p.fits(b); err != nil {
		return nil, nil, err
	}
	return p.places(b.Seats), p.places(b.Held), nil
}

// places returns seats that fit the price list.
func (p *priced) places(seats []int32) (out []bookingapi.Place) {
	for _, n := range seats {
		place := placeOf(p.plan, n)
		place.Tier = *p.of(n)
		out = append(out, place)
	}
	return out
}

// placeOf returns a seat of a plan for display, without a price.
func placeOf(plan *seating.Plan, n int32) bookingapi.Place {
	sec := &plan.Sections[plan.SectionOf(n)]
	seat := &plan.Seats[n]
	out := bookingapi.Place{Seat: n, Label: seat.Label, SectionID: sec.ID, Section: sec.Name, Unnumbered: sec.GeneralAdmission,
		Accessible: seat.Accessible, RestrictedView: seat.RestrictedView}
	if !sec.GeneralAdmission {
		out.Number = seat.Number
	}
	if row := sec.RowOf(n); row != nil {
		out.Row = row.Label
	}
	return out
}

// Named returns seats of an event's current plan by label, for display and without
// prices. Unknown labels are left out.
func (s *Service) Named(ctx context.Context, eventID string, labels []string) ([]bookingapi.Place, error) {
	v, err := s.views.get(ctx, eventID)
	if err != nil {
		return nil, err
	}
	v.mu.RLock()
	plan := v.priced.plan // immutable
	v.mu.RUnlock()
	var out []bookingapi.Place
	for _, l := range labels {
		if n, ok := plan.Ordinal(l); ok {
			out = append(out, placeOf(plan, n))
		}
	}
	return out, nil
}

// fits reports whether the seats of a booking are in its plan.
func (p *priced) fits(b *bookingapi.Booking) error {
	for _, seats := range [][]int32{b.Seats, b.Held} {
		for _, n := range seats {
			if n < 0 || int(n) >= len(p.plan.Seats) {
				return fmt.Errorf("booking %s names seat %d, but its plan has %d", b.ID, n, len(p.plan.Seats))
			}
		}
	}
	return nil
}

// Owned returns one of the caller's own bookings; NotFound otherwise.
func (s *Service) Owned(ctx context.Context, caller caller.Caller, bookingID string) (bookingapi.Booking, error) {
	b, err := s.mine(ctx, caller, bookingID)
	if err == nil && b.UserID != caller.UserID {
		return bookingapi.Booking{}, errs.Missing("booking")
	}
	return b, err
}

// Holds returns the caller's live holds of an event.
func (s *Service) Holds(ctx context.Context, caller caller.Caller, eventID string) ([]bookingapi.Booking, error) {
	list, err := s.List(ctx, bookingapi.Filter{UserID: caller.UserID, EventID: eventID, Status: bookingapi.Pending, Limit: bookingapi.MaxPerPerson})
	if err != nil {
		return nil, err
	}
	now, live := s.now().UnixMicro(), list[:0]
	for _, b := range list {
		if b.ExpiresAt > now {
			live = append(live, b)
		}
	}
	return live, nil
}
