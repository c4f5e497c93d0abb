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
	leaseLife  = 5 * time.Second // how long a job stays with a node that is not heard of
	leaseRenew = 1500 * time.Millisecond
)

// Lease lets one node at a time do a job, and passes it on when that node is not
// heard of for some seconds. It saves work and decides nothing: a node that was
// frozen may go on for a moment while another has the lease, so the job must do
// no harm when it is done twice. Where nobody shares the database it is always held.
type Lease struct {
	db     *DB
	name   string
	holder string

	turn  chan struct{} // holds one while somebody looks; those who wait can give up
	asked time.Time     // when it was asked for last
	until time.Time     // by this machine's monotonic clock; zero: not held
}

// NewLease is this node's part in a lease.
func NewLease(ctx context.Context, db *DB, name string) (*Lease, error) {
	l := &Lease{db: db, name: name, holder: rand.Text(), turn: make(chan struct{}, 1)}
	if !db.Shared() {
		return l, nil
	}
	return l, db.Migrate(ctx, "lease", migrations)
}

// Held reports whether this node has the lease, after renewing it if need be.
// Without an answer from the database it is held until it ends.
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
