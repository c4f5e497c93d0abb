package jobs

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// remindEvery is how often a trouble that lasts is told again, with what the error
// is then.
const remindEvery = 10 * time.Minute

// ErrNotOver is what Log is told of an attempt in which nothing failed, while
// something that failed before was not tried again: the trouble lasts.
var ErrNotOver = errors.New("jobs: what failed before was not tried again")

// Trouble tells of a failure that repeats: when it begins, every ten minutes while
// it lasts, and when it is over. Jobs that try again several times a second would
// fill the log otherwise. The zero value is without trouble; it may be used
// concurrently.
type Trouble struct {
	mu          sync.Mutex
	since, told time.Time
	times       int
}

// Log takes how an attempt has gone. What is is said of the trouble; an attempt that
// was broken off since its context has ended says nothing. An attempt without an
// error ends the trouble: where some of what there is to do may wait for its turn,
// see ErrNotOver, Retries.Outcome and Pass.
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

// Lasts reports whether there is a trouble that is not over.
func (t *Trouble) Lasts() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.times > 0
}

// Pass is for a job that looks at all there is to do in several rounds: its trouble
// ends only with a whole pass in which nothing failed.
type Pass struct{ failed bool }

// Outcome makes of a round's outcome what Trouble.Log is to be told. Ended says
// that the round was the last one of a pass.
func (p *Pass) Outcome(err error, ended bool) error {
	if err == nil && (p.failed || !ended) {
		err = ErrNotOver
	}
	p.failed = !ended && (p.failed || err != nil && !errors.Is(err, ErrNotOver))
	return err
}
