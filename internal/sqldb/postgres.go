package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"boxoffice/internal/jobs"
)

// Connections of a node, if its URL does not say pool_max_conns. Two cores do
// their best with four to eight that are busy.
const (
	poolDefault = 8
	writeShare  = 2 // for every two connections that read, one writes, and one is for the hot batches
)

// How PostgreSQL is watched.
const (
	watchEvery    = 500 * time.Millisecond
	watchPatience = 3 * time.Second // without an answer it counts as down
	dialPatience  = 2 * time.Second
)

// sessionSettings are for every connection: a node that is frozen or cut off must not
// block the others, and no statement waits forever.
var sessionSettings = map[string]string{
	"application_name":                    "boxoffice",
	"idle_in_transaction_session_timeout": "5s",
	"lock_timeout":                        "7s", // longer than a frozen node can hold a lock
	"statement_timeout":                   "10s",
	"tcp_keepalives_idle":                 "5",
	"tcp_keepalives_interval":             "2",
	"tcp_keepalives_count":                "3",
	"tcp_user_timeout":                    "8s",
	"jit":                                 "off",
	"timezone":                            "UTC",
}

// hotSettings are for the connections that write. All their statements use an index:
// they are planned once, and must not get a table scan because the table was small at
// that time.
var hotSettings = map[string]string{
	"plan_cache_mode":   "force_generic_plan",
	"enable_seqscan":    "off",
	"enable_bitmapscan": "off",
	"enable_hashjoin":   "off",
	"enable_mergejoin":  "off",
}

// postgres is what a DB has on PostgreSQL.
type postgres struct {
	pool    *sql.DB       // for reads
	writes  *sql.DB       // for writes that are not hot
	raw     *pgxpool.Pool // for the hot batches
	replica *sql.DB

	base *pgx.ConnConfig // without time limits, for migrations

	gate      *gate
	replicaUp atomic.Bool
	clock     func() time.Time
	offset    atomic.Int64 // the database's clock minus this machine's, ns
	stop      context.CancelFunc
	running   sync.WaitGroup
}

func openPostgres(ctx context.Context, cfg Config) (*DB, error) {
	pc, err := pgxpool.ParseConfig(cfg.URL)
	if err == nil && misplaced(cfg.URL) {
		err = errMisplaced
	}
	if err != nil {
		return nil, badURL("--database-url", err)
	}
	size := poolDefault
	if strings.Contains(cfg.URL, "pool_max_conns=") {
		size = int(pc.MaxConns)
	}
	marked(pc.ConnConfig)
	p := &postgres{gate: newGate(), base: pc.ConnConfig.Copy(), clock: cfg.Clock}
	if p.clock == nil {
		p.clock = time.Now
	}
	if cfg.ReadOnly {
		// Not a run-time parameter: a URL with target_session_attrs=read-write asks for
		// a server that takes writes, which is decided by this very setting.
		pc.ConnConfig.AfterConnect = readOnlySession
		// Reading a whole ledger takes long, and holds no locks that block others.
		p.settings(pc.ConnConfig, map[string]string{"statement_timeout": "0", "idle_in_transaction_session_timeout": "60s"})
	}
	general := p.settings(pc.ConnConfig.Copy(), sessionSettings)
	hot := p.settings(pc.ConnConfig, sessionSettings, hotSettings)
	if cfg.Connections != nil {
		for _, c := range []*pgx.ConnConfig{p.base, general, hot} {
			cfg.Connections(c)
		}
	}
	pc.ConnConfig = hot
	pc.MaxConns = int32(max(2, size/writeShare))
	pc.MinConns = 0
	pc.AfterConnect = func(_ context.Context, conn *pgx.Conn) error {
		quickArrays(conn.TypeMap())
		return nil
	}
	p.pool, p.writes = openPool(general, size), openPool(hot, int(pc.MaxConns))
	if p.raw, err = pgxpool.NewWithConfig(ctx, pc); err != nil {
		return nil, errors.Join(fmt.Errorf("open database: %w", err), hangUp(p.pool, p.writes))
	}
	if cfg.ReplicaURL != "" {
		rc, err := pgx.ParseConfig(cfg.ReplicaURL)
		if err == nil && misplaced(cfg.ReplicaURL) {
			err = errMisplaced
		}
		if err != nil {
			return nil, errors.Join(badURL("--replica-url", err), p.close())
		}
		for k, v := range sessionSettings {
			rc.RuntimeParams[k] = v
		}
		marked(rc)
		p.replica = openPool(rc, size)
	}
	if err := p.probe(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open database: %w", err), p.close())
	}
	var watch context.Context
	watch, p.stop = context.WithCancel(context.Background())
	p.running.Go(func() { p.watch(watch) })
	return &DB{dialect: Postgres, shared: true, writer: p.writes, reader: p.pool, pg: p, readOnly: cfg.ReadOnly}, nil
}

