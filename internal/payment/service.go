package payment

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/jobs"
	"boxoffice/internal/ledger"
	"boxoffice/internal/moment"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/sqldb"
)

// Bookings is what payments need of the booking service.
type Bookings interface {
	bookingapi.Paying
	// Cancel gives a caller's booking back, or some of its seats; see bookingapi.Buying.
	Cancel(ctx context.Context, caller caller.Caller, c bookingapi.Cancellation) (bookingapi.Booking, error)
	// Adopt counts a person's bookings for the address that they have verified; see
	// bookingapi.Accounts.
	Adopt(ctx context.Context, from, to string, address caller.EmailKey) error
	// OfUser lists ids of a user's bookings, in order, from one on.
	OfUser(ctx context.Context, userID, from string, limit int) ([]string, error)
	// Sales is how events are sold now, by event id.
	Sales(ctx context.Context, eventIDs []string) (map[string]bookingapi.Sale, error)
	ledger.Source
	// Subscribe registers a function that is called with new entries, ascending
	// for each event, and must return at once.
	Subscribe(func([]ledger.Entry))
}

// lease is what one node at a time has; see sqldb.Lease.
type lease interface {
	Held(ctx context.Context) bool
	Release(ctx context.Context)
}

// Service is the Payment Service.
type Service struct {
	bookings  Bookings
	gateway   provider.Gateway
	now       func() time.Time
	log       *slog.Logger
	store     *store
	lease     lease // to take up what was left half-way
	shared    bool  // other nodes drive payments too
	refunds   *refunder
	metrics   *metrics
	recovered rowKey // the row of payments_begun that recovery has looked at last
	unwound   rowKey // the row of payments_unwinding
	tell      Tell   // nil: nobody is told

	// How long things take; tests shorten them.
	patience  time.Duration // a request waits for its payment
	stale     time.Duration // after which recovery takes up a payment that nobody here drives
	every     time.Duration // between two rounds of recovery
	deadline  time.Duration // after which a payment that the gateway does not decide is given up
	confirmBy time.Duration // after which one is given up that is authorized and comes to no end

	// life is the context of all drivers; it outlives requests and ends when
	// Close has waited long enough.
	life  context.Context
	end   context.CancelFunc
	steps *moment.Limit        // of drivers' steps
	waits func() *moment.Limit // of requests that wait for their payment: patience

	mu      sync.Mutex
	drives  map[string]*drive // by payment id: those that this process drives
	closing bool
	idle    chan struct{} // non-nil while somebody waits for drives to become empty
}

// Config configures a payment service.
type Config struct {
	DB       *sqldb.DB
	Bookings Bookings
	Gateway  provider.Gateway
	Tell     Tell // mails buyers that they have paid, once Run is called; nil: nobody is told
	Now      func() time.Time
	Log      *slog.Logger
	Metrics  prometheus.Registerer // nil: none
}

// New makes the service and migrates its tables. Run does its background work;
// Close ends it.
func New(ctx context.Context, cfg Config) (*Service, error) {
	db := cfg.DB
	s := &Service{
		bookings: cfg.Bookings, gateway: cfg.Gateway, now: cfg.Now, log: cfg.Log, metrics: newMetrics(), tell: cfg.Tell,
		patience:  1500 * time.Millisecond,
		stale:     3 * time.Second,
		every:     2 * time.Second,
		deadline:  15 * time.Minute,
		confirmBy: time.Hour, // holds that ended can be paid for half an hour
		drives:    map[string]*drive{},
		shared:    db.Shared(),
	}
	if s.shared {
		s.stale = 10 * time.Second // so long may a node be busy with one
	}
	s.life, s.end = context.WithCancel(context.WithoutCancel(ctx))
	s.steps = moment.NewLimit(s.life, stepTimeout)
	s.waits = sync.OnceValue(func() *moment.Limit { return moment.NewLimit(s.life, s.patience) })
	var err error
	if s.lease, err = sqldb.NewLease(ctx, db, "payments"); err != nil {
		s.end()
		return nil, err
	}
	if s.store, err = openStore(ctx, db, s.written); err != nil {
		s.end()
		return nil, err
	}
	if s.refunds, err = newRefunder(ctx, s); err != nil {
		s.end()
		return nil, errors.Join(err, s.store.close())
	}
	if cfg.Metrics != nil {
		if err := s.instrument(cfg.Metrics); err != nil {
			s.end()
			return nil, errors.Join(err, s.store.close())
		}
	}
	s.bookings.Subscribe(s.refunds.hear)
	return s, nil
}

