// Package sqldb opens the record: the SQL database that holds seats and money.
// Embedded it is SQLite (WAL, synchronous=FULL, one writer connection and a
// pool of readers); services see a DB and write PostgreSQL's dialect with
// parameters $1, $2, …. What a database says differently stands in a comment
// that only it reads:
//
//	CREATE TABLE claims (…) /*sqlite: WITHOUT ROWID*/ /*postgres: WITH (fillfactor=60)*/
//
// Each service embeds its own migrations and its own SQL.
package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Dialect is the database behind a DB.
type Dialect string

// The dialects.
const (
	SQLite Dialect = "sqlite"
)

// DB is an open database.
type DB struct {
	dialect Dialect
	writer  *sql.DB // SQLite: exactly one connection
	reader  *sql.DB
	path    string
}

// Config says which database to open.
type Config struct {
	Dir         string // folder of the SQLite files; made when it is missing
	Synchronous string // SQLite's synchronous setting; "" is FULL. Tests of power cuts use NORMAL
	VFS         string // SQLite's VFS by name; "" is the default
}

// FileName is the SQLite file inside Config.Dir.
const FileName = "boxoffice.db"

// Open opens the database, without migrating it.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if cfg.Synchronous == "" {
		cfg.Synchronous = "FULL"
	}
	path := filepath.Join(cfg.Dir, FileName)
	dsn := "file:" + strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path) +
		"?_pragma=busy_timeout(10000)" +
		"&_pragma=journal_mode(WAL)" +
		"&_pragma=synchronous(" + cfg.Synchronous + ")" +
		"&_pragma=foreign_keys(1)" +
		"&_pragma=wal_autocheckpoint(8000)" + // pages of 4 KiB: 32 MB
		"&_pragma=journal_size_limit(67108864)" +
		"&_pragma=temp_store(2)" // memory
	if cfg.VFS != "" {
		dsn += "&vfs=" + cfg.VFS
	}
	writer, err := sql.Open("sqlite", dsn+"&_txlock=immediate&_pragma=cache_size(-32000)")
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	writer.SetMaxOpenConns(1)
	if err := writer.PingContext(ctx); err != nil { // creates the file before readers look for it
		return nil, errors.Join(fmt.Errorf("open database %s: %w", path, err), writer.Close())
	}
	reader, err := sql.Open("sqlite", dsn+"&_pragma=query_only(1)&_pragma=cache_size(-8000)")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open database: %w", err), writer.Close())
	}
	reader.SetMaxOpenConns(4)
	reader.SetMaxIdleConns(4)
	return &DB{dialect: SQLite, writer: writer, reader: reader, path: path}, nil
}

// Close closes all connections.
func (db *DB) Close() error { return errors.Join(db.reader.Close(), db.writer.Close()) }

// Dialect is the database's dialect.
func (db *DB) Dialect() Dialect { return db.dialect }

// Reader is the pool for reads outside of a write. What it returns may be older
// than a write that is under way, never older than one that was answered.
func (db *DB) Reader() *sql.DB { return db.reader }

// PrepareWrite prepares a statement for use inside Write.
func (db *DB) PrepareWrite(ctx context.Context, query string) (*sql.Stmt, error) {
	s, err := db.writer.PrepareContext(ctx, db.Text(query))
	if err != nil {
		return nil, fmt.Errorf("prepare %.60q: %w", query, err)
	}
	return s, nil
}

// PrepareRead prepares a statement on the readers.
func (db *DB) PrepareRead(ctx context.Context, query string) (*sql.Stmt, error) {
	s, err := db.reader.PrepareContext(ctx, db.Text(query))
	if err != nil {
		return nil, fmt.Errorf("prepare %.60q: %w", query, err)
	}
	return s, nil
}

// Quick is the context for a statement that is short: on SQLite it cannot be
// cancelled. SQLite waits for nobody but the disk, and its driver and
// database/sql start a goroutine for each statement that may be cancelled,
// which costs as much as the statement.
func (db *DB) Quick(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }

// Write runs fn in one transaction and commits it. It runs fn again when the
// database was busy; fn must therefore not keep what it did from a failed run.
// When fn fails, nothing of it stays.
func (db *DB) Write(ctx context.Context, fn func(tx *sql.Tx) error) error {
	const tries = 5
	var err error
	for i := range tries {
		if err = db.write(ctx, fn); err == nil || !Passing(err) || ctx.Err() != nil {
			return err
		}
		time.Sleep(time.Duration(i+1) * 10 * time.Millisecond)
	}
	return err
}

func (db *DB) write(ctx context.Context, fn func(tx *sql.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	tx, err := db.writer.BeginTx(db.Quick(ctx), nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := fn(tx); err != nil {
		return errors.Join(err, ignoreDone(tx.Rollback()))
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

var hint = regexp.MustCompile(`/\*(sqlite|postgres): *(.*?) *\*/`)

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

// Migrate brings a service's tables up to date. Migrations are goose SQL files
// in the folder "migrations" of fsys, in canonical SQL.
func (db *DB) Migrate(ctx context.Context, service string, fsys fs.FS) error {
	sub, err := fs.Sub(fsys, "migrations")
	if err != nil {
		return fmt.Errorf("migrate %s: %w", service, err)
	}
	store, err := database.NewStore(goose.DialectSQLite3, "migrations_"+service)
	if err != nil {
		return fmt.Errorf("migrate %s: %w", service, err)
	}
	p, err := goose.NewProvider("", db.writer, textFS{sub, db.Text}, goose.WithStore(store), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("migrate %s: %w", service, err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate %s: %w", service, err)
	}
	return nil
}

// Passing reports whether an error may be gone when the transaction is tried
// again: SQLite was busy or locked.
func Passing(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && (e.Code()&0xff == sqlite3.SQLITE_BUSY || e.Code()&0xff == sqlite3.SQLITE_LOCKED)
}

// Duplicate reports whether an error says that a key exists already.
func Duplicate(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && (e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY || e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE)
}

// About is what the database says about itself.
type About struct {
	Database string // name and version
	Fsync    string // "on" when a commit is on disk before it is acknowledged
	Path     string // SQLite's file
}

// About asks the writer connection for its version and durability.
func (db *DB) About(ctx context.Context) (About, error) {
	a := About{Path: db.path}
	var version string
	var sync int
	if err := db.writer.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&version); err != nil {
		return a, fmt.Errorf("about: %w", err)
	}
	if err := db.writer.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&sync); err != nil {
		return a, fmt.Errorf("about: %w", err)
	}
	a.Database = "SQLite " + version
	a.Fsync = map[int]string{0: "off", 1: "off (synchronous=NORMAL)", 2: "on", 3: "on"}[sync]
	return a, nil
}
