package payment

import "context"

// recoverAtOnce bounds how many payments one round of recovery takes up.
const recoverAtOnce = 512

// Recover takes up payments that are not final, have not moved for a few
// seconds and are not driven by this process: what a crash left half-way. It
// returns how many; they are driven on in the background. Two processes that
// take up the same payment do no harm, since every step is idempotent and every
// change of the row a compare-and-set.
func (s *Service) Recover(ctx context.Context) (int, error) {
	started, last := 0, ""
	before := s.micros() - s.stale.Microseconds()
	for started < recoverAtOnce {
		page, err := s.store.open(ctx, last, recoverAtOnce)
		if err != nil {
			return started, err
		}
		for _, p := range page {
			if p.UpdatedAt <= before && !s.driven(p.ID) {
				s.start(p, evResume)
				started++
			}
		}
		if len(page) < recoverAtOnce {
			break
		}
		last = page[len(page)-1].ID
	}
	return started, nil
}

func (s *Service) driven(paymentID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.drives[paymentID] != nil
}
