package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

// schemaTable stores for each service the newest migration of its tables, and the oldest
// program that may run on them, given as the newest migration which that program knows.
const schemaTable = `CREATE TABLE IF NOT EXISTS schema_versions (
	service TEXT COLLATE "C" PRIMARY KEY,
	version BIGINT NOT NULL,
	oldest  BIGINT NOT NULL
)`

// schema is a version of a service's tables.
type schema struct {
	version int64 // the newest migration
	oldest  int64 // the oldest program that may run on it
}

// beside is the line by which a migration declares which programs may still run after
// it: those that know at least migration N. Without the line, only those that know the
// migration itself.
var beside = regexp.MustCompile(`(?m)^-- beside: ([0-9]+)\s*$`)

// known is the version of the tables that this program was written for.
func known(migrations fs.FS) (schema, error) {
	names, err := fs.Glob(migrations, "*.sql")
	if err != nil {
		return schema{}, err
	}
	var s schema
	for _, name := range names {
		number, _, _ := strings.Cut(path.Base(name), "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return schema{}, fmt.Errorf("migration %s has no number", name)
		}
		text, err := fs.ReadFile(migrations, name)
		if err != nil {
			return schema{}, err
		}
		oldest := version
		if m := beside.FindSubmatch(text); m != nil {
			if oldest, err = strconv.ParseInt(string(m[1]), 10, 64); err != nil || oldest > version {
				return schema{}, fmt.Errorf("migration %s may run beside %s, which is not before it", name, m[1])
			}
		}
		s.version, s.oldest = max(s.version, version), max(s.oldest, oldest)
	}
	return s, nil
}

// TooNew is the error for a database that a newer program has changed in a way which
// this program does not support.
type TooNew struct {
	Service                string
	Version, Oldest, Known int64
}

func (e TooNew) Error() string {
	return fmt.Sprintf("this database is of a newer boxoffice (%s tables: version %d, for programs of version %d or newer; this program knows %d): use the newer program",
		e.Service, e.Version, e.Oldest, e.Known)
}

// TooOld is the error for a database that is opened read-only and was not yet migrated
// to this program's version.
type TooOld struct {
	Service        string
	Version, Known int64
}

func (e TooOld) Error() string {
	return fmt.Sprintf("this database is of an older boxoffice (%s tables: version %d; this program needs %d): start `boxoffice serve` on it once, or use the older program",
		e.Service, e.Version, e.Known)
}

// Empty is the error for a database that is opened read-only and has no tables of this
// program.
type Empty struct{}

func (Empty) Error() string {
	return "no boxoffice has used this database yet, it has none of its tables: give another one, or start `boxoffice serve` on it first"
}

// Migrate brings a service's tables up to date. Migrations are goose SQL files
// in the folder "migrations" of fsys, in canonical SQL. Nodes that start at the
// same time wait for each other. Comments /*postgres new: … */ are carried out where the
// service has no tables yet, so that no older node uses them. A program that is too old for the tables is
// refused with TooNew; a database opened to be read only is never changed.
func (db *DB) Migrate(ctx context.Context, service string, fsys fs.FS) error {
	sub, err := fs.Sub(fsys, "migrations")
	if err != nil {
		return fmt.Errorf("migrate %s: %w", service, err)
	}
	own, err := known(sub)
	if err != nil {
		return fmt.Errorf("migrate %s: %w", service, err)
	}
	if done, err := db.migrated(ctx, service, own); done || err != nil {
		return err
	}
	if err := db.migrate(ctx, service, sub, own); err != nil {
		return fmt.Errorf("migrate %s: %w", service, err)
	}
	_, err = db.migrated(ctx, service, own) // a newer program may have migrated further
	return err
}

// migrated reports whether a service's tables are up to date. The error says why they
// cannot be brought up to date.
func (db *DB) migrated(ctx context.Context, service string, own schema) (bool, error) {
	at, err := db.schema(ctx, service)
	switch {
	case err != nil:
		return false, fmt.Errorf("migrate %s: %w", service, err)
	case own.version < at.oldest:
		return false, TooNew{service, at.version, at.oldest, own.version}
	case own.version > at.version && db.readOnly:
		return false, db.behind(ctx, service, at, own)
	case own.version > at.version:
		return false, nil
	}
	db.known.Store(service, own)
	return true, nil
}

