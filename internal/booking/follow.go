package booking

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"boxoffice/internal/jobs"
	"boxoffice/internal/ledger"
)

// How a node keeps up with what other nodes commit to the same database: it asks for
// the heads of ledgers. While the bus brings what others commit (see hearRun), it asks
// less often, for what the bus has not brought.
const (
	followEvery = 100 * time.Millisecond // between updates of the views in use
	followHeard = 2 * time.Second        // the same, while the bus brings entries
	followUsed  = 2 * time.Second        // how long a view counts as in use
	followLate  = 250 * time.Millisecond // a view not checked for this long is checked when it is used
)

// followOthers brings the seat views up to date with the ledger until ctx ends.
func (s *Service) followOthers(ctx context.Context) {
	var trouble jobs.Trouble
	_ = jobs.Every(ctx, followEvery, s.followNow, func(ctx context.Context) error {
		err := s.metrics.catch(s.log, "follow", func() error {
			return errors.Join(s.views.ledger.CatchUp(ctx, nil, nil), s.views.catchUp(ctx, s.views.unsure(time.Now())))
		})
		trouble.Log(ctx, s.log, slog.LevelWarn, "seat views fall behind what other nodes do", err)
		return nil
	})
}

// unsure lists the views in use that were not just compared with the ledger. On a
// busy node, the batches do that.
func (vs *views) unsure(now time.Time) []*view {
	used, checked := now.Add(-followUsed).UnixMicro(), now.Add(followEvery/2-vs.every()).UnixMicro()
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

// every is the time between two looks at the heads of the views in use.
func (vs *views) every() time.Duration {
	if vs.overhears() {
		return followHeard
	}
	return followEvery
}

// late is how long a view may stay unchecked before it is checked when it is used.
func (vs *views) late() time.Duration { return vs.every() - followEvery + followLate }

// catchUp applies the ledger entries that the views lack.
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

// look updates a view that was not checked for a moment. A view is only a hint, so it
// is used as it is when the database does not answer.
func (vs *views) look(ctx context.Context, v *view) {
	_, err, _ := vs.fills.Do("look "+v.eventID, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		return nil, vs.catch("views", func() error { return vs.catchUp(ctx, []*view{v}) }) // a panic in here would end the process
	})
	if err != nil {
		v.checked.Store(time.Now().UnixMicro()) // not again for each reader
	}
}

// hear handles entries that another node has committed.
func (s *Service) hear(entries []ledger.Entry) {
	s.recent.forget(entries)
	s.tell(entries)
}
