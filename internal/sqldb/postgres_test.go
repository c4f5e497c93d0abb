package sqldb_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"boxoffice/internal/patience"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/sqldb/sqldbtest"
)

func open(t *testing.T, cfg sqldb.Config) *sqldb.DB {
	t.Helper()
	db := sqldbtest.Again(t, cfg)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// Several nodes start at once on an empty database: each migration runs once.
func TestMigrateTogether(t *testing.T) {
	cfg := sqldb.Config{URL: sqldbtest.Postgres(t)}
	files := fstest.MapFS{}
	for i := range 5 {
		files[fmt.Sprintf("migrations/%05d_t.sql", i+1)] = &fstest.MapFile{Data: fmt.Appendf(nil, "-- +goose Up\nCREATE TABLE t%d (x BIGINT);\n-- +goose Down\nDROP TABLE t%d;\n", i, i)}
	}
	var g errgroup.Group
	for range 6 {
		db := open(t, cfg)
		g.Go(func() error { return db.Migrate(context.Background(), "one", files) })
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

// Two transactions lock two rows in opposite order: PostgreSQL aborts one (40P01), and it
// is run again.
func TestWriteAgainAfterDeadlock(t *testing.T) {
	db := open(t, sqldb.Config{URL: sqldbtest.Postgres(t)})
	write := func(fn func(tx *sql.Tx) error) error { return db.Write(context.Background(), fn) }
	if err := write(func(tx *sql.Tx) error {
		_, err := tx.Exec("CREATE TABLE t (id BIGINT PRIMARY KEY, n BIGINT); INSERT INTO t VALUES (1, 0), (2, 0)")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	var both sync.WaitGroup
	both.Add(2)
	var runs [2]int
	var g errgroup.Group
	for i := range 2 {
		g.Go(func() error {
			return write(func(tx *sql.Tx) error {
				runs[i]++
				if _, err := tx.Exec("UPDATE t SET n = n + 1 WHERE id = $1", 1+i); err != nil {
					return err
				}
				if runs[i] == 1 {
					both.Done()
					both.Wait()
				}
				_, err := tx.Exec("UPDATE t SET n = n + 1 WHERE id = $1", 2-i)
				return err
			})
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	var a, b int
	if err := db.Reader().QueryRow("SELECT min(n), max(n) FROM t").Scan(&a, &b); err != nil || a != 2 || b != 2 || runs[0]+runs[1] < 3 { // more, if they meet again
		t.Fatalf("rows are %d and %d, %v runs, %v", a, b, runs, err)
	}
}

// A node closes without an error although its connections are gone already: the
// gate closes them while PostgreSQL does not answer.
func TestCloseWithoutConnections(t *testing.T) {
	var mu sync.Mutex
	var conns []net.Conn
	db := sqldbtest.Again(t, sqldb.Config{URL: sqldbtest.Postgres(t), Connections: func(c *pgx.ConnConfig) {
		dial := c.DialFunc
		c.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dial(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			mu.Lock()
			defer mu.Unlock()
			conns = append(conns, conn)
			return conn, nil
		}
	}})
	if err := db.Reader().Ping(); err != nil {
		t.Fatal(err)
	}
	if err := db.Write(t.Context(), func(*sql.Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	for _, conn := range conns {
		_ = conn.Close()
	}
	mu.Unlock()
	if err := db.Close(); err != nil {
		t.Errorf("closing the database: %v", err)
	}
}

// A node's clock may be wrong by any amount: the database's clock counts.
func TestClock(t *testing.T) {
	for _, off := range []time.Duration{-time.Hour, time.Hour} {
		db := open(t, sqldb.Config{URL: sqldbtest.Postgres(t), Clock: func() time.Time { return time.Now().Add(off) }})
		if d := time.Until(db.Now()).Abs(); d > time.Second {
			t.Errorf("with a clock that is %v off, the time is %v off", off, d)
		}
	}
}

// A node keeps a lease until it releases it or goes silent.
func TestLeaseMoves(t *testing.T) {
	cfg := sqldb.Config{URL: sqldbtest.Postgres(t)}
	leases := make([]*sqldb.Lease, 3)
	dbs := make([]*sqldb.DB, 3)
	for i := range leases {
		dbs[i] = sqldbtest.Again(t, cfg)
		t.Cleanup(func() { _ = dbs[i].Close() })
		var err error
		if leases[i], err = sqldb.NewLease(t.Context(), dbs[i], "job"); err != nil {
			t.Fatal(err)
		}
	}
	held := func() (who []int) {
		for i, l := range leases {
			if l.Held(t.Context()) {
				who = append(who, i)
			}
		}
		return who
	}
	if who := held(); len(who) != 1 || who[0] != 0 {
		t.Fatalf("held by %v, want the first", who)
	}
	leases[0].Release(t.Context())
	leases[0] = leases[1]
	patience.Until(t, "somebody takes over what was given back", func() bool { return len(held()) > 0 })
	// The node that has it now goes silent.
	last := leases[2]
	if last.Held(t.Context()) {
		last = leases[1]
	}
	patience.Until(t, "somebody takes over from a node that is not heard of", func() bool { return last.Held(t.Context()) })
}

// While PostgreSQL is down, everything fails at once as an outage, and recovers by itself.
func TestOutage(t *testing.T) {
	pg, err := sqldbtest.Start(sqldbtest.Fast...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pg.Stop)
	db := open(t, sqldb.Config{URL: pg.URL("postgres")})
	ways := map[string]func() error{
		"read": func() error { return db.Reader().QueryRow("SELECT 1").Scan(new(int)) },
		"write": func() error {
			return db.Write(t.Context(), func(tx *sql.Tx) error { _, err := tx.Exec("SELECT 1"); return err })
		},
		"raw": func() error {
			return db.Raw(t.Context(), func(c *pgx.Conn) error { _, err := c.Exec(t.Context(), "SELECT 1"); return err })
		},
	}
	works := func(want bool) {
		t.Helper()
		for name, try := range ways {
			var err error
			for deadline := time.Now().Add(patience.Long); ; time.Sleep(20 * time.Millisecond) {
				if err = try(); (err == nil) == want {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("%s: %v", name, err)
				}
			}
			if !want && !sqldb.Outage(err) {
				t.Errorf("%s: %v is not seen as an outage", name, err)
			}
		}
	}
	works(true)
	pg.Kill()
	works(false)
	if err := pg.Up(); err != nil {
		t.Fatal(err)
	}
	works(true)
}

// A read-only database can be opened with a URL that asks for a server that takes writes
// (as nodes do, to follow a failover), and none of its connections can write.
func TestReadOnlyOfWhatTakesWrites(t *testing.T) {
	url := sqldbtest.Postgres(t)
	writer := open(t, sqldb.Config{URL: url})
	if err := writer.Write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.Exec("CREATE TABLE t (n BIGINT); INSERT INTO t VALUES (1)")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	with := "?"
	if strings.Contains(url, "?") {
		with = "&"
	}
	for _, more := range []string{"", with + "target_session_attrs=any", with + "target_session_attrs=read-write"} {
		db := open(t, sqldb.Config{URL: url + more, ReadOnly: true})
		var n int
		if err := db.Reader().QueryRow("SELECT n FROM t").Scan(&n); err != nil || n != 1 {
			t.Fatalf("%q: read %d, %v", more, n, err)
		}
		const insert = "INSERT INTO t VALUES (2)"
		for name, try := range map[string]func() error{
			"reader": func() error { _, err := db.Reader().Exec(insert); return err },
			"write": func() error {
				return db.Write(t.Context(), func(tx *sql.Tx) error { _, err := tx.Exec(insert); return err })
			},
			"raw": func() error {
				return db.Raw(t.Context(), func(c *pgx.Conn) error { _, err := c.Exec(t.Context(), insert); return err })
			},
		} {
			if err := try(); err == nil {
				t.Errorf("%q: %s has written", more, name)
			}
		}
	}
	var rows int
	if err := writer.Reader().QueryRow("SELECT count(*) FROM t").Scan(&rows); err != nil || rows != 1 {
		t.Fatalf("%d rows, %v", rows, err)
	}
}

// A read-only statement may take long, since its reader may check a whole ledger entry by
// entry. Statements of servers may not, nor may any if the URL sets a timeout.
func TestReadingTakesItsTime(t *testing.T) {
	at := sqldbtest.Postgres(t)
	limited := at + "?statement_timeout=7s"
	if strings.Contains(at, "?") {
		limited = at + "&statement_timeout=7s"
	}
	for _, c := range []struct {
		cfg  sqldb.Config
		want string
	}{{sqldb.Config{URL: at}, "10s"}, {sqldb.Config{URL: at, ReadOnly: true}, "0"}, {sqldb.Config{URL: limited, ReadOnly: true}, "7s"}} {
		tx, err := open(t, c.cfg).Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got string
		if err := tx.QueryRow("SHOW statement_timeout").Scan(&got); err != nil || got != c.want {
			t.Errorf("read only: %v, statements may take %s, want %s: %v", c.cfg.ReadOnly, got, c.want, err)
		}
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
	}
}

// The error of a server that refuses is one line with the server's own words. A server
// that is gone is still an outage.
func TestRefusedOnOneLine(t *testing.T) {
	u, err := url.Parse(sqldbtest.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/none"
	_, err = sqldb.Open(t.Context(), sqldb.Config{URL: u.String()})
	if err == nil || strings.Contains(err.Error(), "\n") || !strings.HasSuffix(err.Error(), `to database none: `+u.Host+`: database "none" does not exist`) {
		t.Errorf("%v", err)
	}
	if _, err = sqldb.Open(t.Context(), sqldb.Config{URL: "postgres://127.0.0.1:1/none"}); !sqldb.Outage(err) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
}

// An error about the URL does not show the password in it.
func TestPasswordIsNotShown(t *testing.T) {
	_, err := sqldb.Open(t.Context(), sqldb.Config{URL: "postgres://u:secret@127.0.0.1:1/x?connect_timeout=nonsense"})
	if err == nil || errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if text := err.Error(); strings.Contains(text, "secret") {
		t.Fatalf("the error shows the password: %s", text)
	}
}