// schema returns the version of a service's tables; zero when there are none.
func (db *DB) schema(ctx context.Context, service string) (s schema, err error) {
	err = db.reader.QueryRowContext(ctx, `SELECT COALESCE((SELECT max(version_id) FROM migrations_`+service+`), 0), oldest
		FROM schema_versions WHERE service = $1`, service).Scan(&s.version, &s.oldest)
	if errors.Is(err, sql.ErrNoRows) || NoTable(err) {
		return schema{}, nil
	}
	return s, err
}

// behind returns why a read-only database cannot be used: TooOld, or Empty when no
// boxoffice has used it. The first versions had no table of schema versions.
func (db *DB) behind(ctx context.Context, service string, at, own schema) error {
	for _, table := range []string{"schema_versions", "migrations_" + service} {
		var n int64
		err := db.reader.QueryRowContext(ctx, "SELECT count(*) FROM "+table).Scan(&n) // a handful
		switch {
		case err == nil:
			return TooOld{service, at.version, own.version}
		case !NoTable(err):
			return fmt.Errorf("migrate %s: %w", service, err)
		}
	}
	return Empty{}
}

// NoTable reports whether an error says that a table does not exist.
func NoTable(err error) bool {
	return sqlState(err) == "42P01" || err != nil && strings.Contains(err.Error(), "no such table")
}

var onlyNew = regexp.MustCompile(`(?s)/\*(sqlite|postgres) new: *(.*?) *\*/`)

// newTables opens or removes the parts of a migration for new tables.
func newTables(text string, isNew bool) string {
	with := ""
	if isNew {
		with = "/*$1: $2*/"
	}
	return onlyNew.ReplaceAllString(text, with)
}

// migrate runs the missing migrations, and records them.
func (db *DB) migrate(ctx context.Context, service string, migrations fs.FS, own schema) (err error) {
	dialect, pool := goose.DialectSQLite3, db.writer
	if db.dialect == Postgres {
		dialect = goose.DialectPostgres
		var unlock func() error
		if pool, unlock, err = db.pg.forMigrations(ctx); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, unlock()) }()
	}
	store, err := database.NewStore(dialect, "migrations_"+service)
	if err != nil {
		return err
	}
	isNew := false
	p, err := goose.NewProvider("", pool, textFS{migrations, func(text string) string { return db.Text(newTables(text, isNew)) }}, goose.WithStore(store), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	applied, err := p.GetDBVersion(ctx) // with the lock: no other node migrates now
	if err != nil {
		return err
	}
	isNew = applied == 0 // migrations are read when they are carried out
	if _, err := p.Up(ctx); err != nil {
		return err
	}
	if _, err := pool.ExecContext(ctx, db.Text(schemaTable)); err != nil {
		return err
	}
	_, err = pool.ExecContext(ctx, `INSERT INTO schema_versions (service, version, oldest) VALUES ($1, $2, $3)
		ON CONFLICT (service) DO UPDATE SET version = excluded.version, oldest = excluded.oldest WHERE schema_versions.version < excluded.version`,
		service, own.version, own.oldest)
	return err
}

// Fits returns TooNew if a newer program has changed the tables since this one started,
// in a way that this one does not support: it must stop then.
func (db *DB) Fits(ctx context.Context) error {
	rows, err := db.reader.QueryContext(ctx, `SELECT service, version, oldest FROM schema_versions`) // a handful
	if err != nil {
		return fmt.Errorf("schema versions: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var service string
		var at schema
		if err := rows.Scan(&service, &at.version, &at.oldest); err != nil {
			return fmt.Errorf("schema versions: %w", err)
		}
		if own, ok := db.known.Load(service); ok && own.(schema).version < at.oldest {
			return TooNew{service, at.version, at.oldest, own.(schema).version}
		}
	}
	return rows.Err()
}

// MigratedAt returns when a service's tables got a migration; zero if they have had it
// since they were created, so that no row is older.
func (db *DB) MigratedAt(ctx context.Context, service string, version int64) (time.Time, error) {
	rows, err := db.reader.QueryContext(ctx, `SELECT version_id, tstamp FROM migrations_`+service+` WHERE version_id IN (1, $1) ORDER BY id`, version)
	if err != nil {
		return time.Time{}, fmt.Errorf("migrations of %s: %w", service, err)
	}
	defer rows.Close()
	var made, at time.Time
	for rows.Next() {
		var n int64
		var t time.Time
		if err := rows.Scan(&n, &t); err != nil {
			return time.Time{}, fmt.Errorf("migrations of %s: %w", service, err)
		}
		if at = t; n == 1 {
			made = t
		}
	}
	if at.Sub(made) < time.Minute { // one call of Migrate ran them all
		return time.Time{}, rows.Err()
	}
	return at, rows.Err()
}
