package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"boxoffice/internal/batch"
	"boxoffice/internal/jobs"
)

// Limits of a transaction that several callers share.
const (
	maxShared  = 16
	carefulFor = 32 // transactions go on savepoints after a failure
	maxWaiting = 100_000
)

// FileName is the SQLite file inside Config.Dir.
const FileName = "boxoffice.db"

func openSQLite(ctx context.Context, cfg Config) (*DB, error) {
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.ReadOnly {
		return openToRead(ctx, cfg)
	}
	path := filepath.Join(cfg.Dir, FileName)
	if err := makePrivate(cfg.Dir, path); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	db := &DB{dialect: SQLite, path: path, shared: cfg.Together, clock: cfg.Clock}
	if !cfg.Together {
		lock, err := lockFolder(cfg.Dir)
		if err != nil {
			return nil, err
		}
		db.lock = lock
	}
	if err := db.openPools(ctx, cfg); err != nil {
		return nil, errors.Join(err, db.unlock())
	}
	return db, nil
}

// openToRead opens an existing database read-only, even while another process has it.
func openToRead(ctx context.Context, cfg Config) (*DB, error) {
	path := filepath.Join(cfg.Dir, FileName)
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	reader, err := sql.Open("sqlite", dsn(path, cfg)+"&mode=ro&_pragma=query_only(1)&_pragma=cache_size(-8000)")
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if err := reader.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", path, err), reader.Close())
	}
	reader.SetMaxOpenConns(4)
	return &DB{dialect: SQLite, reader: reader, path: path, readOnly: true, clock: cfg.Clock}, nil
}

func (db *DB) unlock() error {
	if db.lock == nil {
		return nil
	}
	return db.lock.Close()
}

// dsn returns the driver's data source name for a database file.
func dsn(path string, cfg Config) string {
	if cfg.Synchronous == "" {
		cfg.Synchronous = "FULL"
	}
	dsn := "file:" + strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path) +
		"?_pragma=busy_timeout(10000)" +
		"&_pragma=synchronous(" + cfg.Synchronous + ")" +
		"&_pragma=foreign_keys(1)" +
		"&_pragma=wal_autocheckpoint(8000)" + // pages of 4 KiB: 32 MB
		"&_pragma=journal_size_limit(67108864)" +
		"&_pragma=temp_store(2)" // memory
	if cfg.VFS != "" {
		dsn += "&vfs=" + cfg.VFS
	}
	return dsn
}

// openPools opens the connections that write and read.
func (db *DB) openPools(ctx context.Context, cfg Config) error {
	dsn := dsn(db.path, cfg) + "&_pragma=journal_mode(WAL)"
	writer, err := cfg.pool(dsn + "&_txlock=immediate&_pragma=cache_size(-8000)")
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	writer.SetMaxOpenConns(1)
	if err := writer.PingContext(ctx); err != nil { // creates the file before readers look for it
		return errors.Join(fmt.Errorf("open database %s: %w", db.path, err), writer.Close())
	}
	reader, err := cfg.pool(dsn + "&_pragma=query_only(1)&_pragma=cache_size(-8000)")
	if err != nil {
		return errors.Join(fmt.Errorf("open database: %w", err), writer.Close())
	}
	reader.SetMaxOpenConns(4)
	reader.SetMaxIdleConns(4)
	db.writer, db.reader = writer, reader
	for stmt, text := range map[**sql.Stmt]string{&db.save: "SAVEPOINT w", &db.undo: "ROLLBACK TO w", &db.release: "RELEASE w"} {
		if *stmt, err = writer.PrepareContext(ctx, text); err != nil {
			return errors.Join(fmt.Errorf("open database: %w", err), reader.Close(), writer.Close())
		}
	}
	shared := maxShared
	if cfg.Apart {
		shared = 1
	}
	db.group = batch.New(shared, maxWaiting, db.commit)
	return nil
}

// pool opens SQLite with the configured connector.
func (cfg *Config) pool(dsn string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", dsn)
	if err != nil || cfg.Connector == nil {
		return db, err
	}
	return sql.OpenDB(cfg.Connector(db.Driver(), dsn)), db.Close()
}

