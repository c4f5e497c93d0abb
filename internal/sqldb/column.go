package sqldb

import (
	"context"
	"database/sql"

	"boxoffice/internal/codec"
)

// Querier is a database, a connection or a transaction that answers queries.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Texts reads the only column of a query, a text; nil when there are no rows.
func Texts(ctx context.Context, from Querier, query string, args ...any) ([]string, error) {
	rows, err := from.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		list = append(list, text)
	}
	return list, rows.Err()
}

// Among returns the condition that a column is one of some texts, which follows the
// column's name, and its argument, $1. The statement is the same for any number of texts.
func (db *DB) Among(texts []string) (condition string, arg any, err error) {
	if db.dialect != SQLite {
		return `= ANY (CAST($1 AS TEXT[]))`, texts, nil
	}
	raw, err := codec.Marshal(texts)
	return `IN (SELECT value FROM json_each($1))`, string(raw), err
}
