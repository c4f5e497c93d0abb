package gatenode

import (
	"testing"
	"time"

	"boxoffice/internal/ticket"
)

// An answer that took long does not spoil what is known of the server's time, by which codes
// that change are judged; and a clock that was set back does not know the time.
func TestClock(t *testing.T) {
	at := time.Unix(1796068800, 0)
	wall := func() time.Time { return at }
	ahead := time.Hour // the box office's clock, of this one
	c := newClock(wall, keptClock{})
	tell := func(there, back time.Duration) keptClock { // how long the question and the answer take
		sent := at
		at = at.Add(there + back)
		return c.learn(sent.Add(there+ahead), sent, at)
	}
	off := func() time.Duration { return c.Now().Sub(at.Add(ahead)).Abs() }
	if c.Known() {
		t.Error("nobody has told it the time")
	}
	if tell(0, 9*time.Second); c.Known() || off() > 5*time.Second {
		t.Errorf("told slowly: off by %s, known %t", off(), c.Known())
	}
	if tell(time.Second, time.Second); !c.Known() || off() != 0 {
		t.Errorf("told: off by %s, known %t", off(), c.Known())
	}
	kept := tell(0, 9*time.Second)
	if !c.Known() || off() > ticket.OffsetMost {
		t.Errorf("an answer that took 9 s: off by %s, known %t", off(), c.Known())
	}
	at = at.Add(time.Minute)
	if c = newClock(wall, kept); !c.Known() || off() != 0 {
		t.Errorf("started again: off by %s, known %t", off(), c.Known())
	}
	at = at.Add(-time.Hour)
	if c = newClock(wall, kept); c.Known() {
		t.Error("it was set back while it was off")
	}
	at, ahead = at.Add(2*time.Hour), 0
	c = newClock(wall, kept)
	if tell(0, 9*time.Second); c.Known() || off() > 5*time.Second {
		t.Errorf("set forward while it was off, and told slowly: off by %s, known %t", off(), c.Known())
	}
}
