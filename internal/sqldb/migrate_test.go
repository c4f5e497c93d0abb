package sqldb_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"boxoffice/internal/sqldb"
	"boxoffice/internal/sqldb/sqldbtest"
)

// program is a program that knows n migrations; programs that know at least oldest may
// run after the last of them.
func program(n, oldest int) fstest.MapFS {
	files := fstest.MapFS{}
	for i := 1; i <= n; i++ {
		text := fmt.Sprintf("-- +goose Up\nCREATE TABLE t%d (a BIGINT);\n", i)
		if i == n && oldest > 0 {
			text = fmt.Sprintf("-- beside: %d\n", oldest) + text
		}
		files[fmt.Sprintf("migrations/%05d_t.sql", i)] = &fstest.MapFile{Data: []byte(text)}
	}
	return files
}

// A program runs on newer tables if their migrations allow that, and gets an error when
// it is too old for them.
func TestOlderPrograms(t *testing.T) {
	db := open(t, sqldbtest.Fresh(t))
	for _, step := range []struct {
		n, oldest int
		refused   bool
	}{
		{n: 1},
		{n: 3, oldest: 2}, // may run beside programs that know 2
		{n: 2},            // runs on them
		{n: 1, refused: true},
		{n: 4}, // says nothing: older programs must stop
		{n: 3, oldest: 2, refused: true},
		{n: 4},
	} {
		err := db.Migrate(t.Context(), "one", program(step.n, step.oldest))
		var old sqldb.TooNew
		if errors.As(err, &old) != step.refused || !step.refused && err != nil {
			t.Fatalf("%+v: %v", step, err)
		}
		if step.refused && (!strings.Contains(err.Error(), "newer boxoffice") || !strings.Contains(err.Error(), fmt.Sprintf("knows %d", step.n))) {
			t.Errorf("the sentence is: %v", err)
		}
	}
}

// A running program notices that a newer one has changed its tables.
func TestFits(t *testing.T) {
	cfg := sqldbtest.Fresh(t)
	cfg.Together = true
	older, newer := open(t, cfg), open(t, cfg)
	for _, step := range []struct {
		db        *sqldb.DB
		n, oldest int
		fits      bool
	}{{older, 1, 0, true}, {newer, 2, 1, true}, {newer, 3, 0, false}} {
		if err := step.db.Migrate(t.Context(), "one", program(step.n, step.oldest)); err != nil {
			t.Fatal(err)
		}
		if err := older.Fits(t.Context()); (err == nil) != step.fits {
			t.Errorf("beside version %d: %v", step.n, err)
		}
		if err := newer.Fits(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// A read-only database is not migrated, and the error says what to do.
func TestReadOnlyDoesNotMigrate(t *testing.T) {
	cfg := sqldbtest.Fresh(t)
	db := open(t, cfg)
	if err := db.Migrate(t.Context(), "one", program(1, 0)); err != nil {
		t.Fatal(err)
	}
	cfg.ReadOnly = true
	reader := open(t, cfg)
	if err := reader.Migrate(t.Context(), "one", program(1, 0)); err != nil {
		t.Fatal(err)
	}
	empty := sqldbtest.Fresh(t)
	open(t, empty) // makes SQLite's file
	empty.ReadOnly = true
	if err := open(t, empty).Migrate(t.Context(), "one", program(1, 0)); !errors.Is(err, sqldb.Empty{}) || strings.Contains(err.Error(), "older") {
		t.Fatal(err)
	}
	var old sqldb.TooOld
	if err := reader.Migrate(t.Context(), "one", program(2, 0)); !errors.As(err, &old) || !strings.Contains(err.Error(), "boxoffice serve") {
		t.Fatal(err)
	}
	if err := reader.Migrate(t.Context(), "two", program(1, 0)); !errors.As(err, &old) {
		t.Fatal(err)
	}
}
