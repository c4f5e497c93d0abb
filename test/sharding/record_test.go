package sharding

import (
	"context"
	"database/sql/driver"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
)

// record is what reaches a database: the statements, and those of each transaction.
type record struct {
	mu           sync.Mutex
	statements   map[string]bool
	transactions [][]string
	open         map[any][]string // by connection; nil: it is in none
	on           bool
}

func newRecord() *record { return &record{statements: map[string]bool{}, open: map[any][]string{}} }

// begins and ends are how transactions are bounded.
func begins(text string) bool { return strings.EqualFold(text, "BEGIN") }

func ends(text string) bool {
	return strings.EqualFold(text, "COMMIT") || strings.EqualFold(text, "ROLLBACK")
}

// saw notes a statement on a connection.
func (r *record) saw(conn any, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	text = strings.TrimSpace(text)
	switch {
	case ends(text):
		r.end(conn)
	case begins(text) || strings.HasPrefix(strings.ToLower(text), "begin "):
		r.end(conn)
		r.open[conn] = []string{}
	default:
		if r.on {
			r.statements[text] = true
		}
		if list, ok := r.open[conn]; ok {
			r.open[conn] = append(list, text)
		}
	}
}

// end notes the end of a connection's transaction.
func (r *record) end(conn any) {
	if list := r.open[conn]; len(list) > 0 {
		r.transactions = append(r.transactions, list)
	}
	delete(r.open, conn)
}

// seen are the statements so far.
func (r *record) seen() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]string, 0, len(r.statements))
	for text := range r.statements {
		list = append(list, text)
	}
	slices.Sort(list)
	return list
}

// TraceQueryStart implements pgx.QueryTracer.
func (r *record) TraceQueryStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	r.saw(conn, data.SQL)
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (r *record) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TraceBatchStart implements pgx.BatchTracer. A batch outside of a transaction is one.
func (r *record) TraceBatchStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	r.mu.Lock()
	_, inside := r.open[conn]
	r.mu.Unlock()
	if !inside {
		r.saw(conn, "BEGIN")
	}
	for _, q := range data.Batch.QueuedQueries {
		r.saw(conn, q.SQL)
	}
	if !inside && !strings.EqualFold(data.Batch.QueuedQueries[0].SQL, "BEGIN") {
		r.saw(conn, "COMMIT")
	}
	return ctx
}

// TraceBatchQuery implements pgx.BatchTracer.
func (r *record) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd implements pgx.BatchTracer.
func (r *record) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// connector makes SQLite's connections, and records what they are asked.
type connector struct {
	driver driver.Driver
	dsn    string
	record *record
}

func (c *connector) Driver() driver.Driver { return c.driver }

func (c *connector) Connect(context.Context) (driver.Conn, error) {
	conn, err := c.driver.Open(c.dsn)
	if err != nil {
		return nil, err
	}
	return &recorded{Conn: conn, record: c.record}, nil
}

// recorded is a connection of SQLite's driver.
type recorded struct {
	driver.Conn
	record *record
}

func (c *recorded) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	s, err := c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, text)
	return &statement{s, c, text}, err
}

func (c *recorded) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	tx, err := c.Conn.(driver.ConnBeginTx).BeginTx(ctx, opts)
	c.record.saw(c, "BEGIN")
	return &transaction{tx, c}, err
}

func (c *recorded) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	c.record.saw(c, text)
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, text, args)
}

func (c *recorded) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	c.record.saw(c, text)
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, text, args)
}

type transaction struct {
	driver.Tx
	conn *recorded
}

func (t *transaction) Commit() error {
	t.conn.record.saw(t.conn, "COMMIT")
	return t.Tx.Commit()
}

func (t *transaction) Rollback() error {
	t.conn.record.saw(t.conn, "ROLLBACK")
	return t.Tx.Rollback()
}

type statement struct {
	driver.Stmt
	conn *recorded
	text string
}

func (s *statement) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	s.conn.record.saw(s.conn, s.text)
	return s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
}

func (s *statement) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	s.conn.record.saw(s.conn, s.text)
	return s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
}
