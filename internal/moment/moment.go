// Package moment gives time limits to things that happen by the thousand a
// second: those that begin within the same moment share one context, with one
// timer, instead of having one each.
package moment

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Limit is how long each of many things may take: up to an eighth less.
type Limit struct {
	parent  context.Context
	limit   time.Duration
	mu      sync.Mutex
	current atomic.Pointer[moment]
}

type moment struct {
	context.Context
	over time.Time // from when on things begin in another one
}

// longest is the longest moment.
const longest = time.Second / 4

// NewLimit makes a limit; what it limits ends with parent, too.
func NewLimit(parent context.Context, limit time.Duration) *Limit {
	return &Limit{parent: parent, limit: limit}
}

// Context is for what begins now: it ends once the limit is over, or up to a
// moment earlier.
func (l *Limit) Context() context.Context {
	now := time.Now()
	if m := l.current.Load(); m != nil && now.Before(m.over) {
		return m.Context
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if m := l.current.Load(); m != nil && now.Before(m.over) {
		return m.Context
	}
	over := now.Add(min(longest, l.limit/8))
	ctx, cancel := context.WithDeadline(l.parent, now.Add(l.limit))
	context.AfterFunc(ctx, cancel) // its timer goes when it ends
	l.current.Store(&moment{ctx, over})
	return ctx
}
