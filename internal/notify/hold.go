package notify

import (
	"context"
	"database/sql"
	"log/slog"
	"sync"
	"time"

	"boxoffice/internal/jobs"
)

// A claim is short, so that the mails of a node that dies soon go out. From the moment that
// a mail is begun its claim is renewed, until what became of it is recorded: a mail server
// may need ten minutes to take a mail over. Mails that are not begun in time go to other
// nodes.

const (
	claimLife  = 3 * time.Minute
	renewEvery = 30 * time.Second
	beginTime  = 90 * time.Second // that a claim must have left when a mail is begun
)

// holds are the notices that this node has begun to send, until what became of them is
// recorded.
type holds struct {
	mu   sync.Mutex
	list map[string]hold // by notice id
}

type hold struct {
	claim string
	ends  time.Time
}

func (h *holds) add(r *row) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.list == nil {
		h.list = map[string]hold{}
	}
	h.list[r.notice.ID] = hold{r.claim, r.next}
}

// done ends holds. A notice that was claimed anew in the meantime stays.
func (h *holds) done(list []outcome) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range list {
		if id := list[i].notice.ID; h.list[id].claim == list[i].claim {
			delete(h.list, id)
		}
	}
}

// old returns the holds that are to be renewed. Most are done before.
func (h *holds) old(now time.Time) map[string]hold {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := map[string]hold{}
	for id, one := range h.list {
		if one.ends.Before(now.Add(claimLife - renewEvery/2)) {
			out[id] = one
		}
	}
	return out
}

// renewed notes that holds end later, if they are still there.
func (h *holds) renewed(list map[string]hold, ends time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, one := range list {
		if h.list[id].claim == one.claim {
			h.list[id] = hold{one.claim, ends}
		}
	}
}

// By primary key.
const sqlRenew = `UPDATE notices SET next_at = $1 WHERE id = $2 AND claim = $3 AND state = 'queued'`

// renew makes claims last until a time, and returns those that are still this node's.
func (s store) renew(ctx context.Context, list map[string]hold, ends time.Time) (kept map[string]hold, err error) {
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		kept = map[string]hold{}
		for id, one := range list {
			res, err := tx.ExecContext(ctx, sqlRenew, micros(ends), id, one.claim)
			if err != nil {
				return err
			}
			if n, err := res.RowsAffected(); err != nil {
				return err
			} else if n == 1 {
				kept[id] = one
			}
		}
		return nil
	})
	return kept, err
}

// renewAll renews the claims of this node until ctx ends.
func (s *Service) renewAll(ctx context.Context) {
	var trouble jobs.Trouble
	_ = jobs.Every(ctx, renewEvery, nil, func(ctx context.Context) error { // the error is ctx's
		now := s.cfg.Now()
		list := s.holds.old(now)
		if len(list) == 0 {
			return nil
		}
		kept, err := s.store.renew(ctx, list, now.Add(claimLife))
		trouble.Log(ctx, s.cfg.Log, slog.LevelError, "claims of notices cannot be renewed", err)
		if err == nil {
			s.holds.renewed(kept, now.Add(claimLife))
		}
		return nil
	})
}
