package simulate

import (
	"context"
	"database/sql/driver"
	"errors"
	"strings"
	"sync"
)

// errDead is what a dead node hears of everything outside of it.
var errDead = errors.New("simulate: this node is dead")

// life is what a node's dealings with the world outside depend on: they fail once
// it is dead, and wait while it is frozen.
type life struct {
	turn chan struct{} // holds one while somebody writes to the database; of all nodes

	mu      sync.Mutex
	dead    bool
	died    chan struct{} // closed with its death
	frozen  chan struct{} // closed when it thaws; nil: it is not frozen
	commits int           // commits so far
	dies    int           // at which of them; 0: at none
	keeps   bool          // whether that commit counts
	waits   map[int][]func()
	halts   string  // it freezes when it is about to ask the bank for this step; "": it does not
	stuck   int     // it freezes within a transaction, before the nth statement from now; 0: it does not
	sockets sockets // on PostgreSQL
}

func newLife(turn chan struct{}) *life {
	return &life{turn: turn, died: make(chan struct{}), waits: map[int][]func(){}}
}

func (l *life) isDead() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dead
}

func (l *life) kill() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.killed()
}

func (l *life) killed() {
	if l.dead {
		return
	}
	l.dead = true
	close(l.died)
	go l.hangUp()
	if l.frozen != nil {
		close(l.frozen)
		l.frozen = nil
	}
}

// dieAt ends the node at its nth commit from now, after that is done or instead.
func (l *life) dieAt(n int, keeps bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dies, l.keeps = l.commits+n, keeps
}

// at calls fn after the nth commit from now.
func (l *life) at(n int, fn func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waits[l.commits+n] = append(l.waits[l.commits+n], fn)
}

func (l *life) freeze() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.frozen == nil && !l.dead {
		l.frozen = make(chan struct{})
	}
}

func (l *life) thaw() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stuck, l.halts = 0, ""
	if l.frozen != nil {
		close(l.frozen)
		l.frozen = nil
	}
}

func (l *life) isFrozen() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.frozen != nil
}

// freezeAt freezes the node when it is about to ask the bank for a step.
func (l *life) freezeAt(step string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.halts = step
}

// reach is called before the bank is asked for a step.
func (l *life) reach(step string) {
	l.mu.Lock()
	freezes := l.halts == step
	if freezes {
		l.halts = ""
	}
	l.mu.Unlock()
	if freezes {
		l.freeze()
	}
}

// pass waits while the node is frozen; the error says that it is dead.
func (l *life) pass() error {
	l.mu.Lock()
	frozen, dead := l.frozen, l.dead
	l.mu.Unlock()
	if dead {
		return errDead
	}
	if frozen != nil {
		<-frozen
		return l.pass()
	}
	return nil
}

func (l *life) check() error {
	if l.isDead() {
		return errDead
	}
	return nil
}

// commit carries out a commit, unless the node dies instead, and what hangs on it.
func (l *life) commit(do, undo func() error) error {
	if err := l.check(); err != nil {
		return errors.Join(err, undo())
	}
	n, ends, keeps := l.next()
	if ends && !keeps {
		l.kill()
		return errors.Join(errDead, undo())
	}
	err := do()
	if ends {
		l.kill()
		return errors.Join(errDead, err)
	}
	for _, fn := range l.due(n) {
		fn()
	}
	return err
}

// next counts a commit, and tells whether the node dies there, and the commit counts.
func (l *life) next() (n int, dies, keeps bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.commits++
	return l.commits, l.dies == l.commits, l.keeps
}

// due is what is to happen after the nth commit.
func (l *life) due(n int) []func() {
	l.mu.Lock()
	defer l.mu.Unlock()
	fns := l.waits[n]
	delete(l.waits, n)
	return fns
}

// freezeWithin freezes the node in the middle of a transaction, before the nth
// statement from now that is in one.
func (l *life) freezeWithin(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stuck = n
}

// within counts a statement of a transaction.
func (l *life) within(inside bool) {
	l.mu.Lock()
	freezes := false
	if inside && l.stuck > 0 {
		l.stuck--
		freezes = l.stuck == 0
	}
	l.mu.Unlock()
	if freezes {
		l.freeze()
	}
}

// connector makes connections to SQLite that have a node's life.
type connector struct {
	driver driver.Driver
	dsn    string
	life   *life
}

func (c *connector) Driver() driver.Driver { return c.driver }

func (c *connector) Connect(context.Context) (driver.Conn, error) {
	if err := c.life.check(); err != nil {
		return nil, err
	}
	raw, err := c.driver.Open(c.dsn)
	if err != nil {
		return nil, err
	}
	return &conn{rawConn: raw.(rawConn), life: c.life, writes: strings.Contains(c.dsn, "_txlock=immediate")}, nil
}

// rawConn is what the driver's connections can do.
type rawConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.SessionResetter
	driver.Validator
}

type conn struct {
	rawConn
	life   *life
	writes bool // it is a connection for writing
	inTx   bool
}

// take waits until nobody else writes.
func (c *conn) take() error {
	if err := c.life.pass(); err != nil {
		return err
	}
	select {
	case c.life.turn <- struct{}{}:
		return nil
	case <-c.life.died:
		return errDead
	}
}

func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if !c.writes {
		if err := c.life.check(); err != nil {
			return nil, err
		}
		return c.rawConn.BeginTx(ctx, opts)
	}
	if err := c.take(); err != nil {
		return nil, err
	}
	t, err := c.rawConn.BeginTx(ctx, opts)
	if err != nil {
		<-c.life.turn
		return nil, err
	}
	c.inTx = true
	return &tx{t, c}, nil
}

type tx struct {
	driver.Tx
	conn *conn
}

func (t *tx) Commit() error {
	defer t.over()
	return t.conn.life.commit(t.Tx.Commit, t.Tx.Rollback)
}

func (t *tx) Rollback() error {
	defer t.over()
	return t.Tx.Rollback()
}

func (t *tx) over() {
	t.conn.inTx = false
	<-t.conn.life.turn
}

// alone carries out a statement that writes without a transaction.
func (c *conn) alone(fn func() (driver.Result, error)) (res driver.Result, err error) {
	if err := c.life.check(); err != nil {
		return nil, err
	}
	if !c.writes || c.inTx {
		return fn()
	}
	if err := c.take(); err != nil {
		return nil, err
	}
	defer func() { <-c.life.turn }()
	return fn()
}

func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return c.alone(func() (driver.Result, error) { return c.rawConn.ExecContext(ctx, query, args) })
}

func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.life.check(); err != nil {
		return nil, err
	}
	return c.rawConn.QueryContext(ctx, query, args)
}

func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if err := c.life.check(); err != nil {
		return nil, err
	}
	s, err := c.rawConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return &stmt{s.(rawStmt), c}, nil
}

type rawStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type stmt struct {
	rawStmt
	conn *conn
}

func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.conn.alone(func() (driver.Result, error) { return s.rawStmt.ExecContext(ctx, args) })
}

func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	if err := s.conn.life.check(); err != nil {
		return nil, err
	}
	return s.rawStmt.QueryContext(ctx, args)
}

// isDoomed reports whether the node is about to die.
func (l *life) isDoomed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.dead && (l.dies > l.commits || l.stuck > 0 || l.halts != "")
}

func (l *life) spare() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dies, l.stuck, l.halts = 0, 0, ""
}
