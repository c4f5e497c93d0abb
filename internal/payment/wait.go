package payment

import (
	"context"
	"math/rand/v2"
	"time"

	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
)

// While a buyer approves a payment elsewhere, the gateway is asked about it now and then. A
// gateway that sends messages tells when that has happened, and so does the buyer's browser
// when it comes back. So it is asked less and less: many buyers at their banks' pages must
// not use up the calls that it allows, which captures need.

const mostWait = 30 * time.Second // between two questions about a payment whose gateway tells by itself

// wait gives the gateway time, but not forever: a buyer who leaves without approving
// must not keep the booking from being paid in another way.
func (d *drive) wait(ctx context.Context) (event, error) {
	if d.overdue() {
		return event{kind: evWished, reason: timedOut}, nil
	}
	wait := d.waitPause()
	d.pauses++
	if !sleep(ctx, wait, d.poke) || !d.reload(ctx) {
		return event{}, ctx.Err()
	}
	return event{kind: evResume}, nil
}

// waitPause is how long to wait before the gateway is asked again. Captures go first while it
// takes no more requests, or answers to none.
func (d *drive) waitPause() time.Duration {
	pause := min(firstPause<<min(d.pauses, 10), longestWait)
	if busy := d.leaveAlone(); busy > pause {
		return busy
	}
	if !d.s.told {
		return pause
	}
	now := d.s.micros()
	since := time.Duration(now-d.p.UpdatedAt) * time.Microsecond
	if left := time.Duration(d.p.CreatedAt-now)*time.Microsecond + d.s.deadline; d.p.approval() != "" || pause == longestWait {
		pause = min(max(since/3, longestWait), mostWait, max(left, longestWait))
	}
	return pause - rand.N(pause/4)
}

// leaveAlone is how long a payment that waits for its buyer leaves a gateway alone that takes
// no more requests; 0: it takes them.
func (d *drive) leaveAlone() time.Duration {
	busy := d.s.calls.resting()
	if busy <= 0 || d.p.approval() == "" {
		return 0
	}
	return busy + rand.N(busy/2+longestWait)
}

// nudge has a payment asked about whose buyer looks at it: they may be back from where they
// approved it. A page that is left open does not ask more than the driver would for long.
func (s *Service) nudge(p *record) {
	if p.Status != paymentapi.Pending || !s.told {
		return
	}
	s.mu.Lock()
	d := s.drives[p.ID]
	s.mu.Unlock()
	if d != nil {
		d.nudge()
	} else if s.shared && !s.isClosing() {
		s.takeUpOne(*p)
	}
}

func (d *drive) nudge() {
	d.mu.Lock()
	due := d.s.now().Sub(d.nudged) >= longestWait+time.Duration(d.nudges)*time.Second/4
	if due {
		d.nudged = d.s.now()
		d.nudges++
	}
	d.mu.Unlock()
	if !due {
		return
	}
	select {
	case d.poke <- struct{}{}:
	default: // already poked
	}
}

// tells reports whether a gateway sends messages.
func tells(g provider.Gateway) bool {
	_, ok := g.(provider.Notifier)
	return ok
}
