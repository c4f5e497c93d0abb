package user

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"boxoffice/internal/jobs"
	"boxoffice/internal/user/session"
)

// postEvery is how often the service looks for mails, adoptions and deletions that
// wait: left by other nodes, or by this one before it started anew.
const postEvery = 5 * time.Second

// Run does the service's background work until ctx ends. It hears of sessions that end
// on other nodes (without it each session is looked up again every second), hands mails
// over, goes on with adoptions and deletions, and ends the accounts of visitors who are
// gone.
func (s *Service) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var working sync.WaitGroup
	defer working.Wait()
	defer cancel()
	working.Go(func() { s.work(ctx) })
	return jobs.Every(ctx, session.PollEvery, nil, func(ctx context.Context) error {
		_ = s.sessions.Poll(ctx) // after a failure nothing was heard, and trust lapses by itself
		return nil
	})
}

// work does what waits in the database, one task after the other. A task that fails,
// or panics, is tried again and stops no other.
func (s *Service) work(ctx context.Context) {
	var mails, adoptions, closings, visits jobs.Trouble
	left := time.Now()
	_ = jobs.Every(ctx, postEvery, s.kicked, func(ctx context.Context) error {
		mails.Log(ctx, s.log, slog.LevelError, "mails wait to be sent", jobs.Catch(func() error { return s.runErrands(ctx) }))
		adoptions.Log(ctx, s.log, slog.LevelError, "adoptions of bookings wait", jobs.Catch(func() error { return s.RunAdoptions(ctx) }))
		closings.Log(ctx, s.log, slog.LevelError, "purchases and events of deleted accounts wait to be undone", jobs.Catch(func() error { return s.RunClosings(ctx) }))
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

// kick wakes the background work up.
func (s *Service) kick() {
	select {
	case s.kicked <- struct{}{}:
	default:
	}
}
