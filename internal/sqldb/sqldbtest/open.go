package sqldbtest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"boxoffice/internal/patience"
	"boxoffice/internal/sqldb"
)

// Variable is the environment variable with the database that tests run on: sqlite (the
// default) or postgres.
const Variable = "BOXOFFICE_TEST_DATABASE"

// OnPostgres reports whether this run of the tests is on PostgreSQL.
func OnPostgres(t testing.TB) bool {
	t.Helper()
	switch v := os.Getenv(Variable); v {
	case "", "sqlite":
		return false
	case "postgres":
		return true
	default:
		t.Fatalf("%s is %q; it can be sqlite or postgres", Variable, v)
		return false
	}
}

// Open returns a new database of the kind that this run uses, without durability; it is
// closed at the end of the test.
func Open(t testing.TB) *sqldb.DB {
	t.Helper()
	return Again(t, Fresh(t))
}

// Fresh returns the configuration of a new database.
func Fresh(t testing.TB) sqldb.Config {
	t.Helper()
	if OnPostgres(t) && !inBubble() {
		return sqldb.Config{URL: Postgres(t)}
	}
	return sqldb.Config{Dir: t.TempDir(), Synchronous: "OFF"}
}

// inBubble reports whether a test runs under testing/synctest, whose clock starts in the
// year 2000. Its goroutines cannot wait for a socket, so such tests use SQLite.
func inBubble() bool { return time.Now().Year() < 2020 }

// Again opens a database.
func Again(t testing.TB, cfg sqldb.Config) *sqldb.DB {
	t.Helper()
	db, err := sqldb.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

var shared struct {
	once   sync.Once
	server *Server
	err    error
	made   atomic.Int64
}

// Postgres returns the URL of a new database on a server that the tests of this process
// share; the server ends with the process.
func Postgres(t testing.TB) string {
	t.Helper()
	return Copy(t, "")
}

// Copy copies a database made by Postgres, which nobody may have open, and returns the
// URL of the copy.
func Copy(t testing.TB, original string) string {
	t.Helper()
	shared.once.Do(func() { shared.server, shared.err = Start(Fast...) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	template := "template1"
	if original != "" {
		u, err := url.Parse(original)
		if err != nil {
			t.Fatal(err)
		}
		template = strings.TrimPrefix(u.Path, "/")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience.Long)
	defer cancel()
	made, err := shared.server.CreateDatabase(ctx, fmt.Sprintf("test_%d", shared.made.Add(1)), template)
	if err != nil {
		t.Fatal(err)
	}
	return made
}
