package jobs

import (
	"context"
	"time"
)

// Every does something at once, and then again whenever the pause since the last
// time is over or wake (which may be nil) says so, until ctx ends or do answers an
// error, which Every returns. What is to be tried again is do's own business: it
// logs that and answers nil.
func Every(ctx context.Context, pause time.Duration, wake <-chan struct{}, do func(context.Context) error) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for ctx.Err() == nil {
		if err := do(ctx); err != nil {
			return err
		}
		timer.Reset(pause)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-wake:
		}
	}
	return nil
}

// Retries remembers what has failed, and when it is to be tried again: later after
// each failure. It is bounded: once it is full, all that it has no room for waits
// together. It is not safe for concurrent use.
type Retries struct {
	First, Longest time.Duration // pauses after the first failure and after many
	Most           int           // how many it remembers one by one

	failed map[string]retry
	rest   retry // of what there is no room for
	seen   map[string]bool
}

type retry struct {
	at   time.Time
	wait time.Duration
}

func (r *Retries) after(was retry, now time.Time) retry {
	wait := min(max(2*was.wait, r.First), r.Longest)
	return retry{now.Add(wait), wait}
}

// Due reports whether something is to be tried now.
func (r *Retries) Due(id string, now time.Time) bool {
	was, known := r.failed[id]
	if known && r.seen != nil {
		r.seen[id] = true
	}
	if !known {
		was = r.rest
	}
	return !now.Before(was.at)
}

// Failed notes that a try has failed.
func (r *Retries) Failed(id string, now time.Time) {
	was, known := r.failed[id]
	switch {
	case !known && len(r.failed) >= r.Most:
		if !now.Before(r.rest.at) {
			r.rest = r.after(r.rest, now)
		}
		return
	case r.failed == nil:
		r.failed = map[string]retry{}
	}
	r.failed[id] = r.after(was, now)
	if r.seen != nil {
		r.seen[id] = true
	}
}

// Done forgets what has succeeded.
func (r *Retries) Done(id string) {
	if _, known := r.failed[id]; !known {
		r.rest = retry{} // it works again
	}
	delete(r.failed, id)
}

// Round begins a look at all that there is to do; its end forgets what was not
// asked about meanwhile, since it is no longer there. A look that was broken off
// is not ended: the next one begins anew.
func (r *Retries) Round() (end func()) {
	seen := map[string]bool{}
	r.seen = seen
	return func() {
		for id := range r.failed {
			if !seen[id] {
				delete(r.failed, id)
			}
		}
		r.seen = nil
	}
}

// Forget forgets everything: another node does the work, and this one will not
// know what it has tried.
func (r *Retries) Forget() { r.failed, r.rest, r.seen = nil, retry{}, nil }

// Outcome makes of a round's outcome what Trouble.Log is to be told: ErrNotOver
// when nothing failed, but what failed before waits for its next try.
func (r *Retries) Outcome(err error) error {
	if err == nil && (len(r.failed) > 0 || r.rest.wait > 0) {
		return ErrNotOver
	}
	return err
}

// Len is how many failures are remembered one by one.
func (r *Retries) Len() int { return len(r.failed) }