// readOnlySession makes a connection refuse writes, after its server was chosen.
func readOnlySession(ctx context.Context, conn *pgconn.PgConn) error {
	return conn.Exec(ctx, "SET default_transaction_read_only = on").Close()
}

func openPool(c *pgx.ConnConfig, size int) *sql.DB {
	pool := stdlib.OpenDB(*c)
	pool.SetMaxOpenConns(size)
	pool.SetMaxIdleConns(size)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	return pool
}

// settings adds run-time parameters and the gate to a connection's configuration. What
// the URL sets takes precedence.
func (p *postgres) settings(c *pgx.ConnConfig, sets ...map[string]string) *pgx.ConnConfig {
	for _, set := range sets {
		for k, v := range set {
			if _, ok := c.RuntimeParams[k]; !ok {
				c.RuntimeParams[k] = v
			}
		}
	}
	c.ConnectTimeout = dialPatience
	c.DialFunc = p.gate.dial
	c.OnPgError = func(_ *pgconn.PgConn, err *pgconn.PgError) bool { return err.Severity != "FATAL" && !outdated(err) }
	return c
}

func (p *postgres) close() error {
	if p.stop != nil {
		p.stop()
	}
	p.running.Wait()
	if p.gate.watcher != nil {
		p.gate.dropProbe()
	}
	p.raw.Close()
	err := hangUp(p.pool, p.writes)
	if p.replica != nil {
		err = errors.Join(err, hangUp(p.replica))
	}
	return err
}

// hangUp closes pools. Their connections may be gone already; see unlessGone.
func hangUp(pools ...*sql.DB) error {
	var all error
	for _, pool := range pools {
		all = errors.Join(all, unlessGone(pool.Close()))
	}
	return all
}

// unlessGone returns the error of a close, or nil if the connection was closed before,
// by the gate or by the server: no transaction is open then.
func unlessGone(err error) error {
	if isGone(err) {
		return nil
	}
	return err
}

// isGone reports whether an error, or each part of one that was joined, is that of
// a connection that is closed.
func isGone(err error) bool {
	switch e := err.(type) { //nolint:errorlint // it walks the chain itself
	case interface{ Unwrap() []error }:
		return !slices.ContainsFunc(e.Unwrap(), func(part error) bool { return !isGone(part) })
	case interface{ Unwrap() error }:
		return isGone(e.Unwrap())
	}
	for _, gone := range []error{net.ErrClosed, syscall.EPIPE, syscall.ECONNRESET} {
		if errors.Is(err, gone) {
			return true
		}
	}
	return false
}

func (p *postgres) now() time.Time { return p.clock().Add(time.Duration(p.offset.Load())) }

// watch asks PostgreSQL for its time repeatedly. While it does not answer, all its users
// get an error at once instead of waiting.
func (p *postgres) watch(ctx context.Context) {
	_ = jobs.Every(ctx, watchEvery, nil, func(ctx context.Context) error {
		err := p.probe(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && p.gate.shut():
			slog.Error("PostgreSQL does not answer; requests that need it are refused meanwhile", "error", err)
		case err == nil && p.gate.open():
			slog.Info("PostgreSQL answers again")
		}
		p.probeReplica(ctx)
		return nil
	})
}

