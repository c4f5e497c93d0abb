package gatenode

import (
	"sync"
	"time"
)

// clock is the server's time: this machine's, and an offset that is learned with each
// answer.
type clock struct {
	wall func() time.Time

	mu     sync.Mutex
	offset time.Duration // the server's time less this machine's
	seen   time.Time     // when it was looked at last, with the monotonic clock
}

// setBack is how far this machine's clock may fall behind the time that has gone by before
// it was set back. The monotonic clock may stand still while a laptop sleeps, but it never
// runs ahead.
const setBack = 2 * time.Second

func newClock(wall func() time.Time, offset time.Duration) *clock {
	return &clock{wall: wall, offset: offset, seen: wall()}
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

// learn takes in the server's time, as it was told between two moments of this machine, and
// returns the offset.
func (c *clock) learn(server, sent, got time.Time) time.Duration {
	c.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	middle := sent.Round(0).Add(got.Sub(sent) / 2)
	c.offset = server.Sub(middle)
	return c.offset
}
