package event

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/safetext"
)

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

// conditions returns the conditions of a filter, and of what the caller may see.
func conditions(f *eventapi.Filter, caller caller.Caller, now int64) *query {
	q := &query{}
	switch f.Status {
	case "", eventapi.Upcoming:
		q.add("e.status IN ('published', 'on_sale') AND " + upcomingSQL(now))
	case eventapi.Past:
		q.add("e.status IN ('published', 'on_sale') AND " + overSQL(now))
	case eventapi.Cancelled:
		q.add("e.status = 'cancelled'")
	case eventapi.Draft:
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
		q.add(`e.search_all LIKE ? ESCAPE '\'`, "%"+escapeLike(safetext.Fold(f.Text))+"%")
	}
	if f.City != "" {
		q.add("e.search_city = ?", safetext.Fold(f.City))
	}
	if f.Category != "" {
		q.add("e.search_category = ?", safetext.Fold(f.Category))
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
	if f.Own && !caller.Administers() {
		q.add("e.organizer_id = ?", caller.UserID)
	}
	return q
}

// List implements eventapi.Reader. The order is stable while events are added: a
// cursor names the last event seen, not a number.
func (s *Service) List(ctx context.Context, c caller.Caller, f eventapi.Filter) (eventapi.Page, error) {
	rows, next, err := s.list(ctx, s.db.Browse(), c, f)
	if err != nil {
		return eventapi.Page{}, err
	}
	events, err := s.showAll(ctx, rows, !f.Own)
	return eventapi.Page{Events: events, Next: next}, err
}

func (s *Service) list(ctx context.Context, db *sql.DB, c caller.Caller, f eventapi.Filter) (list []stored, next string, err error) {
	q := conditions(&f, c, s.now().UnixMicro())
	if f.Cursor != "" {
		at, id, ok := strings.Cut(f.Cursor, "-")
		v, err := strconv.ParseInt(at, 10, 64)
		if !ok || err != nil {
			return nil, "", errs.Bad("cursor", "bad-cursor", "is not the next_cursor of a list")
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
	rows, err := db.QueryContext(ctx, query, q.args...)
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
