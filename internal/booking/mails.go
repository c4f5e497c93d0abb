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

// Mails mails the links to complimentary seats, or the tickets of bookings that were moved
// to other seats. A mail stays due in the database until it is sent, so a crash loses none.
// One node at a time sends. A failed mail is tried again after growing pauses, and does not
// delay the others.
type Mails struct {
	s     *Service
	what  string
	due   func(ctx context.Context, after string, limit int) ([]string, error) // bookings
	mail  func(ctx context.Context, bookingID string) error                    // if it is still due
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
func NewGiftMails(ctx context.Context, s *Service, mail func(ctx context.Context, g bookingapi.Gift) error, now func() time.Time) (*Mails, error) {
	return newMails(ctx, s, "gift mails", s.GiftsDue, func(ctx context.Context, id string) error {
		gift, due, err := s.GiftDue(ctx, id)
		if err != nil || !due {
			return err
		}
		if err := mail(ctx, gift); err != nil {
			return err
		}
		return s.GiftMailed(ctx, gift)
	}, now)
}

// NewMoveMails is the same for bookings that were moved to other seats.
func NewMoveMails(ctx context.Context, s *Service, mail func(ctx context.Context, m bookingapi.Move) error, now func() time.Time) (*Mails, error) {
	return newMails(ctx, s, "mails about moves", s.movesDue, func(ctx context.Context, id string) error {
		m, due, err := s.moveDue(ctx, id)
		if err != nil || m.Seq == 0 {
			return err
		}
		if due {
			if err := mail(ctx, m); err != nil {
				return err
			}
		}
		return s.moveMailed(ctx, &m)
	}, now)
}

func newMails(ctx context.Context, s *Service, what string, due func(context.Context, string, int) ([]string, error), mail func(context.Context, string) error, now func() time.Time) (*Mails, error) {
	lease, err := sqldb.NewLease(ctx, s.db, what)
	later := jobs.Retries{First: giftsEvery, Longest: 2 * time.Minute, Most: 10_000}
	return &Mails{s, what, due, mail, now, s.log, lease, later}, err
}

// run sends what is due until ctx ends.
func (g *Mails) run(ctx context.Context) {
	defer func() { g.lease.Release(context.WithoutCancel(ctx)) }()
	var trouble jobs.Trouble
	_ = jobs.Every(ctx, giftsEvery, nil, func(ctx context.Context) error {
		err := g.s.metrics.catch(g.log, g.what, func() error {
			if !g.lease.Held(ctx) {
				g.later.Forget()
				return jobs.ErrNotOver // another node does the work
			}
			return g.later.Outcome(g.Send(ctx))
		})
		trouble.Log(ctx, g.log, slog.LevelWarn, g.what+" wait", err) // they stay due
		return nil
	})
}

// Send tries every mail that is due now once, and returns one of the failures.
func (g *Mails) Send(ctx context.Context) (failed error) {
	end := g.later.Round()
	for after := ""; ctx.Err() == nil; {
		due, err := g.due(ctx, after, giftsAtOnce)
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

func (g *Mails) one(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, giftTime)
	defer cancel()
	return g.mail(ctx, id)
}
