package booking

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"boxoffice/internal/batch"
	"boxoffice/internal/booking/live"
	"boxoffice/internal/booking/report"
	"boxoffice/internal/booking/tables"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/bus"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/id"
	"boxoffice/internal/ledger"
	"boxoffice/internal/link"
	"boxoffice/internal/signing"
	"boxoffice/internal/sqldb"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Config configures a booking service.
type Config struct {
	DB    *sqldb.DB
	Plans Plans
	// Accounts reports whether an account exists. nil: every id counts as an account.
	Accounts func(ctx context.Context, userID string) (bool, error)
	Now      func() time.Time      // the clock by which SQLite decides; nil: the database's
	Metrics  prometheus.Registerer // nil: none
	Log      *slog.Logger          // nil: slog.Default
	Writers  int                   // 0: 1 on SQLite, where more would block each other; 2 on PostgreSQL
	MyClock  bool                  // decide by Now on PostgreSQL too; for tests
	// MailGift mails the link to complimentary seats, once Run is called; nil: nobody does.
	MailGift func(ctx context.Context, g bookingapi.Gift) error
	// Replace makes new codes for the tickets of a booking, just before it goes to another
	// address: whoever had the address before may have saved them. nil: they stay.
	Replace func(ctx context.Context, c caller.Caller, bookingID string) error
	// Entered returns those of a booking's seats with which somebody was let in at the
	// door. nil: nobody ever is.
	Entered func(ctx context.Context, bookingID string, seats []int32) ([]int32, error)
	// MailMove mails the tickets of a booking that was moved to other seats, in the same way.
	MailMove func(ctx context.Context, m bookingapi.Move) error
	Runs     bus.Runs // to and from the other nodes on a shared database; nil: none
}

var _ bookingapi.Service = (*Service)(nil)

// Service is the Booking Service.
type Service struct {
	source        // the ledgers
	db            *sqldb.DB
	now           func() time.Time
	log           *slog.Logger
	catalog       *catalog
	views         *views
	feeds         *live.Feeds
	writers       []*writer
	key           ed25519.PrivateKey
	links         *link.Links
	replace       func(ctx context.Context, c caller.Caller, bookingID string) error
	entered       func(ctx context.Context, bookingID string, seats []int32) ([]int32, error)
	getStmt       *sql.Stmt
	recent        *recent
	unverified    *unverified
	lookups       *batch.Queue[*lookup] // nil unless other nodes share the database
	metrics       *metrics
	subscribersMu sync.RWMutex
	subscribers   []func([]ledger.Entry)
	runs          bus.Runs      // nil: there are none
	followNow     chan struct{} // wakes followOthers
	sweepNow      chan struct{} // wakes the janitor
	sweeping      sync.Mutex
	swept         expiry // where the last sweep stopped; zero: at the end
	lease         *sqldb.Lease
	accounts      func(ctx context.Context, userID string) (bool, error)
	reports       *report.Reports
	mails         []*Mails // none: nobody mails
	ended         sync.Map // sql.NullInt64 by event id: see saleEnd
	closed        atomic.Bool
}

// Migrate brings the tables up to date.
func Migrate(ctx context.Context, db *sqldb.DB) error { return db.Migrate(ctx, "booking", migrations) }

