package user

import (
	"context"
	"log/slog"
	"time"

	"boxoffice/internal/jobs"
	"boxoffice/internal/user/session"
)

// postEvery is how often the service looks for mails, adoptions and deletions that wait.
const postEvery = 5 * time.Second

// Run listens for sessions that end on other nodes, and ends the accounts of
// visitors who are gone, until ctx ends. Without it each session is looked up
// again every second.
func (s *Service) Run(ctx context.Context) {
	var kicked time.Time
	left := time.Now()
	var trouble jobs.Trouble
	_ = jobs.Every(ctx, session.PollEvery, nil, func(ctx context.Context) error {
		// A poll that fails leaves the epoch unheard, and trust lapses by itself.
		_ = s.sessions.Poll(ctx)
		if time.Since(kicked) >= postEvery { // left by other nodes, or by this one before it started anew
			kicked = time.Now()
			s.post.kick()
		}
		if time.Since(left) >= endEvery {
			left = time.Now()
			_, err := s.EndVisits(ctx)
			trouble.Log(ctx, s.log, slog.LevelError, "visitors who are gone keep their accounts", err)
		}
		return nil
	})
}
