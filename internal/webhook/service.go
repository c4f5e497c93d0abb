package webhook

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/bus"
	"boxoffice/internal/caller"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/id"
	"boxoffice/internal/ledger"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/safetext"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/userapi"
	"boxoffice/internal/webhookapi"
)

// Bookings is what the service needs of the booking service: the ledgers that it
// follows, and what bookings are.
type Bookings interface {
	ledger.Source
	// Subscribe registers a function that is called with new entries, ascending for each
	// event, and must return at once.
	Subscribe(func([]ledger.Entry))
	ledger.Others
	Bookings(ctx context.Context, ids []string) (map[string]bookingapi.Booking, error)
}

// Events tells whose an event is.
type Events interface {
	Events(ctx context.Context, ids []string) (map[string]eventapi.Event, error)
}

// Payments tells what has become of money.
type Payments interface {
	Latest(ctx context.Context, bookingIDs []string) (map[string]paymentapi.Payment, error)
	RefundsOf(ctx context.Context, eventID string, seqs []int64) (map[int64]paymentapi.Refund, error)
}

// Accounts tells who may still organize events, and how to reach them.
type Accounts interface {
	Account(ctx context.Context, c caller.Caller, userID string) (userapi.Account, error)
	People(ctx context.Context, ids []string) (map[string]caller.Person, error)
}

// Notices tells organizers that an endpoint was switched off.
type Notices interface {
	Notify(ctx context.Context, list []notifyapi.Notice) error
}

// Config configures a webhook service.
type Config struct {
	DB       *sqldb.DB
	Bookings Bookings
	Events   Events
	Payments Payments
	Accounts Accounts
	Notices  Notices // nil: organizers are not told that an endpoint was switched off
	Now      func() time.Time
	Log      *slog.Logger

	Metrics   prometheus.Registerer // nil: none
	PublicURL string                // of the pages, for links in mails
	// Local allows receivers on this machine and without TLS, for a demo.
	Local bool

	Transport http.RoundTripper // for tests: in place of connections
	Resolver  *net.Resolver     // for tests: looks names up; nil: as the machine does
}

// lease is held by the node that does the work: see sqldb.Lease.
type lease interface {
	Held(ctx context.Context) bool
	Release(ctx context.Context)
}

// Service is the webhook service.
type Service struct {
	store    store
	bookings Bookings
	events   Events
	payments Payments
	accounts Accounts
	notices  Notices
	now      func() time.Time
	log      *slog.Logger
	base     string
	guard    guard
	lease    lease
	shared   bool
	metrics  *metrics
	changed  chan struct{} // wakes watch
	taken    *bus.Taken
	trusted  map[string]trust // by organizer id; only watch uses it
	intake   *intake
	queues   *queues
	idle     func() // closes the connections that wait
}

// New migrates the tables and makes the service. Run does its background work.
func New(ctx context.Context, cfg Config) (*Service, error) {
	if err := cfg.DB.Migrate(ctx, "webhook", migrations); err != nil {
		return nil, err
	}
	lease, err := sqldb.NewLease(ctx, cfg.DB, "webhooks")
	if err != nil {
		return nil, err
	}
	s := &Service{
		store: store{cfg.DB}, bookings: cfg.Bookings, events: cfg.Events, payments: cfg.Payments, accounts: cfg.Accounts, notices: cfg.Notices,
		now: cfg.Now, log: cfg.Log, base: cfg.PublicURL, guard: guard{local: cfg.Local}, lease: lease, shared: cfg.DB.Shared(), idle: func() {}, metrics: newMetrics(),
		taken:   bus.NewTaken(cfg.DB, "webhook_taken"),
		changed: make(chan struct{}, 1), trusted: map[string]trust{},
	}
	transport := cfg.Transport
	if transport == nil {
		real := newTransport(s.guard, cfg.Resolver)
		transport, s.idle = real, real.CloseIdleConnections
	}
	s.intake = newIntake(s)
	s.queues = newQueues(s, newSender(transport, cfg.Now))
	if cfg.Metrics != nil {
		if err := s.metrics.register(cfg.Metrics); err != nil {
			return nil, fmt.Errorf("webhook: %w", err)
		}
	}
	cfg.Bookings.Subscribe(s.intake.hear)
	return s, nil
}

// Run reads the ledgers and sends messages, on one node at a time, until ctx ends. Attempts
// under way then have a moment to be answered; those that are not are made again later.
func (s *Service) Run(ctx context.Context) error {
	defer s.idle()
	defer func() { s.lease.Release(context.WithoutCancel(ctx)) }()
	var wg sync.WaitGroup
	wg.Go(func() { s.watch(ctx) })
	wg.Go(func() { s.intake.run(ctx) })
	wg.Go(func() { s.bookings.Overhear(ctx, s.intake.listener()) })
	wg.Go(func() { s.queues.run(ctx) })
	wg.Go(func() { s.keep(ctx) })
	wg.Wait()
	return nil
}

