package event

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/maypok86/otter/v2"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/bus"
	"boxoffice/internal/caller"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/id"
	"boxoffice/internal/seating"
	"boxoffice/internal/sqldb"
)

// Sales is what the event service needs of the booking service.
type Sales interface {
	// Counts returns the numbers of seats by state, by event id.
	Counts(ctx context.Context, eventIDs []string) (map[string]bookingapi.Counts, error)
	// Sales returns the current states of sales, by event id.
	Sales(ctx context.Context, eventIDs []string) (map[string]bookingapi.Sale, error)
}

// Service is the event service. It implements eventapi.Service.
type Service struct {
	*Catalogue
	db    *sqldb.DB
	sales Sales
	now   func() time.Time
	log   *slog.Logger

	outbox  *bus.Table // the messages about events
	taken   *bus.Taken // the booking side's answers
	deliver func(ctx context.Context, eventID string) error
	refused refusals

	bodies  *otter.Cache[bodyKey, planBytes]        // plans as they are sent
	answers *otter.Cache[encodedKey, *encodedEvent] // events as they are sent

	zones *otter.Cache[string, *time.Location] // by IANA name; loading one reads a file

	recent  *recent     // events read a moment ago
	signals bus.Signals // to other nodes; nil: there are none
}

// encodedKey names everything that an event's answer depends on.
type encodedKey struct {
	eventID string
	version int64
	pending bool
	status  eventapi.Status
	seq     int64
}

// Config configures the event service.
type Config struct {
	DB        *sqldb.DB
	Catalogue *Catalogue // on the same database; nil: New opens one
	Sales     Sales      // the booking side

	// Deliver has the booking side consume the messages of an event, and this service the
	// answers, as far as that is possible now.
	Deliver func(ctx context.Context, eventID string) error
	Signals bus.Signals // between nodes on a shared database; nil: none
	Now     func() time.Time
	Log     *slog.Logger
}

// New makes the service.
func New(ctx context.Context, cfg Config) (*Service, error) {
	if cfg.Catalogue == nil {
		var err error
		if cfg.Catalogue, err = OpenCatalogue(ctx, cfg.DB); err != nil {
			return nil, err
		}
	}
	s := &Service{
		Catalogue: cfg.Catalogue, signals: cfg.Signals, db: cfg.DB, sales: cfg.Sales, now: cfg.Now, log: cfg.Log, recent: newRecent(),
		outbox: bus.NewTable(cfg.DB, eventapi.Topic, "event_messages"), taken: bus.NewTaken(cfg.DB, "event_taken"), deliver: cfg.Deliver,
		zones: otter.Must(&otter.Options[string, *time.Location]{MaximumSize: 1_000}),
		bodies: otter.Must(&otter.Options[bodyKey, planBytes]{
			MaximumWeight: 64 << 20, // bytes
			Weigher:       func(_ bodyKey, b planBytes) uint32 { return uint32(len(b.plain) + len(b.zipped)) },
		}),
		answers: otter.Must(&otter.Options[encodedKey, *encodedEvent]{
			MaximumWeight: 32 << 20, // bytes
			Weigher:       func(_ encodedKey, o *encodedEvent) uint32 { return 2 * uint32(len(o.plain.Body)) },
		}),
	}
	if s.signals != nil {
		if err := s.signals.Subscribe(changedSignal, s.hearChanged); err != nil {
			return nil, fmt.Errorf("event: %w", err)
		}
	}
	return s, nil
}

// nextPriceVersion returns a version that no price list of the event has had, not even
// one of a change that was refused. Caches rely on versions never being used twice.
func (s *Service) nextPriceVersion(ctx context.Context, eventID string) (int64, error) {
	var last int64
	if err := s.db.Reader().QueryRowContext(ctx, `SELECT coalesce(max(version), 0) FROM prices WHERE event_id = $1`, eventID).Scan(&last); err != nil { // primary key
		return 0, fmt.Errorf("read prices: %w", err)
	}
	return last + 1, nil
}

// mayOrganize refuses callers who may not make events.
func mayOrganize(c caller.Caller) error {
	switch {
	case !c.SignedIn():
		return errs.New(errs.Unauthenticated, "sign-in-required", "Please sign in first.")
	case !c.Organizes():
		return errs.New(errs.Forbidden, "organizers-only", "Only organizers may do this.")
	}
	return nil
}

// Create implements eventapi.Organizer.
func (s *Service) Create(ctx context.Context, c caller.Caller, key string, n eventapi.NewEvent) (eventapi.Event, error) {
	e, err := s.add(ctx, c, key, n)
	return s.answered(ctx, e, err)
}

