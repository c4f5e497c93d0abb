package event

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"boxoffice/internal/caller"
	"boxoffice/internal/event/importer"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/seating"
)

// Check implements eventapi.Organizer.
func (s *Service) Check(ctx context.Context, caller caller.Caller, in eventapi.NewEvent) ([]seating.Tier, error) {
	if err := mayOrganize(caller); err != nil {
		return nil, err
	}
	d, err := s.prepare(ctx, in, nil)
	if err != nil {
		return nil, err
	}
	return d.tiers, nil
}

// ChosenPlan implements eventapi.Organizer.
func (s *Service) ChosenPlan(ctx context.Context, in eventapi.PlanChoice) (*seating.Plan, error) {
	_, p, err := s.planOf(ctx, in)
	return p, err
}

// StorePlan implements eventapi.Organizer. The file is boxoffice's own document, by
// itself or in an import file, or pretix's.
func (s *Service) StorePlan(ctx context.Context, c caller.Caller, fileName string, data []byte) (eventapi.StoredPlan, error) {
	if err := mayOrganize(c); err != nil {
		return eventapi.StoredPlan{}, err
	}
	doc, err := importer.ReadPlan(importer.File{Name: fileName, Data: data})
	if err != nil {
		return eventapi.StoredPlan{}, err
	}
	p, err := doc.NewPlan()
	if err != nil {
		return eventapi.StoredPlan{}, planFault(err)
	}
	row, err := drawn(doc, p)
	if err != nil {
		return eventapi.StoredPlan{}, err
	}
	err = s.db.Write(ctx, func(tx *sql.Tx) error { return insertPlan(ctx, tx, row, s.now().UnixMicro()) })
	return row.show(), err
}

const usedAtMost = 100

// Used implements eventapi.Organizer.
func (s *Service) Used(ctx context.Context, c caller.Caller) ([]eventapi.Venue, []eventapi.StoredPlan, error) {
	organizer, err := organizerOf(c)
	if err != nil {
		return nil, nil, err
	}
	venues, err := used(ctx, s, organizer, `SELECT v.id, v.name, v.address, v.city, v.country, v.time_zone
		FROM events e JOIN venues v ON v.id = e.venue_id WHERE %s
		GROUP BY v.id, v.name, v.address, v.city, v.country, v.time_zone ORDER BY max(e.created_at) DESC, v.id LIMIT %d`,
		func(v *eventapi.Venue) []any { return []any{&v.ID, &v.Name, &v.Address, &v.City, &v.Country, &v.Zone} })
	if err != nil {
		return nil, nil, err
	}
	plans, err := used(ctx, s, organizer, `SELECT p.name, p.id, p.version, p.seats
		FROM events e JOIN plans p ON p.id = e.plan_id AND p.version = e.plan_version WHERE %s
		GROUP BY p.name, p.id, p.version, p.seats ORDER BY max(e.created_at) DESC, p.id LIMIT %d`,
		func(p *eventapi.StoredPlan) []any { return []any{&p.Name, &p.ID, &p.Version, &p.Seats} })
	return venues, plans, err
}

// used reads venues or plans of an organizer's events (index events_by_organizer).
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

// organizerOf returns the account whose events the caller organizes; "" for all.
func organizerOf(c caller.Caller) (string, error) {
	if err := mayOrganize(c); err != nil || c.Administers() {
		return "", err
	}
	return c.UserID, nil
}

// Summary implements eventapi.Organizer.
func (s *Service) Summary(ctx context.Context, c caller.Caller) (eventapi.Summary, error) {
	organizer, err := organizerOf(c)
	if err != nil {
		return eventapi.Summary{}, err
	}
	counts, next, err := s.summary(ctx, organizer)
	if err != nil || next == nil {
		return eventapi.Summary{Counts: counts}, err
	}
	opens, err := s.counted(ctx, next)
	return eventapi.Summary{Counts: counts, Opens: &opens}, err
}

// summary counts an organizer's events by their status in lists (draft, upcoming, past,
// cancelled), and finds the sale that opens next. organizer "" means all.
func (s *Service) summary(ctx context.Context, organizer string) (map[eventapi.Status]int64, *stored, error) {
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
	counts := map[eventapi.Status]int64{}
	for rows.Next() {
		var name eventapi.Status
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
