// Package batch combines many small writes into a few large ones. A Queue collects
// submitted items; its one worker takes all waiting items, up to a maximum, and
// processes them as one batch. There is no timer: while one batch commits, items for
// the next one collect, so a single item is not delayed and many are combined.
package batch

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"time"

	"boxoffice/internal/jobs"
)

// Item is one submitted value and the place for its answer.
type Item[T any] struct {
	Value T
	Since time.Time // when it was submitted
	done  chan struct{}
	err   error
}

// Done answers the submitter. It must be called once for every item.
func (i *Item[T]) Done(err error) {
	i.err = err
	close(i.done)
}

// Queue is a bounded queue with one worker.
type Queue[T any] struct {
	max, capacity int
	run           func([]*Item[T])

	mu     sync.Mutex
	ready  sync.Cond
	first  []*Item[T] // submitted with Do: taken before the rest
	later  []*Item[T] // submitted with DoLater: at most max/8 of a batch
	joined []*Item[T] // items that joined the running batch
	closed bool
	idle   chan struct{} // closed when the worker has ended
}

// Full is returned by Do when the queue is at its capacity.
type Full struct{ Waiting int }

func (Full) Error() string { return "batch: queue is full" }

// Closed is returned by Do once Close was called.
type Closed struct{}

func (Closed) Error() string { return "batch: queue is closed" }

// New starts a queue whose worker calls run with 1…maxBatch items at a time; at most
// capacity items wait. run must call Done on each item.
func New[T any](maxBatch, capacity int, run func([]*Item[T])) *Queue[T] {
	q := &Queue[T]{max: maxBatch, capacity: capacity, run: run, idle: make(chan struct{})}
	q.ready.L = &q.mu
	go q.work()
	return q
}

// Do submits a value and waits for its answer. If ctx ends first, Do returns the
// error of ctx and the outcome is unclear: the value may still be processed.
func (q *Queue[T]) Do(ctx context.Context, v T) error { return q.do(ctx, v, false) }

// DoLater is like Do, but queues behind everything that is submitted with Do.
func (q *Queue[T]) DoLater(ctx context.Context, v T) error { return q.do(ctx, v, true) }

func (q *Queue[T]) do(ctx context.Context, v T, later bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	it := &Item[T]{Value: v, Since: time.Now(), done: make(chan struct{})}
	q.mu.Lock()
	switch {
	case q.closed:
		q.mu.Unlock()
		return Closed{}
	case len(q.first)+len(q.later) >= q.capacity:
		n := len(q.first) + len(q.later)
		q.mu.Unlock()
		return Full{Waiting: n}
	}
	if later {
		q.later = append(q.later, it)
	} else {
		q.first = append(q.first, it)
	}
	q.mu.Unlock()
	q.ready.Signal()
	select {
	case <-it.done:
		return it.err
	case <-ctx.Done():
		select {
		case <-it.done:
			return it.err
		default:
			return ctx.Err()
		}
	}
}

// Waiting returns how many items wait for a batch.
func (q *Queue[T]) Waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.first) + len(q.later)
}

// Close refuses new items, lets the worker finish the waiting ones, and returns when
// all are answered.
func (q *Queue[T]) Close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.ready.Signal()
	<-q.idle
}

func (q *Queue[T]) work() {
	defer close(q.idle)
	for {
		q.mu.Lock()
		for len(q.first)+len(q.later) == 0 {
			if q.closed {
				q.mu.Unlock()
				return
			}
			q.ready.Wait()
		}
		q.mu.Unlock()
		// Let other goroutines that are ready submit their items: on a busy machine this
		// makes batches larger, on an idle one it costs nothing.
		runtime.Gosched()
		q.mu.Lock()
		items := q.take()
		q.joined = nil
		q.mu.Unlock()
		q.safely(items)
	}
}

// safely runs a batch. A panic becomes the error of the items that have no answer yet,
// and the queue goes on.
func (q *Queue[T]) safely(items []*Item[T]) {
	err := jobs.Catch(func() error { q.run(items); return nil })
	var p *jobs.Panic
	if !errors.As(err, &p) {
		return
	}
	slog.Error("a batch has failed", "error", err, "stack", p.Stack)
	q.mu.Lock()
	items = append(slices.Clone(items), q.joined...)
	q.mu.Unlock()
	for _, it := range items {
		select {
		case <-it.done:
		default:
			it.Done(err)
		}
	}
}

// Join takes up to most waiting items that fit into the running batch: run calls it
// when it had to wait before it could begin.
func (q *Queue[T]) Join(most int, fits func(T) bool) []*Item[T] {
	q.mu.Lock()
	defer q.mu.Unlock()
	var joined []*Item[T]
	q.first = slices.DeleteFunc(q.first, func(it *Item[T]) bool {
		if len(joined) == most || !fits(it.Value) {
			return false
		}
		joined = append(joined, it)
		return true
	})
	q.joined = append(q.joined, joined...)
	return joined
}

func (q *Queue[T]) take() []*Item[T] {
	jobs := min(len(q.later), 1) // one place is reserved, so that DoLater does not starve
	n := min(len(q.first), max(q.max-jobs, 1))
	l := min(len(q.later), q.max-n, max(1, q.max/8))
	items := make([]*Item[T], 0, n+l)
	items = append(items, q.first[:n]...)
	items = append(items, q.later[:l]...)
	q.first = shift(q.first, n)
	q.later = shift(q.later, l)
	return items
}

// shift drops the first n elements and keeps the array, so that a busy queue does not
// allocate.
func shift[T any](s []T, n int) []T {
	m := copy(s, s[n:])
	clear(s[m:])
	return s[:m]
}
