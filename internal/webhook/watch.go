package webhook

import (
	"context"
	"log/slog"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/jobs"
)

const (
	watchEvery = time.Second // between two looks at the endpoints
	trustedFor = time.Minute // an account that was an organizer's is asked for again after this
)

// trust is whether an account may organize events, as it was read.
type trust struct {
	may bool
	at  time.Time
}

// watch keeps the intake and the queues up to date with the endpoints that there are,
// while this node has the lease; otherwise both are idle.
func (s *Service) watch(ctx context.Context) {
	var trouble jobs.Trouble
	_ = jobs.Every(ctx, watchEvery, s.changed, func(ctx context.Context) error {
		err := jobs.Catch(func() error { return s.watchOnce(ctx) })
		trouble.Log(ctx, s.log, slog.LevelWarn, "webhooks cannot be read", err)
		return nil
	})
	s.intake.live(nil, nil, nil)
}

func (s *Service) watchOnce(ctx context.Context) error {
	if !s.lease.Held(ctx) {
		s.intake.live(nil, nil, nil)
		s.queues.live(nil)
		return jobs.ErrNotOver // another node does the work
	}
	return s.refresh(ctx)
}

// look has watch look at the endpoints now. If another node does the work, it sees a
// change within a second.
func (s *Service) look() {
	select {
	case s.changed <- struct{}{}:
	default: // it is about to look
	}
}

// refresh reads which endpoints there are, and which of them may get messages.
func (s *Service) refresh(ctx context.Context) error {
	list, err := s.store.endpoints(ctx, "")
	if err != nil {
		return err
	}
	wanted, barred, endpoints := map[string]bool{}, map[string]bool{}, map[string]endpoint{}
	for _, e := range list {
		if !e.Enabled {
			continue
		}
		may, err := s.mayOrganize(ctx, e.OrganizerID)
		if err != nil {
			return err
		}
		if !may {
			barred[e.OrganizerID] = true
			continue
		}
		wanted[e.OrganizerID] = true
		endpoints[e.ID] = e
	}
	var cursors map[string]int64
	if !s.intake.serves(wanted) {
		if cursors, err = s.store.cursors(ctx); err != nil {
			return err
		}
	}
	s.intake.live(wanted, barred, cursors)
	if cursors != nil {
		s.intake.kick()
	}
	s.queues.live(endpoints)
	return nil
}

// mayOrganize reports whether an account is an organizer's now. Somebody who was one once
// gets no messages.
func (s *Service) mayOrganize(ctx context.Context, userID string) (bool, error) {
	now := s.now()
	if t, ok := s.trusted[userID]; ok && now.Sub(t.at) < trustedFor {
		return t.may, nil
	}
	a, err := s.accounts.Account(ctx, caller.System, userID)
	if err != nil && errs.KindOf(err) != errs.NotFound {
		return false, err
	}
	may := err == nil && !a.Disabled && (caller.Caller{UserID: a.ID, Role: a.Role}).Organizes()
	s.trusted[userID] = trust{may, now}
	return may, nil
}
