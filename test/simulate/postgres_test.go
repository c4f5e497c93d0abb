package simulate

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"boxoffice/internal/patience"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/sqldb/sqldbtest"
)

// The same histories on PostgreSQL, with its real sockets and so without a bubble.
// Its clock is a function of the database that hides pg_catalog's: nodes see a
// server whose clock has been put forward, and follow it as they always do.
const ownClock = `CREATE TABLE simulated_clock (ahead INTERVAL NOT NULL);
	INSERT INTO simulated_clock VALUES ('0');
	CREATE FUNCTION clock_timestamp() RETURNS TIMESTAMPTZ LANGUAGE plpgsql VOLATILE AS
		'BEGIN RETURN pg_catalog.clock_timestamp() + (SELECT ahead FROM public.simulated_clock); END'`

// settingsOfURL: few connections, since many houses share a server; the database's
// clock before pg_catalog's; and what ends the transaction of a frozen node ends it
// in a tenth of the time that it takes in earnest.
var settingsOfURL = map[string]string{
	"pool_max_conns":                      "4",
	"search_path":                         "public,pg_catalog",
	"idle_in_transaction_session_timeout": "500ms",
	"lock_timeout":                        "700ms",
}

// server makes databases on a PostgreSQL server.
type server struct {
	url  string // of the database postgres
	name string // of this process's databases
	made atomic.Int64

	pulse pulse
}

func (s *server) do(ctx context.Context, url, text string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, text)
	return err
}

// create makes a database, as a copy of another if that has a name.
func (s *server) create(template string) (*record, error) {
	name := fmt.Sprintf("%s_%d", s.name, s.made.Add(1))
	ctx, cancel := context.WithTimeout(context.Background(), patience.Long)
	defer cancel()
	text := "CREATE DATABASE " + name
	if template != "" {
		text += " TEMPLATE " + template
	}
	if err := s.do(ctx, s.url, text); err != nil {
		return nil, err
	}
	u, err := url.Parse(s.url)
	if err != nil {
		return nil, err
	}
	u.Path = "/" + name
	plain := u.String()
	q := u.Query()
	for k, v := range settingsOfURL {
		q.Set(k, v)
	}
	u.RawQuery = q.Encode()
	r := &record{server: s, name: name, plain: plain, url: u.String()}
	if template == "" {
		err = s.do(ctx, plain, ownClock)
	}
	return r, err
}

func (r *record) drop() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience.Long)
	defer cancel()
	return r.server.do(ctx, r.server.url, "DROP DATABASE "+r.name+" WITH (FORCE)")
}

// how long it takes nodes to follow a clock, and jobs to begin.
const moment = 150 * time.Millisecond

// leapTo puts the house's clock forward, and waits until all nodes that can have
// followed it.
func (h *house) leapTo(ahead time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), patience.Long)
	defer cancel()
	if err := h.record.server.do(ctx, h.record.plain, fmt.Sprintf("UPDATE simulated_clock SET ahead = '%d microseconds'", ahead.Microseconds())); err != nil {
		panic(err)
	}
	h.clock.ahead.Store(int64(ahead))
	time.Sleep(moment)
	h.record.server.pulse.await(3)
	for _, n := range h.nodes {
		n.awake()
	}
}

// awake waits until a node that can has the house's time and its database. One that
// was frozen first finds that it has not heard of the server for long.
func (n *node) awake() {
	for deadline := time.Now().Add(5 * time.Second); n.app != nil && !n.follows() && time.Now().Before(deadline); { // one that cannot is told apart by what it answers
		if n.life.isFrozen() || n.life.isDead() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// follows reports whether a node has the house's time, and its database.
func (n *node) follows() bool {
	if d := n.app.DB.Now().Sub(n.house.clock.now()).Abs(); d > time.Second/2 {
		return false
	}
	db, fits := n.app.DB, make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		fits <- db.Fits(ctx)
	}()
	select {
	case err := <-fits:
		return err == nil
	case <-time.After(time.Second): // it froze meanwhile
		return false
	}
}

// skew is by how much a node's own clock is wrong.
func (n *node) skew() time.Duration { return time.Duration(n.number) * -7 * time.Minute }

// postgres is how a node with a life reaches PostgreSQL.
func (n *node) postgres() sqldb.Config {
	life, skew := n.life, n.skew()
	return sqldb.Config{
		URL:   n.house.record.url,
		Clock: func() time.Time { return time.Now().Add(skew) },
		Connections: func(c *pgx.ConnConfig) {
			dial := c.DialFunc
			c.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
				if err := life.check(); err != nil {
					return nil, err
				}
				conn, err := dial(ctx, network, addr)
				if err != nil {
					return nil, err
				}
				s := &socket{Conn: conn, life: life}
				life.hold(s)
				return s, nil
			}
			c.Tracer = &tracer{life}
		},
	}
}

