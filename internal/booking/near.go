package booking

import (
	"context"

	"boxoffice/internal/seating"
)

// Near proposes free seats, by label, when some of the chosen ones are gone (see
// seating.Plan.Near). It reads the seat view, so a proposed seat may be gone a moment
// later.
func (s *Service) Near(ctx context.Context, eventID string, chosen, gone []string) ([]string, error) {
	v, err := s.views.get(ctx, eventID)
	if err != nil {
		return nil, err
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	plan := v.priced.plan
	ordinals := func(labels []string) (out []int32) {
		for _, l := range labels {
			if n, ok := plan.Ordinal(l); ok {
				out = append(out, n)
			}
		}
		return out
	}
	found := plan.Near(v.priced.tierOf, ordinals(chosen), ordinals(gone), func(n int32) bool {
		return v.priced.tierOf[n] != seating.NoTier && v.status[n] == seatFree
	})
	labels := make([]string, len(found))
	for i, n := range found {
		labels[i] = plan.Seats[n].Label
	}
	return labels, nil
}