// add makes an event. With a key ("": none), the same request of the same organizer
// always returns the same event.
func (s *Service) add(ctx context.Context, caller caller.Caller, key string, in eventapi.NewEvent) (stored, error) {
	if err := mayOrganize(caller); err != nil {
		return stored{}, err
	}
	now := s.now()
	eventID, fingerprint := id.New(now), []byte(nil)
	if key != "" {
		raw, err := codec.Marshal(in)
		if err != nil {
			return stored{}, fmt.Errorf("create event: %w", err)
		}
		hash := sha256.Sum256(raw)
		eventID, fingerprint = id.FromSource("event-key", caller.UserID+"\x00"+key), hash[:]
		if e, err := s.created(ctx, eventID, fingerprint); errs.KindOf(err) != errs.NotFound {
			return e, err
		}
	}
	p, err := s.prepare(ctx, in, nil)
	if err != nil {
		return stored{}, err
	}
	p.event.ID, p.event.OrganizerID, p.event.CreatedAt, p.event.Fingerprint = eventID, caller.UserID, now.UnixMicro(), fingerprint
	if err := s.db.Write(ctx, func(tx *sql.Tx) error { return s.insert(ctx, tx, p) }); err != nil {
		if key != "" && sqldb.Duplicate(err) { // the same request was sent twice at the same time
			return s.created(ctx, eventID, fingerprint)
		}
		return stored{}, err
	}
	return s.handOver(ctx, p.event)
}

// created reads the event that a request with the same key has made.
func (s *Service) created(ctx context.Context, eventID string, fingerprint []byte) (stored, error) {
	e, err := s.read(ctx, eventID)
	switch {
	case err != nil:
		return e, err
	case !bytes.Equal(e.Fingerprint, fingerprint):
		return e, errs.New(errs.Invalid, "idempotency-key-reused", "This Idempotency-Key was used for another request.")
	case e.Pending():
		return s.handOver(ctx, e)
	}
	return e, nil
}

// prepared is a new event that was checked, with what is written together with it.
type prepared struct {
	event stored
	plan  *planRow // nil: it is stored already
	pricing

	before  *stored // that an import replaces; nil: the event is new
	changes []recorded
}

// insert writes a new event and the first state of its sale.
func (s *Service) insert(ctx context.Context, tx *sql.Tx, d *prepared) error {
	e := &d.event
	if d.plan != nil {
		if err := insertPlan(ctx, tx, d.plan, e.CreatedAt); err != nil {
			return err
		}
	}
	if err := insertVenue(ctx, tx, e.Venue); err != nil {
		return err
	}
	if e.PriceVersion > 0 {
		if err := insertPrices(ctx, tx, d.list(e.ID, e.PriceVersion, e.Currency)); err != nil {
			return err
		}
	}
	if err := insertEvent(ctx, tx, e); err != nil {
		return err
	}
	return s.enqueue(ctx, tx, e, nil)
}

// prepare checks a new event and reports all faults. A plan that is not nil is the one
// that the event names, which an import stores together with the event.
func (s *Service) prepare(ctx context.Context, in eventapi.NewEvent, plan *seating.Plan) (*prepared, error) {
	f := &faults{}
	e := stored{Title: strings.TrimSpace(in.Title), Description: in.Description, Category: in.Category, Status: in.Status, Version: 1,
		LimitPerCustomer: bookingapi.DefaultPerPerson, HoldFor: bookingapi.DefaultHold}
	f.Text("title", e.Title, 1, 200)
	f.Lines("description", in.Description, 20_000)
	f.Text("category", in.Category, 0, 60)
	zone := f.Venue(in.Venue)
	e.TimeZone = in.Venue.TimeZone
	if in.TimeZone != "" {
		e.TimeZone = in.TimeZone
		zone = f.Zone("time_zone", in.TimeZone)
	}
	e.Venue = newVenue(in.Venue)
	f.When(&e.When, in.EventTime, in.EventDate, zone)
	f.Ending(&e.When, in.EndTime, in.EndDate, zone)
	e.UnverifiedBuyers = in.UnverifiedBuyers != nil && *in.UnverifiedBuyers
	e.Attributes = f.attributes(in.Attributes)
	var row *planRow
	var err error
	if plan == nil {
		row, plan, err = s.planOf(ctx, in.Plan)
	}
	if err != nil {
		var fault *errs.Error
		if !errors.As(err, &fault) || len(fault.Fields) == 0 {
			return nil, err
		}
		f.List = append(f.List, fault.Fields...)
	} else {
		e.PlanID, e.PlanVersion, e.Seats = plan.ID, plan.Version, int32(len(plan.Seats))
	}
	rules := copyOf(in.FeeRules)
	tiers := f.tiers(in.Currency, in.Price, in.Tiers, rules, plan)
	if len(tiers) > 0 {
		e.PriceVersion, e.Currency, e.PriceFrom = 1, in.Currency, lowest(tiers)
	}
	f.sale(&e, in.SaleOpensAt, in.SaleClosesAt, in.RefundableUntil, in.LimitPerCustomer, in.HoldMinutes)
	e.CancelFees = f.cancelFees(&e, in.CancellationFees)
	switch e.Status {
	case "":
		e.Status = eventapi.Published
	case eventapi.Draft, eventapi.Published:
	case eventapi.OnSale:
		f.sellable(&e, plan, tiers)
	default:
		f.Add("status", "not-a-choice", "must be draft, published or on_sale")
	}
	e.Announced = e.Status != eventapi.Draft
	if err := errs.Fields(f.List); err != nil {
		return nil, err
	}
	return &prepared{event: e, plan: row, pricing: pricing{tiers, rules}}, nil
}

