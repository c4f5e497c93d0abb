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
	"boxoffice/internal/bookingapi"
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
	// Accounts reports whether there is an account. It is not called before the service
	// is asked something. nil: every id is taken for an account's.
	Accounts func(ctx context.Context, userID string) (bool, error)
	Now      func() time.Time      // the clock by which SQLite decides; nil: the database's
	Metrics  prometheus.Registerer // nil: none
	Log      *slog.Logger          // nil: slog.Default
	Writers  int                   // 0: 1 on SQLite, more would wait for each other; 2 on PostgreSQL
	MyClock  bool                  // decide by Now on PostgreSQL too; for tests
}

var _ bookingapi.Service = (*Service)(nil)

// Service is the Booking Service.
type Service struct {
	source   // the ledgers
	db       *sqldb.DB
	now      func() time.Time
	log      *slog.Logger
	catalog  *catalog
	views    *views
	feeds    *live.Feeds
	writers  []*writer
	key      ed25519.PrivateKey
	links    *link.Links
	getStmt  *sql.Stmt
	recent   *recent
	crowd    *crowd
	lookups  *batch.Queue[*lookup] // where other nodes write, too; else nil
	metrics  *metrics
	followMu sync.RWMutex
	follow   []func([]ledger.Entry)
	sweepNow chan struct{} // wakes the janitor
	sweeping sync.Mutex
	swept    lapsing // how far the last sweep came; zero: to the end
	lease    *sqldb.Lease
	accounts func(ctx context.Context, userID string) (bool, error)
	reports  *report.Reports
	closed   atomic.Bool
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
	s := &Service{source: source{cfg.DB}, db: cfg.DB, accounts: cfg.Accounts, now: cfg.Now, log: cfg.Log, catalog: newCatalog(cfg.Plans), sweepNow: make(chan struct{}, 1)}
	if s.getStmt, err = cfg.DB.PrepareRead(ctx, sqlShown); err != nil {
		return nil, fmt.Errorf("booking: %w", err)
	}
	keys, err := signing.Keys(ctx, cfg.DB, "checkpoint", cfg.Now)
	if err != nil {
		return nil, fmt.Errorf("booking: %w", err)
	}
	s.key = keys[0] // the links to bookings are derived from it: it stays
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
	s.recent = newRecent()
	s.crowd = newCrowd()
	s.Subscribe(s.crowd.hear)
	for range cfg.Writers {
		w := &writer{store: st, catalog: s.catalog, views: s.views, recent: s.recent, tell: s.tell, metrics: m, log: cfg.Log}
		w.queue = batch.New(maxBatch, maxWaiting, w.run)
		s.writers = append(s.writers, w)
	}
	if cfg.DB.Shared() {
		s.lookups = batch.New(maxBatch, maxWaiting, s.lookUp)
	}
	if cfg.Metrics != nil {
		cfg.Metrics.MustRegister(newSeatGauge(s.views), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "boxoffice_writer_waiting_commands", Help: "Commands that wait for a writer.",
		}, func() float64 { return float64(s.Waiting()) }))
	}
	return s, nil
}

// newStore chooses the store of the database, and how many writers it likes.
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

// Close lets the writers finish what waits and refuses the rest.
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

// Waiting is how many commands wait for the writers.
func (s *Service) Waiting() int {
	n := 0
	for _, w := range s.writers {
		n += w.queue.Waiting()
	}
	return n
}

// Pressure is how many commands wait for the writers, and how many may.
func (s *Service) Pressure() (waiting, capacity int) { return s.Waiting(), maxWaiting * len(s.writers) }

// Subscribe calls fn after each commit with its ledger entries, of one event at a
// time, in order. fn must return fast: the writer waits for it.
func (s *Service) Subscribe(fn func([]ledger.Entry)) {
	s.followMu.Lock()
	defer s.followMu.Unlock()
	s.follow = append(s.follow, fn)
}

func (s *Service) tell(entries []ledger.Entry) {
	s.followMu.RLock()
	defer s.followMu.RUnlock()
	for _, fn := range s.follow {
		fn(entries)
	}
}

// submit hands a command to its event's writer and waits for the answer. On an
// error of kind Internal or Unavailable the outcome is unclear; the same command
// may be submitted again.
func (s *Service) submit(ctx context.Context, c *command) (bookingapi.Booking, error) {
	return s.send(ctx, c, nil, (*batch.Queue[*job]).Do)
}

