package webhook

import (
	"time"

	"boxoffice/internal/webhookapi"
)

// pauses are how long a delivery waits after each failed attempt: three days in all, as
// Standard Webhooks recommends. After the last attempt it is given up.
var pauses = []time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

const (
	// deliveryLife is when a delivery is given up even if attempts are left: its endpoint
	// failed so often that it seldom had a turn.
	deliveryLife = 80 * time.Hour
	// offAfter is how long an endpoint may fail before it is switched off.
	offAfter = 5 * 24 * time.Hour
	// longestRest is how long a failing endpoint rests between two attempts at most.
	longestRest = time.Minute
	// longestAsked is how long a Retry-After may make it rest.
	longestAsked = time.Hour

	statusGone = 410
)

// outcome is what an attempt has come to.
type outcome struct {
	status     int    // of the answer; 0: there was none
	failure    string // "": success
	answer     string
	took       time.Duration
	retryAfter time.Duration // as the receiver asks
}

func (o *outcome) ok() bool { return o.failure == "" }

// progress is where a delivery stands.
type progress struct {
	status  string
	step    int       // attempts since it was sent, or sent again
	dueAt   time.Time // of the next attempt, while it waits
	beganAt time.Time // when it was sent, or sent again
}

// after is where a delivery stands after an attempt. spread, from 0 to 1, keeps deliveries
// that failed together from being tried again together.
func (p progress) after(o *outcome, now time.Time, spread float64) progress {
	p.step++
	switch {
	case o.ok():
		p.status = webhookapi.Delivered
	case p.step > len(pauses) || o.status == statusGone:
		p.status = webhookapi.Failed
	default:
		pause := pauses[p.step-1]
		pause = max(pause+time.Duration(spread*float64(pause)/10), min(o.retryAfter, longestAsked))
		p.dueAt = now.Add(pause)
	}
	return p
}

// rest is how long an endpoint rests after a number of failed attempts in a row.
func rest(failures int, o *outcome) time.Duration {
	if failures == 0 {
		return 0
	}
	return max(min(time.Second<<min(failures-1, 10), longestRest), min(o.retryAfter, longestAsked))
}
