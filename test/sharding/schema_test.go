package sharding

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"boxoffice/internal/sqldb"
)

// key is a unique key of a table.
type key struct {
	name      string
	columns   []string
	collation string // of the first column
}

// rows hands each row of a query to one.
func (w *world) rows(query string, args []any, one func(scan func(...any))) error {
	rows, err := w.db.Reader().QueryContext(w.t.Context(), query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		one(func(dest ...any) { err = errors.Join(err, rows.Scan(dest...)) })
	}
	return errors.Join(err, rows.Err())
}

// uniqueKeys are a table's primary key and unique indexes, as the database has them.
func (w *world) uniqueKeys(table string) (keys []key) {
	query := `SELECT l.name, c.name, coalesce(c.coll, '') FROM pragma_index_list($1) l, pragma_index_xinfo(l.name) c
		WHERE l."unique" = 1 AND c.key = 1 ORDER BY l.name, c.seqno`
	if w.db.Dialect() == sqldb.Postgres {
		query = `SELECT c.relname, a.attname, coalesce(o.collname, '') FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
			CROSS JOIN LATERAL unnest(i.indkey, i.indcollation) WITH ORDINALITY AS k(attnum, collation_oid, n)
			JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum LEFT JOIN pg_collation o ON o.oid = k.collation_oid
			WHERE i.indrelid = CAST($1 AS REGCLASS) AND i.indisunique AND i.indisvalid ORDER BY c.relname, k.n`
	}
	w.t.Helper()
	err := w.rows(query, []any{table}, func(scan func(...any)) {
		var name, column, collation string
		scan(&name, &column, &collation)
		if n := len(keys); n == 0 || keys[n-1].name != name {
			keys = append(keys, key{name, nil, collation})
		}
		last := &keys[len(keys)-1]
		last.columns = append(last.columns, column)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return keys
}

// changed is where a migration makes, drops or renames a table.
var changed = regexp.MustCompile(`(?m)^(?:(CREATE|DROP) TABLE (\w+)|ALTER TABLE (\w+) RENAME TO (\w+))`)

// services are the tables of the database, and the service that each belongs to by
// its migrations.
func (w *world) services() map[string]string {
	w.t.Helper()
	files, err := filepath.Glob("../../internal/*/migrations/*.sql")
	more, err2 := filepath.Glob("../../internal/*/*/migrations/*.sql")
	if err != nil || err2 != nil || len(files) < 10 {
		w.t.Fatal(files, err, err2)
	}
	owner := map[string]string{}
	for _, name := range append(files, more...) {
		raw, err := os.ReadFile(name)
		if err != nil {
			w.t.Fatal(err)
		}
		up, _, _ := strings.Cut(string(raw), "-- +goose Down")
		service := filepath.Base(filepath.Dir(filepath.Dir(name)))
		for _, m := range changed.FindAllStringSubmatch(up, -1) {
			switch m[1] {
			case "CREATE":
				owner[m[2]] = service
			case "DROP":
				delete(owner, m[2])
			default:
				delete(owner, m[3])
				owner[m[4]] = service
			}
		}
	}
	return owner
}

// tablesOf are the tables of some services.
func (w *world) tablesOf(services ...string) (tables []string) {
	for table, service := range w.services() {
		if slices.Contains(services, service) {
			tables = append(tables, table)
		}
	}
	slices.Sort(tables)
	return tables
}

// apart sees that no transaction touches the tables of two services.
func (w *world) apart() {
	w.t.Helper()
	owner := w.services()
	w.record.mu.Lock()
	defer w.record.mu.Unlock()
	if len(w.record.transactions) < 20 {
		w.t.Errorf("%d transactions were seen", len(w.record.transactions))
	}
	for _, texts := range w.record.transactions {
		var services []string
		for _, text := range texts {
			for _, m := range named.FindAllStringSubmatch(text, -1) {
				if s := owner[m[1]]; s != "" && !slices.Contains(services, s) {
					services = append(services, s)
				}
			}
		}
		if len(services) > 1 {
			w.t.Errorf("one transaction touches tables of %v:\n%s", services, strings.Join(texts, "\n"))
		}
	}
}

// named is where a statement names a table.
var named = regexp.MustCompile(`\b(?:FROM|JOIN|INTO|UPDATE)\s+(\w+)`)

// touches reports whether a statement names one of some tables.
func touches(text string, tables []string) bool {
	for _, m := range named.FindAllStringSubmatch(text, -1) {
		if slices.Contains(tables, m[1]) {
			return true
		}
	}
	return false
}
