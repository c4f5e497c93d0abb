package simulate

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"boxoffice/internal/patience"
)

// Time limits are real on PostgreSQL. On a machine that is busy elsewhere a healthy
// node exceeds them, too: a connection is not made in time, a transaction stands
// idle. Nodes may then complain, and answer that one has to try again; what must
// be true in the end stays as it is.
const (
	beatEvery = 20 * time.Millisecond
	beatLate  = 150 * time.Millisecond // from here on the machine counts as slow
	slowFor   = 5 * time.Second        // what it has upset takes so long to calm down
)

// pulse asks the server for nothing again and again, and so finds out when this
// process or the server has to wait for the machine.
type pulse struct {
	mu     sync.Mutex
	began  time.Time // of the beat that is under way
	beats  int
	missed time.Time // the end of the last beat that was late
}

// beat lets the pulse beat until ctx ends.
func (p *pulse) beat(ctx context.Context, url string) {
	var conn *pgx.Conn
	for ctx.Err() == nil {
		p.mu.Lock()
		p.began = time.Now()
		p.mu.Unlock()
		time.Sleep(beatEvery)
		err := ask(ctx, &conn, url)
		p.mu.Lock()
		p.beats++
		if err != nil || time.Since(p.began) > beatEvery+beatLate {
			p.missed = time.Now()
		}
		p.mu.Unlock()
	}
	if conn != nil {
		_ = conn.Close(context.WithoutCancel(ctx))
	}
}

// ask asks the server for nothing, on a new connection where there is none or the
// last one has failed: one that was ended says nothing about the machine.
func ask(ctx context.Context, conn **pgx.Conn, url string) (err error) {
	if *conn == nil {
		if *conn, err = pgx.Connect(ctx, url); err != nil {
			return err
		}
	}
	if _, err = (*conn).Exec(ctx, "SELECT 1"); err != nil {
		_ = (*conn).Close(context.WithoutCancel(ctx))
		*conn = nil
	}
	return err
}

// slow reports whether the machine is, or was a moment ago, too slow for time
// limits to say anything about the program.
func (p *pulse) slow() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Since(p.began) > beatEvery+beatLate || time.Since(p.missed) < slowFor
}

// count is how often the pulse has beaten.
func (p *pulse) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.beats
}

// await waits for some beats, which on a slow machine take their time; not for ever.
func (p *pulse) await(beats int) {
	first := p.count()
	for began := time.Now(); p.count()-first < beats && time.Since(began) < 3*time.Second; {
		time.Sleep(beatEvery / 2)
	}
}

// slow reports whether a record's time limits say nothing just now.
func (r *record) slow() bool { return r.server != nil && r.server.pulse.slow() }

// excused reports whether somebody may be told to try again: because of what has
// befallen the house, or since the machine is too slow just now.
func (w *world) excused() bool { return w.hurt || w.record.slow() }

// patiently does something again that fails while the machine is slow.
func (h *house) patiently(do func() error) error {
	err := do()
	for began := time.Now(); err != nil && h.record.slow() && time.Since(began) < patience.Long; {
		time.Sleep(time.Second / 2)
		err = do()
	}
	return err
}
