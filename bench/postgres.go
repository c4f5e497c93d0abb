package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"boxoffice/internal/sqldb/sqldbtest"
)

// The textbook way to sell a seat: lock it, look, sell it, note the booking.
const pgbenchSchema = `
CREATE TABLE seats (id BIGINT PRIMARY KEY, status TEXT NOT NULL DEFAULT 'free', user_id BIGINT);
CREATE TABLE bookings (id BIGSERIAL PRIMARY KEY, seat_id BIGINT NOT NULL REFERENCES seats (id), user_id BIGINT NOT NULL, created_at TIMESTAMPTZ NOT NULL DEFAULT now());
INSERT INTO seats (id) SELECT generate_series(1, 20000);
VACUUM ANALYZE seats;
`

const pgbenchScript = `\set seat random(1, 20000)
\set user random(1, 10000)
BEGIN;
SELECT status FROM seats WHERE id = :seat FOR UPDATE;
UPDATE seats SET status = 'sold', user_id = :user WHERE id = :seat;
INSERT INTO bookings (seat_id, user_id) VALUES (:seat, :user);
COMMIT;
`

var tps = regexp.MustCompile(`(?m)^tps = ([0-9.]+)`)

// pgbench is the best rate that the textbook transaction reaches, with pgbench's
// default protocol and with prepared statements.
func (b *bench) pgbench(ctx context.Context) (simple, prepared float64, err error) {
	pg, err := sqldbtest.Start(sqldbtest.Durable...)
	if err != nil {
		return 0, 0, err
	}
	defer pg.Stop()
	args := []string{"-h", "127.0.0.1", "-p", strconv.Itoa(pg.Port), "-U", sqldbtest.SuperUser}
	for _, s := range strings.Split(strings.TrimSpace(pgbenchSchema), "\n") {
		if out, err := pg.Command(ctx, "psql", append(args, "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-q", "-c", s)...).CombinedOutput(); err != nil {
			return 0, 0, fmt.Errorf("%s: %w\n%s", s, err, out)
		}
	}
	script := filepath.Join(pg.Dir, "textbook.sql")
	if err := os.WriteFile(script, []byte(pgbenchScript), 0o644); err != nil {
		return 0, 0, err
	}
	fmt.Println()
	row("pgbench", "SELECT … FOR UPDATE, UPDATE, INSERT; fsync on")
	best := map[string]float64{}
	for _, protocol := range []string{"simple", "prepared"} {
		for _, clients := range []int{8, 16, 32, 64} {
			out, err := pg.Command(ctx, "pgbench", append(args, "-n", "-M", protocol, "-f", script, "-c", strconv.Itoa(clients), "-j", "2",
				"-T", strconv.Itoa(int(b.short/time.Second)), "postgres")...).CombinedOutput()
			if err != nil {
				return 0, 0, fmt.Errorf("pgbench: %w\n%s", err, out)
			}
			m := tps.FindSubmatch(out)
			if m == nil {
				return 0, 0, fmt.Errorf("pgbench says no tps:\n%s", out)
			}
			rate, err := strconv.ParseFloat(string(m[1]), 64)
			if err != nil {
				return 0, 0, err
			}
			row(fmt.Sprintf("  %s, %d clients", protocol, clients), "%.0f transactions/s", rate)
			best[protocol] = max(best[protocol], rate)
		}
	}
	return best["simple"], best["prepared"], nil
}

// database is an empty database on a server of its own.
func database(ctx context.Context) (*sqldbtest.Server, string, error) {
	pg, err := sqldbtest.Start(sqldbtest.Durable...)
	if err != nil {
		return nil, "", err
	}
	url, err := pg.CreateDatabase(ctx, "boxoffice", "template1")
	if err != nil {
		pg.Stop()
	}
	return pg, url, err
}