// New migrates the tables and starts the writers. Close stops them.
func New(ctx context.Context, cfg Config) (*Service, error) {
	if cfg.Now == nil {
		cfg.Now = cfg.DB.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if err := Migrate(ctx, cfg.DB); err != nil {
		return nil, err
	}
	st, err := newStore(ctx, &cfg)
	if err != nil {
		return nil, fmt.Errorf("booking: %w", err)
	}
	s := &Service{source: source{cfg.DB}, db: cfg.DB, accounts: cfg.Accounts, replace: cfg.Replace, entered: cfg.Entered, now: cfg.Now, log: cfg.Log, catalog: newCatalog(cfg.Plans), sweepNow: make(chan struct{}, 1), followNow: make(chan struct{}, 1)}
	if s.getStmt, err = cfg.DB.PrepareRead(ctx, sqlShown); err != nil {
		return nil, fmt.Errorf("booking: %w", err)
	}
	keys, err := signing.Keys(ctx, cfg.DB, "checkpoint", cfg.Now)
	if err != nil {
		return nil, fmt.Errorf("booking: %w", err)
	}
	s.key = keys[0] // never changes: the links to bookings are derived from it
	if s.links, err = link.New(ctx, cfg.DB, s.key.Seed(), cfg.Now); err != nil {
		return nil, fmt.Errorf("booking: %w", err)
	}
	if s.lease, err = sqldb.NewLease(ctx, cfg.DB, "holds"); err != nil {
		return nil, fmt.Errorf("booking: %w", err)
	}
	m := newMetrics(cfg.Metrics)
	s.metrics = m
	s.views = newViews(cfg.DB, s.catalog)
	s.views.catch = func(where string, fn func() error) error { return m.catch(s.log, where, fn) }
	s.feeds = s.newFeeds(&cfg)
	s.reports = s.newReports()
	s.views.heard = s.hear
	if cfg.Runs != nil && cfg.DB.Shared() {
		s.runs = cfg.Runs
		s.views.overhears = s.runs.Connected
	}
	s.recent = newRecent()
	s.unverified = newUnverified()
	s.Subscribe(s.unverified.hear)
	for range cfg.Writers {
		w := &writer{store: st, catalog: s.catalog, views: s.views, recent: s.recent, tell: s.committed, metrics: m, log: cfg.Log}
		w.queue = batch.New(maxBatch, maxWaiting, w.run)
		s.writers = append(s.writers, w)
	}
	if cfg.DB.Shared() {
		s.lookups = batch.New(maxBatch, maxWaiting, s.lookUp)
	}
	if cfg.MailGift != nil {
		if err := s.mail(NewGiftMails(ctx, s, cfg.MailGift, time.Now)); err != nil {
			return nil, err
		}
	}
	if cfg.MailMove != nil {
		if err := s.mail(NewMoveMails(ctx, s, cfg.MailMove, time.Now)); err != nil {
			return nil, err
		}
	}
	if s.runs != nil {
		if err := s.runs.Subscribe(s.views.ledger.Wants, s.hearRun); err != nil {
			return nil, fmt.Errorf("booking: %w", err)
		}
	}
	if cfg.Metrics != nil {
		cfg.Metrics.MustRegister(newSeatGauge(s.views), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "boxoffice_writer_waiting_commands", Help: "Commands that wait for a writer.",
		}, func() float64 { return float64(s.Waiting()) }))
	}
	return s, nil
}

// mail has mails sent once Run is called.
func (s *Service) mail(m *Mails, err error) error {
	if err != nil {
		s.Close()
		return fmt.Errorf("booking: %w", err)
	}
	s.mails = append(s.mails, m)
	return nil
}

// newStore makes the store for the database, and sets the default number of writers.
func newStore(ctx context.Context, cfg *Config) (store, error) {
	if cfg.DB.Dialect() == sqldb.SQLite {
		cfg.Writers = max(cfg.Writers, 1)
		return newSQLiteStore(ctx, cfg.DB, cfg.Now)
	}
	if cfg.Writers == 0 {
		cfg.Writers = 2
	}
	st := &postgresStore{db: cfg.DB}
	if cfg.MyClock {
		st.clock = cfg.Now
	}
	return st, nil
}

// Close lets the writers finish the waiting commands, and refuses new ones.
//
// The writers do not belong to Run: they start in New, since commands may come before or
// without Run, and end after the payments in progress have been confirmed.
func (s *Service) Close() {
	if s.closed.Swap(true) {
		return
	}
	s.EndLive()
	if s.lookups != nil {
		s.lookups.Close()
	}
	for _, w := range s.writers {
		w.queue.Close()
	}
}

// Waiting returns how many commands wait for the writers.
func (s *Service) Waiting() int {
	n := 0
	for _, w := range s.writers {
		n += w.queue.Waiting()
	}
	return n
}

// Pressure returns how many commands wait for the writers, and how many can.
func (s *Service) Pressure() (waiting, capacity int) { return s.Waiting(), maxWaiting * len(s.writers) }

