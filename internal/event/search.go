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

// searchRules is the version of safetext.Fold. Rows folded by an older version are folded again
// by the worker.
const searchRules = 2

// searchable is the part of an event that searches read.
type searchable struct{ title, all, city, category string }

func (e *stored) searchable() searchable {
	return searchable{
		title: safetext.Fold(e.Title), city: safetext.Fold(e.Venue.City), category: safetext.Fold(e.Category),
		all: safetext.Fold(strings.Join([]string{e.Title, e.Category, e.Venue.Name, e.Venue.City, e.Description}, " \n ")),
	}
}

// refoldRows is how many events refold updates at once.
const refoldRows = 200

// refold updates the search columns of some events that an older version has stored.
// Done reports whether none are left.
func (s *Service) refold(ctx context.Context) (done bool, err error) {
	rows, err := s.db.Reader().QueryContext(ctx, `SELECT `+eventColumns+eventFrom+`WHERE e.search_rules < $1 LIMIT $2`, searchRules, refoldRows)
	if err != nil {
		return false, fmt.Errorf("index events: %w", err)
	}
	list, err := scanEvents(rows)
	if err != nil || len(list) == 0 {
		return err == nil, err
	}
	return false, s.db.Write(ctx, func(tx *sql.Tx) error {
		for i := range list {
			x := list[i].searchable()
			if _, err := tx.ExecContext(ctx, `UPDATE events SET search_title = $1, search_all = $2, search_city = $3, search_category = $4, search_rules = $5
				WHERE id = $6 AND version = $7`, x.title, x.all, x.city, x.category, searchRules, list[i].ID, list[i].Version); err != nil {
				return fmt.Errorf("index events: %w", err)
			}
		}
		return nil
	})
}

// hits are a page of what a search found.
type hits struct {
	Events []stored
	Next   string
	Total  int64
	Facets map[string][]eventapi.Facet // by name: category, city
}

const (
	maxWords  = 8
	maxFacets = 20
)

// Search implements eventapi.Reader.
func (s *Service) Search(ctx context.Context, c caller.Caller, f eventapi.Filter) (eventapi.Found, error) {
	found, err := s.search(ctx, c, f)
	if err != nil {
		return eventapi.Found{}, err
	}
	events, err := s.showAll(ctx, found.Events, !f.Own)
	return eventapi.Found{Page: eventapi.Page{Events: events, Next: found.Next}, Total: found.Total, Facets: found.Facets}, err
}

// search finds events that have every word of the text somewhere, those with
// the words in their title first, then in the order in which they take place.
func (s *Service) search(ctx context.Context, caller caller.Caller, f eventapi.Filter) (hits, error) {
	var hits hits
	words := strings.Fields(safetext.Fold(f.Text))
	if len(words) > maxWords {
		return hits, errs.Bad("q", "too-many-words", "must have at most %d words", maxWords)
	}
	f.Text = ""
	now := s.now().UnixMicro()
	base := func(f eventapi.Filter) *query {
		q := conditions(&f, caller, now)
		for _, w := range words {
			q.add(`e.search_all LIKE ? ESCAPE '\'`, "%"+escapeLike(w)+"%")
		}
		return q
	}
	q := base(f)
	if err := s.db.Browse().QueryRowContext(ctx, `SELECT count(*)`+eventFrom+q.text(), q.args...).Scan(&hits.Total); err != nil {
		return hits, fmt.Errorf("search events: %w", err)
	}
	var err error
	if hits.Events, hits.Next, err = s.ranked(ctx, q, words, f); err != nil {
		return hits, err
	}
	hits.Facets = map[string][]eventapi.Facet{}
	for name, column := range map[string]string{"category": "e.category", "city": "v.city"} {
		wider := f // counts of a facet ignore its own filter, so that another value can be chosen
		if name == "city" {
			wider.City = ""
		} else {
			wider.Category = ""
		}
		if hits.Facets[name], err = s.facet(ctx, column, base(wider)); err != nil {
			return hits, err
		}
	}
	return hits, nil
}

