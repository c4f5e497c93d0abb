package user

import (
	"sync"
	"time"

	"boxoffice/internal/errs"
)

// How failed log-ins slow an account down.
const (
	maxFailures = 10
	failWindow  = 15 * time.Minute
	maxTracked  = 100_000
)

// throttle counts failed log-ins per account, in memory.
type throttle struct {
	mu    sync.Mutex
	fails map[string]failures
}

type failures struct {
	count int
	since time.Time
}

// allow refuses an account that has failed too often lately.
func (t *throttle) allow(login string, now time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.fails[login]
	left := failWindow - now.Sub(f.since)
	if f.count < maxFailures || left <= 0 {
		return nil
	}
	return errs.New(errs.TooMany, "too-many-attempts", "Too many failed attempts to sign in; please wait.").After(left)
}

// note counts a failure, or forgets them all after a success.
func (t *throttle) note(login string, ok bool, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if ok {
		delete(t.fails, login)
		return
	}
	f := t.fails[login]
	if now.Sub(f.since) > failWindow {
		f = failures{since: now}
	}
	f.count++
	if len(t.fails) >= maxTracked {
		for k, old := range t.fails { // make room: the old ones first
			if now.Sub(old.since) > failWindow || len(t.fails) >= maxTracked {
				delete(t.fails, k)
			}
		}
	}
	t.fails[login] = f
}
