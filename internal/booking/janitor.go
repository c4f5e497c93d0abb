package booking

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/id"
	"boxoffice/internal/jobs"
	"boxoffice/internal/sqldb"
)

// How the janitor works.
const (
	sweepEvery = 500 * time.Millisecond
	sweepMost  = 500 // about how many bookings one sweep ends, or one query lists
	sweepRows  = 200 // rows of the expiry index that it reads at once
	sweepLooks = 5   // how many times in one sweep
	sweepWidth = 64  // commands it has under way at once

	resumeEvery = 10 * time.Second // looks for cancelled events with bookings that are not cancelled
)

// Run keeps the seat views up to date with other nodes, mails tickets, and is the janitor:
// it ends expired holds, and cancels the bookings of cancelled events. For that it submits
// commands, behind those of all other callers. Of several nodes, one at a time is the
// janitor, and one mails. Run returns nil when ctx ends.
func (s *Service) Run(ctx context.Context) error {
	var others sync.WaitGroup
	defer others.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // a panic here also ends the others, so that everything restarts
	defer func() { s.lease.Release(context.WithoutCancel(ctx)) }()
	if s.db.Shared() {
		others.Go(func() { s.followOthers(ctx) })
	}
	others.Go(func() { s.cancelWhenWoken(ctx) })
	for _, m := range s.mails {
		others.Go(func() { m.run(ctx) })
	}
	var swept time.Time   // when s.unverified was last swept
	var resumed time.Time // when cancellations that a crash may have interrupted were last looked for
	var trouble jobs.Trouble
	var pass jobs.Pass
	return jobs.Every(ctx, sweepEvery, nil, func(ctx context.Context) error {
		if time.Since(swept) > resumeEvery {
			swept = time.Now()
			s.unverified.sweep(s.now().UnixMicro())
		}
		if !s.lease.Held(ctx) {
			resumed = time.Time{}
			return nil
		}
		if resumed.IsZero() || s.db.Shared() && time.Since(resumed) > resumeEvery {
			resumed = time.Now()
			s.wake()
		}
		err := s.metrics.catch(s.log, "janitor", func() error {
			_, err := s.Sweep(ctx)
			s.sweeping.Lock()
			defer s.sweeping.Unlock()
			return pass.Outcome(err, s.swept == expiry{})
		})
		trouble.Log(ctx, s.log, slog.LevelError, "expired holds wait to be ended", err)
		return nil
	})
}

// cancelWhenWoken cancels the bookings of cancelled events whenever it is woken.
func (s *Service) cancelWhenWoken(ctx context.Context) {
	var trouble jobs.Trouble
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.sweepNow:
		}
		err := s.metrics.catch(s.log, "janitor", func() error { return s.cancelAll(ctx) })
		trouble.Log(ctx, s.log, slog.LevelError, "bookings of cancelled events wait to be cancelled", err)
		if err != nil && ctx.Err() == nil {
			time.AfterFunc(time.Second, s.wake)
		}
	}
}

func (s *Service) wake() {
	select {
	case s.sweepNow <- struct{}{}:
	default:
	}
}

// Sweep submits expired holds to the writers, which decide whether they have expired,
// and returns how many it submitted. After about sweepMost of them it stops, and the
// next sweep continues there: holds that cannot be ended do not block the rest, and
// are tried again.
func (s *Service) Sweep(ctx context.Context) (int, error) {
	s.sweeping.Lock()
	defer s.sweeping.Unlock()
	now := s.now().UnixMicro()
	proposed := 0
	var failed error
	for range sweepLooks {
		rows, err := s.due(ctx, s.swept, now)
		if err != nil {
			return proposed, errors.Join(failed, err)
		}
		n, err := s.sweep(ctx, rows, sweepMost-proposed)
		failed = errors.Join(failed, err)
		proposed += n
		switch {
		case proposed >= sweepMost || ctx.Err() != nil:
			return proposed, failed
		case len(rows) < sweepRows:
			s.swept = expiry{}
			return proposed, failed
		}
	}
	return proposed, failed
}

// sweep submits the bookings of some rows, in order, until there are most of them, and
// deletes the rows that are done.
func (s *Service) sweep(ctx context.Context, rows []expiry, most int) (int, error) {
	var over, open []expiry
	var ids []string
	for _, l := range rows {
		if len(ids) >= most {
			break
		}
		pending, err := s.pending(ctx, l)
		if err != nil {
			return 0, err
		}
		if len(pending) == 0 {
			over = append(over, l)
		} else {
			open, ids = append(open, l), append(ids, pending...)
		}
		s.swept = l
	}
	failed := s.each(ctx, ids, command{do: doExpire})
	for _, l := range open {
		pending, err := s.pending(ctx, l)
		if err != nil {
			failed = errors.Join(failed, err)
		} else if len(pending) == 0 {
			over = append(over, l)
		}
	}
	return len(ids), errors.Join(failed, s.forget(ctx, over))
}

