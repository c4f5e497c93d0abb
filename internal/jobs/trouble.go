package jobs

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// remindEvery is how often a lasting trouble is logged again, with the current error.
const remindEvery = 10 * time.Minute

// ErrNotOver tells Log that nothing failed in an attempt, but that an earlier failure
// was not tried again: the trouble lasts.
var ErrNotOver = errors.New("jobs: what failed before was not tried again")

// Trouble logs a repeated failure when it begins, every ten minutes while it lasts, and
// when it is over. Otherwise jobs that retry several times a second would fill the log.
// The zero value is ready to use, and safe for concurrent use.
type Trouble struct {
	mu          sync.Mutex
	since, told time.Time
	times       int
}

// Log takes the outcome of an attempt; what is the log message. An attempt that was
// interrupted by the end of its context is ignored. An attempt without an error ends
// the trouble. If an attempt does not cover all work, see ErrNotOver, Retries.Outcome
// and Pass.
func (t *Trouble) Log(ctx context.Context, log *slog.Logger, level slog.Level, what string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	switch {
	case errors.Is(err, ErrNotOver), err != nil && ctx.Err() != nil:
	case err != nil && t.times > 0 && now.Sub(t.told) < remindEvery:
		t.times++
	case err != nil:
		if t.times++; t.times == 1 {
			t.since = now
			log.Log(ctx, level, what, "error", err)
		} else {
			log.Log(ctx, level, what, "error", err, "times", t.times, "for", now.Sub(t.since).Round(time.Second))
		}
		t.told = now
	case t.times > 0:
		log.InfoContext(ctx, "over: "+what, "times", t.times, "for", now.Sub(t.since).Round(time.Second))
		t.times = 0
	}
}

// Lasts reports whether the trouble lasts.
func (t *Trouble) Lasts() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.times > 0
}

// Pass is for a job that needs several rounds to cover all its work: its trouble ends
// only with a whole pass in which nothing failed.
type Pass struct{ failed bool }

// Outcome turns a round's error into the one for Trouble.Log. ended reports whether the
// round was the last one of a pass.
func (p *Pass) Outcome(err error, ended bool) error {
	if err == nil && (p.failed || !ended) {
		err = ErrNotOver
	}
	p.failed = !ended && (p.failed || err != nil && !errors.Is(err, ErrNotOver))
	return err
}