// Subscribe calls fn after each commit with its ledger entries, in order, for one
// event at a time. fn must return quickly: the writer waits for it.
func (s *Service) Subscribe(fn func([]ledger.Entry)) {
	s.subscribersMu.Lock()
	defer s.subscribersMu.Unlock()
	s.subscribers = append(s.subscribers, fn)
}

// committed tells what this node has committed: its followers, and other nodes.
func (s *Service) committed(entries []ledger.Entry) {
	s.publishRuns(entries)
	s.tell(entries)
}

func (s *Service) tell(entries []ledger.Entry) {
	s.subscribersMu.RLock()
	defer s.subscribersMu.RUnlock()
	for _, fn := range s.subscribers {
		fn(entries)
	}
}

// submit hands a command to its event's writer and waits for the answer. After an
// error of kind Internal or Unavailable the outcome is unclear; the same command
// may be submitted again.
func (s *Service) submit(ctx context.Context, c *command) (bookingapi.Booking, error) {
	return s.send(ctx, c, nil, (*batch.Queue[*job]).Do)
}

// submitTold is like submit, and also calls done with the decision, even if the
// caller has stopped waiting. It does not call done if the outcome is unclear.
func (s *Service) submitTold(ctx context.Context, c *command, done func(bookingapi.Booking, error)) (bookingapi.Booking, error) {
	return s.send(ctx, c, done, (*batch.Queue[*job]).Do)
}

// submitLater is like submit, but queues behind the commands of all other callers.
func (s *Service) submitLater(ctx context.Context, c *command) (bookingapi.Booking, error) {
	return s.send(ctx, c, nil, (*batch.Queue[*job]).DoLater)
}

func (s *Service) send(ctx context.Context, c *command, done func(bookingapi.Booking, error), do func(*batch.Queue[*job], context.Context, *job) error) (bookingapi.Booking, error) {
	w := s.writers[hashOf(c.eventID)%uint32(len(s.writers))]
	j := &job{cmd: *c, decided: done}
	if err := do(w.queue, ctx, j); err != nil {
		if done != nil && notQueued(err) {
			done(bookingapi.Booking{}, err)
		}
		return bookingapi.Booking{}, unclear(err)
	}
	if j.booking.ID != "" {
		j.booking.ReadAt = s.now().UnixMicro()
	}
	return j.booking, nil
}

// SetSales hands new states of sales to the writers. A state whose EventVersion is
// not newer than the head row's is ignored. All are tried; the first refusal is
// returned.
func (s *Service) SetSales(ctx context.Context, sales map[string]bookingapi.Sale) error {
	failed := make(chan error, len(sales))
	for eventID, sale := range sales {
		go func() {
			err := s.setSale(ctx, eventID, sale)
			failed <- err
			if err == nil && sale.Status == eventapi.Cancelled {
				s.wake()
			}
		}()
	}
	var first error
	for range sales {
		if err := <-failed; err != nil && first == nil {
			first = err
		}
	}
	return first
}

// setSale hands one sale to its writer. It first ends expired holds, which would
// otherwise count as taken seats and block the change.
func (s *Service) setSale(ctx context.Context, eventID string, sale bookingapi.Sale) error {
	c := command{do: doSetSale, eventID: eventID, sale: &sale}
	_, err := s.submit(ctx, &c)
	if !errs.Is(err, "plan-in-use") && !errs.Is(err, "currency-in-use") && !errs.Is(err, "seats-taken") {
		return err
	}
	expired, e := s.ids(ctx, `SELECT DISTINCT booking_id FROM claims WHERE event_id = $1 AND expires_at <= $2`, eventID, s.now().UnixMicro()) // primary key's prefix
	switch {
	case e != nil:
		return e
	case len(expired) == 0:
		return err
	}
	if e := s.each(ctx, expired, command{do: doExpire}); e != nil {
		return e
	}
	_, err = s.submit(ctx, &c)
	return err
}

// Counts returns the numbers of seats by state, by event id.
func (s *Service) Counts(ctx context.Context, eventIDs []string) (map[string]bookingapi.Counts, error) {
	out := make(map[string]bookingapi.Counts, len(eventIDs))
	return out, s.eachView(ctx, eventIDs, func(v *view) { out[v.eventID] = v.counts() })
}