// ranked returns a page of the events that a query finds. Its cursor contains rank, time
// and id of the page's last event.
func (s *Service) ranked(ctx context.Context, q *query, words []string, f eventapi.Filter) ([]stored, string, error) {
	rank := "0"
	args := append([]any(nil), q.args...)
	if len(words) > 0 {
		var all []string
		for _, w := range words {
			args = append(args, "%"+escapeLike(w)+"%")
			all = append(all, fmt.Sprintf(`e.search_title LIKE $%d ESCAPE '\'`, len(args)))
		}
		args = append(args, escapeLike(words[0])+"%")
		rank = fmt.Sprintf(`CASE WHEN %s THEN (CASE WHEN e.search_title LIKE $%d ESCAPE '\' THEN 0 ELSE 1 END) ELSE 2 END`, strings.Join(all, " AND "), len(args))
	}
	ranked := &query{where: q.where, args: args}
	if f.Cursor != "" {
		r, at, id, ok := parseRanked(f.Cursor)
		if !ok {
			return nil, "", errs.Bad("cursor", "bad-cursor", "is not the next_cursor of a search")
		}
		ranked.add("(("+rank+") > ? OR ("+rank+") = ? AND (e.sort_at > ? OR e.sort_at = ? AND e.id > ?))", r, r, at, at, id)
	}
	ranked.args = append(ranked.args, f.Limit+1)
	query := `SELECT ` + eventColumns + `, ` + rank + eventFrom + ranked.text() + fmt.Sprintf(" ORDER BY %d, e.sort_at, e.id LIMIT $%d", columnsOfEvent+1, len(ranked.args))
	rows, err := s.db.Browse().QueryContext(ctx, query, ranked.args...)
	if err != nil {
		return nil, "", fmt.Errorf("search events: %w", err)
	}
	defer rows.Close()
	var list []stored
	var ranks []int64
	for rows.Next() {
		var r int64
		e, err := scanEvent(scanMore{rows, &r})
		if err != nil {
			return nil, "", fmt.Errorf("search events: %w", err)
		}
		list, ranks = append(list, e), append(ranks, r)
	}
	if err := rows.Err(); err != nil {
		return nil, "", fmt.Errorf("search events: %w", err)
	}
	next := ""
	if len(list) > f.Limit {
		list = list[:f.Limit]
		last := &list[f.Limit-1]
		next = fmt.Sprintf("%d-%d-%s", ranks[f.Limit-1], last.SortAt, last.ID)
	}
	return list, next, nil
}

func parseRanked(cursor string) (rank, at int64, id string, ok bool) {
	parts := strings.SplitN(cursor, "-", 3)
	if len(parts) != 3 {
		return 0, 0, "", false
	}
	rank, err1 := strconv.ParseInt(parts[0], 10, 64)
	at, err2 := strconv.ParseInt(parts[1], 10, 64)
	return rank, at, parts[2], err1 == nil && err2 == nil
}

// scanMore scans an additional last column.
type scanMore struct {
	row  interface{ Scan(...any) error }
	more any
}

func (s scanMore) Scan(dest ...any) error { return s.row.Scan(append(dest, s.more)...) }

// facet counts the events by value of a column.
func (s *Service) facet(ctx context.Context, column string, q *query) ([]eventapi.Facet, error) {
	q.add(column + " <> ''")
	rows, err := s.db.Browse().QueryContext(ctx, `SELECT `+column+`, count(*)`+eventFrom+q.text()+
		` GROUP BY `+column+` ORDER BY 2 DESC, 1 LIMIT `+strconv.Itoa(maxFacets), q.args...)
	if err != nil {
		return nil, fmt.Errorf("count facets: %w", err)
	}
	defer rows.Close()
	list := []eventapi.Facet{}
	for rows.Next() {
		var f eventapi.Facet
		if err := rows.Scan(&f.Value, &f.Count); err != nil {
			return nil, fmt.Errorf("count facets: %w", err)
		}
		list = append(list, f)
	}
	return list, rows.Err()
}

func escapeLike(s string) string {
	return strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(s)
}
