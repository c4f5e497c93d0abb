package sqldb_test

import (
	"database/sql"
	"testing"

	"boxoffice/internal/sqldb"
	"boxoffice/internal/sqldb/sqldbtest"
)

// A newer node's migration may change a column that prepared statements use: writes go
// on, and a connection that reads fails at most once.
func TestColumnChangesUnderStatements(t *testing.T) {
	db := sqldbtest.Again(t, sqldb.Config{URL: sqldbtest.Postgres(t)})
	t.Cleanup(func() { _ = db.Close() })
	ctx := t.Context()
	exec := func(text string) {
		t.Helper()
		if err := db.Write(ctx, func(tx *sql.Tx) error { _, err := tx.Exec(text); return err }); err != nil {
			t.Fatal(err)
		}
	}
	exec(`CREATE TABLE things (name TEXT NOT NULL)`)
	exec(`INSERT INTO things (name) VALUES ('a')`)
	const text = `SELECT name FROM things WHERE name = $1`
	read, err := db.PrepareRead(ctx, text)
	if err != nil {
		t.Fatal(err)
	}
	write, err := db.PrepareWrite(ctx, text)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		var name string
		failed := 0
		for read.QueryRowContext(ctx, "a").Scan(&name) != nil {
			if failed++; failed > 1 {
				t.Fatal("a connection that reads fails again")
			}
		}
		if failed != min(i, 1) {
			t.Errorf("%d reads have failed after change %d: the test does not test", failed, i)
		}
		if err := db.Write(ctx, func(tx *sql.Tx) error { return tx.StmtContext(ctx, write).QueryRowContext(ctx, "a").Scan(&name) }); err != nil {
			t.Error("a write was not tried again: ", err)
		}
		exec([]string{`ALTER TABLE things ALTER COLUMN name TYPE TEXT COLLATE "C"`, `ALTER TABLE things ALTER COLUMN name TYPE TEXT COLLATE "POSIX"`, `SELECT 1`}[i])
	}
}
