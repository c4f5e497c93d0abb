package user

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"boxoffice/internal/jobs"
	"boxoffice/internal/user/session"
)

// postEvery is how often the service looks for waiting mails, adoptions and
// deletions that were left by other nodes, or by this one before a restart.
const postEvery = 5 * time.Second

// Run does the service's background work until ctx ends. It learns of sessions that
// ended on other nodes (without it, each session is looked up again every second),
// sends mails, continues adoptions and deletions, and deletes the accounts of
// visitors who have gone.
func (s *Service) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var working sync.WaitGroup
	defer working.Wait()
	defer cancel()
	working.Go(func() { s.work(ctx) })
	return jobs.Every(ctx, session.PollEvery, nil, func(ctx context.Context) error {
		_ = s.sessions.Poll(ctx) // after a failure nothing is known, and trust expires by itself
		return nil
	})
}

// work does what waits in the database, one task after another. A task that fails or
// panics is retried and does not stop the others.
func (s *Service) work(ctx context.Context) {
	var mails, adoptions, closings, visits jobs.Trouble
	left := time.Now()
	_ = jobs.Every(ctx, postEvery, s.kicked, func(ctx context.Context) error {
		mails.Log(ctx, s.log, slog.LevelError, "mails wait to be sent", jobs.Catch(func() error { return s.runMails(ctx) }))
		adoptions.Log(ctx, s.log, slog.LevelError, "adoptions of bookings wait", jobs.Catch(func() error { return s.RunAdoptions(ctx) }))
		closings.Log(ctx, s.log, slog.LevelError, "deletions of accounts wait to be told again", jobs.Catch(func() error { return s.RunClosings(ctx) }))
		if time.Since(left) >= endEvery {
			left = time.Now()
			visits.Log(ctx, s.log, slog.LevelError, "visitors who are gone keep their accounts", jobs.Catch(func() error {
				_, err := s.EndVisits(ctx)
				return err
			}))
		}
		return nil
	})
}

// kick wakes the background work.
func (s *Service) kick() {
	select {
	case s.kicked <- struct{}{}:
	default:
	}
}