// Run takes up payments and refunds that were left half-way, now and every few
// seconds, and tells buyers that they have paid, until ctx ends. Of several nodes
// one does that.
func (s *Service) Run(ctx context.Context) error {
	defer func() { s.lease.Release(context.WithoutCancel(ctx)) }()
	var wg sync.WaitGroup
	wg.Go(func() { s.refunds.run(ctx) })
	wg.Go(func() { (&teller{s, s.tell, retries()}).run(ctx) })
	wg.Go(func() {
		var trouble jobs.Trouble
		var pass jobs.Pass
		_ = jobs.Every(ctx, s.every, nil, func(ctx context.Context) error {
			err := s.guarded(ctx, "recovery of payments", func() error {
				if !s.lease.Held(ctx) {
					return jobs.ErrNotOver // another node does the work
				}
				_, err := s.Recover(ctx)
				return pass.Outcome(err, s.unwound == rowKey{} && s.recovered == rowKey{})
			})
			trouble.Log(ctx, s.log, slog.LevelError, "payments that were left half-way wait", err)
			return nil
		})
	})
	wg.Wait()
	return nil
}

// Close refuses new payments, waits until those under way are final or ctx
// ends, and leaves the rest to the next start. End Run before.
func (s *Service) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	err := s.settle(ctx)
	s.end()
	_ = s.settle(context.Background()) // drivers stop at once when their life ends
	err = errors.Join(err, s.refunds.save(context.WithoutCancel(ctx)))
	err = errors.Join(err, s.store.close())
	_ = s.settle(context.Background()) // those that the last batch has started
	return err
}

