package booking

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"boxoffice/internal/jobs"
	"boxoffice/internal/ledger"
)

// How a node keeps up with what others commit to the same database.
const (
	followEvery = 100 * time.Millisecond // the views that somebody uses
	followUsed  = 2 * time.Second        // how long a view counts as used
	followLate  = 250 * time.Millisecond // a view that was not looked after for so long is when it is used
)

// followOthers brings the seat views up to date with the ledger until ctx ends.
func (s *Service) followOthers(ctx context.Context) {
	var trouble jobs.Trouble
	_ = jobs.Every(ctx, followEvery, nil, func(ctx context.Context) error {
		err := s.metrics.catch(s.log, "follow", func() error { return s.views.catchUp(ctx, s.views.unsure(time.Now())) })
		trouble.Log(ctx, s.log, slog.LevelWarn, "seat views fall behind what other nodes do", err)
		return nil
	})
}

// unsure lists the views that somebody uses and that nobody has just compared
// with the ledger: where a node sells much, its batches do.
func (vs *views) unsure(now time.Time) []*view {
	used, checked := now.Add(-followUsed).UnixMicro(), now.Add(-followEvery/2).UnixMicro()
	vs.mu.RLock()
	defer vs.mu.RUnlock()
	var list []*view
	for _, v := range vs.byID {
		if v.used.Load() >= used && v.checked.Load() < checked {
			list = append(list, v)
		}
	}
	return list
}

// catchUp applies what the ledger has beyond the views.
func (vs *views) catchUp(ctx context.Context, list []*view) error {
	if len(list) == 0 {
		return nil
	}
	at := time.Now().UnixMicro()
	ids := make([]string, len(list))
	for i, v := range list {
		ids[i] = v.eventID
	}
	if err := errors.Join(vs.ledger.Look(ctx, ids), vs.ledger.CatchUp(ctx, ids, nil)); err != nil {
		return err
	}
	for _, v := range list {
		v.checked.Store(at)
	}
	return nil
}

// look brings one view up to date that nobody has looked after for a moment. A
// view is only a hint, so it is used as it is when the database does not answer.
func (vs *views) look(ctx context.Context, v *view) {
	_, err, _ := vs.fills.Do("look "+v.eventID, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		return nil, vs.catch("views", func() error { return vs.catchUp(ctx, []*view{v}) }) // out of here a panic would end the process
	})
	if err != nil {
		v.checked.Store(time.Now().UnixMicro()) // do not ask for each reader
	}
}

// hear takes in entries that another node has committed.
func (s *Service) hear(entries []ledger.Entry) {
	s.recent.forget(entries)
	s.tell(entries)
}
