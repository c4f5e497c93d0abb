package event

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/event/check"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/id"
	"boxoffice/internal/seating"
)

// stored is an event as it is stored. The outbox stores former states as JSON, so its
// fields must not be renamed.
type stored struct {
	ID          string
	OrganizerID string // "": the house
	Title       string
	Description string
	Category    string
	Venue       venue
	check.When
	Status           eventapi.Status
	Announced        bool  // it has been public at some time
	OpensAt          int64 // µs since 1970; 0: at once
	ClosesAt         int64 // µs since 1970; 0: never
	PlanID           string
	PlanVersion      int64
	Seats            int32
	PriceVersion     int64
	PriceFrom        int64
	Currency         string
	LimitPerCustomer int32
	HoldFor          int64 // µs
	Attributes       string
	Source           string // where it was imported from; "": it was not
	SourceHash       []byte
	CreatedAt        int64
	Version          int64
	Synced           int64 // version that the booking side has
	RefundsEnd       int64 // µs since 1970; 0: when the event begins
	ChangedAt        int64 // µs since 1970; when time or venue changed last after it was announced; 0: never
	CancelFees       []bookingapi.CancelFee
	Refused          string // JSON of a Refusal; "" when the last change was accepted
	UnverifiedBuyers bool   // buyers may pay without a verified email address
	Paused           bool   // it was on sale and was taken off the sale again
	ImportPaused     bool   // an import paused it, not the organizer
	Fingerprint      []byte // of the request that made it, when that had an Idempotency-Key
}

// Pending reports whether the booking side has not settled the last change yet.
func (e *stored) Pending() bool { return e.Synced < e.Version }

// venue is where an event takes place, as it is stored.
type venue struct {
	ID, Name, Address, City, Country, TimeZone string
}

func newVenue(v eventapi.NewVenue) venue {
	key := strings.Join([]string{v.Name, v.Address, v.City, v.Country, v.TimeZone}, "\x00")
	return venue{id.FromSource("venue", key), v.Name, v.Address, v.City, v.Country, v.TimeZone}
}

// ends returns the default end of the sale and the default refund deadline: the beginning
// of the event, or the end of its day if the time is not known. 0: none.
func (e *stored) ends() int64 {
	if e.SortAt == check.Never {
		return 0
	}
	return e.SortAt
}

// sale returns the state of the event's sale for the booking side.
func (e *stored) sale() bookingapi.Sale {
	refunds := e.RefundsEnd
	if refunds == 0 {
		refunds = e.ends()
	}
	changed := int64(0)
	if e.ChangedAt != 0 {
		changed = e.ends()
	}
	return bookingapi.Sale{
		RefundsEnd: refunds, Terms: bookingapi.CancelTerms{Fees: e.CancelFees}, ChangedAt: e.ChangedAt, ChangeRefundsEnd: changed,
		Status: e.Status, OpensAt: e.OpensAt, ClosesAt: e.ClosesAt, PlanID: e.PlanID, PlanVersion: e.PlanVersion,
		PriceVersion: e.PriceVersion, Currency: e.Currency, Seats: e.Seats, LimitPerCustomer: e.LimitPerCustomer,
		HoldFor: e.HoldFor, OrganizerID: e.OrganizerID, EventVersion: e.Version, UnverifiedBuyers: e.UnverifiedBuyers,
	}
}

// shown returns the status that readers see at a time, in µs since 1970.
func (e *stored) shown(now int64) eventapi.Status {
	if e.Status != eventapi.Cancelled && e.Status != eventapi.Draft && e.over(now) {
		return eventapi.Past
	}
	return e.Status
}

// public reports whether everybody may see the event. Drafts are private, and stay so
// when they are cancelled.
func (e *stored) public() bool { return e.Announced && e.Status != eventapi.Draft }

// lasting is the assumed duration of an event without an end, in µs.
const lasting = 6 * 3600_000_000

const eventColumns = `e.id, e.organizer_id, e.title, e.description, e.category, e.starts_at, e.local_date, e.time_zone, e.sort_at, e.status,
	e.opens_at, e.closes_at, e.plan_id, e.plan_version, e.seats, e.price_version, e.price_from, e.currency, e.limit_per_customer, e.hold_for,
	e.attributes, e.source, e.source_hash, e.created_at, e.version, e.synced_version, e.announced, e.refunds_end, e.changed_at, e.refused,
	e.unverified_buyers, e.ends_at, e.end_date, e.fingerprint, e.paused, e.import_paused, e.cancellation_fees, v.id, v.name, v.address, v.city, v.country, v.time_zone`

