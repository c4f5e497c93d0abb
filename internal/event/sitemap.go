package event

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"boxoffice/internal/eventapi"
	"boxoffice/internal/sqldb"
)

// mapped selects the events of a site map.
func mapped(now int64) string {
	return ` FROM events AS e WHERE announced AND status IN ('published', 'on_sale') AND ` + upcomingSQL(now)
}

// MapPages implements eventapi.Reader.
func (s *Service) MapPages(ctx context.Context, size int) ([]string, error) {
	out, err := sqldb.Texts(ctx, s.db.Browse(), `SELECT id FROM (SELECT id, row_number() OVER (ORDER BY id) AS n`+mapped(s.now().UnixMicro())+`) AS numbered
		WHERE (n - 1) % `+strconv.Itoa(size)+` = 0 ORDER BY id`) // reads the table once
	if err != nil {
		return nil, fmt.Errorf("map events: %w", err)
	}
	return out, nil
}

// MapPage implements eventapi.Reader.
func (s *Service) MapPage(ctx context.Context, from string, size int) ([]eventapi.Listed, error) {
	rows, err := s.db.Browse().QueryContext(ctx, `SELECT id, title, CASE WHEN changed_at > created_at THEN changed_at ELSE created_at END`+mapped(s.now().UnixMicro())+
		` AND id >= $1 ORDER BY id LIMIT $2`, from, size) // primary key
	if err != nil {
		return nil, fmt.Errorf("map events: %w", err)
	}
	defer rows.Close()
	var out []eventapi.Listed
	for rows.Next() {
		var m eventapi.Listed
		var at int64
		if err := rows.Scan(&m.ID, &m.Title, &at); err != nil {
			return nil, fmt.Errorf("map events: %w", err)
		}
		m.Changed = time.UnixMicro(at).UTC()
		out = append(out, m)
	}
	return out, rows.Err()
}
