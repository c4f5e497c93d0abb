package payment

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/jobs"
	"boxoffice/internal/moment"
	"boxoffice/internal/payment/notices"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/sqldb"
)

// Bookings is what payments need of the booking service, in parts: a payment on its way
// uses the first, requests the second (payer.go), refunds the third (refund.go).
type Bookings interface {
	bookingapi.Paying
	Buyers
	Ledgers
}

// lease is held by one node at a time; see sqldb.Lease.
type lease interface {
	Held(ctx context.Context) bool
	Release(ctx context.Context)
}

// Service is the Payment Service.
type Service struct {
	bookings  bookingapi.Paying
	buyers    Buyers
	gateway   provider.Gateway
	provider  string // its name; "": none
	test      bool   // it moves no money
	told      bool   // the gateway sends messages, see waitPause
	publicURL string // of the pages that buyers come back to; "": none
	now       func() time.Time
	log       *slog.Logger
	store     *store
	lease     lease // for taking up unfinished payments
	shared    bool  // other nodes drive payments too
	refunds   *refunder
	metrics   *metrics
	recovered rowKey  // the last row of payments_begun that recovery has read
	unwound   rowKey  // the same for payments_unwinding
	paid      *outbox // captured payments
	returned  *outbox // money that went back
	disputed  *outbox // steps of disputes
	failed    *outbox // refunds that have failed
	notices   *notices.Service
	again     map[string]bool // days to look at again; only compareDays uses it
	stories   *semaphore.Weighted
	failing   map[string]bool // days that failed at their first look; only compareDays uses it

	// Durations; tests shorten them.
	patience  time.Duration // a request waits for its payment
	stale     time.Duration // after which recovery takes up a payment that nobody here drives
	every     time.Duration // between two rounds of recovery
	deadline  time.Duration // after which a payment that the gateway does not decide is given up
	confirmBy time.Duration // after which an authorized payment that does not become final is given up
	firstRest time.Duration // until money that was returned and came back is returned again
	lastRest  time.Duration // the same at most, when it comes back again and again

	calls      *calls
	mostDrives int
	repeatGap  time.Duration // see longest

	// life is the context of all drivers. It outlives requests and ends when Close
	// has waited long enough.
	life  context.Context
	end   context.CancelFunc
	steps *moment.Limit        // of drivers' steps
	waits func() *moment.Limit // of requests that wait for their payment: patience

	organizers sync.Map // of events: organizer's id by event's id, see splitting
	otherModes sync.Map // otherMode by event's id

	mu      sync.Mutex
	drives  map[string]*drive // by payment id: those that this process drives
	stuck   map[string]stuck  // by payment id: those that need a person
	closing bool
	idle    chan struct{} // non-nil while somebody waits for drives to become empty
}

// Config configures a payment service.
type Config struct {
	DB        *sqldb.DB
	Bookings  Bookings
	Gateway   provider.Gateway // nil: only what is free is sold
	Provider  string           // the gateway's name, in the address to which it sends messages, and in rows
	Test      bool             // the gateway moves no money
	PublicURL string           // of the pages to which buyers come back after approving elsewhere; "": they are not sent anywhere
	Now       func() time.Time
	Log       *slog.Logger
	Metrics   prometheus.Registerer // nil: none
}