// settle waits until nothing is driven any more.
func (s *Service) settle(ctx context.Context) error {
	for {
		s.mu.Lock()
		if len(s.drives) == 0 {
			s.mu.Unlock()
			return nil
		}
		if s.idle == nil {
			s.idle = make(chan struct{})
		}
		idle := s.idle
		s.mu.Unlock()
		select {
		case <-idle:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// written hears of each write once it is durable, before its submitter does, so
// that whoever finds a new payment in the table also finds its driver.
func (s *Service) written(w write) {
	switch w := w.(type) {
	case *insertion:
		if w.result == inserted {
			w.drive = s.start(w.got, evBegin, w)
		}
	case *wish:
		if w.found && !w.late && !w.stale && !s.elsewhere(w) {
			w.drive = s.start(w.got, evResume, nil)
		}
	}
}

// elsewhere reports whether another node seems to be at work on a payment. It
// hears of the wish when it looks at the row next; if it does not live any more,
// recovery does.
func (s *Service) elsewhere(w *wish) bool {
	return s.shared && w.idle < s.stale.Microseconds() && !s.driven(w.id)
}

// pay pays for a booking of the caller; see paymentapi.Paying.
func (s *Service) pay(ctx context.Context, caller caller.Caller, o order) (record, error) {
	if !caller.SignedIn() {
		return record{}, errs.New(errs.Unauthenticated, "sign-in-required", "Sign in to pay.")
	}
	if err := o.check(); err != nil {
		return record{}, err
	}
	w, err := s.insert(ctx, caller, o)
	if err != nil {
		return record{}, err
	}
	p, refusal, err := s.settled(ctx, w)
	if err != nil {
		return record{}, err
	}
	return p, answer(p, refusal)
}

// seek finds the payment to answer for a booking that cannot be paid any more.
func (s *Service) seek(ctx context.Context, w *insertion, b bookingapi.Booking) error {
	if found, err := s.seekKey(ctx, w); found || err != nil {
		return err
	}
	if b.Status == bookingapi.Cancelled {
		return errs.New(errs.Conflict, "booking-cancelled", "The booking is cancelled.")
	}
	p, err := s.store.ofBooking(ctx, b.ID)
	if errs.KindOf(err) == errs.NotFound || err == nil && p.over() {
		return errs.New(errs.Conflict, "already-booked", "The booking is already paid.")
	}
	w.got, w.result = p, existing
	return err
}

// settled is the payment that an insertion came to, after a moment.
func (s *Service) settled(ctx context.Context, w *insertion) (record, *errs.Error, error) {
	switch w.result {
	case reused:
		return record{}, nil, errs.New(errs.Invalid, "idempotency-key-reused",
			"This Idempotency-Key was used for another request. Use a new one.")
	case exhausted:
		return record{}, nil, errs.New(errs.Conflict, "too-many-payments",
			"Payment failed too many times: a booking can be tried %d times. Please book again.", paymentapi.MaxAttempts)
	case existing, otherKey:
		if w.result != existing || w.got.Method != w.want.Method || !w.agrees(&w.got) {
			return record{}, nil, another(&w.got)
		}
	}
	p, refusal, err := s.await(ctx, w.got, w.drive)
	if err == nil && !w.agrees(&p) { // it is another request's, and has come to the booking's amount: see evCosts
		return record{}, nil, another(&p)
	}
	return p, refusal, err
}

// another refuses a request because of the payment that there is already.
func another(p *record) error {
	switch {
	case p.over():
		return differing(p)
	case p.Status.Final():
		return errs.New(errs.Conflict, "already-paid", "The booking is already paid.").With("payment_id", p.ID).With("amount", p.Amount)
	}
	return errs.New(errs.Conflict, "payment-under-way",
		"Another payment for this booking is under way; its method can be changed until it is authorized.").
		With("payment_id", p.ID)
}

// answer is what a payment means to the one who asked for it.
func answer(p record, refusal *errs.Error) error {
	switch {
	case p.Status == paymentapi.Failed:
		return errs.New(errs.PaymentRequired, "payment-declined", "The payment was declined. No money was taken.").
			With("payment_id", p.ID).With("reason", p.Reason)
	case p.over():
		e := errs.New(errs.Conflict, p.Reason, "The booking could not be completed. The money was returned.")
		if refusal != nil && refusal.Type == p.Reason {
			e.Detail, e.Fields, e.Extra = refusal.Detail, refusal.Fields, nil
			for k, v := range refusal.Extra {
				e.With(k, v)
			}
		}
		return e.With("payment_id", p.ID).With("money", "returned")
	}
	return nil
}

// await waits a moment for a payment that this process drives; d is its driver,
// or nil for whichever drives it now.
func (s *Service) await(ctx context.Context, p record, d *drive) (record, *errs.Error, error) {
	if d == nil {
		s.mu.Lock()
		d = s.drives[p.ID]
		s.mu.Unlock()
	}
	switch {
	case d == nil && p.Status.Final():
		return p, nil, nil
	case d == nil: // it has ended meanwhile, or another process drives it
		p, err := s.watch(ctx, p.ID)
		return p, nil, err
	}
	select {
	case <-d.done:
	case <-s.waits().Context().Done():
	case <-ctx.Done():
		return record{}, nil, ctx.Err()
	}
	p, refusal := d.snapshot()
	return p, refusal, nil
}

// watch waits a moment for a payment that this process does not drive.
func (s *Service) watch(ctx context.Context, paymentID string) (record, error) {
	const look = 50 * time.Millisecond
	for waited := time.Duration(0); ; waited += look {
		p, err := s.store.payment(ctx, paymentID)
		if err != nil || p.Status.Final() || !s.shared || waited >= s.patience {
			return p, err
		}
		if !sleep(ctx, look, nil) {
			return p, ctx.Err()
		}
	}
}

// read reads a payment that the caller may read: the owner of its booking, the event's
// organizer and admins. owns reports whether the caller may change it, too.
func (s *Service) read(ctx context.Context, caller caller.Caller, paymentID string) (p record, owns bool, err error) {
	if !caller.SignedIn() {
		return p, false, errs.New(errs.Unauthenticated, "sign-in-required", "Sign in to see payments.")
	}
	if bookingOf(paymentID) == "" {
		return p, false, errs.Missing("payment")
	}
	if p, err = s.store.payment(ctx, paymentID); err != nil {
		return record{}, false, err
	}
	if owns, err = s.reader(ctx, caller, &p); err != nil {
		return record{}, false, err
	}
	return p, owns, nil
}

// ofBooking reads the latest payment of a booking, as read does.
func (s *Service) ofBooking(ctx context.Context, caller caller.Caller, bookingID string) (record, error) {
	if !caller.SignedIn() {
		return record{}, errs.New(errs.Unauthenticated, "sign-in-required", "Sign in to see payments.")
	}
	p, err := s.store.ofBooking(ctx, bookingID)
	if err != nil {
		return record{}, err
	}
	if _, err := s.reader(ctx, caller, &p); err != nil {
		return record{}, err
	}
	return p, nil
}

// reader lets those read a payment who may; owns reports whether they may change it
// too. Who the booking belongs to now decides that, not who paid: the two are one
// person, whose account may be another one since.
func (s *Service) reader(ctx context.Context, caller caller.Caller, p *record) (owns bool, err error) {
	if caller.Administers() {
		return true, nil
	}
	b, err := s.bookings.Recent(ctx, p.BookingID)
	switch {
	case errs.KindOf(err) == errs.NotFound:
		return false, errs.Missing("payment")
	case err != nil:
		return false, err
	case caller.MayRead(b.UserID):
		return true, nil
	case caller.MayOrganize(b.OrganizerID):
		return false, nil
	}
	return false, errs.Missing("payment")
}

func (s *Service) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

func (s *Service) micros() int64 { return s.now().UnixMicro() }

// digest hashes two strings, so that keys and bodies are not stored as they came.
func digest(a, b string) []byte {
	h := sha256.Sum256([]byte(a + "\x00" + b))
	return h[:16]
}

// sleep waits; it returns early when poked, and false when ctx ended.
func sleep(ctx context.Context, d time.Duration, poke <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-poke:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}
