package booking

import (
	"context"
	"fmt"

	"boxoffice/internal/booking/tables"
	"boxoffice/internal/codec"
	"boxoffice/internal/ledger"
	"boxoffice/internal/sqldb"
)

// Ledger reads the ledgers in a database, for tools that run without the service.
func Ledger(db *sqldb.DB) ledger.Source { return source{db} }

// source reads ledgers from the database. It implements ledger.Source.
type source struct{ db *sqldb.DB }

// Entries reads up to limit entries of an event after a seq, in order.
func (s source) Entries(ctx context.Context, eventID string, after int64, limit int) ([]ledger.Entry, error) {
	rows, err := s.db.Reader().QueryContext(ctx, `SELECT `+entryColumns+` FROM ledger WHERE event_id = $1 AND seq > $2 ORDER BY seq LIMIT $3`,
		eventID, after, limit) // primary key
	if err != nil {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	return tables.ScanEntries(rows)
}

// Heads returns the seq of the last entry of each of these events, or of all events if
// eventIDs is nil.
func (s source) Heads(ctx context.Context, eventIDs []string) (map[string]int64, error) {
	query, args := `SELECT event_id, seq FROM sales`, []any{}
	if eventIDs != nil {
		ids, err := codec.Marshal(eventIDs)
		if err != nil {
			return nil, fmt.Errorf("read heads: %w", err)
		}
		query += ` WHERE event_id /*sqlite: IN (SELECT value FROM json_each($1))*/ /*postgres: = ANY (ARRAY(SELECT json_array_elements_text(CAST($1 AS JSON))))*/` // primary key
		args = append(args, string(ids))
	}
	rows, err := s.db.Reader().QueryContext(ctx, s.db.Text(query), args...)
	if err != nil {
		return nil, fmt.Errorf("read heads: %w", err)
	}
	defer rows.Close()
	heads := map[string]int64{}
	for rows.Next() {
		var eventID string
		var seq int64
		if err := rows.Scan(&eventID, &seq); err != nil {
			return nil, fmt.Errorf("read heads: %w", err)
		}
		heads[eventID] = seq
	}
	return heads, rows.Err()
}