// New migrates the tables and makes the service. Run does its background work; Close
// ends it.
func New(ctx context.Context, cfg Config) (*Service, error) {
	db := cfg.DB
	s := &Service{
		bookings: cfg.Bookings, buyers: cfg.Bookings, gateway: cfg.Gateway, provider: cfg.Provider, test: cfg.Test, told: tells(cfg.Gateway), publicURL: cfg.PublicURL, now: cfg.Now, log: cfg.Log, metrics: newMetrics(),
		patience:  2 * time.Second,
		stale:     3 * time.Second,
		every:     2 * time.Second,
		deadline:  15 * time.Minute,
		confirmBy: time.Hour, // expired holds can be paid for half an hour
		firstRest: 10 * time.Minute,
		lastRest:  24 * time.Hour,
		drives:    map[string]*drive{}, stuck: map[string]stuck{}, again: map[string]bool{}, failing: map[string]bool{},
		stories: semaphore.NewWeighted(stories), mostDrives: maxDrives,
		calls: &calls{slots: make(chan struct{}, maxCalls)}, repeatGap: repeatGap,
		shared: db.Shared(),
	}
	if s.shared {
		s.stale = 10 * time.Second // one payment may keep a node busy this long
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
	s.paid = &outbox{s: s.store, topic: paymentapi.Topic, kind: paymentapi.TypeCaptured, list: sqlPaid, remove: sqlTold, body: capturedBody}
	s.returned = &outbox{s: s.store, topic: paymentapi.ReturnsTopic, kind: paymentapi.TypeReturned, list: sqlReturned, remove: sqlReturnedTold, body: returnedBody}
	s.disputed = &outbox{s: s.store, topic: paymentapi.DisputesTopic, kind: paymentapi.TypeDisputed, list: sqlDisputes, remove: sqlDisputesTold, body: disputedBody}
	s.failed = &outbox{s: s.store, topic: paymentapi.FailedRefundsTopic, kind: paymentapi.TypeRefundFailed, list: sqlRefundsFailedRows, remove: sqlRefundsFailedTold, body: refundsFailedBody}
	if s.refunds, err = newRefunder(ctx, s, cfg.Bookings); err != nil {
		s.end()
		return nil, errors.Join(err, s.store.close())
	}
	s.notices, err = notices.New(ctx, notices.Config{DB: db, Gateway: cfg.Gateway, Provider: cfg.Provider, Ask: s.Ask, Captured: s.captured, Held: s.lease.Held, Now: cfg.Now, Log: cfg.Log, Metrics: cfg.Metrics})
	if err != nil {
		s.end()
		return nil, errors.Join(err, s.store.close())
	}
	if cfg.Metrics != nil {
		if err := s.instrument(cfg.Metrics); err != nil {
			s.end()
			return nil, errors.Join(err, s.store.close())
		}
	}
	cfg.Bookings.Subscribe(s.refunds.hear)
	return s, nil
}

// Run takes up unfinished payments and refunds, now and every few seconds, until ctx
// ends. Of several nodes, one does this.
func (s *Service) Run(ctx context.Context) error {
	defer func() { s.lease.Release(context.WithoutCancel(ctx)) }()
	var wg sync.WaitGroup
	wg.Go(func() { s.refunds.run(ctx) })
	wg.Go(func() { s.followDays(ctx) })
	wg.Go(func() { s.notices.Run(ctx) })
	wg.Go(func() { s.refunds.others.Overhear(ctx, s.refunds.listener()) })
	wg.Go(func() {
		var trouble jobs.Trouble
		var pass jobs.Pass
		late, told := false, false // what is missing in the journal is posted; what waits for another gateway is logged
		_ = jobs.Every(ctx, s.every, nil, func(ctx context.Context) error {
			err := s.guarded(ctx, "recovery of payments", func() error {
				if !s.lease.Held(ctx) {
					return jobs.ErrNotOver // another node does the work
				}
				_, err := s.Recover(ctx)
				if err == nil && !late {
					err = s.postLate(ctx)
					late = err == nil
				}
				if err == nil && !told {
					err = s.tellAway(ctx)
					told = err == nil
				}
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
//
// It is not the end of Run, for three reasons: payments are driven by requests, also
// where Run is not called; draining needs a deadline of its own, after the context of
// the jobs has ended; and the booking service must still take confirmations meanwhile,
// so it closes after the payments.
func (s *Service) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	err := s.settle(ctx)
	s.end()
	_ = s.settle(context.Background()) // drivers stop at once when their life ends
	err = errors.Join(err, s.refunds.save(context.WithoutCancel(ctx)))
	err = errors.Join(err, s.store.close())
	_ = s.settle(context.Background()) // those started by the last batch
	return err
}

// settle waits until no payment is driven.
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

// written is called for each write once it is durable, before its submitter is told,
// so that whoever finds a new payment in the table also finds its driver.
func (s *Service) written(w write) {
	switch w := w.(type) {
	case *insertion:
		if w.result == inserted && (w.got.Status != paymentapi.Pending || !s.full()) {
			w.drive = s.start(w.got, evBegin, w)
		}
	case *ownerChange:
		point("is", string(w.got.Status))
		mayStart := s.driven(w.id) || !s.full() && !s.foreign(&w.got) // else recovery takes it up
		if w.found && !w.late && !w.stale && !w.many && !s.elsewhere(w) && mayStart {
			w.drive = s.start(w.got, evResume, nil)
		}
	case *move:
		if w.captures() {
			s.paid.bell.Ring()
		}
		if _, ok := w.returns(); ok && w.moved {
			s.returned.bell.Ring()
		}
		if w.disputes() && w.moved {
			s.disputed.bell.Ring()
		}
		if w.elsewhere() && w.moved {
			s.returned.bell.Ring()
			s.failed.bell.Ring()
		}
	case *endRefund:
		if w.ended && w.status == refundDone {
			s.returned.bell.Ring()
		}
		if w.ended && w.status == refundFailed {
			s.failed.bell.Ring()
		}
	case *failRefund:
		if w.failed {
			s.failed.bell.Ring()
		}
	}
}

// elsewhere reports whether another node seems to drive a payment. That node notices
// the change when it next reads the row; if it has died, recovery does.
func (s *Service) elsewhere(w *ownerChange) bool {
	return s.shared && w.idle < s.stale.Microseconds() && !s.driven(w.id)
}

// pay pays for a booking of the caller; see paymentapi.Paying.
func (s *Service) pay(ctx context.Context, caller caller.Caller, r request) (record, error) {
	if !caller.SignedIn() {
		return record{}, errs.New(errs.Unauthenticated, "sign-in-required", "Sign in to pay.")
	}
	if err := r.check(); err != nil {
		return record{}, err
	}
	w, err := s.insert(ctx, caller, r)
	if err != nil {
		return record{}, err
	}
	p, refusal, err := s.settled(ctx, w)
	if err != nil {
		return record{}, err
	}
	return p, answer(p, refusal)
}

// seek finds the payment to answer with for a booking that can no longer be paid.
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

// settled returns the payment of an insertion, after waiting a moment for it.
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
	if err == nil && !w.agrees(&p) { // it belongs to another request, and has taken on the booking's new amount: see evCosts
		return record{}, nil, another(&p)
	}
	return p, refusal, err
}

// another refuses a request because of the existing payment.
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

// answer turns a payment into the error that its requester gets, if any.
func answer(p record, refusal *errs.Error) error {
	switch {
	case p.Status == paymentapi.Failed:
		return errs.New(errs.PaymentRequired, "payment-declined", "The payment was declined. No money was taken.").
			With("payment_id", p.ID).With("reason", forBuyers(p.Reason))
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

// await waits a moment for a payment that this process drives. d is its driver, or
// nil for the current one.
func (s *Service) await(ctx context.Context, p record, d *drive) (record, *errs.Error, error) {
	if d == nil {
		s.mu.Lock()
		d = s.drives[p.ID]
		s.mu.Unlock()
	}
	switch {
	case d == nil && p.Status.Final():
		return p, nil, nil
	case d == nil: // it has ended, or another process drives it
		p, err := s.watch(ctx, p.ID)
		return p, nil, err
	}
	select {
	case <-d.done:
	case <-s.waits().Context().Done():
	case <-ctx.Done():
		return record{}, nil, ctx.Err()
	}
	now, refusal := d.snapshot()
	if now.Version < p.Version { // it waits for the gateway, and has not noticed the caller's change yet
		return p, nil, nil
	}
	return now, refusal, nil
}

// watch waits a moment for a payment that another process drives.
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

// read reads a payment for callers who may: the owner of its booking, the event's
// organizer, and admins. owns reports whether the caller may also change it.
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
func (s *Service) ofBooking(ctx context.Context, caller caller.Caller, bookingID string) (p record, owns bool, err error) {
	if !caller.SignedIn() {
		return p, false, errs.New(errs.Unauthenticated, "sign-in-required", "Sign in to see payments.")
	}
	if p, err = s.store.ofBooking(ctx, bookingID); err != nil {
		return record{}, false, err
	}
	if owns, err = s.reader(ctx, caller, &p); err != nil {
		return record{}, false, err
	}
	return p, owns, nil
}

// reader checks whether a caller may read a payment; owns reports whether they may
// also change it. The booking's current owner decides, not who paid: both are the
// same person, whose account may have been replaced since.
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

// digest hashes two strings, so that keys and bodies are not stored in plain text.
func digest(a, b string) []byte {
	h := sha256.Sum256([]byte(a + "\x00" + b))
	return h[:16]
}

// sleep waits; it returns early when poked, and false if ctx ended.
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