// corrected returns the new offset of a remote clock that showed at, at some time
// between before and after by ours. It changes offset only as far as that proves it
// wrong, so that slow answers never make the time jump, least of all back.
func corrected(offset time.Duration, before, at, after time.Time) time.Duration {
	return min(max(offset, at.Sub(after)), at.Sub(before))
}

// probe asks for the time on a connection of its own, which the gate lets through.
func (p *postgres) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, watchPatience)
	defer cancel()
	conn, err := p.gate.probe(ctx, p.base)
	if err != nil {
		return err
	}
	before := p.clock()
	var at time.Time
	var replica bool
	if err := conn.QueryRow(ctx, "SELECT clock_timestamp(), pg_is_in_recovery()").Scan(&at, &replica); err != nil {
		p.gate.dropProbe()
		return err
	}
	if replica {
		p.gate.dropProbe() // after a failover, the URL may lead to another server
		return errReadOnly
	}
	after := p.clock()
	p.offset.Store(int64(corrected(time.Duration(p.offset.Load()), before, at, after)))
	return nil
}

var errReadOnly = errors.New("the server is a standby and takes no writes")

func (p *postgres) probeReplica(ctx context.Context) {
	if p.replica == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	up := p.replica.PingContext(ctx) == nil
	if p.replicaUp.Swap(up) != up {
		slog.Info("read replica", "answers", up)
	}
}

const writeTries = 5

