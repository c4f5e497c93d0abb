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

	"github.com/maypok86/otter/v2"
	"github.com/prometheus/client_golang/prometheus"

	"boxoffice/internal/batch"
	"boxoffice/internal/errs"
	"boxoffice/internal/id"
	"boxoffice/internal/link"
	"boxoffice/internal/message"
	"boxoffice/internal/signing"
	"boxoffice/internal/sqldb"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Config is what a booking service is made of.
type Config struct {
	DB      *sqldb.DB
	Plans   Plans
	Now     func() time.Time      // the clock by which SQLite decides; nil: the database's
	Metrics prometheus.Registerer // nil: none
	Log     *slog.Logger          // nil: slog.Default
	Writers int                   // 0: 1 on SQLite, more would wait for each other; 2 on PostgreSQL
	MyClock bool                  // decide by Now on PostgreSQL too; for tests
}

// Service is the Booking Service.
type Service struct {
	db       *sqldb.DB
	now      func() time.Time
	log      *slog.Logger
	catalog  *catalog
	views    *views
	feeds    *feeds
	writers  []*writer
	key      ed25519.PrivateKey
	links    *link.Links
	getStmt  *sql.Stmt
	recent   *recent
	followMu sync.RWMutex
	follow   []func([]message.Entry)
	sweepNow chan struct{} // wakes the janitor
	sweeping sync.Mutex
	swept    lapsing // how far the last sweep came; zero: to the end
	lease    *sqldb.Lease
	accounts func(ctx context.Context, userID string) (bool, error)
	tallies  *otter.Cache[string, *tally] // by event id
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
	s := &Service{db: cfg.DB, now: cfg.Now, log: cfg.Log, catalog: newCatalog(cfg.Plans), tallies: newTallies(), sweepNow: make(chan struct{}, 1)}
	if s.getStmt, err = cfg.DB.PrepareRead(ctx, bookingWithOrganizer+` WHERE b.id = $1`); err != nil {
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
	s.views = newViews(cfg.DB, s.catalog)
	s.feeds = newFeeds(s.views, cfg.Metrics)
	s.views.heard = s.hear
	s.recent = &recent{m: map[string]*record{}}
	m := newMetrics(cfg.Metrics)
	for range cfg.Writers {
		w := &writer{store: st, catalog: s.catalog, views: s.views, recent: s.recent, tell: s.tell, metrics: m}
		w.queue = batch.New(maxBatch, maxWaiting, w.run)
		s.writers = append(s.writers, w)
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

// Follow calls fn after each commit with its ledger entries, of one event at a
// time, in order. fn must return fast: the writer waits for it.
func (s *Service) Follow(fn func([]message.Entry)) {
	s.followMu.Lock()
	defer s.followMu.Unlock()
	s.follow = append(s.follow, fn)
}

func (s *Service) tell(entries []message.Entry) {
	s.followMu.RLock()
	defer s.followMu.RUnlock()
	for _, fn := range s.follow {
		fn(entries)
	}
}

// submit hands a command to its event's writer and waits for the answer. On an
// error of kind Internal or Unavailable the outcome is unclear; the same command
// may be submitted again.
func (s *Service) submit(ctx context.Context, c command) (message.Booking, error) {
	return s.send(ctx, c, (*batch.Queue[*job]).Do)
}

// submitLater is submit behind everybody else's commands.
func (s *Service) submitLater(ctx context.Context, c command) (message.Booking, error) {
	return s.send(ctx, c, (*batch.Queue[*job]).DoLater)
}

func (s *Service) send(ctx context.Context, c command, do func(*batch.Queue[*job], context.Context, *job) error) (message.Booking, error) {
	w := s.writers[hashOf(c.eventID)%uint32(len(s.writers))]
	j := &job{cmd: c}
	if err := do(w.queue, ctx, j); err != nil {
		return message.Booking{}, unclear(err)
	}
	return j.booking, nil
}

// SetSales hands new states of sales to the writers. A state whose EventVersion
// is not newer than the head row's is passed over. The first refusal is
// returned; the others are carried out nevertheless.
func (s *Service) SetSales(ctx context.Context, sales map[string]message.Sale) error {
	failed := make(chan error, len(sales))
	for eventID, sale := range sales {
		go func() {
			_, err := s.submit(ctx, command{do: doSetSale, eventID: eventID, sale: sale})
			failed <- err
			if err == nil && sale.Status == message.Cancelled {
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

// Counts are an event's seats by state; NotFound when it has no sale.
func (s *Service) Counts(ctx context.Context, eventID string) (message.Counts, error) {
	v, err := s.views.get(ctx, eventID)
	if err != nil {
		return message.Counts{}, err
	}
	return v.counts(), nil
}

// Hold takes seats for a while. With a key the same wish by the same caller
// comes to the same booking, however often it is sent.
func (s *Service) Hold(ctx context.Context, caller message.Caller, key string, w Wish) (message.Booking, error) {
	v, err := s.views.get(ctx, w.EventID)
	if err != nil {
		return message.Booking{}, err
	}
	c := command{do: doHold, eventID: w.EventID, caller: caller, bookingID: id.Booking(w.EventID, caller.UserID, key), fingerprint: w.fingerprint(key)}
	if err := s.resolve(v, w, &c); err != nil {
		return message.Booking{}, err
	}
	if gone := v.gone(c.bookingID, c.seats, s.now().UnixMicro()); len(gone) > 0 {
		return message.Booking{}, taken(gone)
	}
	return s.submit(ctx, c)
}

// UseAccounts tells the service how to find out whether there is an account. It
// is called before serving; without it every id is taken for one.
func (s *Service) UseAccounts(exists func(ctx context.Context, userID string) (bool, error)) {
	s.accounts = exists
}

// Grant takes seats out of the sale for nothing: blocked for nobody, or
// complimentary for the account of heir ("": the organizer passes them on). Only
// the event's organizer and admins may.
func (s *Service) Grant(ctx context.Context, caller message.Caller, key, kind, heir string, w Wish) (message.Booking, error) {
	v, err := s.views.get(ctx, w.EventID)
	if err != nil {
		return message.Booking{}, err
	}
	if !v.organizedBy(caller) {
		return message.Booking{}, errs.Missing("event")
	}
	if heir != "" && s.accounts != nil {
		if ok, err := s.accounts(ctx, heir); err != nil {
			return message.Booking{}, err
		} else if !ok {
			return message.Booking{}, errs.Bad("user_id", "is not the id of an account")
		}
	}
	c := command{do: doGrant, eventID: w.EventID, caller: caller, grant: kind, heir: heir,
		bookingID: id.Booking(w.EventID, caller.UserID, key), fingerprint: w.fingerprint(key)}
	if key != "" {
		c.fingerprint = append(c.fingerprint, kind+heir...)
	}
	if err := s.resolve(v, w, &c); err != nil {
		return message.Booking{}, err
	}
	return s.submit(ctx, c)
}

// Adopt gives an account's holds to another one of the same person, all or none.
func (s *Service) Adopt(ctx context.Context, from, to string) error {
	ids, err := s.ids(ctx, `SELECT id FROM bookings WHERE user_id = $1 AND status = 'pending'`, from) // bookings_by_user
	if err != nil {
		return err
	}
	for i, bookingID := range ids {
		_, err := s.house(ctx, command{do: doAdopt, bookingID: bookingID, from: from, heir: to})
		if err == nil || errs.Is(err, "hold-over") {
			continue
		}
		for _, back := range ids[:i] { // a limit would be broken: as it was
			if _, e := s.house(ctx, command{do: doAdopt, bookingID: back, from: to, heir: from}); e != nil && !errs.Is(e, "hold-over") {
				err = errors.Join(err, e)
			}
		}
		return err
	}
	return nil
}

// Swap exchanges the seats of a hold. Version, if not 0, must be the booking's
// Seq: another one is refused with kind Precondition.
func (s *Service) Swap(ctx context.Context, caller message.Caller, bookingID string, version int64, w Wish) (message.Booking, error) {
	b, err := s.mine(ctx, caller, bookingID)
	if err != nil {
		return b, err
	}
	v, err := s.views.get(ctx, b.EventID)
	if err != nil {
		return b, err
	}
	c := command{do: doSwap, eventID: b.EventID, bookingID: bookingID, caller: caller, version: version}
	if err := s.resolve(v, w, &c); err != nil {
		return b, err
	}
	return s.submit(ctx, c)
}

// Cancel gives up a hold or gives sold seats back: those named, or all. The
// answer is the booking as it is afterwards.
func (s *Service) Cancel(ctx context.Context, caller message.Caller, bookingID string, labels []string) (message.Booking, error) {
	b, err := s.mine(ctx, caller, bookingID)
	if err != nil {
		return b, err
	}
	c := command{do: doCancel, eventID: b.EventID, bookingID: bookingID, caller: caller}
	if len(labels) > 0 {
		plan, err := s.catalog.plans.Plan(ctx, b.PlanID, b.PlanVersion)
		if err != nil {
			return b, err
		}
		if err := ownSeats(plan, b.Seats, labels, &c); err != nil {
			return b, err
		}
	}
	return s.submit(ctx, c)
}

// ownSeats finds seats by label among those of a booking.
func ownSeats(p *message.Plan, own []int32, labels []string, c *command) error {
	for i, label := range labels {
		at := slices.IndexFunc(own, func(n int32) bool { return p.Seats[n].Label == label })
		if at < 0 {
			return errs.Bad(fmt.Sprintf("seats[%d]", i), "names %s, which is not in this booking", label)
		}
		if slices.Contains(c.seats, own[at]) {
			return errs.Bad(fmt.Sprintf("seats[%d]", i), "names %s twice", label)
		}
		c.seats = append(c.seats, own[at])
	}
	return nil
}

// Confirm turns a hold into a booking because the money for it is authorized;
// the same payment may confirm again. Refusals for good are of kind Conflict,
// Invalid or NotFound; of other kinds the outcome is unclear.
func (s *Service) Confirm(ctx context.Context, m message.Confirm) (message.Booking, error) {
	return s.house(ctx, command{do: doConfirm, bookingID: m.BookingID, payment: m.PaymentID, amount: m.Amount, currency: m.Currency})
}

// Extend lets a hold last ten minutes longer, once.
func (s *Service) Extend(ctx context.Context, bookingID string) error {
	_, err := s.house(ctx, command{do: doExtend, bookingID: bookingID})
	return err
}

// CancelUnpaid takes a booking back whose payment could not be captured.
func (s *Service) CancelUnpaid(ctx context.Context, bookingID, paymentID string) error {
	_, err := s.house(ctx, command{do: doCancel, bookingID: bookingID, payment: paymentID, unpaid: true})
	return err
}

// house submits a command of the house's own about a booking.
func (s *Service) house(ctx context.Context, c command) (message.Booking, error) {
	if c.eventID = id.Event(c.bookingID); c.eventID == "" {
		return message.Booking{}, errs.Missing("booking")
	}
	return s.submit(ctx, c)
}

// Booking is a booking by its id.
func (s *Service) Booking(ctx context.Context, bookingID string) (message.Booking, error) {
	if !id.ValidBooking(bookingID) {
		return message.Booking{}, errs.Missing("booking")
	}
	b, err := scanWithOrganizer(s.getStmt.QueryRowContext(s.db.Quick(ctx), bookingID))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return message.Booking{}, errs.Missing("booking")
	case err != nil:
		return message.Booking{}, fmt.Errorf("read booking: %w", err)
	}
	return b, nil
}

// Recent is a booking as this node has committed it a moment ago, else as the
// database has it. On several nodes it may be older than the database: it is for
// those who have the writer decide afterwards.
func (s *Service) Recent(ctx context.Context, bookingID string) (message.Booking, error) {
	if b := s.recent.get(bookingID); b != nil {
		return b.Booking, nil
	}
	return s.Booking(ctx, bookingID)
}

// mine is a booking that a caller may change; NotFound for strangers.
func (s *Service) mine(ctx context.Context, caller message.Caller, bookingID string) (message.Booking, error) {
	b, err := s.Booking(ctx, bookingID)
	if err != nil {
		return b, err
	}
	if !caller.SignedIn() || !mayTouch(&record{Booking: b}, caller) {
		return message.Booking{}, errs.Missing("booking")
	}
	return b, nil
}

// Entries reads an event's ledger above a version, in order, up to limit.
func (s *Service) Entries(ctx context.Context, eventID string, after int64, limit int) ([]message.Entry, error) {
	return readEntries(ctx, s.db, eventID, after, limit)
}

// Heads is the ledger version of every event.
func (s *Service) Heads(ctx context.Context) (map[string]int64, error) {
	rows, err := s.db.Reader().QueryContext(ctx, `SELECT event_id, seq FROM sales`)
	if err != nil {
		return nil, fmt.Errorf("read heads: %w", err)
	}
	defer rows.Close()
	heads := map[string]int64{}
	for rows.Next() {
		var eventID string
		var seq int64
		if err := rows.Scan(&eventID, &seq); err != nil {
			return nil, fmt.Errorf("read heads: %w", err)
		}
		heads[eventID] = seq
	}
	return heads, rows.Err()
}