// cancelAll cancels every booking of every cancelled event. A failure does not block
// the other events.
func (s *Service) cancelAll(ctx context.Context) error {
	events, err := s.ids(ctx, `SELECT event_id FROM sales WHERE status = 'cancelled'
		AND EXISTS (SELECT 1 FROM claims WHERE claims.event_id = sales.event_id)`)
	if err != nil {
		return err
	}
	var failed error
	for _, eventID := range events {
		if err := s.cancelBookings(ctx, eventID); err != nil {
			failed = errors.Join(failed, fmt.Errorf("event %s: %w", eventID, err))
		}
	}
	return failed
}

// cancelBookings cancels every booking of a cancelled event.
func (s *Service) cancelBookings(ctx context.Context, eventID string) error {
	for last := ""; ; {
		ids, err := s.ids(ctx, `SELECT DISTINCT booking_id FROM claims WHERE event_id = $1 ORDER BY booking_id LIMIT $2`, eventID, sweepMost) // primary key's prefix
		if err != nil || len(ids) == 0 {
			return err
		}
		if ids[0] == last {
			return fmt.Errorf("the claims of booking %s cannot be given back", last)
		}
		last = ids[0]
		if err := s.each(ctx, ids, command{do: doCancel}); err != nil {
			return err
		}
	}
}

// each submits a command for many bookings, behind those of all other callers. It
// tries all of them, and returns the first failure.
func (s *Service) each(ctx context.Context, ids []string, c command) error {
	var g errgroup.Group
	g.SetLimit(sweepWidth)
	for _, bookingID := range ids {
		c := c
		c.bookingID, c.eventID, c.caller = bookingID, id.Event(bookingID), caller.System
		g.Go(func() error {
			_, err := s.submitLater(ctx, &c)
			if errs.KindOf(err) == errs.NotFound {
				return nil
			}
			return err
		})
	}
	return g.Wait()
}

func (s *Service) ids(ctx context.Context, query string, args ...any) ([]string, error) {
	ids, err := sqldb.Texts(ctx, s.db.Reader(), query, args...)
	if err != nil {
		return nil, fmt.Errorf("list ids: %w", err)
	}
	return ids, nil
}

// HasLive reports whether a user has bookings that are held or sold, or whose hold
// has ended while a payment for it may still arrive. Gifts do not count.
func (s *Service) HasLive(ctx context.Context, userID string) (bool, error) {
	ids, err := s.ids(ctx, `SELECT id FROM bookings WHERE user_id = $1 AND price_version <> -1
		AND (status IN ('pending', 'booked') OR status = 'expired' AND expires_at > $2) LIMIT 1`, // bookings_by_user
		userID, s.now().UnixMicro()-bookingapi.LateConfirm)
	return len(ids) > 0, err
}

// GiveUp cancels a user's expired holds that could still be paid. If since is not 0 (µs
// since 1970), it also cancels, with a full refund, what the user has held or bought
// since then, except for the events in spared. Gifts stay.
func (s *Service) GiveUp(ctx context.Context, userID string, since int64, spared []string) error {
	now := s.now().UnixMicro()
	ended, err := s.ids(ctx, `SELECT id FROM bookings WHERE user_id = $1 AND price_version <> -1
		AND (status = 'pending' AND expires_at <= $2 OR status = 'expired' AND expires_at > $3)`, // bookings_by_user
		userID, now, now-bookingapi.LateConfirm)
	if err != nil {
		return err
	}
	err = s.each(ctx, ended, command{do: doCancel, unsold: true}) // a payment may have booked it in the meantime
	if since == 0 || err != nil {
		return err
	}
	made, err := s.ids(ctx, `SELECT id FROM bookings WHERE user_id = $1 AND price_version <> -1
		AND status IN ('pending', 'booked') AND created_at >= $2`, userID, since) // bookings_by_user
	if err != nil {
		return err
	}
	made = slices.DeleteFunc(made, func(bookingID string) bool { return slices.Contains(spared, id.Event(bookingID)) })
	return s.each(ctx, made, command{do: doCancel})
}

// OfUser lists ids of a user's bookings in ascending order, beginning with from.
func (s *Service) OfUser(ctx context.Context, userID, from string, limit int) ([]string, error) {
	return s.ids(ctx, `SELECT id FROM bookings WHERE user_id = $1 AND id >= $2 ORDER BY id LIMIT $3`, userID, from, limit) // bookings_by_user
}

// LatestOfUser lists ids of a user's bookings in descending order, and reports whether
// there are more.
func (s *Service) LatestOfUser(ctx context.Context, userID string, limit int) ([]string, bool, error) {
	ids, err := s.ids(ctx, `SELECT id FROM bookings WHERE user_id = $1 ORDER BY id DESC LIMIT $2`, userID, limit+1)
	if err != nil || len(ids) <= limit {
		return ids, false, err
	}
	return ids[:limit], true, nil
}