// write runs fn in a transaction, and runs it again after a transient failure.
func (p *postgres) write(ctx context.Context, fn writeFunc) error {
	for try := 1; ; try++ {
		committing, err := p.once(ctx, fn)
		if err == nil || committing || try == writeTries || !postgresPassing(err) {
			return err
		}
		select {
		case <-time.After(time.Duration(try) * 10 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}

func (p *postgres) once(ctx context.Context, fn writeFunc) (committing bool, err error) {
	tx, err := p.writes.BeginTx(ctx, nil)
	if err != nil {
		return false, fmt.Errorf("begin: %w", lostBy(err)) // also if no connection became free in time
	}
	if err := safely(fn, tx); err != nil {
		_ = tx.Rollback() // the error of fn is the cause
		return false, err
	}
	if err := tx.Commit(); err != nil {
		return true, fmt.Errorf("commit: %w", err)
	}
	return false, nil
}

// Raw runs fn on a connection of its own for hot batches; PostgreSQL only. When
// fn fails, the connection's transaction is rolled back.
func (db *DB) Raw(ctx context.Context, fn func(*pgx.Conn) error) error {
	c, err := db.pg.raw.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("acquire connection: %w", lostBy(err))
	}
	defer c.Release() // closes it if it is in a transaction or broken
	err = fn(c.Conn())
	if err != nil && !c.Conn().IsClosed() && c.Conn().PgConn().TxStatus() != 'I' {
		if _, rollback := c.Exec(context.WithoutCancel(ctx), "ROLLBACK"); rollback != nil {
			_ = c.Conn().Close(context.WithoutCancel(ctx))
		}
	}
	return err
}

// Set is a statement that changes a set of rows, and may return a text for each.
type Set struct {
	Text string // with arrays for parameters
	Args []any
	Each func(string) // called with each text once the sets are committed
}

// Sets runs statements as one transaction that goes to the server as one message, on a
// connection for hot batches; PostgreSQL only. It tries again only if the transaction
// cannot have been committed.
func (db *DB) Sets(ctx context.Context, sets ...Set) error {
	for try := 1; ; try++ {
		changed := make([][]string, len(sets))
		err := db.Raw(ctx, func(conn *pgx.Conn) error {
			var b pgx.Batch
			for i, s := range sets {
				b.Queue(s.Text, s.Args...).Query(func(rows pgx.Rows) (err error) {
					changed[i], err = pgx.CollectRows(rows, pgx.RowTo[string])
					return err
				})
			}
			return conn.SendBatch(ctx, &b).Close() // without BEGIN, one message is one transaction
		})
		if err == nil {
			for i, s := range sets {
				for _, text := range changed[i] {
					s.Each(text)
				}
			}
			return nil
		}
		state := sqlState(err)
		undone := state == "40001" || state == "40P01" || pgconn.SafeToRetry(err) && !errors.Is(err, errShut)
		if !undone || try == writeTries {
			return err
		}
		select {
		case <-time.After(time.Duration(try) * 10 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}

// migrationLock is the key of the advisory lock that is held during migrations.
const migrationLock = 0x626f786f66666963 // "boxoffic"

// forMigrations returns a pool without time limits, and makes other nodes wait with
// their migrations until it is released.
func (p *postgres) forMigrations(ctx context.Context) (*sql.DB, func() error, error) {
	pool := stdlib.OpenDB(*p.base)
	lock, err := pool.Conn(ctx)
	if err == nil {
		_, err = lock.ExecContext(ctx, "SELECT pg_advisory_lock($1)", int64(migrationLock))
	}
	if err != nil {
		if lock != nil {
			err = errors.Join(err, unlessGone(lock.Close())) // otherwise the pool would keep it
		}
		return nil, nil, errors.Join(err, hangUp(pool))
	}
	return pool, func() error {
		_, err := lock.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", int64(migrationLock))
		return errors.Join(err, unlessGone(lock.Close()), hangUp(pool))
	}, nil
}

func (p *postgres) about(ctx context.Context) (About, error) {
	var a About
	var version, fsync, commit string
	err := p.pool.QueryRowContext(ctx, "SELECT current_setting('server_version'), current_setting('fsync'), current_setting('synchronous_commit'), pg_backend_pid()").
		Scan(&version, &fsync, &commit, &a.Process)
	if err != nil {
		return a, fmt.Errorf("about: %w", err)
	}
	version, _, _ = strings.Cut(version, " ")
	a.Database, a.Fsync = "PostgreSQL "+version, "on"
	if fsync != "on" || commit == "off" {
		a.Fsync = "off (fsync=" + fsync + ", synchronous_commit=" + commit + ")"
	}
	return a, nil
}

func sqlState(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func postgresDuplicate(err error) bool { return sqlState(err) == "23505" }

// outdated reports whether a prepared statement failed because a newer node's migration
// has changed a column that it returns. Nothing was executed. The connection is closed,
// and the statement is prepared again on a new one.
func outdated(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == "0A000" && e.Routine == "RevalidateCachedQuery"
}

func postgresPassing(err error) bool {
	if outdated(err) {
		return true
	}
	switch sqlState(err) {
	case "40001", "40P01":
		return true
	case "57P01": // the connection was terminated; the server may still run
		return true
	}
	return broken(err) && !errors.Is(err, errShut)
}

// postgresOutage reports whether an error is an outage: classes 08 (connection), 53
// (resources: disk full, memory, too many connections), 57P (shutdown, crash, starting),
// 58 (input and output), a lock or statement timeout, or a standby that takes no writes.
func postgresOutage(err error) bool {
	state := sqlState(err)
	for _, class := range []string{"08", "53", "57P", "58", "55P03", "57014", "25006", "25P03"} {
		if strings.HasPrefix(state, class) {
			return true
		}
	}
	return broken(err)
}

// broken reports whether a connection to the database could not be made or has ended.
// Errors of other connections and of files are not among them, even where they are the
// same values: a write that reads a cut-off text fails with io.ErrUnexpectedEOF, too.
func broken(err error) bool {
	var connect *pgconn.ConnectError
	var ended lost
	return errors.Is(err, errShut) || errors.As(err, &connect) || errors.As(err, &ended) || errors.Is(err, pgconn.ErrConnClosed) || pgconn.Timeout(err) || gone(err)
}

// gone reports whether database/sql found that a connection has ended.
func gone(err error) bool {
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone)
}
