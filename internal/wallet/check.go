package wallet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"boxoffice/internal/errs"
	"boxoffice/internal/jobs"
	"boxoffice/internal/wallet/apple"
)

const (
	checkEvery   = 2 * time.Second
	checkAtOnce  = 200         // passes
	checkAgain   = time.Minute // after their tickets could not be read
	pushAtOnce   = 100         // notifications in a round, and
	pushTogether = 8           // at the same time

	firstPause   = 30 * time.Second // after a notification that failed; it doubles
	longestPause = time.Hour
	mostTries    = 14 // in about ten hours

	forgetEvery = time.Hour
	forgetAfter = 90 * 24 * time.Hour // the passes of an event, after its end
)

// kick has the checks begin at once.
func (s *Service) kick() {
	select {
	case s.wake <- struct{}{}:
	default: // they are about to
	}
}

// Run finds passes that have changed and tells their devices, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	if !s.Offers().Apple {
		return nil
	}
	defer s.pusher.Close()
	defer func() { s.lease.Release(context.WithoutCancel(ctx)) }()
	for _, text := range s.Warnings() {
		s.cfg.Log.Warn(text)
	}
	var trouble, pushes jobs.Trouble
	var forgotten time.Time
	return jobs.Every(ctx, checkEvery, s.wake, func(ctx context.Context) error {
		if !s.lease.Held(ctx) {
			s.follow.rest()
			return nil
		}
		var more, others bool
		err := jobs.Catch(func() (err error) {
			followed := s.follow.round(ctx)
			more, err = s.check(ctx)
			return errors.Join(followed, err)
		})
		if now := s.cfg.Now(); now.Sub(forgotten) >= forgetEvery {
			forgotten = now
			err = errors.Join(err, jobs.Catch(func() error { return s.forget(ctx, now) }))
		}
		trouble.Log(ctx, s.cfg.Log, slog.LevelWarn, "passes in wallets are not updated", err)
		err = jobs.Catch(func() (err error) { others, err = s.push(ctx); return err })
		pushes.Log(ctx, s.cfg.Log, slog.LevelWarn, "devices are not told of changed passes", err)
		if more || others {
			s.kick()
		}
		return nil
	})
}

// check compares some due passes with their tickets; more says that there are others. What
// cannot be read is due again a while later, and does not keep the others waiting.
func (s *Service) check(ctx context.Context) (more bool, failed error) {
	now := s.cfg.Now()
	list, err := s.store.due(ctx, now, checkAtOnce)
	if err != nil || len(list) == 0 {
		return false, err
	}
	for _, of := range byBooking(list) {
		digests, replaced, err := s.digests(ctx, of)
		if err == nil {
			err = s.store.checked(ctx, of, digests, replaced, now)
		} else if ctx.Err() == nil {
			err = errors.Join(fmt.Errorf("booking %s: %w", of[0].bookingID, err), s.store.postpone(ctx, of, now.Add(checkAgain)))
		}
		failed = errors.Join(failed, err)
	}
	return len(list) == checkAtOnce && failed == nil, failed
}

// byBooking groups passes by their booking, in their order.
func byBooking(list []pass) (groups [][]pass) {
	at := map[string]int{}
	for _, p := range list {
		i, known := at[p.bookingID]
		if !known {
			i = len(groups)
			at[p.bookingID], groups = i, append(groups, nil)
		}
		groups[i] = append(groups[i], p)
	}
	return groups
}

// digests are what passes of a booking say now, and whether their tickets were replaced.
// Those of a booking that is gone stay.
func (s *Service) digests(ctx context.Context, list []pass) (digests []string, replaced []bool, err error) {
	o, err := s.cfg.Tickets().WalletOrder(ctx, list[0].bookingID)
	gone := errs.KindOf(err) == errs.NotFound
	if err != nil && !gone {
		return nil, nil, err
	}
	digests, replaced = make([]string, len(list)), make([]bool, len(list))
	for i, p := range list {
		if digests[i] = p.digest; gone {
			continue
		}
		t := o.Seat(p.seat)
		replaced[i] = t != nil && t.Issue != p.issue
		if digests[i], err = s.cfg.Keys.Apple.Digest(o, p.seatIn(o), p.serial); err != nil {
			return nil, nil, err
		}
	}
	return digests, replaced, nil
}

// push tells some devices that passes of theirs have changed; more says that there are
// others.
func (s *Service) push(ctx context.Context) (more bool, err error) {
	list, err := s.store.pushes(ctx, s.cfg.Now(), pushAtOnce)
	if err != nil || len(list) == 0 || !s.updates() {
		return false, err
	}
	failed := make([]error, len(list))
	places := make(chan struct{}, pushTogether)
	var wg sync.WaitGroup
	for i, d := range list {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			failed[i] = jobs.Catch(func() error { return s.tell(ctx, d) })
		})
	}
	wg.Wait()
	return len(list) == pushAtOnce, errors.Join(failed...) // a device that failed is due later
}

// tell tells a device, and records the outcome.
func (s *Service) tell(ctx context.Context, d device) error {
	err := s.pusher.Push(ctx, d.token)
	switch {
	case err == nil:
		return s.store.pushed(ctx, d, 0, 0)
	case errors.Is(err, apple.ErrGone):
		return s.store.gone(ctx, d.id)
	case ctx.Err() != nil:
		return err
	case d.tries+1 >= mostTries:
		return errors.Join(err, s.store.pushed(ctx, d, 0, 0))
	}
	pause := min(firstPause<<d.tries, longestPause)
	return errors.Join(err, s.store.pushed(ctx, d, s.cfg.Now().Add(pause).UnixMicro(), d.tries+1))
}

// forget forgets the passes of events that ended a while ago.
func (s *Service) forget(ctx context.Context, now time.Time) error {
	events, err := s.store.events(ctx)
	if err != nil || len(events) == 0 {
		return err
	}
	ids := make([]string, 0, len(events))
	for eventID := range events {
		ids = append(ids, eventID)
	}
	known, err := s.cfg.Events.Events(ctx, ids)
	if err != nil {
		return err
	}
	for _, eventID := range ids {
		e, is := known[eventID]
		if is && (e.Over.IsZero() || e.Over.Add(forgetAfter).After(now)) {
			continue
		}
		if err := s.store.forget(ctx, eventID); err != nil {
			return err
		}
	}
	return nil
}
