package checkin

import (
	"context"
	"embed"
	"log/slog"
	"sync"
	"time"

	"boxoffice/internal/batch"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/checkin/list"
	"boxoffice/internal/checkinapi"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/limit"
	"boxoffice/internal/seating"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/ticket"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Bookings reads bookings; see bookingapi.
type Bookings interface {
	Bookings(ctx context.Context, ids []string) (map[string]bookingapi.Booking, error)
	List(ctx context.Context, f bookingapi.Filter) ([]bookingapi.Booking, error)
	Recipients(ctx context.Context, bookingIDs []string) (map[string]bookingapi.Recipient, error)
	Heads(ctx context.Context, eventIDs []string) (map[string]int64, error)
	list.Sales
}

// Events reads events; see eventapi.
type Events interface {
	Events(ctx context.Context, ids []string) (map[string]eventapi.Event, error)
	OwnEvent(ctx context.Context, c caller.Caller, id string) (eventapi.Event, error)
	Plan(ctx context.Context, planID string, version int64) (*seating.Plan, error)
}

// People reads names by account id; see userapi.Directory.
type People interface {
	People(ctx context.Context, ids []string) (map[string]caller.Person, error)
}

// Issues tells which code of a seat is the current one; see checkinapi.Issuing.
type Issues interface {
	Issues(ctx context.Context, bookingIDs []string) (map[string]map[int32]checkinapi.Issue, error)
	// Replaced lists the latest replacements of tickets for an event, latest first.
	Replaced(ctx context.Context, eventID string, limit int) ([]checkinapi.SeatIssue, error)
	list.Issues
}

// Config configures the service.
type Config struct {
	DB        *sqldb.DB
	Now       func() time.Time
	Bookings  Bookings
	Events    Events
	People    People
	Issues    Issues
	Keys      func() ticket.Keys // with which tickets are verified
	Signer    ticket.Signer      // with the private ones; zero: this node has none, and neither signs times nor proves codes of wallets
	PublicURL string             // of this server
	Log       *slog.Logger
	Line      Line // to the box office, at a gate node; nil: this is the box office
}

// Service keeps scans and decides them. It implements checkinapi.Service.
type Service struct {
	cfg   Config
	store store
	queue [queues]*batch.Queue[*request]
	trust trusted
	reads *limit.Memory // searches and names, by device

	mu    sync.Mutex
	views map[string]*view // by event
	over  chan struct{}    // closed when live feeds end
	ended bool
	feeds sync.WaitGroup // goroutines that look for news
}

const (
	queues    = 4    // an event belongs to one of them
	batchMost = 128  // requests
	waitMost  = 4096 // requests in a queue
	viewsMost = 64   // events in memory, but for those that are watched or were used just now
)

// New migrates the tables and makes the service.
func New(ctx context.Context, cfg Config) (*Service, error) {
	if err := cfg.DB.Migrate(ctx, "checkin", migrations); err != nil {
		return nil, err
	}
	st, err := newStore(ctx, cfg.DB)
	if err != nil {
		return nil, err
	}
	s := &Service{cfg: cfg, store: st, views: map[string]*view{}, over: make(chan struct{}), reads: limit.NewMemory(cfg.Now)}
	s.trust.by, s.trust.seen = map[string]trustedDevice{}, map[string]int64{}
	for i := range s.queue {
		s.queue[i] = batch.New(batchMost, waitMost, s.take)
	}
	return s, nil
}

// EndLive ends the live feeds; devices connect to another node.
func (s *Service) EndLive() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.ended = true
		close(s.over)
	}
}

// Close decides the scans that wait, and returns when all are answered.
func (s *Service) Close() {
	s.EndLive()
	s.feeds.Wait()
	for _, q := range s.queue {
		q.Close()
	}
}
