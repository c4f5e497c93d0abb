package booking

import (
	"cmp"
	"context"
	"slices"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/seating"
)

// viewFor is the view of an event for a caller who may see it, at ledger version
// seq or later.
func (s *Service) viewFor(ctx context.Context, caller caller.Caller, eventID string, seq int64) (*view, error) {
	v, err := s.views.after(ctx, eventID, seq)
	if err != nil {
		return nil, err
	}
	if v.hiddenFrom(caller) {
		return nil, errs.Missing("event")
	}
	return v, nil
}

// Sections lists an event's sections with their numbers of free seats.
func (s *Service) Sections(ctx context.Context, caller caller.Caller, eventID string) ([]bookingapi.SectionSeats, error) {
	v, err := s.viewFor(ctx, caller, eventID, 0)
	if err != nil {
		return nil, err
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	p := v.priced
	out := make([]bookingapi.SectionSeats, len(p.plan.Sections))
	for i := range p.plan.Sections {
		sec := &p.plan.Sections[i]
		sum := bookingapi.SectionSeats{ID: sec.ID, Name: sec.Name, GeneralAdmission: sec.GeneralAdmission, Total: sec.Count}
		var has [seating.NoTier + 1]bool
		var free [seating.NoTier + 1]int32
		for n := sec.First; n < sec.First+sec.Count; n++ {
			if v.status[n] == seatFree {
				sum.Free++
				free[p.tierOf[n]]++
			}
			has[p.tierOf[n]] = true
		}
		var tiers []int
		for t := range p.Tiers {
			if has[t] {
				tiers = append(tiers, t)
			}
		}
		slices.SortStableFunc(tiers, func(a, b int) int { return cmp.Compare(p.Tiers[a].Price, p.Tiers[b].Price) })
		for _, t := range tiers {
			sum.Tiers, sum.FreeAt = append(sum.Tiers, &p.Tiers[t]), append(sum.FreeAt, free[t])
		}
		out[i] = sum
	}
	return out, nil
}

// Rows lists the seats of one section, row by row; none in general admission.
func (s *Service) Rows(ctx context.Context, caller caller.Caller, eventID, section string) ([]bookingapi.RowSeats, error) {
	v, err := s.viewFor(ctx, caller, eventID, 0)
	if err != nil {
		return nil, err
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	p := v.priced
	at := p.plan.SectionByID(section)
	if at < 0 {
		return nil, errs.Missing("section")
	}
	var out []bookingapi.RowSeats
	for _, row := range p.plan.Sections[at].Rows {
		r := bookingapi.RowSeats{Label: row.Label, Seats: make([]bookingapi.SeatState, 0, row.Count)}
		for n := row.First; n < row.First+row.Count; n++ {
			seat := &p.plan.Seats[n]
			st := bookingapi.SeatState{Label: seat.Label, Number: seat.Number, Price: -1, Accessible: seat.Accessible, RestrictedView: seat.RestrictedView}
			if p.tierOf[n] != seating.NoTier {
				st.Free, st.Price, st.Tier = v.status[n] == seatFree, p.of(n).Price, p.of(n).Name
			}
			if st.Free {
				r.Free++
			}
			r.Seats = append(r.Seats, st)
		}
		out = append(out, r)
	}
	return out, nil
}