// organizes refuses callers who are not organizers.
func organizes(c caller.Caller) error {
	switch {
	case !c.SignedIn():
		return errs.New(errs.Unauthenticated, "sign-in-required", "Please sign in first.")
	case !c.Organizes():
		return errs.New(errs.Forbidden, "organizers-only", "Only organizers may do this.")
	}
	return nil
}

// own is an endpoint of the caller; for admins, any.
func (s *Service) own(ctx context.Context, c caller.Caller, endpointID string) (endpoint, error) {
	if !c.SignedIn() {
		return endpoint{}, organizes(c)
	}
	e, found, err := s.store.endpoint(ctx, s.store.db.Reader(), endpointID)
	if err == nil && (!found || !c.MayOrganize(e.OrganizerID)) {
		err = errs.Missing("webhook")
	}
	return e, err
}

// Endpoints implements webhookapi.Service.
func (s *Service) Endpoints(ctx context.Context, c caller.Caller) ([]webhookapi.Endpoint, error) {
	if err := organizes(c); err != nil {
		return nil, err
	}
	list, err := s.store.endpoints(ctx, c.UserID)
	if err != nil {
		return nil, err
	}
	out := make([]webhookapi.Endpoint, len(list))
	for i := range list {
		out[i] = list[i].Endpoint
		if err := s.store.count(ctx, &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Endpoint implements webhookapi.Service.
func (s *Service) Endpoint(ctx context.Context, c caller.Caller, endpointID string) (webhookapi.Endpoint, error) {
	e, err := s.own(ctx, c, endpointID)
	if err == nil {
		err = s.store.count(ctx, &e.Endpoint)
	}
	return e.Endpoint, err
}

// Secrets implements webhookapi.Service.
func (s *Service) Secrets(ctx context.Context, c caller.Caller, endpointID string) ([]webhookapi.Secret, error) {
	if _, err := s.own(ctx, c, endpointID); err != nil {
		return nil, err
	}
	return s.store.secrets(ctx, s.store.db.Reader(), endpointID, s.now())
}

// Create implements webhookapi.Service.
func (s *Service) Create(ctx context.Context, c caller.Caller, n webhookapi.New) (webhookapi.Endpoint, webhookapi.Secret, error) {
	fail := func(err error) (webhookapi.Endpoint, webhookapi.Secret, error) {
		return webhookapi.Endpoint{}, webhookapi.Secret{}, err
	}
	if err := organizes(c); err != nil {
		return fail(err)
	}
	var faults []errs.Field
	e := webhookapi.Endpoint{OrganizerID: c.UserID, Enabled: true}
	s.check(&faults, &e, webhookapi.Change{URL: &n.URL, Description: &n.Description, Types: &n.Types})
	if err := errs.Fields(faults); err != nil {
		return fail(err)
	}
	types, err := codec.Marshal(e.Types)
	if err != nil {
		return fail(err)
	}
	secret := webhookapi.Secret{Value: newSecret()}
	err = s.store.db.Write(ctx, func(tx *sql.Tx) error {
		if err := s.store.lockEndpoints(ctx, tx, e.OrganizerID); err != nil {
			return err
		}
		now := s.now()
		e.ID, e.CreatedAt, secret.CreatedAt = id.New(now), now.UTC().Truncate(time.Microsecond), now.UTC().Truncate(time.Microsecond)
		if err := s.unlike(ctx, tx, &e, true); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO webhook_endpoints (`+endpointColumns+`) VALUES ($1, $2, $3, $4, $5, TRUE, '', $6, 0, FALSE, 0, $6)`,
			e.ID, e.OrganizerID, e.URL, e.Description, string(types), e.CreatedAt.UnixMicro()); err != nil {
			return err
		}
		return addSecret(ctx, tx, e.ID, secret.Value, now)
	})
	if sqldb.Duplicate(err) { // made by another node at the same moment
		err = s.unlike(ctx, s.store.db.Reader(), &e, false)
	}
	if err != nil {
		return fail(wrapped("create webhook", err))
	}
	s.look()
	return e, secret, nil
}

// wrapped adds what was being done to an error that is not for the caller.
func wrapped(doing string, err error) error {
	if err == nil || errs.Of(err) != nil {
		return err
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// unlike refuses an endpoint whose organizer has another one with its URL or, if it is to
// be one more, as many as there can be.
func (s *Service) unlike(ctx context.Context, from sqldb.Querier, e *webhookapi.Endpoint, oneMore bool) error {
	rows, err := from.QueryContext(ctx, `SELECT id, url FROM webhook_endpoints WHERE organizer_id = $1 AND id <> $2`, e.OrganizerID, e.ID) // webhook_endpoints_by_organizer
	if err != nil {
		return err
	}
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		var other, url string
		if err := rows.Scan(&other, &url); err != nil {
			return err
		}
		if url == e.URL {
			return errs.New(errs.Conflict, "webhook-exists", "You have a webhook with this URL already.").With("id", other)
		}
	}
	if oneMore && n >= webhookapi.MaxEndpoints {
		return errs.New(errs.Conflict, "too-many-webhooks", "You can have at most %d webhooks.", webhookapi.MaxEndpoints).With("max", webhookapi.MaxEndpoints)
	}
	return rows.Err()
}

// check sets what a change says of an endpoint, and collects what is wrong with it.
func (s *Service) check(faults *[]errs.Field, e *webhookapi.Endpoint, c webhookapi.Change) {
	collect := func(err error) {
		if err != nil {
			*faults = append(*faults, errs.Of(err).Fields...)
		}
	}
	if c.URL != nil {
		url, err := s.guard.checkURL(*c.URL)
		collect(err)
		e.URL = url
	}
	if c.Description != nil {
		e.Description = strings.TrimSpace(*c.Description)
		if why := safetext.LineFault(e.Description, 0, webhookapi.MaxDescription); !why.None() {
			collect(why.Bad("description"))
		}
	}
	if c.Types != nil {
		types, err := typesOf(*c.Types)
		collect(err)
		e.Types = types
	}
}

// Change implements webhookapi.Service.
func (s *Service) Change(ctx context.Context, c caller.Caller, endpointID string, change webhookapi.Change) (webhookapi.Endpoint, error) {
	own, err := s.own(ctx, c, endpointID)
	if err != nil {
		return webhookapi.Endpoint{}, err
	}
	var changed endpoint
	err = s.store.db.Write(ctx, func(tx *sql.Tx) error {
		if err := s.store.lockEndpoints(ctx, tx, own.OrganizerID); err != nil {
			return err
		}
		if err := poke(ctx, tx, endpointID); err != nil { // locks the endpoint: attempts change it, too
			return err
		}
		e, found, err := s.store.endpoint(ctx, tx, endpointID)
		if err != nil || !found {
			return errors.Join(err, missing(found))
		}
		var faults []errs.Field
		s.check(&faults, &e.Endpoint, change)
		if err := errs.Fields(faults); err != nil {
			return err
		}
		if err := s.unlike(ctx, tx, &e.Endpoint, false); err != nil {
			return err
		}
		switch {
		case change.Enabled == nil:
		case *change.Enabled && !e.Enabled:
			e.Enabled, e.OffBecause, e.FailingSince, e.noticeDue = true, "", time.Time{}, false
			e.beginsAt = s.now().UnixMicro()
		case !*change.Enabled && e.Enabled:
			e.Enabled, e.OffBecause = false, webhookapi.ByOrganizer
		}
		types, err := codec.Marshal(e.Types)
		if err != nil {
			return err
		}
		failing := int64(0)
		if !e.FailingSince.IsZero() {
			failing = e.FailingSince.UnixMicro()
		}
		changed = e
		_, err = tx.ExecContext(ctx, `UPDATE webhook_endpoints SET url = $2, description = $3, types = $4, enabled = $5, off_because = $6,
			failing_since = $7, notice_due = $8, begins_at = $9 WHERE id = $1`,
			e.ID, e.URL, e.Description, string(types), e.Enabled, e.OffBecause, failing, e.noticeDue, e.beginsAt)
		return err
	})
	if sqldb.Duplicate(err) {
		err = errs.New(errs.Conflict, "webhook-exists", "You have a webhook with this URL already.")
	}
	if err != nil {
		return webhookapi.Endpoint{}, wrapped("change webhook", err)
	}
	s.look()
	return changed.Endpoint, s.store.count(ctx, &changed.Endpoint)
}

// missing is the error for an endpoint that was not found.
func missing(found bool) error {
	if found {
		return nil
	}
	return errs.Missing("webhook")
}

// Delete implements webhookapi.Service.
func (s *Service) Delete(ctx context.Context, c caller.Caller, endpointID string) error {
	if _, err := s.own(ctx, c, endpointID); err != nil {
		return err
	}
	return wrapped("delete webhook", s.store.db.Write(ctx, func(tx *sql.Tx) error { return deleteEndpoint(ctx, tx, endpointID) }))
}

// Rotate implements webhookapi.Service.
func (s *Service) Rotate(ctx context.Context, c caller.Caller, endpointID string) (webhookapi.Secret, error) {
	if _, err := s.own(ctx, c, endpointID); err != nil {
		return webhookapi.Secret{}, err
	}
	var made webhookapi.Secret
	err := s.store.db.Write(ctx, func(tx *sql.Tx) error {
		now := s.now()
		if err := poke(ctx, tx, endpointID); err != nil { // locks the endpoint
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM webhook_secrets WHERE endpoint_id = $1 AND ends_at > 0 AND ends_at <= $2`, endpointID, now.UnixMicro()); err != nil {
			return err
		}
		list, err := s.store.secrets(ctx, tx, endpointID, now)
		switch {
		case err != nil:
			return err
		case len(list) == 0: // deleted meanwhile
			return errs.Missing("webhook")
		case len(list) >= webhookapi.MaxSecrets:
			return errs.New(errs.Conflict, "too-many-secrets", "%d secrets sign already.", len(list))
		}
		made = webhookapi.Secret{Value: newSecret(), CreatedAt: now.UTC().Truncate(time.Microsecond)}
		return addSecret(ctx, tx, endpointID, made.Value, now)
	})
	return made, wrapped("rotate secret", err)
}
