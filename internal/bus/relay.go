package bus

import (
	"context"
	"log/slog"
	"maps"
	"time"

	"boxoffice/internal/jobs"
	"boxoffice/internal/sqldb"
)

const (
	relayEvery = 2 * time.Second       // over all that outboxes hold, on one node
	relayPause = 10 * time.Millisecond // so that messages of one moment go together
	relayPages = 8                     // of an outbox that has rung
	// relayAgain is after how long a message is published again that is still in its
	// outbox: the transport may have lost it.
	relayAgain = 30 * time.Second
)

// relay publishes what is in the outboxes. Each node publishes what it has committed
// itself, at once; one node publishes the rest. They may publish the same.
type relay struct {
	b         *Bus
	transport Transport
	lease     *sqldb.Lease
	wake      chan struct{}
	published map[Ref]time.Time // what is in the outboxes, and when this node has published it
}

func (b *Bus) newRelay(ctx context.Context) (*relay, error) {
	lease, err := sqldb.NewLease(ctx, b.DB, "bus relay")
	if err != nil {
		return nil, err
	}
	r := &relay{b: b, transport: b.Transport, lease: lease, wake: make(chan struct{}, 1), published: map[Ref]time.Time{}}
	for _, o := range b.Outboxes {
		o.Bell().listen(r.wake)
	}
	return r, nil
}

// run publishes until ctx ends.
func (r *relay) run(ctx context.Context) {
	defer func() { r.lease.Release(context.WithoutCancel(ctx)) }()
	var trouble jobs.Trouble
	var whole time.Time // when everything was last looked through
	_ = jobs.Every(ctx, r.b.RelayEvery, r.wake, func(ctx context.Context) error {
		var err error
		switch now := time.Now(); {
		case !r.transport.Connected(): // consumers read the outboxes
			return nil
		case now.Sub(whole) >= r.b.RelayEvery:
			if whole = now; r.lease.Held(ctx) {
				err = jobs.Catch(func() error { return r.round(ctx, 0) })
				break
			}
			fallthrough
		default:
			err = jobs.Catch(func() error { return r.round(ctx, relayPages) })
		}
		trouble.Log(ctx, r.b.Log, slog.LevelWarn, "messages cannot be published, and are read from the database", err)
		pause(ctx, relayPause)
		return nil
	})
}

// pause waits.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// round publishes what is in the outboxes and was not published lately, up to some
// pages of each outbox; 0: all.
func (r *relay) round(ctx context.Context, pages int) error {
	seen := map[Ref]time.Time{}
	for _, o := range r.b.Outboxes {
		if !r.b.wanted(o) {
			continue
		}
		var last Ref
		for n := 0; n < pages || pages == 0; n++ {
			list, err := o.Pending(ctx, last, pageSize)
			if err != nil {
				return err
			}
			if len(list) == 0 {
				break
			}
			if err := r.publish(ctx, o.Ordered(), last, list, seen); err != nil {
				return err
			}
			last = list[len(list)-1].Ref()
		}
	}
	if pages == 0 { // what was not seen has left its outbox
		r.published = seen
		return nil
	}
	maps.DeleteFunc(r.published, func(_ Ref, at time.Time) bool { return time.Since(at) >= r.b.RelayAgain })
	return nil
}

// publish publishes those of a page of messages that were not published lately. last is
// the message before them.
func (r *relay) publish(ctx context.Context, ordered bool, last Ref, list []Message, seen map[Ref]time.Time) error {
	var due []Message
	now := time.Now()
	for _, m := range list {
		if ordered && last.Key == m.Key {
			m.After = last.ID
		}
		last = m.Ref()
		if at, known := r.published[last]; known && now.Sub(at) < r.b.RelayAgain {
			seen[last] = at
			continue
		}
		due = append(due, m)
	}
	if len(due) == 0 {
		return nil
	}
	if err := r.transport.Publish(ctx, due); err != nil {
		return err
	}
	for i := range due {
		r.published[due[i].Ref()], seen[due[i].Ref()] = now, now
	}
	return nil
}
