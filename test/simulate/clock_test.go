package simulate

import (
	"sync/atomic"
	"testing/synctest"
	"time"
)

// clock is the time of a house. In a bubble it is time itself. On PostgreSQL it is
// this machine's, which runs ahead of the real one by all that histories have
// waited: only what is real there, as timers and sockets are, takes its time.
type clock struct {
	ahead atomic.Int64              // ns
	leap  func(ahead time.Duration) // sets the database's clock, and waits until nodes follow; nil: in a bubble
}

// signsOfLife counts the steps of histories, and the seconds that passed in bubbles.
var signsOfLife atomic.Int64

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// sleep lets time pass for everybody.
func (c *clock) sleep(d time.Duration) {
	if c.leap == nil {
		for ; d > 0; d -= time.Second {
			time.Sleep(min(d, time.Second))
			signsOfLife.Add(1)
		}
		return
	}
	ahead := time.Duration(c.ahead.Load()) + d
	c.leap(ahead) // what runs by timers has a moment
}

// pause keeps the caller alone busy for a while.
func (c *clock) pause(d time.Duration) {
	if c.leap != nil {
		d = min(d, 300*time.Millisecond)
	}
	time.Sleep(d)
}

// quiet waits until nothing is at work but timers, where that can be known; else a
// moment, in which most things are done.
func (c *clock) quiet() {
	if c.leap == nil {
		synctest.Wait()
		return
	}
	time.Sleep(10 * time.Millisecond)
}