// sellable adds a fault unless all seats of an event that goes on sale have a price.
func (f *faults) sellable(e *stored, plan *seating.Plan, tiers []seating.Tier) {
	if len(f.List) > 0 || plan == nil {
		return
	}
	if e.PriceVersion == 0 {
		f.Add("status", "needs-prices", "cannot be on_sale before the event has a price")
	} else if sec := unpriced(plan, tiers); sec != "" {
		f.Add("tiers", "section-without-price", "leave seats of section %q without a price; then the event cannot be on_sale", sec)
	}
}

func lowest(tiers []seating.Tier) int64 {
	low := tiers[0].Price
	for _, t := range tiers {
		low = min(low, t.Price)
	}
	return low
}

// planOf finds or makes the plan of a choice. The row is nil if the plan is stored
// already.
func (s *Service) planOf(ctx context.Context, in eventapi.PlanChoice) (*planRow, *seating.Plan, error) {
	given := 0
	for _, b := range []bool{in.Template != "", in.ID != "", in.Document != nil} {
		if b {
			given++
		}
	}
	switch {
	case given != 1:
		return nil, nil, errs.Bad("plan", "cannot-combine", "must have one of template, id and document")
	case in.Template != "":
		return s.fromTemplate(in)
	case in.Document != nil:
		p, err := in.Document.NewPlan()
		if err != nil {
			return nil, nil, planFault(err)
		}
		row, err := drawn(in.Document, p)
		if err != nil {
			return nil, nil, err
		}
		p.ID, p.Version = row.id, row.version
		return row, p, nil
	}
	version := in.Version
	if version == 0 {
		if err := s.db.Reader().QueryRowContext(ctx, `SELECT coalesce(max(version), 0) FROM plans WHERE id = $1`, in.ID).Scan(&version); err != nil {
			return nil, nil, fmt.Errorf("read plan: %w", err)
		}
	}
	p, err := s.Plan(ctx, in.ID, version)
	if errs.KindOf(err) == errs.NotFound {
		return nil, nil, errs.Bad("plan.id", "no-such-plan", "does not name a stored seating plan with this version")
	}
	return nil, p, err
}

func (s *Service) fromTemplate(in eventapi.PlanChoice) (*planRow, *seating.Plan, error) {
	template, known := seating.NewestTemplate(in.Template)
	if !known {
		return nil, nil, errs.Bad("plan.template", "not-a-choice", "must be theatre, arena, stadium or club")
	}
	if in.Seats < seating.MinGenerated || in.Seats > seating.MaxSeats {
		return nil, nil, errs.Bad("plan.seats", "out-of-range", "must be %d to %d", seating.MinGenerated, seating.MaxSeats)
	}
	row := generated(template, in.Seats, &seating.Plan{Name: in.Template})
	k := planKey{row.id, row.version}
	if p, ok := s.plans.GetIfPresent(k); ok {
		row.name = p.Name
		return row, p, nil
	}
	p, err := seating.Generate(template, in.Seats)
	if err != nil {
		return nil, nil, err
	}
	p.ID, p.Version, row.name = row.id, row.version, p.Name
	s.plans.Set(k, p) // the same whether its row is written or not
	return row, p, nil
}

func scanEvents(rows *sql.Rows) ([]stored, error) {
	defer rows.Close()
	var list []stored
	for rows.Next() {
		e, err := scanEvent(rows)
		if err != nil {
			return nil, fmt.Errorf("read events: %w", err)
		}
		list = append(list, e)
	}
	return list, rows.Err()
}
