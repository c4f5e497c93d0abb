package event

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
)

// Filter says which events a list shows.
type Filter struct {
	Status   string // "": upcoming; past, cancelled, draft, all
	Text     string // in title, category, venue, city or description
	City     string
	Category string
	From, To time.Time // when they take place; zero: any

	FirstDay, LastDay string // YYYY-MM-DD at the event's place, both included; "": any

	Organizer string
	Latest    bool // those that take place last first
	Cursor    string
	Limit     int
}

// query collects the conditions of a list; ? stands for the next value.
type query struct {
	where []string
	args  []any
}

func (q *query) add(cond string, values ...any) {
	for _, v := range values {
		q.args = append(q.args, v)
		cond = strings.Replace(cond, "?", "$"+strconv.Itoa(len(q.args)), 1)
	}
	q.where = append(q.where, cond)
}

// text is the WHERE clause.
func (q *query) text() string {
	if len(q.where) == 0 {
		return ""
	}
	return "WHERE " + strings.Join(q.where, " AND ")
}

// conditions are what a filter asks for, of what a caller may see.
func (f *Filter) conditions(caller caller.Caller, now int64) *query {
	q := &query{}
	switch f.Status {
	case "", "upcoming":
		q.add("e.status IN ('published', 'on_sale') AND " + upcomingSQL(now))
	case past:
		q.add("e.status IN ('published', 'on_sale') AND " + overSQL(now))
	case "cancelled":
		q.add("e.status = 'cancelled'")
	case "draft":
		q.add("e.status = 'draft'")
	}
	if !caller.Administers() {
		const public = "e.announced AND e.status <> 'draft'"
		if caller.Organizes() {
			q.add("("+public+" OR e.organizer_id = ?)", caller.UserID)
		} else {
			q.add(public)
		}
	}
	if f.Text != "" {
		q.add(`e.search_all LIKE ? ESCAPE '\'`, "%"+escapeLike(fold(f.Text))+"%")
	}
	if f.City != "" {
		q.add("e.search_city = ?", fold(f.City))
	}
	if f.Category != "" {
		q.add("e.search_category = ?", fold(f.Category))
	}
	if !f.From.IsZero() {
		q.add("(e.sort_at >= ? OR e.ends_at >= ?)", f.From.UnixMicro(), f.From.UnixMicro())
	}
	if !f.To.IsZero() {
		q.add("e.sort_at <= ?", f.To.UnixMicro())
	}
	if f.FirstDay != "" {
		q.add("(e.local_date >= ? OR e.end_date >= ?)", f.FirstDay, f.FirstDay)
	}
	if f.LastDay != "" {
		q.add("e.local_date <= ? AND e.local_date <> ''", f.LastDay)
	}
	if f.Organizer != "" {
		q.add("e.organizer_id = ?", f.Organizer)
	}
	return q
}

// List shows events in the order in which they take place. The order is stable
// while others come in: a cursor names the last event seen, not a number.
func (s *Service) List(ctx context.Context, caller caller.Caller, f Filter) (list []Event, next string, err error) {
	q := f.conditions(caller, s.now().UnixMicro())
	if f.Cursor != "" {
		at, id, ok := strings.Cut(f.Cursor, "-")
		v, err := strconv.ParseInt(at, 10, 64)
		if !ok || err != nil {
			return nil, "", errs.Bad("cursor", "is not one that a list has given")
		}
		cond := "(e.sort_at > ? OR e.sort_at = ? AND e.id > ?)"
		if f.Latest {
			cond = strings.ReplaceAll(cond, ">", "<")
		}
		q.add(cond, v, v, id)
	}
	q.args = append(q.args, f.Limit+1)
	order := " ORDER BY e.sort_at, e.id LIMIT $%d"
	if f.Latest {
		order = " ORDER BY e.sort_at DESC, e.id DESC LIMIT $%d"
	}
	query := `SELECT ` + eventColumns + eventFrom + q.text() + fmt.Sprintf(order, len(q.args)) // events_by_time
	rows, err := s.db.Browse().QueryContext(ctx, query, q.args...)
	if err != nil {
		return nil, "", fmt.Errorf("list events: %w", err)
	}
	if list, err = scanEvents(rows); err != nil {
		return nil, "", err
	}
	if len(list) > f.Limit {
		list = list[:f.Limit]
		last := list[f.Limit-1]
		next = fmt.Sprintf("%d-%s", last.SortAt, last.ID)
	}
	return list, next, nil
}
