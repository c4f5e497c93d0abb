package user

import (
	"context"
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

// throttle counts failed log-ins per account, in memory. The attempts at one
// account are made one after the other, so that many at once are not more
// guesses.
type throttle struct {
	mu    sync.Mutex
	tries map[string]*tries
}

// tries are the attempts at one account.
type tries struct {
	turn  chan struct{} // holds one while an attempt is made
	users int           // attempts that have or wait for a turn; under throttle.mu
	count int           // failures since; under throttle.mu
	since time.Time
}

// begin waits for the turn of an attempt at an account, and refuses it when
// there were too many lately. The caller ends the turn with what came of it.
func (t *throttle) begin(ctx context.Context, account string, now func() time.Time) (end func(outcome), err error) {
	tr := t.join(account)
	select {
	case tr.turn <- struct{}{}:
	case <-ctx.Done():
		t.leave(account, tr)
		return nil, ctx.Err()
	}
	if left := t.left(tr, now()); left > 0 {
		<-tr.turn
		t.leave(account, tr)
		return nil, errs.New(errs.TooMany, "too-many-attempts", "Too many failed attempts to sign in; please wait.").After(left)
	}
	return func(o outcome) {
		t.note(tr, o, now())
		<-tr.turn
		t.leave(account, tr)
	}, nil
}

// outcome is what came of an attempt.
type outcome uint8

const (
	undecided outcome = iota // nobody looked at the password
	failed
	right
)

func (t *throttle) join(account string) *tries {
	t.mu.Lock()
	defer t.mu.Unlock()
	tr := t.tries[account]
	if tr == nil {
		t.makeRoom()
		tr = &tries{turn: make(chan struct{}, 1)}
		t.tries[account] = tr
	}
	tr.users++
	return tr
}

func (t *throttle) leave(account string, tr *tries) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if tr.users--; tr.users == 0 && tr.count == 0 {
		delete(t.tries, account)
	}
}

// left is for how long no attempt is taken.
func (t *throttle) left(tr *tries, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if tr.count < maxFailures {
		return 0
	}
	return failWindow - now.Sub(tr.since)
}

func (t *throttle) note(tr *tries, o outcome, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case o == right:
		tr.count = 0
	case o == failed && (tr.count == 0 || now.Sub(tr.since) >= failWindow):
		tr.count, tr.since = 1, now
	case o == failed:
		tr.count++
	}
}

// makeRoom forgets an account that nobody tries at the moment, when too many are
// known: one with few failures if one is soon found.
func (t *throttle) makeRoom() {
	if len(t.tries) < maxTracked {
		return
	}
	looked, victim, least := 0, "", 0
	for account, tr := range t.tries {
		if tr.users > 0 {
			continue
		}
		if victim == "" || tr.count < least {
			victim, least = account, tr.count
		}
		if looked++; looked >= 16 {
			break
		}
	}
	delete(t.tries, victim)
}

// How failed log-ins slow an address down, whichever accounts they try. Many
// people may share one, so that it is much more patient than an account.
const (
	visitorFailures = 100
	maxVisitors     = 100_000
)

// visitors counts failed log-ins by client address.
type visitors struct {
	mu sync.Mutex
	m  map[string]*visitor
}

type visitor struct {
	count int
	since time.Time
}

// check refuses an address from which too many log-ins have failed lately. An
// unknown address is not counted.
func (v *visitors) check(addr string, now time.Time) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	one := v.m[addr]
	if one == nil || one.count < visitorFailures || now.Sub(one.since) >= failWindow {
		return nil
	}
	return errs.New(errs.TooMany, "too-many-attempts", "Too many failed attempts to sign in from your address; please wait.").After(failWindow - now.Sub(one.since))
}

func (v *visitors) note(addr string, now time.Time) {
	if addr == "" {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	one := v.m[addr]
	if one == nil || now.Sub(one.since) >= failWindow {
		if v.m == nil || len(v.m) >= maxVisitors {
			v.m = map[string]*visitor{} // whoever sends from so many addresses cannot be slowed down by them
		}
		one = &visitor{since: now}
		v.m[addr] = one
	}
	one.count++
}
