package jobs

import (
	"context"
	"time"
)

// Every calls do at once, and again after each pause or when wake (which may be nil)
// receives, until ctx ends or do returns an error, which Every returns. Failures that
// are to be tried again are up to do: it logs them and returns nil.
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

// Retries remembers what has failed and when to try it again, with a longer pause after
// each failure. Its size is bounded: once it is full, all further failures share one
// pause. It is not safe for concurrent use.
type Retries struct {
	First, Longest time.Duration // pauses after the first failure, and at most
	Most           int           // how many it remembers one by one

	failed map[string]retry
	rest   retry // shared by everything that there is no room for
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

// Due reports whether id may be tried now.
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

// HasFailed reports whether it is remembered that an attempt at id has failed.
func (r *Retries) HasFailed(id string) bool {
	_, known := r.failed[id]
	return known
}

// Failed notes that an attempt has failed.
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

// Done notes that an attempt has succeeded.
func (r *Retries) Done(id string) {
	if _, known := r.failed[id]; !known {
		r.rest = retry{} // it works again
	}
	delete(r.failed, id)
}

// Round begins a round over everything there is to do. end forgets what Due was not
// asked about during the round, since it no longer exists. An interrupted round must
// not be ended; the next one starts over.
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

// Forget forgets everything, for when another node takes over the work, and this one
// does not know what that node tries.
func (r *Retries) Forget() { r.failed, r.rest, r.seen = nil, retry{}, nil }

// Outcome turns a round's error into the one for Trouble.Log: ErrNotOver when nothing
// failed but earlier failures wait for their next attempt.
func (r *Retries) Outcome(err error) error {
	if err == nil && (len(r.failed) > 0 || r.rest.wait > 0) {
		return ErrNotOver
	}
	return err
}

// Len returns how many failures are remembered one by one.
func (r *Retries) Len() int { return len(r.failed) }
