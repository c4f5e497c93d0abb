package system

import (
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"boxoffice/internal/brokertest"
	"boxoffice/internal/settings"
	"boxoffice/internal/sqldb/sqldbtest"
)

// The disk under the embedded database is full: clear errors, nothing is lost,
// and once there is room the node sells on without a restart.
func TestDiskFullEmbedded(t *testing.T) {
	onceOnly(t)
	d := brokertest.SmallDisk(t, 64)
	data := settings.Storage{Data: filepath.Join(d.Dir, "data")}
	fillUp(t, d, data, func() {})
}

// The same under PostgreSQL, which stops when it cannot write its log.
func TestDiskFullPostgres(t *testing.T) {
	onceOnly(t)
	d := brokertest.SmallDisk(t, 256)
	pg, err := sqldbtest.StartIn(d.Dir, append(append([]string(nil), sqldbtest.Durable...), "max_wal_size=64MB", "min_wal_size=32MB", "shared_buffers=32MB", "checkpoint_timeout=30s")...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pg.Stop)
	data := settings.Storage{Data: t.TempDir(), DatabaseURL: create(t, pg)}
	fillUp(t, d, data, func() {
		if !pg.Running() {
			if err := pg.Up(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// fillUp sells until the disk is full, makes room, and sells on.
func fillUp(t *testing.T, d *brokertest.Disk, data settings.Storage, room func()) {
	t.Helper()
	fans, organizer := people(t, data)
	s := serve(t, data)
	event, seats := sell(t, s, organizer)
	ack := &acknowledged{booked: map[string]string{}, held: map[string]string{}}
	storms := func(stop chan struct{}) (wait func()) {
		var wg sync.WaitGroup
		for i, f := range fans[:32] {
			wg.Go(func() { storm(s, f, event, seats, uint64(time.Now().UnixNano())+uint64(i), ack, &atomic.Int64{}, stop) })
		}
		return wg.Wait
	}
	stop := make(chan struct{})
	wait := storms(stop)
	time.Sleep(500 * time.Millisecond)
	d.Fill()
	p := probe(t, s, fans[32:], event, seats)
	refused := p.find(t, func(a answer) bool { return a.status >= 500 })
	t.Logf("full: %v", refused)
	time.Sleep(3 * time.Second)
	p.mu.Lock()
	for _, a := range p.all {
		if a.status >= 500 && (a.status != 503 || a.retryAfter == "" || a.problem != "database-unavailable") {
			t.Errorf("with the disk full: %v, Retry-After %q", a, a.retryAfter)
			break
		}
	}
	p.mu.Unlock()
	close(stop)
	wait()
	d.Empty()
	roomAt := time.Now()
	room()
	t.Logf("sells on %v after there was room", p.success(t, time.Now()).Sub(roomAt).Round(time.Millisecond))
	p.end()
	stop = make(chan struct{})
	wait = storms(stop)
	time.Sleep(time.Second)
	close(stop)
	wait()
	ack.check(t, s, fans)
	ack.audit(t, s, data)
	if len(ack.booked) < 100 {
		t.Errorf("only %d bookings were acknowledged: the test does not test", len(ack.booked))
	}
	t.Logf("%d acknowledged bookings", len(ack.booked))
}
