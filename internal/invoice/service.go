package invoice

import (
	"context"
	"embed"
	"iter"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/bus"
	"boxoffice/internal/caller"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/invoice/paper"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/seating"
	"boxoffice/internal/sqldb"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Bookings reads bookings; see bookingapi.
type Bookings interface {
	Bookings(ctx context.Context, ids []string) (map[string]bookingapi.Booking, error)
	Orders(ctx context.Context, list []bookingapi.Booking) ([]bookingapi.Order, error)
	Readable(ctx context.Context, c caller.Caller, bookingID, token string) (bookingapi.Booking, error)
}

// Events reads events; see eventapi.
type Events interface {
	Events(ctx context.Context, ids []string) (map[string]eventapi.Event, error)
	Prices(ctx context.Context, eventID string, version int64) (*seating.Prices, error)
	OwnEvent(ctx context.Context, c caller.Caller, id string) (eventapi.Event, error)
}

// Payments reads payments and their journal.
type Payments interface {
	Latest(ctx context.Context, bookingIDs []string) (map[string]paymentapi.Payment, error)
	// Unmade are the refunds of bookings that have failed, by booking.
	Unmade(ctx context.Context, bookingIDs []string) (map[string][]paymentapi.Unmade, error)
	// Owed is what of an event's sales is still to be refunded, by currency, in minor units.
	Owed(ctx context.Context, eventID string) (map[string]int64, error)
	// Postings are those of an event at or after from and before to, oldest first.
	Postings(ctx context.Context, eventID string, from, to time.Time) iter.Seq2[paymentapi.Posting, error]
}

// People reads names by account id; see userapi.Directory.
type People interface {
	People(ctx context.Context, ids []string) (map[string]caller.Person, error)
}

// Reserve is the part of what is due to an organizer that is held back for a while after an
// event, since buyers may still dispute their payments.
type Reserve struct {
	Percent int64
	For     time.Duration
}

// Config configures the service.
type Config struct {
	DB       *sqldb.DB
	Now      func() time.Time
	Bookings Bookings
	Events   Events
	Payments Payments
	People   People
	Reserve  Reserve
	Test     bool // this program moves no real money: settlements and lists are about test money
}

// Service keeps sellers and issues documents. It implements invoiceapi.Service.
type Service struct {
	cfg     Config
	store   store
	taken   *bus.Taken
	printer *paper.Printer
	settles *semaphore.Weighted // one settlement at a time: it reads the journal of an event
	zones   sync.Map            // time zones by name, which take long to load
}

// New migrates the tables and makes the service.
func New(ctx context.Context, cfg Config) (*Service, error) {
	if err := cfg.DB.Migrate(ctx, "invoices", migrations); err != nil {
		return nil, err
	}
	printer, err := paper.New()
	return &Service{cfg: cfg, store: newStore(cfg.DB), taken: bus.NewTaken(cfg.DB, "invoice_taken"), printer: printer, settles: semaphore.NewWeighted(1)}, err
}

// test reports whether money is test money, by what a payment says. Documents about it say
// so, and have numbers of their own. Payments from before they named their gateway are of
// this program's mode.
func (s *Service) test(gateway string, test bool) bool {
	if gateway == "" {
		return s.cfg.Test
	}
	return test
}

// zone returns a time zone by its name; UTC if there is none.
func (s *Service) zone(name string) *time.Location {
	if z, ok := s.zones.Load(name); ok {
		return z.(*time.Location)
	}
	z, err := time.LoadLocation(name)
	if err != nil {
		z = time.UTC
	}
	s.zones.Store(name, z)
	return z
}
