package gateway

import (
	"context"
	"sync"
	"time"
)

// deadline is the context of a request with a time limit. It creates a timer only
// when somebody waits for it to end, which requests answered from memory never do.
type deadline struct {
	context.Context // of the connection's request
	at              time.Time

	mu     sync.Mutex
	timed  context.Context // nil until somebody waits
	cancel context.CancelFunc
	before []context.CancelFunc // of timers set before the limit was extended
	ended  bool
}

func newDeadline(parent context.Context, d time.Duration) *deadline {
	return &deadline{Context: parent, at: time.Now().Add(d)}
}

// Deadline implements context.Context.
func (d *deadline) Deadline() (time.Time, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.at, true
}

// Done implements context.Context.
func (d *deadline) Done() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timed == nil {
		d.timed, d.cancel = context.WithDeadline(d.Context, d.at)
		if d.ended {
			d.cancel()
		}
	}
	return d.timed.Done()
}

// Err implements context.Context.
func (d *deadline) Err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.timed != nil:
		return d.timed.Err()
	case d.ended:
		return context.Canceled
	case d.Context.Err() != nil:
		return d.Context.Err()
	case !time.Now().Before(d.at):
		return context.DeadlineExceeded
	}
	return nil
}

// Value implements context.Context. Package context calls it to find the timer to
// which it can attach children.
func (d *deadline) Value(key any) any {
	d.mu.Lock()
	timed := d.timed
	d.mu.Unlock()
	if timed != nil {
		return timed.Value(key)
	}
	return d.Context.Value(key)
}

// extend starts the time limit anew for everybody who waits from now on.
func (d *deadline) extend(limit time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = time.Now().Add(limit)
	if d.timed != nil {
		d.before = append(d.before, d.cancel)
		d.timed, d.cancel = nil, nil
	}
}

// end cancels the context when the request is over.
func (d *deadline) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = true
	for _, cancel := range d.before {
		cancel()
	}
	if d.cancel != nil {
		d.cancel()
	}
}
