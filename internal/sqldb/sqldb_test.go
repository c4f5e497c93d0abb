package sqldb

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
)

func open(t *testing.T) *DB {
	t.Helper()
	db, err := Open(t.Context(), Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func exec(t *testing.T, db *DB, query string, args ...any) {
	t.Helper()
	if err := db.Write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.Exec(db.Text(query), args...)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func TestDurabilitySettings(t *testing.T) {
	db := open(t)
	about, err := db.About(t.Context())
	if err != nil || about.Fsync != "on" {
		t.Fatalf("%+v, %v", about, err)
	}
	for _, pool := range []*sql.DB{db.writer, db.reader} {
		var mode string
		var sync int
		if err := pool.QueryRow("PRAGMA journal_mode").Scan(&mode); err != nil {
			t.Fatal(err)
		}
		if err := pool.QueryRow("PRAGMA synchronous").Scan(&sync); err != nil {
			t.Fatal(err)
		}
		if mode != "wal" || sync != 2 {
			t.Fatalf("journal_mode=%s synchronous=%d", mode, sync)
		}
	}
	if _, err := db.Reader().Exec("CREATE TABLE t (a)"); err == nil {
		t.Fatal("a reader may write")
	}
}

// Some drivers bind $2, $1 by position instead of by number, which swaps values without
// an error.
func TestParametersAreBoundByNumber(t *testing.T) {
	db := open(t)
	var a, b string
	if err := db.Reader().QueryRow("SELECT $2, $1", "one", "two").Scan(&a, &b); err != nil || a != "two" || b != "one" {
		t.Fatalf("SELECT $2, $1 gave %q, %q, %v", a, b, err)
	}
}

func TestText(t *testing.T) {
	db := open(t)
	got := db.Text(`CREATE TABLE t (a TEXT COLLATE "C", b BYTEA) /*sqlite: WITHOUT ROWID*/ /*postgres: WITH (fillfactor = 60)*/;`)
	if want := `CREATE TABLE t (a TEXT, b BLOB) WITHOUT ROWID ;`; got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func TestMigrate(t *testing.T) {
	db := open(t)
	files := fstest.MapFS{"migrations/00001_a.sql": {Data: []byte("-- +goose Up\nCREATE TABLE a (x BYTEA) /*sqlite: STRICT*/;\n-- +goose Down\nDROP TABLE a;\n")}}
	for range 2 {
		if err := db.Migrate(t.Context(), "one", files); err != nil {
			t.Fatal(err)
		}
	}
	exec(t, db, "INSERT INTO a (x) VALUES ($1)", []byte("x"))
	files["migrations/00002_b.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\nCREATE TABLE b (x BIGINT);\n-- +goose Down\nDROP TABLE b;\n")}
	if err := db.Migrate(t.Context(), "one", files); err != nil {
		t.Fatal(err)
	}
	exec(t, db, "INSERT INTO b (x) VALUES ($1)", 1)
}

func TestWriteIsAllOrNothing(t *testing.T) {
	db := open(t)
	exec(t, db, "CREATE TABLE t (a TEXT PRIMARY KEY)")
	boom := errors.New("boom")
	err := db.Write(t.Context(), func(tx *sql.Tx) error {
		if _, err := tx.Exec("INSERT INTO t VALUES ('x')"); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Fatal(err)
	}
	exec(t, db, "INSERT INTO t VALUES ('x')")
	err = db.Write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.Exec("INSERT INTO t VALUES ('x')")
		return err
	})
	if !Duplicate(err) || Passing(err) {
		t.Fatalf("error is %v, want a duplicate", err)
	}
}

// Several nodes of a test may share a folder: writers wait for each other, and a
// lease is one node's.
func TestTogether(t *testing.T) {
	dir := t.TempDir()
	ctx := context.Background()
	var dbs []*DB
	for range 2 {
		db, err := Open(ctx, Config{Dir: dir, Together: true})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		dbs = append(dbs, db)
	}
	exec(t, dbs[0], "CREATE TABLE t (a BIGINT)")
	var wg sync.WaitGroup
	for _, db := range dbs {
		for i := range 50 {
			wg.Go(func() {
				if err := db.Write(ctx, func(tx *sql.Tx) error { _, err := tx.Exec("INSERT INTO t VALUES ($1)", i); return err }); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	var n int
	if err := dbs[1].Reader().QueryRow("SELECT count(*) FROM t").Scan(&n); err != nil || n != 100 {
		t.Fatalf("%d rows, %v", n, err)
	}
	var leases [2]*Lease
	for i, db := range dbs {
		var err error
		if leases[i], err = NewLease(ctx, db, "job"); err != nil {
			t.Fatal(err)
		}
	}
	if !leases[0].Held(ctx) || leases[1].Held(ctx) {
		t.Fatal("a lease is held by both or by none")
	}
}

// A panic within a write becomes that write's error: its changes are rolled back, and
// other writes go on.
func TestPanicInWrite(t *testing.T) {
	db := open(t)
	exec(t, db, "CREATE TABLE t (a BIGINT)")
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			err := db.Write(t.Context(), func(tx *sql.Tx) error {
				if _, err := tx.Exec("INSERT INTO t VALUES ($1)", i); err != nil {
					return err
				}
				if i%2 == 0 {
					panic("oh")
				}
				return nil
			})
			if (err != nil) != (i%2 == 0) {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	wg.Wait()
	var n int
	if err := db.Reader().QueryRow("SELECT count(*) FROM t").Scan(&n); err != nil || n != 10 {
		t.Fatalf("%d rows, %v", n, err)
	}
}

// ownErrors are errors of a write that looks at something else than the database.
func ownErrors() map[string]error {
	var into struct{ A int }
	_, refused := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)})
	return map[string]error{
		"cut off":   fmt.Errorf("row: %w", io.ErrUnexpectedEOF),
		"end":       io.EOF,
		"JSON":      json.NewDecoder(strings.NewReader("{")).Decode(&into),
		"no JSON":   json.NewDecoder(strings.NewReader("")).Decode(&into),
		"deadline":  fmt.Errorf("mail server: %w", context.DeadlineExceeded),
		"cancelled": context.Canceled,
		"closed":    net.ErrClosed,
		"network":   refused,
		"no words":  errors.New("conn closed"),
		"both":      errors.Join(io.EOF, context.DeadlineExceeded),
		"pipe":      io.ErrClosedPipe,
	}
}

// Of writes that share a transaction, one that has failed is rolled back alone; one that
// has failed before it wrote anything is nobody's concern.
func TestSharedTransaction(t *testing.T) {
	boom := errors.New("boom")
	for _, tt := range []struct {
		name string
		err  error
		runs []int64 // of each write; the second fails
	}{
		{"all succeed", nil, []int64{1, 1, 1}},
		{"one fails", boom, []int64{2, 2, 1}},
		{"one writes nothing", Unwritten(boom), []int64{1, 1, 1}},
		{"one panics", nil, []int64{2, 2, 1}},
		{"one fails again", boom, []int64{1, 1, 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			db := open(t)
			exec(t, db, "CREATE TABLE t (a BIGINT)")
			if tt.name == "one fails again" {
				db.careful = 1
			}
			begun, goOn := make(chan struct{}), make(chan struct{})
			var wg sync.WaitGroup
			wg.Go(func() {
				if err := db.Write(t.Context(), func(*sql.Tx) error { close(begun); <-goOn; return nil }); err != nil {
					t.Error(err)
				}
			})
			<-begun
			var runs [3]atomic.Int64
			var errs [3]error
			for i := range runs {
				wg.Go(func() {
					errs[i] = db.Write(t.Context(), func(tx *sql.Tx) error {
						n := runs[i].Add(1)
						if i == 1 && tt.err != nil && errors.As(tt.err, new(unwritten)) {
							return tt.err
						}
						if _, err := tx.Exec("INSERT INTO t VALUES ($1)", i); err != nil {
							return err
						}
						if i == 1 && tt.name == "one panics" {
							panic(n)
						}
						if i == 1 {
							return tt.err
						}
						return nil
					})
				})
				for db.group.Waiting() <= i {
					runtime.Gosched()
				}
			}
			close(goOn)
			wg.Wait()
			if errs[0] != nil || errs[2] != nil || tt.err != nil && !errors.Is(errs[1], boom) || (errs[1] == nil) != (tt.name == "all succeed") {
				t.Errorf("errors %v", errs)
			}
			for i := range runs {
				if runs[i].Load() != tt.runs[i] {
					t.Errorf("write %d ran %d times, want %d", i, runs[i].Load(), tt.runs[i])
				}
			}
			var rows string
			if err := db.Reader().QueryRow("SELECT group_concat(a) FROM (SELECT a FROM t ORDER BY a)").Scan(&rows); err != nil {
				t.Fatal(err)
			}
			if want := map[bool]string{true: "0,1,2", false: "0,2"}[errs[1] == nil]; rows != want {
				t.Errorf("rows %s, want %s", rows, want)
			}
		})
	}
}

// What a write fails with of itself is no outage, and leaves the writes of others alone
// that share its transaction. It is not tried again, but for once because of them.
func TestErrorsOfWrites(t *testing.T) {
	for name, own := range ownErrors() {
		t.Run(name, func(t *testing.T) {
			if own == nil {
				t.Fatal("no error")
			}
			db := open(t)
			exec(t, db, "CREATE TABLE t (a BIGINT)")
			var wg sync.WaitGroup
			var runs atomic.Int64
			for i := range 20 {
				wg.Go(func() {
					err := db.Write(t.Context(), func(tx *sql.Tx) error {
						if _, err := tx.Exec("INSERT INTO t VALUES ($1)", i); err != nil || i%2 == 1 {
							return err
						}
						runs.Add(1)
						return own
					})
					if (err != nil) != (i%2 == 0) || err != nil && !errors.Is(err, own) || Outage(err) || Passing(err) {
						t.Errorf("%d: %v, outage: %t, passing: %t", i, err, Outage(err), Passing(err))
					}
				})
			}
			wg.Wait()
			var n int
			if err := db.Reader().QueryRow("SELECT count(*) FROM t").Scan(&n); err != nil || n != 10 || runs.Load() > 20 {
				t.Errorf("%d rows, %d runs, %v", n, runs.Load(), err)
			}
		})
	}
}
