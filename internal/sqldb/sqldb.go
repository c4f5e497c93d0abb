// Package sqldb opens the SQL database that stores seats and money. Without a URL it is
// an embedded SQLite (WAL, synchronous=FULL, one writer connection and a pool of
// readers); with a URL it is PostgreSQL, which many nodes may share. Services use a DB
// and write PostgreSQL's dialect with parameters $1, $2, …. Where the databases differ,
// the SQL has a comment that only the named database sees as code:
//
//	CREATE TABLE claims (…) /*sqlite: WITHOUT ROWID*/ /*postgres: WITH (fillfactor=60)*/
//
// Each service embeds its own migrations and its own SQL.
package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"github.com/jackc/pgx/v5"

	"boxoffice/internal/batch"
)

// Dialect is the database behind a DB.
type Dialect string

// The dialects.
const (
	SQLite   Dialect = "sqlite"
	Postgres Dialect = "postgres"
)

// DB is an open database.
type DB struct {
	dialect Dialect
	writer  *sql.DB // SQLite: exactly one connection
	reader  *sql.DB // PostgreSQL: the same as writer
	path    string
	shared  bool

	readOnly bool     // nothing is written or migrated
	known    sync.Map // by service: the schema that this program knows

	// SQLite
	lock                *flock.Flock // this process has the folder; nil: together, or to read only
	clock               func() time.Time
	group               *batch.Queue[writeFunc] // only its worker writes
	careful             int                     // how many of the next shared transactions use savepoints from the start; the worker's
	save, undo, release *sql.Stmt
	prepared            sync.Map // by text: the statements of Query

	pg *postgres
}

// Config says which database to open.
type Config struct {
	Dir         string // folder of the SQLite files; made when it is missing
	Synchronous string // SQLite's synchronous setting; "" is FULL. Tests of power cuts use NORMAL
	VFS         string // SQLite's VFS by name; "" is the default

	// For tests: several nodes in this process share the SQLite file, and none of them
	// locks the folder.
	Together bool
	// For tests: each write has a transaction of its own on SQLite, and shares it with none.
	Apart bool
	// For tests: makes SQLite's connections; nil leaves it to the driver.
	Connector func(d driver.Driver, dsn string) driver.Connector
	// For tests: may change the configuration of PostgreSQL's connections.
	Connections func(*pgx.ConnConfig)

	URL        string // of PostgreSQL, postgres://…; "" is SQLite
	ReplicaURL string // of a read replica, for Browse; "" is none

	// ReadOnly opens an existing database without changing it; for SQLite, even while
	// another process has the folder. Migrate then only checks that the tables have this
	// program's version.
	ReadOnly bool
	Clock    func() time.Time // this machine's clock; nil is time.Now. Tests set it wrong
}

// Open opens the database, without migrating it.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	if cfg.URL != "" {
		return openPostgres(ctx, cfg)
	}
	if cfg.ReplicaURL != "" {
		return nil, errors.New("open database: a read replica goes with PostgreSQL only")
	}
	return openSQLite(ctx, cfg)
}

// Close waits for running writes and closes all connections.
func (db *DB) Close() error {
	if db.dialect == Postgres {
		return db.pg.close()
	}
	if db.readOnly {
		return db.reader.Close()
	}
	db.group.Close()
	return errors.Join(db.reader.Close(), db.writer.Close(), db.unlock())
}

// Dialect is the database's dialect.
func (db *DB) Dialect() Dialect { return db.dialect }

// Shared reports whether other nodes may use the same database.
func (db *DB) Shared() bool { return db.shared }

// Reader returns the pool for reads outside of writes. A read may miss a write that is
// still running, but never one that has returned.
func (db *DB) Reader() *sql.DB { return db.reader }

// Browse returns the pool for reads whose results may be some moments old, such as lists
// and search: the read replica, if there is one and it answers.
func (db *DB) Browse() *sql.DB {
	if db.pg != nil && db.pg.replicaUp.Load() {
		return db.pg.replica
	}
	return db.reader
}

// Snapshot begins a read-only transaction that sees the database as it is now.
func (db *DB) Snapshot(ctx context.Context) (*sql.Tx, error) {
	opts := &sql.TxOptions{ReadOnly: true}
	if db.dialect == Postgres {
		opts.Isolation = sql.LevelRepeatableRead
	}
	return db.reader.BeginTx(ctx, opts)
}

// Now returns the time that all nodes share: PostgreSQL's, as read a moment ago plus the
// time since then by this machine's monotonic clock; on SQLite this machine's time.
func (db *DB) Now() time.Time {
	if db.pg == nil {
		return db.clock()
	}
	return db.pg.now()
}

// PrepareWrite prepares a statement for use inside Write.
func (db *DB) PrepareWrite(ctx context.Context, query string) (*sql.Stmt, error) {
	return prepare(ctx, db.writer, db.Text(query))
}

