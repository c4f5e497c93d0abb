package sqldb

import (
	"context"
	"crypto/rand"
	"embed"
	"fmt"
	"time"
)

//go:embed migrations/*.sql
var migrations embed.FS

const (
	leaseLife  = 5 * time.Second // how long a silent node keeps the lease
	leaseRenew = 1500 * time.Millisecond
)

// Lease lets one node at a time do a job, and passes to another one when that node is
// silent for some seconds. It only saves work: a node that was frozen may go on for a
// moment while another has the lease, so doing the job twice must do no harm. It is
// always held if no other node shares the database.
type Lease struct {
	db     *DB
	name   string
	holder string

	turn  chan struct{} // a mutex of capacity 1, so that waiting for it can be cancelled
	asked time.Time     // when it was last requested
	until time.Time     // by this machine's monotonic clock; zero: not held
}

// NewLease returns this node's side of a lease.
func NewLease(ctx context.Context, db *DB, name string) (*Lease, error) {
	l := &Lease{db: db, name: name, holder: rand.Text(), turn: make(chan struct{}, 1)}
	if !db.Shared() {
		return l, nil
	}
	return l, db.Migrate(ctx, "lease", migrations)
}

// Held reports whether this node has the lease, and renews it if necessary. If the
// database does not answer, the node has it until it runs out.
func (l *Lease) Held(ctx context.Context) bool {
	if !l.db.Shared() {
		return true
	}
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return false
	}
	now := time.Now()
	if now.Sub(l.asked) >= leaseRenew {
		if held, err := l.ask(ctx); err == nil {
			l.asked, l.until = now, time.Time{}
			if held {
				l.until = now.Add(leaseLife)
			}
		}
	}
	return time.Now().Before(l.until)
}

func (l *Lease) ask(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, leaseRenew)
	defer cancel()
	const take = `INSERT INTO leases (name, holder, until)
		SELECT $1, $2, t + CAST($3 AS BIGINT) FROM (SELECT /*postgres: CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)*/ /*sqlite: CAST($4 AS BIGINT)*/ AS t) AS now
		WHERE TRUE
		ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
		WHERE leases.holder = excluded.holder OR leases.until < excluded.until - CAST($3 AS BIGINT)`
	args := []any{l.name, l.holder, leaseLife.Microseconds()}
	if l.db.dialect == SQLite {
		args = append(args, l.db.Now().UnixMicro())
	}
	res, err := l.db.writer.ExecContext(ctx, l.db.Text(take), args...)
	if err != nil {
		return false, fmt.Errorf("lease %s: %w", l.name, err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// Release gives the lease back, so that the next node need not wait.
func (l *Lease) Release(ctx context.Context) {
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	if l.until.IsZero() {
		return
	}
	l.until = time.Time{}
	_, _ = l.db.writer.ExecContext(ctx, `DELETE FROM leases WHERE name = $1 AND holder = $2`, l.name, l.holder) // else it ends by itself
}
