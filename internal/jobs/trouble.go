package jobs

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// remindEvery is how often a trouble that lasts is told again, with what the error
// is then.
const remindEvery = 10 * time.Minute

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
// was broken off since its context has ended says nothing.
func (t *Trouble) Log(ctx context.Context, log *slog.Logger, level slog.Level, what string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	switch {
	case err != nil && ctx.Err() != nil:
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