// PrepareRead prepares a statement on the readers.
func (db *DB) PrepareRead(ctx context.Context, query string) (*sql.Stmt, error) {
	return prepare(ctx, db.reader, db.Text(query))
}

// Query reads on the readers, by a statement that is prepared only once: with SQLite, to
// prepare one costs as much as a short read, and pgx keeps them by itself. It is for few
// texts that do not vary, and are in this database's dialect (Text).
func (db *DB) Query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	if db.dialect == Postgres {
		return db.reader.QueryContext(ctx, text, args...)
	}
	s, ok := db.prepared.Load(text)
	if !ok {
		one, err := prepare(ctx, db.reader, text)
		if err != nil {
			return nil, err
		}
		var other bool
		if s, other = db.prepared.LoadOrStore(text, one); other {
			one.Close()
		}
	}
	return s.(*sql.Stmt).QueryContext(ctx, args...)
}

func prepare(ctx context.Context, pool *sql.DB, query string) (*sql.Stmt, error) {
	s, err := pool.PrepareContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("prepare %.60q: %w", query, err)
	}
	return s, nil
}

// Quick returns a context for a short statement, which cannot be cancelled. For each
// statement that can be, the SQLite driver and database/sql start a goroutine, which
// costs as much as the statement. SQLite waits for nothing but the disk; PostgreSQL has
// a statement_timeout, and its connections are closed when it does not answer.
func (db *DB) Quick(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }

// unwritten marks an error after which nothing needs to be rolled back.
type unwritten struct{ error }

func (e unwritten) Unwrap() error { return e.error }

// Unwritten says that a function of Write has failed before it wrote anything. Then
// writes that share its transaction go on.
func Unwritten(err error) error { return unwritten{err} }

// Write runs fn in a transaction and commits it; on PostgreSQL READ COMMITTED. After a
// transient failure, or when a write that shares the transaction has failed, it runs fn
// again, so fn must not keep results of a failed run. If fn returns an error, its changes
// are rolled back. If the connection breaks during the
// commit, the outcome is unclear: see Outage.
//
// On SQLite, callers that wait while a transaction runs share the next one, and thus the
// cost of one commit.
func (db *DB) Write(ctx context.Context, fn func(tx *sql.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	switch {
	case db.readOnly:
		return errReadOnlyDB
	case db.dialect == Postgres:
		return db.pg.write(ctx, fn)
	}
	// Waiting cannot be cancelled, since fn may be running.
	return db.group.Do(db.Quick(ctx), fn)
}

var errReadOnlyDB = errors.New("the database was opened to be read only")

type writeFunc = func(tx *sql.Tx) error

var hint = regexp.MustCompile(`(?s)/\*(sqlite|postgres): *(.*?) *\*/`)

// Text turns canonical SQL into this database's dialect: it opens the comments for
// this database; for SQLite it also replaces BYTEA by BLOB and drops COLLATE "C", which
// is how SQLite compares text anyway.
func (db *DB) Text(query string) string {
	query = hint.ReplaceAllStringFunc(query, func(c string) string {
		m := hint.FindStringSubmatch(c)
		if m[1] == string(db.dialect) {
			return m[2]
		}
		return ""
	})
	if db.dialect == SQLite {
		query = strings.NewReplacer("BYTEA", "BLOB", ` COLLATE "C"`, "").Replace(query)
	}
	return query
}

// Lock makes transactions that lock the same name wait for each other, until they end: what
// one of them counts, no other one adds to. On SQLite all that write wait for each other
// anyway.
func (db *DB) Lock(ctx context.Context, tx *sql.Tx, name string) error {
	if db.dialect == SQLite {
		return nil
	}
	_, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, name)
	return err
}

// Passing reports whether an error is transient, so that the transaction may succeed
// when it is tried again: SQLite was busy or locked; PostgreSQL had a serialization
// failure or a deadlock, or lost the connection before the commit.
func Passing(err error) bool { return sqlitePassing(err) || postgresPassing(err) }

// Duplicate reports whether an error is about a key that exists already.
func Duplicate(err error) bool { return sqliteDuplicate(err) || postgresDuplicate(err) }

// Outage reports whether an error means that the database cannot serve now: it is
// stopped, starting, unreachable, or its disk is full. A write may or may not have been
// carried out. Only errors of the database's own connections count: not io.EOF, a time
// limit or a network error of anything else.
func Outage(err error) bool { return sqliteOutage(err) || postgresOutage(err) }

// About describes a database.
type About struct {
	Database string // name and version
	Fsync    string // "on" when a commit is on disk before it is acknowledged
	Path     string // SQLite's file
	Process  int    // id of the PostgreSQL process that answered, on its machine
}

// About asks the database for its version and durability.
func (db *DB) About(ctx context.Context) (About, error) {
	if db.dialect == Postgres {
		return db.pg.about(ctx)
	}
	return db.aboutSQLite(ctx)
}
