package notify

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"boxoffice/internal/jobs"
)

// outage remembers that a server cannot be reached, and when to try it again.
type outage struct {
	says    string // what the log says meanwhile
	mu      sync.Mutex
	until   time.Time     // nothing is sent before
	pause   time.Duration // before the next attempt; 0: all is well
	trouble jobs.Trouble
}

const (
	firstOutage   = time.Second
	longestOutage = time.Minute
)

// over reports whether messages may be tried, and whether the server answered last time.
func (o *outage) over(now time.Time) (may, well bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !now.Before(o.until), o.pause == 0
}

// failed notes that the server could not be reached, and returns when to try again.
// Workers that were under way at the same time count once.
func (o *outage) failed(ctx context.Context, log *slog.Logger, now time.Time, err error) time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !now.Before(o.until) {
		o.pause = min(max(2*o.pause, firstOutage), longestOutage)
		o.until = now.Add(o.pause)
	}
	o.trouble.Log(ctx, log, slog.LevelError, o.says, err)
	return o.until
}

// wait puts the next attempt off, as the server wishes, and returns when that is.
func (o *outage) wait(until time.Time) time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	if until.After(o.until) {
		o.until = until
	}
	return o.until
}

// answered notes that the server answers.
func (o *outage) answered(ctx context.Context, log *slog.Logger) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.until, o.pause = time.Time{}, 0
	o.trouble.Log(ctx, log, slog.LevelError, o.says, nil)
}