const columnsOfEvent = 43

const eventFrom = ` FROM events e JOIN venues v ON v.id = e.venue_id `

func scanEvent(row interface{ Scan(...any) error }) (stored, error) {
	var e stored
	var starts sql.NullInt64
	var source sql.NullString
	err := row.Scan(&e.ID, &e.OrganizerID, &e.Title, &e.Description, &e.Category, &starts, &e.LocalDate, &e.TimeZone, &e.SortAt, &e.Status,
		&e.OpensAt, &e.ClosesAt, &e.PlanID, &e.PlanVersion, &e.Seats, &e.PriceVersion, &e.PriceFrom, &e.Currency, &e.LimitPerCustomer, &e.HoldFor,
		&e.Attributes, &source, &e.SourceHash, &e.CreatedAt, &e.Version, &e.Synced, &e.Announced, &e.RefundsEnd, &e.ChangedAt,
		&e.Refused, &e.UnverifiedBuyers, &e.EndsAt, &e.EndDate, &e.Fingerprint, &e.Paused, &e.ImportPaused, (*cancelFees)(&e.CancelFees), &e.Venue.ID, &e.Venue.Name, &e.Venue.Address, &e.Venue.City, &e.Venue.Country, &e.Venue.TimeZone)
	e.StartsAt, e.Source, e.Attributes = starts.Int64, source.String, codec.WholeCharacters(e.Attributes)
	return e, err
}

func orNull[T comparable](v T) any {
	var zero T
	if v == zero {
		return nil
	}
	return v
}

func insertVenue(ctx context.Context, tx *sql.Tx, v venue) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO venues (id, name, address, city, country, time_zone) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (id) DO NOTHING`, v.ID, v.Name, v.Address, v.City, v.Country, v.TimeZone)
	if err != nil {
		return fmt.Errorf("insert venue: %w", err)
	}
	return nil
}

func insertEvent(ctx context.Context, tx *sql.Tx, e *stored) error {
	x := e.searchable()
	_, err := tx.ExecContext(ctx, `INSERT INTO events (id, organizer_id, title, description, category, venue_id, starts_at, local_date, time_zone, sort_at,
		status, opens_at, closes_at, plan_id, plan_version, seats, price_version, price_from, currency, limit_per_customer, hold_for,
		attributes, source, source_hash, created_at, version, announced, refunds_end, changed_at,
		search_title, search_all, search_city, search_category, search_rules, unverified_buyers, ends_at, end_date, fingerprint, paused, import_paused, cancellation_fees, refused, synced_version)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27,
			$28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39, $40, $41, '', 0)`,
		e.ID, e.OrganizerID, e.Title, e.Description, e.Category, e.Venue.ID, orNull(e.StartsAt), e.LocalDate, e.TimeZone, e.SortAt,
		string(e.Status), e.OpensAt, e.ClosesAt, e.PlanID, e.PlanVersion, e.Seats, e.PriceVersion, e.PriceFrom, e.Currency, e.LimitPerCustomer, e.HoldFor,
		e.Attributes, orNull(e.Source), e.SourceHash, e.CreatedAt, e.Version, e.Announced, e.RefundsEnd, e.ChangedAt, x.title, x.all, x.city, x.category,
		searchRules, e.UnverifiedBuyers, e.EndsAt, e.EndDate, e.Fingerprint, e.Paused, e.ImportPaused, feesText(e.CancelFees))
	if err != nil {
		return fmt.Errorf("insert event: %w", err)
	}
	return nil
}

var errChanged = errors.New("event: the row has another version")

// updateEvent writes an event. Its row must have the version before, otherwise the error
// is errChanged.
func updateEvent(ctx context.Context, tx *sql.Tx, e *stored, before int64) error {
	x := e.searchable()
	res, err := tx.ExecContext(ctx, `UPDATE events SET title = $1, description = $2, category = $3, venue_id = $4, starts_at = $5, local_date = $6,
		time_zone = $7, sort_at = $8, status = $9, opens_at = $10, closes_at = $11, price_version = $12, price_from = $13, currency = $14,
		limit_per_customer = $15, hold_for = $16, attributes = $17, source_hash = $18, version = $19, announced = $20,
		refunds_end = $21, changed_at = $22, search_title = $23, search_all = $24, search_city = $25, search_category = $26,
		plan_id = $27, plan_version = $28, seats = $29, search_rules = $30, unverified_buyers = $31, ends_at = $32, end_date = $33, refused = $34, paused = $35, import_paused = $36, cancellation_fees = $37
		WHERE id = $38 AND version = $39`,
		e.Title, e.Description, e.Category, e.Venue.ID, orNull(e.StartsAt), e.LocalDate,
		e.TimeZone, e.SortAt, string(e.Status), e.OpensAt, e.ClosesAt, e.PriceVersion, e.PriceFrom, e.Currency,
		e.LimitPerCustomer, e.HoldFor, e.Attributes, e.SourceHash, e.Version, e.Announced,
		e.RefundsEnd, e.ChangedAt, x.title, x.all, x.city, x.category, e.PlanID, e.PlanVersion, e.Seats,
		searchRules, e.UnverifiedBuyers, e.EndsAt, e.EndDate, e.Refused, e.Paused, e.ImportPaused, feesText(e.CancelFees), e.ID, before)
	if err != nil {
		return fmt.Errorf("update event: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errors.Join(errChanged, err)
	}
	return nil
}

func insertPrices(ctx context.Context, tx *sql.Tx, p *seating.Prices) error {
	doc, err := codec.Marshal(p)
	if err != nil {
		return fmt.Errorf("insert prices: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO prices (event_id, version, document) VALUES ($1, $2, $3)`, p.EventID, p.Version, string(doc)); err != nil {
		return fmt.Errorf("insert prices: %w", err)
	}
	return nil
}