// Sales returns the current states of sales, by event id.
func (s *Service) Sales(ctx context.Context, eventIDs []string) (map[string]bookingapi.Sale, error) {
	out := make(map[string]bookingapi.Sale, len(eventIDs))
	return out, s.eachView(ctx, eventIDs, func(v *view) {
		v.mu.RLock()
		defer v.mu.RUnlock()
		out[v.eventID] = v.sale
	})
}

// eachView calls do with the view of each event that has a sale.
func (s *Service) eachView(ctx context.Context, eventIDs []string, do func(*view)) error {
	for _, id := range eventIDs {
		v, err := s.views.get(ctx, id)
		switch {
		case err == nil:
			do(v)
		case errs.KindOf(err) != errs.NotFound:
			return err
		}
	}
	return nil
}

// Bookings returns bookings by id.
func (s *Service) Bookings(ctx context.Context, ids []string) (map[string]bookingapi.Booking, error) {
	ids = slices.DeleteFunc(unique(ids), func(one string) bool { return !id.ValidBooking(one) })
	found := make(map[string]bookingapi.Booking, len(ids))
	if len(ids) == 0 {
		return found, nil
	}
	return found, s.readAll(ctx, ids, found)
}

// Booking returns a booking by its id.
func (s *Service) Booking(ctx context.Context, bookingID string) (bookingapi.Booking, error) {
	if !id.ValidBooking(bookingID) {
		return bookingapi.Booking{}, errs.Missing("booking")
	}
	b, err := scanWithOrganizer(s.getStmt.QueryRowContext(s.db.Quick(ctx), id.Event(bookingID), bookingID))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return bookingapi.Booking{}, errs.Missing("booking")
	case err != nil:
		return bookingapi.Booking{}, fmt.Errorf("read booking: %w", err)
	}
	b.ReadAt = s.now().UnixMicro()
	return b, nil
}

// Recent is like Booking, for callers that ask often and have the writer decide
// afterwards: it answers from what this node has committed, or reads many at once.
func (s *Service) Recent(ctx context.Context, bookingID string) (bookingapi.Booking, error) {
	if s.lookups != nil && id.ValidBooking(bookingID) {
		l := &lookup{id: bookingID}
		if err := s.lookups.Do(ctx, l); err != nil { // the worker may still write to l
			return bookingapi.Booking{}, unclear(err)
		}
		return s.withTax(ctx, l.booking)
	}
	if b, ok := s.Remembered(bookingID); ok {
		return b, nil
	}
	b, err := s.Booking(ctx, bookingID)
	if err != nil {
		return b, err
	}
	return s.withTax(ctx, b)
}

// Remembered returns a booking that this node has committed recently. Another node
// may have changed it since.
func (s *Service) Remembered(bookingID string) (b bookingapi.Booking, ok bool) {
	r := s.recent.get(bookingID)
	if r == nil {
		return b, false
	}
	b = r.shown()
	b.ReadAt = s.now().UnixMicro()
	if b.Fees > 0 {
		p, ok := s.catalog.peek(bookingKey(&b))
		if !ok {
			return bookingapi.Booking{}, false
		}
		b.Tax = p.tax(b.Seats)
	}
	return b, true
}

// withTax returns a booking with the tax in its fees.
func (s *Service) withTax(ctx context.Context, b bookingapi.Booking) (bookingapi.Booking, error) {
	if b.Fees > 0 {
		p, err := s.catalog.load(ctx, bookingKey(&b))
		if err != nil {
			return bookingapi.Booking{}, fmt.Errorf("tax of booking %s: %w", b.ID, err)
		}
		b.Tax = p.tax(b.Seats)
	}
	return b, nil
}

// mine returns a booking that the caller may change; NotFound otherwise.
func (s *Service) mine(ctx context.Context, caller caller.Caller, bookingID string) (bookingapi.Booking, error) {
	b, err := s.Booking(ctx, bookingID)
	if err != nil {
		return b, err
	}
	if !caller.SignedIn() || !mayTouch(&record{Row: tables.Row{Booking: b}}, caller) {
		return bookingapi.Booking{}, errs.Missing("booking")
	}
	return b, nil
}
