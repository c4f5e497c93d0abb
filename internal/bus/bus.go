package bus

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"boxoffice/internal/jobs"
	"boxoffice/internal/sqldb"
)

const (
	pollEvery     = 500 * time.Millisecond // for messages that other nodes have committed
	pollConnected = 2 * time.Second        // for those that the transport has not brought
	lookPause     = 400 * time.Millisecond // so that the messages of a moment are consumed together
	pageSize      = 256

	// A message is tried for about an hour before it is a dead letter.
	firstPause   = 500 * time.Millisecond
	longestPause = 2 * time.Minute
	MaxTries     = 40

	// keepTaken is how long a message that has left its outbox is remembered as taken.
	// tooOld is the age of messages that are no longer taken from the transport, only from
	// the outbox: they might have been forgotten.
	keepTaken  = 72 * time.Hour
	tooOld     = 48 * time.Hour
	pruneEvery = time.Hour
	deadEvery  = 15 * time.Second // between two counts of dead letters

	mostHeard = 4096 // messages of the transport that wait to be consumed
)

// Config configures a bus.
type Config struct {
	DB        *sqldb.DB // of dead letters and leases
	Outboxes  []Outbox
	Consumers []Consumer
	Now       func() time.Time
	Log       *slog.Logger
	Transport Transport             // nil: none; consumers read the outboxes
	Metrics   prometheus.Registerer // nil: none

	// For tests; zero: as it is made for. The pauses after failures, between two looks at
	// the outboxes without and with a transport, between two looks of the relay, and until
	// it publishes a message again; and the least time from one look to the next.
	First, Longest, Pause, Poll, PollConnected, RelayEvery, RelayAgain time.Duration
}

// Bus hands the messages of outboxes to consumers, and empties the outboxes.
type Bus struct {
	Config
	dead    *DeadLetters
	workers []*worker
	relay   *relay // nil: there is no transport
	metrics *metrics
}

// New makes a bus and brings its tables up to date. Run does the work.
func New(ctx context.Context, cfg Config) (*Bus, error) {
	b := &Bus{Config: cfg, metrics: newMetrics()}
	b.Pause = cmp.Or(cfg.Pause, lookPause)
	b.First, b.Longest = cmp.Or(cfg.First, firstPause), cmp.Or(cfg.Longest, longestPause)
	b.Poll, b.PollConnected = cmp.Or(cfg.Poll, pollEvery), cmp.Or(cfg.PollConnected, pollConnected)
	b.RelayEvery, b.RelayAgain = cmp.Or(cfg.RelayEvery, relayEvery), cmp.Or(cfg.RelayAgain, relayAgain)
	var err error
	if b.dead, err = OpenDead(ctx, cfg.DB); err != nil {
		return nil, err
	}
	for i := range cfg.Consumers {
		w, err := b.newWorker(ctx, &cfg.Consumers[i])
		if err != nil {
			return nil, err
		}
		b.workers = append(b.workers, w)
	}
	if cfg.Transport != nil {
		if b.relay, err = b.newRelay(ctx); err != nil {
			return nil, err
		}
	}
	if cfg.Metrics != nil {
		err = b.metrics.register(cfg.Metrics)
	}
	return b, err
}

// Dead is the bus's dead letters.
func (b *Bus) Dead() *DeadLetters { return b.dead }

// Run hands messages over until ctx ends. Of several nodes, one does so for each
// consumer.
func (b *Bus) Run(ctx context.Context) error {
	var running sync.WaitGroup
	for _, w := range b.workers {
		running.Go(func() { w.run(ctx) })
	}
	running.Go(func() { b.countDead(ctx) })
	if b.relay != nil {
		running.Go(func() { b.relay.run(ctx) })
		running.Go(func() { b.receive(ctx) })
	}
	running.Wait()
	return nil
}

// Round consumes what is due now, for tools and tests that do not Run the bus.
func (b *Bus) Round(ctx context.Context) error {
	var failed []error
	for _, w := range b.workers {
		w.replayed = time.Time{}
		failed = append(failed, jobs.Catch(func() error { return w.round(ctx) }))
	}
	return errors.Join(failed...)
}

// receive passes the transport's messages to the workers.
func (b *Bus) receive(ctx context.Context) {
	var topics []string
	for _, o := range b.Outboxes {
		if b.wanted(o) {
			topics = append(topics, o.Topic())
		}
	}
	if len(topics) == 0 {
		return
	}
	b.Transport.Receive(ctx, topics, func(m Message) {
		for _, w := range b.workers {
			if slices.Contains(w.c.Topics, m.Topic) {
				w.hear(m)
			}
		}
	})
}

// wanted reports whether an outbox's messages have a consumer.
func (b *Bus) wanted(o Outbox) bool {
	return slices.ContainsFunc(b.Consumers, func(c Consumer) bool { return slices.Contains(c.Topics, o.Topic()) })
}

// poll is the pause between two looks at the outboxes.
func (b *Bus) poll() time.Duration {
	if b.Transport != nil && b.Transport.Connected() {
		return b.PollConnected
	}
	return b.Poll
}

// countDead keeps the metric of dead letters up to date until ctx ends.
func (b *Bus) countDead(ctx context.Context) {
	known := map[string]bool{}
	_ = jobs.Every(ctx, deadEvery, nil, func(ctx context.Context) error {
		counts, err := b.dead.count(ctx)
		if err != nil {
			return nil // the metric stays as it is; who needs the table says so
		}
		for _, w := range b.workers {
			known[w.c.Name] = true
		}
		for consumer := range counts {
			known[consumer] = true
		}
		for consumer := range known {
			b.metrics.dead.WithLabelValues(consumer).Set(float64(counts[consumer]))
		}
		return nil
	})
}

// settle removes those of some messages of an outbox that all its consumers have taken.
// One of them has taken all.
func (b *Bus) settle(ctx context.Context, o Outbox, by *Consumer, refs []Ref) error {
	for i := range b.Consumers {
		c := &b.Consumers[i]
		if c == by || len(refs) == 0 || !slices.Contains(c.Topics, o.Topic()) {
			continue
		}
		taken, err := c.Taken.which(ctx, refs)
		if err != nil {
			return err
		}
		refs = slices.DeleteFunc(refs, func(r Ref) bool { return !taken[r] })
	}
	if len(refs) == 0 {
		return nil
	}
	return o.Remove(ctx, refs)
}
