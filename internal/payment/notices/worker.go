package notices

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"boxoffice/internal/errs"
	"boxoffice/internal/jobs"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/sqldb"
)

const (
	remember = 7 * 24 * time.Hour // gateways send a message again for some days
	stale    = 10 * time.Second   // after which another node takes a message that is not done
	every    = 2 * time.Second    // between two looks at messages that are not done
	atATime  = 500                // messages of one look
	workers  = 8
	askTime  = 30 * time.Second
)

// Service receives messages of one payment gateway.
type Service struct {
	db       *sqldb.DB
	gateway  provider.Notifier // nil: it sends none
	provider string
	ask      func(ctx context.Context, paymentID string) error
	captured func(ctx context.Context, paymentID string) (bool, error)
	now      func() time.Time
	log      *slog.Logger
	held     func(ctx context.Context) bool
	places   chan struct{} // for checking signatures
	metrics  *metrics

	queue  chan notice // messages that this node has taken
	mu     sync.Mutex
	busy   map[key]bool // messages in the queue, or being worked on here
	later  jobs.Retries // messages whose last try has failed
	from   int64        // when the messages came at which look goes on, µs since 1970
	forgot time.Time    // when old messages were last deleted
}

// Config configures the service.
type Config struct {
	DB       *sqldb.DB
	Gateway  provider.Gateway // whose messages are received, if it is a provider.Notifier
	Provider string           // its name in the address
	// Ask asks the gateway about a payment, and brings the payment to what it answers.
	Ask func(ctx context.Context, paymentID string) error
	// Captured reports whether a payment is known to be captured, without asking the gateway.
	Captured func(ctx context.Context, paymentID string) (bool, error)
	// Held reports whether this node looks after messages that others have left.
	Held    func(ctx context.Context) bool
	Now     func() time.Time
	Log     *slog.Logger
	Metrics prometheus.Registerer // nil: none
}

// New makes the service and its table. Run does its work.
func New(ctx context.Context, cfg Config) (*Service, error) {
	s := &Service{
		db: cfg.DB, provider: cfg.Provider, ask: cfg.Ask, captured: cfg.Captured, held: cfg.Held, now: cfg.Now, log: cfg.Log, metrics: newMetrics(),
		places: make(chan struct{}, atOnce), queue: make(chan notice, atATime), busy: map[key]bool{},
		later: jobs.Retries{First: every, Longest: 5 * time.Minute, Most: 10_000},
	}
	s.gateway, _ = cfg.Gateway.(provider.Notifier)
	if err := cfg.DB.Migrate(ctx, "payment_notices", migrations); err != nil {
		return nil, err
	}
	if cfg.Metrics == nil {
		return s, nil
	}
	return s, s.metrics.register(cfg.Metrics)
}

// handle gives a message to a worker of this node, if one is free. If not, it is found in
// the table.
func (s *Service) handle(n notice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy[n.key] {
		return
	}
	select {
	case s.queue <- n:
		s.busy[n.key] = true
	default:
	}
}

// Run works on messages until ctx ends: on those that this node receives, and, on one node
// at a time, on those that others have left.
func (s *Service) Run(ctx context.Context) {
	if s.gateway == nil {
		return
	}
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() { s.work(ctx) })
	}
	wg.Go(func() {
		var trouble jobs.Trouble
		_ = jobs.Every(ctx, every, nil, func(ctx context.Context) error {
			err := jobs.Catch(func() error { return s.look(ctx) })
			trouble.Log(ctx, s.log, slog.LevelError, "messages of the payment gateway wait", err)
			return nil
		})
	})
	wg.Wait()
}

// look finds messages that were left, and forgets old ones. It goes on where the look before
// has ended, so that many that fail for long hide no others.
func (s *Service) look(ctx context.Context) error {
	if !s.held(ctx) {
		return nil
	}
	list, err := s.open(ctx, s.from, s.now().Add(-stale), atATime)
	if err != nil {
		return err
	}
	if len(list) < atATime {
		s.from = 0
	} else { // those that came together are listed again, unless they are all that is listed
		s.from = max(list[len(list)-1].at, s.from+1)
	}
	for _, n := range list {
		if s.due(n.key) {
			s.handle(n)
		}
	}
	if s.now().Sub(s.forgot) < time.Hour {
		return nil
	}
	s.forgot = s.now()
	return s.forget(ctx)
}

func (s *Service) due(k key) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.later.Due(k.String(), s.now())
}

func (k key) String() string { return k.event + " " + k.provider + " " + k.id }

// work takes messages from the queue until ctx ends.
func (s *Service) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case n := <-s.queue:
			err := jobs.Catch(func() error { return s.one(ctx, &n) })
			s.ended(ctx, n.key, err)
		}
	}
}

func (s *Service) ended(ctx context.Context, k key, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.busy, k)
	switch {
	case err == nil:
		s.later.Done(k.String())
	case ctx.Err() == nil:
		s.later.Failed(k.String(), s.now())
		s.log.WarnContext(ctx, "a payment that the gateway has sent a message about is asked about again", "message", k.id, "error", err)
	}
}

// one asks about the payments of a message. Those that the record does not have are left
// to the reconciler.
func (s *Service) one(ctx context.Context, n *notice) error {
	var left []string
	var failed error
	for _, payment := range n.payments {
		err := s.askOne(ctx, payment, n.echo)
		switch {
		case errs.KindOf(err) == errs.NotFound:
			s.metrics.unknown.Inc()
			s.log.WarnContext(ctx, "the payment gateway has a charge for a payment that is not in the record", "payment", payment)
		case err != nil:
			left, failed = append(left, payment), errors.Join(failed, err)
		}
	}
	switch {
	case failed == nil:
		return s.done(ctx, n.key)
	case len(left) < len(n.payments):
		n.payments = left
		return errors.Join(failed, s.keep(ctx, n))
	}
	return failed
}

func (s *Service) askOne(ctx context.Context, payment string, echo bool) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	if echo { // messages that say something new are not to wait behind thousands of these
		if known, err := s.captured(ctx, payment); err == nil && known {
			return nil
		}
	}
	if err := s.ask(ctx, payment); err != nil {
		return fmt.Errorf("ask about payment %s: %w", payment, err)
	}
	return nil
}