// planRow is a row of a seating plan version.
type planRow struct {
	id          string
	version     int64
	name        string
	seats       int
	generator   string // template, "" when there is a document
	document    []byte // gzip
	fingerprint []byte
	plan        *seating.Plan
}

// show names a stored plan.
func (r *planRow) show() eventapi.StoredPlan {
	return eventapi.StoredPlan{Name: r.name, ID: r.id, Version: r.version, Seats: int32(r.seats)}
}

// generated is the row of a generated plan; the same template and number of
// seats always give the same.
func generated(template string, seats int, p *seating.Plan) *planRow {
	return &planRow{id: id.FromSource("plan", fmt.Sprintf("%s:%d", template, seats)), version: 1, name: p.Name, seats: seats, generator: template, plan: p}
}

// drawn is the row of a plan with a document. Its id is a hash of the document.
func drawn(doc *seating.PlanDocument, p *seating.Plan) (*planRow, error) {
	packed, fingerprint, err := doc.Pack()
	if err != nil {
		return nil, err
	}
	h := sha256.Sum256(fingerprint)
	return &planRow{id: id.FromSource("plan", string(h[:])), version: 1, name: doc.Name, seats: len(p.Seats), document: packed, fingerprint: fingerprint, plan: p}, nil
}

// insertPlan stores a version of a plan. If the version exists, it must be the same
// plan: two imports at the same time may choose the same version.
func insertPlan(ctx context.Context, tx *sql.Tx, r *planRow, now int64) error {
	res, err := tx.ExecContext(ctx, `INSERT INTO plans (id, version, name, seats, generator, document, fingerprint, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id, version) DO NOTHING`,
		r.id, r.version, r.name, r.seats, r.generator, r.document, r.fingerprint, now)
	if err != nil {
		return fmt.Errorf("insert plan: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 1 {
		return err
	}
	var generator string
	var fingerprint []byte
	if err := tx.QueryRowContext(ctx, `SELECT generator, fingerprint FROM plans WHERE id = $1 AND version = $2`, r.id, r.version).Scan(&generator, &fingerprint); err != nil {
		return fmt.Errorf("insert plan: %w", err)
	}
	if generator != r.generator || !bytes.Equal(fingerprint, r.fingerprint) {
		return errs.New(errs.Conflict, "plan-stored-meanwhile", "Another version of the seating plan was stored in the meantime; please try again.")
	}
	return nil
}
