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

	"boxoffice/internal/batch"
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

	group               *batch.Queue[writeFunc] // its worker alone writes
	save, undo, release *sql.Stmt
}

// Limits of one transaction that several share.
const (
	maxShared  = 16
	maxWaiting = 100_000
)

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
	writer, err := sql.Open("sqlite", dsn+"&_txlock=immediate&_pragma=cache_size(-8000)")
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
	db := &DB{dialect: SQLite, writer: writer, reader: reader, path: path}
	for stmt, text := range map[**sql.Stmt]string{&db.save: "SAVEPOINT w", &db.undo: "ROLLBACK TO w", &db.release: "RELEASE w"} {
		if *stmt, err = writer.PrepareContext(ctx, text); err != nil {
			return nil, errors.Join(fmt.Errorf("open database: %w", err), reader.Close(), writer.Close())
		}
	}
	db.group = batch.New(maxShared, maxWaiting, db.together)
	return db, nil
}

// Close waits for what is being written and closes all connections.
func (db *DB) Close() error {
	db.group.Close()
	return errors.Join(db.reader.Close(), db.writer.Close())
}

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

// Write runs fn in a transaction and commits it. It runs fn again when the
// database was busy; fn must therefore not keep what it did from a failed run.
// When fn fails, nothing of it stays.
//
// What several callers want to write while a transaction is under way shares
// the next one, each on a savepoint of its own: they pay for one commit.
func (db *DB) Write(ctx context.Context, fn func(tx *sql.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	// It cannot be given up once it waits: fn may be running.
	return db.group.Do(db.Quick(ctx), fn)
}

type writeFunc = func(tx *sql.Tx) error

// together commits what waits, in one transaction.
func (db *DB) together(items []*batch.Item[writeFunc]) {
	const tries = 5
	var results []error
	var err error
	for i := range tries {
		if results, err = db.write(items); err == nil || !Passing(err) {
			break
		}
		time.Sleep(time.Duration(i+1) * 10 * time.Millisecond)
	}
	for i, it := range items {
		if err != nil {
			it.Done(err)
		} else {
			it.Done(results[i])
		}
	}
}

// write runs functions in one transaction. The error is about all of them, the
// results about each.
func (db *DB) write(items []*batch.Item[writeFunc]) (results []error, err error) {
	ctx := context.Background()
	tx, err := db.writer.BeginTx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	if len(items) == 1 {
		if err := items[0].Value(tx); err != nil {
			return nil, errors.Join(err, ignoreDone(tx.Rollback()))
		}
	}
	results = make([]error, len(items))
	for i, it := range items {
		if len(items) == 1 {
			break
		}
		if results[i], err = db.onSavepoint(ctx, tx, it.Value); err != nil {
			return nil, errors.Join(err, ignoreDone(tx.Rollback()))
		}
	}
	if err := tx.Commit(); err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	return results, nil
}

// onSavepoint runs fn and takes back what it did when it fails. The second
// error is the transaction's own: it cannot go on.
func (db *DB) onSavepoint(ctx context.Context, tx *sql.Tx, fn writeFunc) (result, broken error) {
	do := func(stmt *sql.Stmt) error {
		_, err := tx.StmtContext(ctx, stmt).ExecContext(ctx)
		return err
	}
	if err := do(db.save); err != nil {
		return nil, fmt.Errorf("savepoint: %w", err)
	}
	result = fn(tx)
	if Passing(result) {
		return nil, result
	}
	if result != nil {
		if err := do(db.undo); err != nil {
			return nil, fmt.Errorf("savepoint: %w", err)
		}
	}
	if err := do(db.release); err != nil {
		return nil, fmt.Errorf("savepoint: %w", err)
	}
	return result, nil
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