// commit runs and commits the waiting writes in one transaction.
func (db *DB) commit(items []*batch.Item[writeFunc]) {
	const tries = 5
	var results []error
	var err error
	for i := range tries {
		if results, err = db.write(items); err == nil || !again(err) {
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

// write runs functions in one transaction. results has the error of each function; err
// concerns all of them. Nearly always all succeed; only when one has failed that may have
// written are they run again, each on a savepoint, and so are the next few at once. A
// savepoint costs SQLite a copy of every page that an earlier function has changed, too.
func (db *DB) write(items []*batch.Item[writeFunc]) (results []error, err error) {
	results = make([]error, len(items))
	if db.careful > 0 && len(items) > 1 {
		db.careful--
		return results, db.onSavepoints(items, results)
	}
	failed := false
	err = db.transaction(func(tx *sql.Tx) error {
		for i, it := range items {
			if results[i] = safely(it.Value, tx); results[i] != nil && !errors.As(results[i], new(unwritten)) {
				failed = true
				return results[i]
			}
		}
		return nil
	})
	if !failed || len(items) == 1 || again(err) {
		return results, err
	}
	db.careful = carefulFor
	return results, db.onSavepoints(items, results)
}

// onSavepoints runs functions in one transaction, each on a savepoint.
func (db *DB) onSavepoints(items []*batch.Item[writeFunc], results []error) error {
	return db.transaction(func(tx *sql.Tx) (err error) {
		for i, it := range items {
			if results[i], err = db.onSavepoint(tx, it.Value); err != nil {
				return err
			}
		}
		return nil
	})
}

// transaction runs fn in a transaction, and commits it unless fn fails.
func (db *DB) transaction(fn writeFunc) error {
	tx, err := db.writer.BeginTx(context.Background(), nil)
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

// onSavepoint runs fn, and rolls back its changes if it fails. broken is an error of the
// whole transaction, which cannot go on.
func (db *DB) onSavepoint(tx *sql.Tx, fn writeFunc) (result, broken error) {
	ctx := context.Background()
	do := func(stmt *sql.Stmt) error {
		_, err := tx.StmtContext(ctx, stmt).ExecContext(ctx)
		return err
	}
	if err := do(db.save); err != nil {
		return nil, fmt.Errorf("savepoint: %w", err)
	}
	result = safely(fn, tx)
	if again(result) {
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

// safely calls fn and turns a panic into an error, so that the transaction ends and
// others go on.
func safely(fn writeFunc, tx *sql.Tx) error {
	return jobs.Catch(func() error { return fn(tx) })
}

func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

func sqlitePassing(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && (e.Code()&0xff == sqlite3.SQLITE_BUSY || e.Code()&0xff == sqlite3.SQLITE_LOCKED)
}

// again reports whether a transaction is to be tried again, with all that share it.
func again(err error) bool { return sqlitePassing(err) || gone(err) }

func sqliteDuplicate(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && (e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY || e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE)
}

func sqliteOutage(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && (e.Code()&0xff == sqlite3.SQLITE_FULL || e.Code()&0xff == sqlite3.SQLITE_IOERR)
}

// anyPool returns the writer, or the reader if there is no writer.
func (db *DB) anyPool() *sql.DB {
	if db.readOnly {
		return db.reader
	}
	return db.writer
}

func (db *DB) aboutSQLite(ctx context.Context) (About, error) {
	a := About{Path: db.path}
	var version string
	var sync int
	if err := db.anyPool().QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&version); err != nil {
		return a, fmt.Errorf("about: %w", err)
	}
	if err := db.anyPool().QueryRowContext(ctx, "PRAGMA synchronous").Scan(&sync); err != nil {
		return a, fmt.Errorf("about: %w", err)
	}
	a.Database = "SQLite " + version
	a.Fsync = map[int]string{0: "off", 1: "off (synchronous=NORMAL)", 2: "on", 3: "on"}[sync]
	return a, nil
}