// socket is a node's connection. It closes with the node's death, or with the first
// answer to the commit that the node does not survive.
type socket struct {
	net.Conn
	life *life
	last atomic.Bool
}

func (s *socket) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	if s.last.Load() && err == nil {
		s.life.kill()
	}
	if dead := s.life.check(); dead != nil {
		return 0, dead
	}
	return n, err
}

func (s *socket) Write(p []byte) (int, error) {
	if err := s.life.check(); err != nil {
		return 0, err
	}
	return s.Conn.Write(p)
}

func (s *socket) Close() error {
	s.life.release(s)
	return s.Conn.Close()
}

// tracer hears of each statement before it is sent, and after it was answered.
type tracer struct{ life *life }

type committed struct{} // key of a context: the number of the commit

var (
	begins  = regexp.MustCompile(`(?i)^\s*begin`)
	commits = regexp.MustCompile(`(?i)^\s*commit`)
	writes  = regexp.MustCompile(`(?i)^\s*(insert|update|delete|with)\b`)
	leases  = regexp.MustCompile(`(?i)^\s*insert into leases\b`) // are renewed all the time
)

func (t *tracer) TraceQueryStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	return t.before(ctx, conn, []string{data.SQL})
}

func (t *tracer) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	t.after(ctx, data.Err)
}

func (t *tracer) TraceBatchStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	var texts []string
	for _, q := range data.Batch.QueuedQueries {
		texts = append(texts, q.SQL)
	}
	return t.before(ctx, conn, texts)
}

func (t *tracer) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

func (t *tracer) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchEndData) {
	t.after(ctx, data.Err)
}

// before lets a frozen node wait, and one that dies at this commit die.
func (t *tracer) before(ctx context.Context, conn *pgx.Conn, texts []string) context.Context {
	l := t.life
	inside := conn.PgConn().TxStatus() != 'I'
	l.within(inside && !commits.MatchString(texts[0]) || inside && len(texts) == 1)
	_ = l.pass()
	ends := commits.MatchString(texts[0])
	if !inside && !begins.MatchString(texts[0]) { // it is a transaction of its own
		for _, text := range texts {
			ends = ends || writes.MatchString(text) && !leases.MatchString(text)
		}
	}
	if !ends || l.isDead() {
		return ctx
	}
	n, dies, keeps := l.next()
	switch {
	case dies && !keeps:
		l.kill()
	case dies:
		if s, ok := conn.PgConn().Conn().(*socket); ok {
			s.last.Store(true)
		} else {
			l.kill()
		}
	}
	return context.WithValue(ctx, committed{}, n)
}

func (t *tracer) after(ctx context.Context, err error) {
	if n, ok := ctx.Value(committed{}).(int); ok && err == nil {
		for _, fn := range t.life.due(n) {
			fn()
		}
	}
}

// sockets are a node's connections.
type sockets struct {
	mu   sync.Mutex
	open map[*socket]struct{}
}

func (l *life) hold(s *socket) {
	l.sockets.mu.Lock()
	defer l.sockets.mu.Unlock()
	if l.sockets.open == nil {
		l.sockets.open = map[*socket]struct{}{}
	}
	l.sockets.open[s] = struct{}{}
}

func (l *life) release(s *socket) {
	l.sockets.mu.Lock()
	defer l.sockets.mu.Unlock()
	delete(l.sockets.open, s)
}

// hangUp closes all connections: the server then undoes what was not committed.
func (l *life) hangUp() {
	l.sockets.mu.Lock()
	defer l.sockets.mu.Unlock()
	for s := range l.sockets.open {
		_ = s.Conn.Close()
	}
}

// playground is the server that this run of the tests plays on; "" is bubbles.
func playground(t *testing.T) string {
	if !sqldbtest.OnPostgres(t) {
		return ""
	}
	s, err := sqldbtest.Start(append(sqldbtest.Fast, "max_connections=400")...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s.URL("postgres")
}
