package ledger

import (
	"context"
	"time"
)

// Others tells what other nodes commit.
type Others interface {
	// Overhear hands a listener the entries of other nodes as they are committed, until
	// ctx ends. Some may be missing, and some may be its own node's.
	Overhear(ctx context.Context, l Listener)
	// Overhears reports whether Overhear can do so now. Whoever follows ledgers looks at
	// their heads all the same, but less often: see LookPause.
	Overhears() bool
}

// Listener wants to hear what other nodes commit. Its functions are called one at a
// time, and must return at once.
type Listener struct {
	Listens func() bool                           // whether it wants to hear anything now; it is asked every second
	Wants   func(eventID string, last int64) bool // whether it lacks entries of an event up to a seq
	Hear    func(entries []Entry)                 // takes entries of one event
}

// lookHeard is the time between two looks at the heads of ledgers by those who overhear
// the other nodes.
const lookHeard = 2 * time.Second

// LookPause is the least time between two looks at the heads of all ledgers, for what
// other nodes have committed.
func LookPause(o Others) time.Duration {
	if o.Overhears() {
		return lookHeard
	}
	return 0
}

// Wants reports whether the consumer lacks entries of an event up to a seq.
func (f *Follower) Wants(eventID string, last int64) bool {
	seq, follows := f.consumer.Cursor(eventID)
	return follows && seq < last
}
