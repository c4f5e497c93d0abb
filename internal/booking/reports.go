package booking

import (
	"context"

	"boxoffice/internal/booking/report"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/seating"
)

// newReports makes the organizers' reports. They count bookings with the price lists
// at which they were sold.
func (s *Service) newReports() *report.Reports {
	return report.New(report.Config{DB: s.db, Ledger: s.source, Now: s.now,
		Tiers: func(ctx context.Context, b *bookingapi.Booking) (func(int32) *seating.Tier, error) {
			p, err := s.catalog.load(ctx, bookingKey(b))
			if err != nil {
				return nil, err
			}
			return p.of, nil
		}})
}

// Figures returns the sales of an event.
func (s *Service) Figures(ctx context.Context, eventID string) (bookingapi.Figures, error) {
	v, err := s.views.get(ctx, eventID)
	if err != nil {
		return bookingapi.Figures{}, err
	}
	return s.reports.Figures(ctx, eventID, v.version())
}

// Pace returns how many bookings were paid in each minute.
func (s *Service) Pace(ctx context.Context, eventID string) (bookingapi.Pace, error) {
	v, err := s.views.get(ctx, eventID)
	if err != nil {
		return nil, err
	}
	return s.reports.Pace(ctx, eventID, v.version(), v.gratis())
}

// gratis reports whether all seats of an event cost nothing.
func (v *view) gratis() bool {
	v.mu.RLock()
	defer v.mu.RUnlock()
	for i := range v.priced.Tiers {
		if v.priced.Tiers[i].Price > 0 {
			return false
		}
	}
	return true
}

// SectionFigures counts the seats of each section by state, in the order of the plan.
func (s *Service) SectionFigures(ctx context.Context, eventID string) ([]bookingapi.SectionFigure, error) {
	v, err := s.views.get(ctx, eventID)
	if err != nil {
		return nil, err
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	sections := v.priced.plan.Sections
	out := make([]bookingapi.SectionFigure, len(sections))
	for i := range sections {
		out[i].Section = i
		for _, state := range v.status[sections[i].First : sections[i].First+sections[i].Count] {
			switch state {
			case seatFree:
				out[i].Free++
			case seatHeld:
				out[i].Held++
			default:
				out[i].Sold++
			}
		}
	}
	return out, nil
}

// Latest returns the bookings of an event that were paid or cancelled last, latest
// change first.
func (s *Service) Latest(ctx context.Context, eventID string, limit int) ([]bookingapi.Booking, error) {
	ids, err := s.reports.Latest(ctx, eventID, limit)
	if err != nil {
		return nil, err
	}
	return s.inOrder(ctx, ids)
}

// ByReference returns an event's bookings that have the given reference.
func (s *Service) ByReference(ctx context.Context, eventID, reference string) ([]bookingapi.Booking, error) {
	ids, err := s.reports.ByReference(ctx, eventID, reference)
	if err != nil {
		return nil, err
	}
	return s.inOrder(ctx, ids)
}

// inOrder reads bookings and returns them in the order of the ids.
func (s *Service) inOrder(ctx context.Context, ids []string) ([]bookingapi.Booking, error) {
	found, err := s.Bookings(ctx, ids)
	if err != nil {
		return nil, err
	}
	var out []bookingapi.Booking
	for _, id := range ids {
		if b, ok := found[id]; ok {
			out = append(out, b)
		}
	}
	return out, nil
}
