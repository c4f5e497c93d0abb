package system

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"boxoffice/internal/caller"
	"boxoffice/internal/patience"
	"boxoffice/internal/rush"
	"boxoffice/internal/settings"
	"boxoffice/internal/sqldb/sqldbtest"
	"boxoffice/internal/userapi"
)

// Bad weather: nodes and their PostgreSQL are killed, frozen, restarted and run
// out of disk under load. Bounded here; BOXOFFICE_TEST_WEATHER makes it longer.

// long is how much longer the weather lasts than in a quick run.
func long() int {
	if n, err := strconv.Atoi(os.Getenv("BOXOFFICE_TEST_WEATHER")); err == nil && n > 0 {
		return n
	}
	return 1
}

// onceOnly passes a test over in short runs and in those on PostgreSQL: bad
// weather brings its own servers, and is the same in both.
func onceOnly(t *testing.T) {
	t.Helper()
	if testing.Short() || sqldbtest.OnPostgres(t) {
		t.Skip("bad weather comes once, in the long run of the tests")
	}
}

// durable is a private PostgreSQL server that syncs what it acknowledges, with
// an empty database.
func durable(t *testing.T, options ...string) (*sqldbtest.Server, settings.Storage) {
	t.Helper()
	onceOnly(t)
	pg, err := sqldbtest.Start(append(append([]string(nil), sqldbtest.Durable...), options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pg.Stop)
	return pg, settings.Storage{Data: t.TempDir(), DatabaseURL: create(t, pg)}
}

func create(t *testing.T, pg *sqldbtest.Server) string {
	t.Helper()
	url, err := pg.CreateDatabase(t.Context(), "boxoffice", "template1")
	if err != nil {
		t.Fatal(err)
	}
	return url
}

// onSale is a rehearsal in the background.
type onSale struct {
	done   chan struct{}
	report rush.Report
	err    error
}

// rushAt begins a rehearsal at nodes that run already, on PostgreSQL, and returns when its
// first booking is paid: what a rehearsal does before its sale begins, it does once.
func rushAt(t *testing.T, data settings.Storage, d time.Duration, nodes ...*server) *onSale {
	var targets []string
	for _, n := range nodes {
		targets = append(targets, n.url)
	}
	o := &onSale{done: make(chan struct{})}
	args := on(data, "--target", strings.Join(targets, ","), "--fans", "2000", "--seats", "20000", "--in-flight", "64", "--duration", d.String())
	go func() {
		defer close(o.done)
		o.report, o.err = rehearse(t, args...)
	}()
	conn, err := pgx.Connect(t.Context(), data.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	patience.Until(t, "the rehearsal sells", func() (sells bool) {
		select {
		case <-o.done: // end says why
			return true
		default:
		}
		if err := conn.QueryRow(t.Context(), `SELECT EXISTS (SELECT 1 FROM bookings WHERE status = 'booked')`).Scan(&sells); err != nil {
			t.Fatal(err)
		}
		return sells
	})
	return o
}

// end waits for the rehearsal, whose audit must be clean.
func (o *onSale) end(t *testing.T) rush.Report {
	t.Helper()
	<-o.done
	if o.err != nil || o.report.Audit != "ok" || o.report.Scope != "database" || o.report.Purchases == 0 {
		t.Fatalf("%+v, %v", o.report, o.err)
	}
	r := &o.report
	t.Logf("%d purchases; %d of %d requests failed, %d were sent again, %d answers of 503; audit %s", r.Purchases, r.Errors, r.Requests, r.SentAgain, r.Unavailable, r.Audit)
	return o.report
}

// stand is an event to probe, and who asks.
func stand(t *testing.T, s *server, data settings.Storage) (fans []userapi.Fan, event string, seats []string) {
	t.Helper()
	fans, organizer := people(t, data)
	event, seats = sell(t, s, organizer)
	return fans, event, seats
}

// people are the accounts of a stand. An embedded database has to be asked for
// them before a node serves it.
func people(t *testing.T, data settings.Storage) (fans []userapi.Fan, organizer userapi.Fan) {
	t.Helper()
	return accounts(t, data, 64, caller.Customer), accounts(t, data, 1, caller.Organizer)[0]
}

// sell puts the event of a stand on sale.
func sell(t *testing.T, s *server, organizer userapi.Fan) (event string, seats []string) {
	t.Helper()
	o := s.as(organizer)
	event = o.event(t, "arena", 5000, "limit_per_customer", 100)
	return event, o.labels(t, event)
}

// PostgreSQL is killed and comes back, then freezes for a while: meanwhile
// everybody is told at once to come back later, and afterwards the nodes serve
// again without being touched.
func TestDatabaseGone(t *testing.T) {
	pg, data := durable(t)
	nodes := []*server{serve(t, data), serve(t, data)}
	fans, event, seats := stand(t, nodes[0], data)
	frozen := 8 * time.Second * time.Duration(long())
	sale := rushAt(t, data, frozen+16*time.Second, nodes...)
	p := probe(t, nodes[0], fans, event, seats)
	p.success(t, time.Now())
	time.Sleep(2 * time.Second)

	gone := time.Now()
	pg.Kill()
	time.Sleep(3 * time.Second)
	p.refusals(t, gone.Add(time.Second), time.Now())
	if err := pg.Up(); err != nil {
		t.Fatal(err)
	}
	up := time.Now()
	back := p.success(t, up).Sub(up)
	t.Logf("killed: back %v after PostgreSQL", back.Round(time.Millisecond))
	if back > time.Minute {
		t.Error("that is too late")
	}
	time.Sleep(2 * time.Second)

	gone = time.Now()
	if err := pg.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	time.Sleep(frozen)
	p.refusals(t, gone.Add(5*time.Second), time.Now())
	up = time.Now()
	if err := pg.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	back = p.success(t, up).Sub(up)
	t.Logf("frozen for %v: back after %v", frozen, back.Round(time.Millisecond))
	if back > time.Minute {
		t.Error("that is too late")
	}
	p.end()
	sale.end(t)
}

// A node is killed with its queue full; the other takes its fans over.
func TestNodeKilled(t *testing.T) {
	_, data := durable(t)
	nodes := []*server{serve(t, data), serve(t, data)}
	sale := rushAt(t, data, 12*time.Second, nodes...)
	time.Sleep(4 * time.Second)
	nodes[0].kill()
	if r := sale.end(t); r.SentAgain == 0 {
		t.Errorf("nobody noticed: the test does not test: %+v", r)
	}
}

// A node freezes while it holds the lock of an event's head: the others sell on
// within six seconds, and when it wakes up it does no harm.
func TestNodeFrozen(t *testing.T) {
	pg, data := durable(t)
	frozen, other := serve(t, data), serve(t, data)
	fans, event, seats := stand(t, other, data)
	ack := &acknowledged{booked: map[string]string{}, held: map[string]string{}}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	storms := accounts(t, data, 32, caller.Customer)
	for i, f := range storms {
		wg.Go(func() { storm([]*server{frozen, other}[i%2], f, event, seats, uint64(i), ack, &atomic.Int64{}, stop) })
	}
	time.Sleep(time.Second)
	since := freezeHoldingLock(t, pg, data, frozen)
	p := probe(t, other, fans, event, seats[len(seats)/2:])
	took := p.success(t, since).Sub(since)
	t.Logf("the other node sells on after %v", took.Round(time.Millisecond))
	if took > time.Minute { // six seconds, on a machine that has nothing else to do
		t.Error("that is too late")
	}
	time.Sleep(3 * time.Second)
	if err := frozen.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	awake := time.Now()
	woken := probe(t, frozen, fans, event, seats[:len(seats)/2])
	t.Logf("the node sells again %v after it woke up", woken.success(t, awake).Sub(awake).Round(time.Millisecond))
	p.end()
	woken.end()
	close(stop)
	wg.Wait()
	ack.check(t, frozen, storms)
	frozen.stop()
	ack.audit(t, other, data)
	t.Logf("%d acknowledged bookings", len(ack.booked))
}

// freezeHoldingLock stops a node in the middle of a transaction, and answers when.
func freezeHoldingLock(t *testing.T, pg *sqldbtest.Server, data settings.Storage, s *server) time.Time {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), data.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for try := range 400 {
		if err := s.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		since := time.Now()
		time.Sleep(150 * time.Millisecond) // whoever is not frozen goes on
		var held int
		err := conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity a JOIN pg_locks l ON l.pid = a.pid
			WHERE a.datname = current_database() AND a.state = 'idle in transaction' AND a.state_change < clock_timestamp() - interval '100 ms'
			AND l.relation = 'sales'::regclass AND l.mode = 'RowShareLock' AND l.granted`).Scan(&held)
		if err != nil {
			t.Fatal(err)
		}
		if held > 0 {
			t.Logf("frozen in a transaction at try %d", try+1)
			return since
		}
		if err := s.cmd.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(20+try%17) * time.Millisecond)
	}
	t.Fatal("the node was never caught in a transaction")
	return time.Time{}
}

// Three nodes are restarted one after the other, under load.
func TestRollingRestart(t *testing.T) {
	_, data := durable(t)
	nodes := make([]*server, 3)
	for i := range nodes {
		nodes[i] = serve(t, data)
	}
	sale := rushAt(t, data, 14*time.Second, nodes...)
	time.Sleep(2 * time.Second)
	for i, s := range nodes {
		s.stop()
		nodes[i] = serveAt(t, strings.TrimPrefix(s.url, "http://"), data)
		time.Sleep(1500 * time.Millisecond)
	}
	if r := sale.end(t); float64(r.Errors) > 0.001*float64(r.Requests) {
		t.Errorf("%d of %d requests failed, more than 0.1 %%", r.Errors, r.Requests)
	}
}

// A streaming standby that every commit waits for is promoted after the
// primary's kill -9: nodes that know both go on, and nothing acknowledged is lost.
func TestStandbyPromoted(t *testing.T) {
	primary, data := durable(t, "wal_level=replica", "max_wal_senders=4")
	standby, err := primary.Standby("standby")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(standby.Stop)
	psql := func(s *sqldbtest.Server, statement string) {
		t.Helper()
		conn, err := pgx.Connect(t.Context(), s.URL("postgres"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(statement, err)
		}
	}
	psql(primary, "ALTER SYSTEM SET synchronous_standby_names = 'standby'")
	psql(primary, "SELECT pg_reload_conf()")
	both := data
	both.DatabaseURL = fmt.Sprintf("postgres://%s@127.0.0.1:%d,127.0.0.1:%d/boxoffice?sslmode=disable&target_session_attrs=read-write", sqldbtest.SuperUser, primary.Port, standby.Port)
	nodes := []*server{serve(t, both), serve(t, both)}
	sale := rushAt(t, both, 14*time.Second, nodes...)
	time.Sleep(4 * time.Second)
	primary.Kill()
	if out, err := standby.Command(t.Context(), "pg_ctl", "promote", "-D", standby.Data()).CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	if r := sale.end(t); r.SentAgain == 0 {
		t.Errorf("nobody noticed: the test does not test: %+v", r)
	}
	fans, event, seats := stand(t, nodes[0], both)
	probe(t, nodes[0], fans, event, seats).success(t, time.Now())
}

// A backup is made while seats are sold, and restored: it is of one moment, the
// ledger replays to its tables, nothing acknowledged before it is missing, and a
// node sells on from it.
func TestRestore(t *testing.T) {
	pg, data := durable(t)
	s := serve(t, data)
	fans, event, seats := stand(t, s, data)
	ack := &acknowledged{booked: map[string]string{}, held: map[string]string{}}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var answers atomic.Int64
	for i, f := range fans[:32] {
		wg.Go(func() { storm(s, f, event, seats, uint64(i), ack, &answers, stop) })
	}
	for answers.Load() < 500 {
		time.Sleep(time.Millisecond)
	}
	before := &acknowledged{booked: map[string]string{}, held: map[string]string{}}
	ack.mu.Lock()
	for id, owner := range ack.booked {
		before.booked[id], before.held[id] = owner, owner
	}
	ack.mu.Unlock()
	file := filepath.Join(pg.Dir, "backup")
	if out, err := pg.Command(t.Context(), "pg_dump", "--format=custom", "--file="+file, "--dbname="+data.DatabaseURL).CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	close(stop)
	wg.Wait()
	s.kill()
	restored := settings.Storage{Data: t.TempDir()}
	var err error
	if restored.DatabaseURL, err = pg.CreateDatabase(t.Context(), "restored", "template1"); err != nil {
		t.Fatal(err)
	}
	if out, err := pg.Command(t.Context(), "pg_restore", "--exit-on-error", "--dbname="+restored.DatabaseURL, file).CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	if out, err := run(t, on(restored, "verify")...); err != nil {
		t.Fatal(out, err)
	}
	s = serve(t, restored)
	if len(before.booked) < 50 {
		t.Errorf("only %d bookings were acknowledged before the backup: the test does not test", len(before.booked))
	}
	booked := before.booked
	before.check(t, s, fans)
	probe(t, s, fans[32:], event, seats).success(t, time.Now())
	before.booked = booked
	before.audit(t, s, restored)
}

// A read replica serves the lists; without it the primary does.
func TestReadReplica(t *testing.T) {
	primary, data := durable(t, "wal_level=replica", "max_wal_senders=4")
	first := serve(t, data) // makes the tables
	organizer := first.as(accounts(t, data, 1, caller.Organizer)[0])
	organizer.event(t, "theatre", 100)
	replica, err := primary.Standby("replica")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(replica.Stop)
	s := serve(t, data, "--replica-url", replica.URL("boxoffice"))
	c := &client{http: newHTTP(), base: s.url}
	listed := func(want int) {
		t.Helper()
		for deadline := time.Now().Add(patience.Long); ; time.Sleep(20 * time.Millisecond) {
			r, err := c.do("GET", "/events", nil)
			if err != nil {
				t.Fatal(err)
			}
			if items, _ := r.body["items"].([]any); r.status == 200 && len(items) == want {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("the list is not of %d events: %d %v", want, r.status, r.body)
			}
		}
	}
	reads := func() (n int) {
		t.Helper()
		conn, err := pgx.Connect(t.Context(), replica.URL("boxoffice"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		if err := conn.QueryRow(t.Context(), `SELECT xact_commit FROM pg_stat_database WHERE datname = 'boxoffice'`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := reads()
	for deadline := time.Now().Add(patience.Long); reads()-before < 100; {
		for range 50 {
			listed(1)
		}
		if time.Now().After(deadline) {
			t.Fatal("the replica is not asked")
		}
	}
	organizer.event(t, "theatre", 200)
	listed(2)
	replica.Kill()
	organizer.event(t, "theatre", 300)
	listed(3)
}
