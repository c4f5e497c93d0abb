package booking

import (
	"context"

	"boxoffice/internal/errs"
	"boxoffice/internal/message"
)

// Places are a booking's seats as people see them, at the prices at which they
// were held.
func (s *Service) Places(ctx context.Context, b *message.Booking) ([]message.Place, error) {
	p, err := s.catalog.load(ctx, bookingKey(b))
	if err != nil {
		return nil, err
	}
	out := make([]message.Place, len(b.Seats))
	for i, n := range b.Seats {
		sec := &p.plan.Sections[p.plan.SectionOf(n)]
		seat, tier := &p.plan.Seats[n], p.of(n)
		out[i] = message.Place{Label: seat.Label, SectionID: sec.ID, Section: sec.Name, Number: seat.Number, Unnumbered: sec.GeneralAdmission, Tier: *tier,
			Accessible: seat.Accessible, RestrictedView: seat.RestrictedView}
		if row := sec.RowOf(n); row != nil {
			out[i].Row = row.Label
		}
	}
	return out, nil
}

// Owned is a booking of a caller's own; NotFound for everybody else.
func (s *Service) Owned(ctx context.Context, caller message.Caller, bookingID string) (message.Booking, error) {
	b, err := s.mine(ctx, caller, bookingID)
	if err == nil && b.UserID != caller.UserID {
		return message.Booking{}, errs.Missing("booking")
	}
	return b, err
}

// Holds are a caller's bookings of an event that have not been paid for, and whose
// holds last.
func (s *Service) Holds(ctx context.Context, caller message.Caller, eventID string) ([]message.Booking, error) {
	list, err := s.List(ctx, Filter{UserID: caller.UserID, EventID: eventID, Status: message.Pending, Limit: message.MaxPerPerson})
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
