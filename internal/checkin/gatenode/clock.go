package gatenode

import (
	"sync"
	"time"

	"boxoffice/internal/ticket"
)

// clock is the server's time: this machine's, and an offset that is learned with each
// answer.
type clock struct {
	wall func() time.Time

	mu     sync.Mutex
	offset time.Duration // the server's time less this machine's
	known  bool          // within ticket.OffsetMost
	seen   time.Time     // when it was looked at last, with the monotonic clock
}

// keptClock is what is kept of a clock.
type keptClock struct {
	Offset time.Duration `json:"offset"`
	Known  bool          `json:"known"`
	Wall   time.Time     `json:"wall"` // this machine's time
}

// setBack is how far this machine's clock may fall behind the time that has gone by before
// it was set back. The monotonic clock may stand still while a laptop sleeps, but it never
// runs ahead.
const setBack = 2 * time.Second

// newClock goes on from what was kept. A machine whose clock is behind the one of then was
// set back, and does not know the time any more.
func newClock(wall func() time.Time, k keptClock) *clock {
	now := wall()
	return &clock{wall: wall, offset: k.Offset, known: k.Known && !now.Before(k.Wall.Add(-setBack)), seen: now}
}

// Now is the server's time, as far as it is known here.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.wall()
	steady := now.Sub(c.seen) // monotonic, if both have it
	if back := steady - now.Round(0).Sub(c.seen.Round(0)); back > setBack {
		c.offset += back
	}
	c.seen = now
	return now.Add(c.offset)
}

// Known reports whether Now is the server's time within ticket.OffsetMost.
func (c *clock) Known() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known
}

// learn takes in the server's time, as it was told between two moments of this machine, and
// returns what to keep. An answer that took long says less than what is known, unless it
// shows that this machine's clock was set.
func (c *clock) learn(server, sent, got time.Time) keptClock {
	c.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	wrong := got.Sub(sent) / 2
	offset := server.Sub(sent.Round(0).Add(wrong))
	if !c.known || wrong <= ticket.OffsetMost || (offset-c.offset).Abs() > wrong+ticket.OffsetMost {
		c.offset, c.known = offset, wrong <= ticket.OffsetMost
	}
	return keptClock{c.offset, c.known, got.Round(0)}
}