// submitTold is submit that tells done what was decided, whether or not somebody
// still waits for the answer; if the outcome is unclear, it tells nothing.
func (s *Service) submitTold(ctx context.Context, c *command, done func(bookingapi.Booking, error)) (bookingapi.Booking, error) {
	return s.send(ctx, c, done, (*batch.Queue[*job]).Do)
}

// submitLater is submit behind everybody else's commands.
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

// SetSales hands new states of sales to the writers. A state whose EventVersion
// is not newer than the head row's is passed over. The first refusal is
// returned; the others are carried out nevertheless.
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

// setSale hands one sale over. Holds that have lapsed keep nothing from changing:
// they are ended first.
func (s *Service) setSale(ctx context.Context, eventID string, sale bookingapi.Sale) error {
	c := command{do: doSetSale, eventID: eventID, sale: &sale}
	_, err := s.submit(ctx, &c)
	if !errs.Is(err, "plan-in-use") && !errs.Is(err, "currency-in-use") {
		return err
	}
	lapsed, e := s.ids(ctx, `SELECT DISTINCT booking_id FROM claims WHERE event_id = $1 AND expires_at <= $2`, eventID, s.now().UnixMicro()) // primary key's prefix
	switch {
	case e != nil:
		return e
	case len(lapsed) == 0:
		return err
	}
	if e := s.each(ctx, lapsed, command{do: doExpire}); e != nil {
		return e
	}
	_, err = s.submit(ctx, &c)
	return err
}

// Counts are the numbers of seats of events by state.
func (s *Service) Counts(ctx context.Context, eventIDs []string) (map[string]bookingapi.Counts, error) {
	out := make(map[string]bookingapi.Counts, len(eventIDs))
	return out, s.eachView(ctx, eventIDs, func(v *view) { out[v.eventID] = v.counts() })
}

// Sales is how events are sold now.
func (s *Service) Sales(ctx context.Context, eventIDs []string) (map[string]bookingapi.Sale, error) {
	out := make(map[string]bookingapi.Sale, len(eventIDs))
	return out, s.eachView(ctx, eventIDs, func(v *view) {
		v.mu.RLock()
		defer v.mu.RUnlock()
		out[v.eventID] = v.sale
	})
}

// eachView calls do with the views of events; those without a sale are left out.
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

// Bookings are bookings by id.
func (s *Service) Bookings(ctx context.Context, ids []string) (map[string]bookingapi.Booking, error) {
	ids = slices.DeleteFunc(unique(ids), func(one string) bool { return !id.ValidBooking(one) })
	found := make(map[string]bookingapi.Booking, len(ids))
	if len(ids) == 0 {
		return found, nil
	}
	return found, s.readAll(ctx, ids, found)
}

// Booking is a booking by its id.
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

// Recent is Booking for callers that ask often and have the writer decide afterwards:
// it comes from what this node has committed, or is read together with others.
func (s *Service) Recent(ctx context.Context, bookingID string) (bookingapi.Booking, error) {
	if s.lookups != nil && id.ValidBooking(bookingID) {
		l := &lookup{id: bookingID}
		if err := s.lookups.Do(ctx, l); err != nil { // it may still be written to
			return bookingapi.Booking{}, unclear(err)
		}
		return l.booking, nil
	}
	if b, ok := s.Remembered(bookingID); ok {
		return b, nil
	}
	return s.Booking(ctx, bookingID)
}

// Remembered is a booking as this node has committed it last, if it has of late.
// Another node may have changed it since.
func (s *Service) Remembered(bookingID string) (b bookingapi.Booking, ok bool) {
	r := s.recent.get(bookingID)
	if r == nil {
		return b, false
	}
	b = r.shown()
	b.ReadAt = s.now().UnixMicro()
	return b, true
}

// mine is a booking that a caller may change; NotFound for strangers.
func (s *Service) mine(ctx context.Context, caller caller.Caller, bookingID string) (bookingapi.Booking, error) {
	b, err := s.Booking(ctx, bookingID)
	if err != nil {
		return b, err
	}
	if !caller.SignedIn() || !mayTouch(&record{Booking: b}, caller) {
		return bookingapi.Booking{}, errs.Missing("booking")
	}
	return b, nil
}
