package event

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/seating"
)

// Unset says what a form was left empty in: those who fill in a form see all of
// an event at once, so that an empty field means something.
type Unset struct{ Opens, Closes, Refunds, FeeRules bool }

// apply takes out of an event what was left empty.
func (u Unset) apply(e *Event) {
	if u.Opens {
		e.OpensAt = 0
	}
	if u.Closes {
		e.ClosesAt = 0 // the sale closes as the event begins
	}
	if u.Refunds {
		e.RefundsEnd = 0
	}
}

// Check is what Create would say of an event, without making it: its tiers with
// their all-in prices.
func (s *Service) Check(ctx context.Context, caller caller.Caller, in NewEvent) ([]seating.Tier, error) {
	if err := mayOrganize(caller); err != nil {
		return nil, err
	}
	d, err := s.prepare(ctx, in)
	if err != nil {
		return nil, err
	}
	return d.tiers, nil
}

// Sketch is the plan that an input asks for; it is not stored.
func (s *Service) Sketch(ctx context.Context, in PlanInput) (*seating.Plan, error) {
	_, p, err := s.planOf(ctx, in)
	return p, err
}

// AtWall is the instant at which clocks in a zone show a local time such as
// 2027-03-01T20:00. A fault is told as one of the field.
func AtWall(field, text, zone string) (time.Time, error) {
	f := &faults{}
	z := f.zone(field, zone)
	t, _ := f.instant(field, text, z)
	return t, errs.Fields(f.list)
}

// KeepPlan stores the seating plan of a file: boxoffice's own document, by
// itself or in an import file, or pretix's. The error is of kind Invalid, about
// the field plan.document, when the file is at fault.
func (s *Service) KeepPlan(ctx context.Context, caller caller.Caller, file ImportFile) (*seating.Plan, error) {
	if err := mayOrganize(caller); err != nil {
		return nil, err
	}
	doc, err := readPlanFile(file)
	if err != nil {
		return nil, err
	}
	p, err := doc.NewPlan()
	if err != nil {
		return nil, planFault(err)
	}
	row, err := drawn(doc, p)
	if err != nil {
		return nil, err
	}
	p.ID, p.Version = row.id, row.version
	return p, s.db.Write(ctx, func(tx *sql.Tx) error { return insertPlan(ctx, tx, row, s.now().UnixMicro()) })
}

// readPlanFile finds the one plan of a file.
func readPlanFile(file ImportFile) (*seating.PlanDocument, error) {
	var keys map[string]json.RawMessage
	if json.Unmarshal(file.Data, &keys) == nil && keys["sections"] != nil && keys["boxoffice"] == nil {
		doc, err := seating.ReadDocument(file.Data)
		if err != nil {
			return nil, errs.Bad("plan.document", "is not a seating plan: %s", strings.TrimPrefix(err.Error(), "json: "))
		}
		return doc, nil
	}
	found, err := parseFile(file, true)
	var fault FileError
	switch {
	case errors.As(err, &fault):
		return nil, errs.Bad("plan.document", "%s", strings.TrimSpace(fault.Path+" "+fault.Reason))
	case err != nil:
		return nil, err
	case len(found.plans) != 1:
		return nil, errs.Bad("plan.document", "must hold one seating plan, and holds %d", len(found.plans))
	}
	return found.plans[0].doc, nil
}

// UsedPlan is a plan that an organizer has used for an event.
type UsedPlan struct {
	Name, ID string
	Version  int64
	Seats    int32
}

const usedAtMost = 100

// Used are the venues and the plans of an organizer's events, those used last
// first; all events' for organizer "".
func (s *Service) Used(ctx context.Context, organizer string) ([]Venue, []UsedPlan, error) {
	venues, err := used(ctx, s, organizer, `SELECT v.id, v.name, v.address, v.city, v.country, v.time_zone
		FROM events e JOIN venues v ON v.id = e.venue_id WHERE %s
		GROUP BY v.id, v.name, v.address, v.city, v.country, v.time_zone ORDER BY max(e.created_at) DESC, v.id LIMIT %d`,
		func(v *Venue) []any { return []any{&v.ID, &v.Name, &v.Address, &v.City, &v.Country, &v.TimeZone} })
	if err != nil {
		return nil, nil, err
	}
	plans, err := used(ctx, s, organizer, `SELECT p.name, p.id, p.version, p.seats
		FROM events e JOIN plans p ON p.id = e.plan_id AND p.version = e.plan_version WHERE %s
		GROUP BY p.name, p.id, p.version, p.seats ORDER BY max(e.created_at) DESC, p.id LIMIT %d`,
		func(p *UsedPlan) []any { return []any{&p.Name, &p.ID, &p.Version, &p.Seats} })
	return venues, plans, err
}

// used reads what events have used; the index events_by_organizer serves it.
func used[T any](ctx context.Context, s *Service, organizer, query string, fields func(*T) []any) ([]T, error) {
	where, args := "TRUE", []any{}
	if organizer != "" {
		where, args = "e.organizer_id = $1", []any{organizer}
	}
	rows, err := s.db.Reader().QueryContext(ctx, fmt.Sprintf(query, where, usedAtMost), args...)
	if err != nil {
		return nil, fmt.Errorf("what was used: %w", err)
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		var one T
		if err := rows.Scan(fields(&one)...); err != nil {
			return nil, fmt.Errorf("what was used: %w", err)
		}
		out = append(out, one)
	}
	return out, rows.Err()
}

// Summary counts an organizer's events by what lists call them (draft, upcoming,
// past, cancelled), and finds the next sale that opens. Organizer "": of all.
func (s *Service) Summary(ctx context.Context, organizer string) (map[string]int64, *Event, error) {
	now := s.now().UnixMicro()
	where, args := "", []any{}
	if organizer != "" {
		where, args = "WHERE e.organizer_id = $1", append(args, organizer) // events_by_organizer
	}
	rows, err := s.db.Browse().QueryContext(ctx, `SELECT CASE WHEN e.status IN ('draft', 'cancelled') THEN e.status
		WHEN `+overSQL(now)+` THEN 'past' ELSE 'upcoming' END, count(*) FROM events e `+where+` GROUP BY 1`, args...)
	if err != nil {
		return nil, nil, fmt.Errorf("count events: %w", err)
	}
	defer rows.Close()
	counts := map[string]int64{}
	for rows.Next() {
		var name string
		var n int64
		if err := rows.Scan(&name, &n); err != nil {
			return nil, nil, fmt.Errorf("count events: %w", err)
		}
		counts[name] = n
	}
	if err := rows.Err(); err != nil {
		return nil, nil, fmt.Errorf("count events: %w", err)
	}
	where = strings.Replace(where, "WHERE", "AND", 1)
	next, err := scanEvent(s.db.Browse().QueryRowContext(ctx, `SELECT `+eventColumns+eventFrom+
		`WHERE e.status = 'on_sale' AND e.opens_at > `+strconv.FormatInt(now, 10)+` `+where+` ORDER BY e.opens_at, e.id LIMIT 1`, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return counts, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("next sale: %w", err)
	}
	return counts, &next, nil
}
