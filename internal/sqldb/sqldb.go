// Package sqldb opens the record: the SQL database that holds seats and money.
// Embedded it is SQLite (WAL, synchronous=FULL, one writer connection and a
// pool of readers); with a URL it is PostgreSQL, which many nodes may share.
// Services see a DB and write PostgreSQL's dialect with parameters $1, $2, ….
// What a database says differently stands in a comment that only it reads:
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
	reader  *sql.DB // PostgreSQL: the writer
	path    string
	shared  bool

	readOnly bool     // nothing is written, and tables are taken as they are
	known    sync.Map // by service: the schema that this program knows

	// SQLite
	lock                *flock.Flock // this process has the folder; nil: together, or to read only
	clock               func() time.Time
	group               *batch.Queue[writeFunc] // its worker alone writes
	save, undo, release *sql.Stmt

	pg *postgres
}

// Config says which database to open.
type Config struct {
	Dir         string // folder of the SQLite files; made when it is missing
	Synchronous string // SQLite's synchronous setting; "" is FULL. Tests of power cuts use NORMAL
	VFS         string // SQLite's VFS by name; "" is the default

	// For tests: several nodes of this process share the SQLite file, which none
	// of them locks.
	Together bool
	// For tests: makes SQLite's connections; nil leaves it to the driver.
	Connector func(d driver.Driver, dsn string) driver.Connector
	// For tests: has the last say about how PostgreSQL's connections are made.
	Connections func(*pgx.ConnConfig)

	URL        string // of PostgreSQL, postgres://…; "" is SQLite
	ReplicaURL string // of a read replica, for Browse; "" is none

	// ReadOnly opens a database that exists, without changing it: SQLite beside
	// the process that has its folder. Migrate then only checks that the tables
	// are of this program's version.
	ReadOnly bool
	Clock    func() time.Time // this machine's; nil is time.Now. Tests put it wrong
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

// Close waits for what is being written and closes all connections.
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

// Shared reports whether other nodes may be at work on the same database.
func (db *DB) Shared() bool { return db.shared }

// Reader is the pool for reads outside of a write. What it returns may be older
// than a write that is under way, never older than one that was answered.
func (db *DB) Reader() *sql.DB { return db.reader }

// Browse is the pool for reads that may be some moments old: lists and search.
// It is the read replica while there is one and it answers.
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

// Now is the time by which nodes agree: PostgreSQL's, as asked for a moment ago
// and moved on by this machine's monotonic clock; on SQLite this machine's.
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

func prepare(ctx context.Context, pool *sql.DB, query string) (*sql.Stmt, error) {
	s, err := pool.PrepareContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("prepare %.60q: %w", query, err)
	}
	return s, nil
}

// Quick is the context for a statement that is short: it cannot be cancelled.
// SQLite waits for nobody but the disk, and its driver and database/sql start a
// goroutine for each statement that may be cancelled, which costs as much as the
// statement. PostgreSQL has a statement_timeout, and its connections are closed
// when it does not answer.
func (db *DB) Quick(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }

// Write runs fn in a transaction and commits it; on PostgreSQL READ COMMITTED. It
// runs fn again when that failed for a passing reason; fn must therefore not keep
// what it did from a failed run. When fn fails, nothing of it stays. When the
// connection breaks during the commit, the outcome is unclear: see Outage.
//
// On SQLite, what several callers want to write while a transaction is under way
// shares the next one, each on a savepoint of its own: they pay for one commit.
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
	// It cannot be given up once it waits: fn may be running.
	return db.group.Do(db.Quick(ctx), fn)
}

var errReadOnlyDB = errors.New("the database was opened to be read only")

type writeFunc = func(tx *sql.Tx) error

var hint = regexp.MustCompile(`(?s)/\*(sqlite|postgres): *(.*?) *\*/`)

// Text turns canonical SQL into the dialect's: it opens the comments meant for
// this database, and for SQLite says BLOB for BYTEA and drops COLLATE "C",
// which is how SQLite compares text anyway.
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

// Passing reports whether an error may be gone when the transaction is tried
// again: SQLite was busy or locked; PostgreSQL could not serialize it, found a
// deadlock, or has lost the connection before the commit.
func Passing(err error) bool { return sqlitePassing(err) || postgresPassing(err) }

// Duplicate reports whether an error says that a key exists already.
func Duplicate(err error) bool { return sqliteDuplicate(err) || postgresDuplicate(err) }

// Outage reports whether an error says that the database cannot serve now: it is
// stopped, starting, cut off, or its disk is full. What was to be written may or
// may not have been.
func Outage(err error) bool { return sqliteOutage(err) || postgresOutage(err) }

// About is what the database says about itself.
type About struct {
	Database string // name and version
	Fsync    string // "on" when a commit is on disk before it is acknowledged
	Path     string // SQLite's file
	Process  int    // of PostgreSQL's that answered this, on its machine
}

// About asks the database for its version and durability.
func (db *DB) About(ctx context.Context) (About, error) {
	if db.dialect == Postgres {
		return db.pg.about(ctx)
	}
	return db.aboutSQLite(ctx)
}
