package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// mostTurns bounds how often ConsumeNow asks its consumers: messages that answer messages end.
const mostTurns = 10

// ConsumeNow has some consumers, in turn, consume the messages of one key that are in the
// outboxes, until nothing is left. It is for requests that wait for the result, works on
// every node, also beside Run, and leaves what fails to Run. It removes no messages,
// since this process may not know all their consumers. Consume must expect to be called
// concurrently.
func (b *Bus) ConsumeNow(ctx context.Context, key string, consumers ...string) error {
	for range mostTurns {
		consumed := 0
		var failed error
		for _, name := range consumers {
			i := slices.IndexFunc(b.workers, func(w *worker) bool { return w.c.Name == name })
			if i < 0 {
				return fmt.Errorf("bus: there is no consumer %s", name)
			}
			n, err := b.workers[i].now(ctx, key)
			consumed, failed = consumed+n, errors.Join(failed, err)
		}
		if failed != nil || consumed == 0 {
			return failed
		}
	}
	return nil
}

// now consumes the messages of one key, and returns how many. Other calls and nodes may
// do the same: each message is recorded once.
func (w *worker) now(ctx context.Context, key string) (n int, err error) {
	for _, o := range w.outboxes {
		list, err := o.Pending(ctx, Ref{Topic: o.Topic(), Key: key}, MostAtOnce)
		if err != nil {
			return n, err
		}
		list = slices.DeleteFunc(list, func(m Message) bool { return m.Key != key })
		taken, err := w.c.Taken.which(ctx, refsOf(list))
		if err != nil {
			return n, err
		}
		list = slices.DeleteFunc(list, func(m Message) bool { return taken[m.Ref()] })
		if len(list) == 0 {
			continue
		}
		if err := w.at(ctx, list); err == nil || errors.Is(err, errTaken) { // the next turn sees what is left
			n += len(list)
			continue
		} else if len(list) == 1 {
			return n, err
		}
		for i := range list { // those before the one that fails
			if err := w.at(ctx, list[i:i+1]); err != nil && !errors.Is(err, errTaken) {
				return n, err
			}
			n++
		}
	}
	return n, nil
}

// at consumes some messages at once.
func (w *worker) at(ctx context.Context, list []Message) error {
	fn, err := w.prepare(ctx, list)
	if err != nil {
		return err
	}
	if err := w.take(ctx, list, fn); err != nil {
		return err
	}
	now := w.b.Now()
	for i := range list {
		w.b.metrics.lag.WithLabelValues(w.c.Name).Observe(now.Sub(list[i].At).Seconds())
	}
	return nil
}
