package booking

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/jobs"
	"boxoffice/internal/sqldb"
)

// GiftMails mails the links to complimentary seats. A mail stays due in the database
// until it is sent, so a crash loses none. One node at a time sends. A failed mail is
// tried again after growing pauses, and does not delay the others.
type GiftMails struct {
	s     *Service
	mail  func(ctx context.Context, g bookingapi.Gift) error
	now   func() time.Time
	log   *slog.Logger
	lease *sqldb.Lease
	later jobs.Retries // by booking id
}

const (
	giftsEvery  = 2 * time.Second
	giftsAtOnce = 100
	giftTime    = 10 * time.Second // for one mail
)

// NewGiftMails sends mails by calling mail. now is the clock for retries.
func NewGiftMails(ctx context.Context, s *Service, mail func(ctx context.Context, g bookingapi.Gift) error, now func() time.Time) (*GiftMails, error) {
	lease, err := sqldb.NewLease(ctx, s.db, "gift mails")
	later := jobs.Retries{First: giftsEvery, Longest: 2 * time.Minute, Most: 10_000}
	return &GiftMails{s, mail, now, s.log, lease, later}, err
}

// run sends what is due until ctx ends.
func (g *GiftMails) run(ctx context.Context) {
	defer func() { g.lease.Release(context.WithoutCancel(ctx)) }()
	var trouble jobs.Trouble
	_ = jobs.Every(ctx, giftsEvery, nil, func(ctx context.Context) error {
		err := g.s.metrics.catch(g.log, "gift mails", func() error {
			if !g.lease.Held(ctx) {
				g.later.Forget()
				return jobs.ErrNotOver // another node does the work
			}
			return g.later.Outcome(g.Send(ctx))
		})
		trouble.Log(ctx, g.log, slog.LevelWarn, "mails about complimentary seats wait", err) // they stay due
		return nil
	})
}

// Send tries every mail that is due now once, and returns one of the failures.
func (g *GiftMails) Send(ctx context.Context) (failed error) {
	end := g.later.Round()
	for after := ""; ctx.Err() == nil; {
		due, err := g.s.GiftsDue(ctx, after, giftsAtOnce)
		if err != nil {
			return err
		}
		if len(due) == 0 {
			end()
			return failed
		}
		after = due[len(due)-1]
		for _, id := range due {
			if !g.later.Due(id, g.now()) {
				continue
			}
			if err := jobs.Catch(func() error { return g.one(ctx, id) }); err != nil {
				failed = fmt.Errorf("booking %s: %w", id, err)
				g.later.Failed(id, g.now())
				continue
			}
			g.later.Done(id)
		}
	}
	return ctx.Err()
}

// one mails the link of one gift, if it is still due.
func (g *GiftMails) one(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, giftTime)
	defer cancel()
	gift, due, err := g.s.GiftDue(ctx, id)
	if err != nil || !due {
		return err
	}
	if err := g.mail(ctx, gift); err != nil {
		return err
	}
	return g.s.GiftMailed(ctx, gift)
}
