package app

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"testing"

	"boxoffice/internal/booking"
	"boxoffice/internal/booking/intake"
	"boxoffice/internal/patience"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/sqldb/sqldbtest"
)

// workers counts the goroutines that work on queues.
func workers() int {
	stacks := make([]byte, 4<<20)
	return strings.Count(string(stacks[:runtime.Stack(stacks, true)]), "boxoffice/internal/batch.New")
}

// Whatever fails while the services are built, those that are built already are closed
// again; and so they are at the end of a node.
func TestBuildLeavesNothingBehind(t *testing.T) {
	base := workers()
	for name, spoil := range map[string]string{
		"payments": `CREATE TABLE payments (x TEXT)`, // before they are migrated
		"accounts": `ALTER TABLE users RENAME TO lost`,
		"nothing":  `SELECT 1`,
	} {
		t.Run(name, func(t *testing.T) {
			db, err := sqldb.Open(t.Context(), sqldbtest.Fresh(t))
			if err != nil {
				t.Fatal(err)
			}
			during := 0
			p, err := Build(t.Context(), db, Config{Log: slog.New(slog.DiscardHandler), Outside: Outside{Hashing: cheap,
				Sales: func(b *booking.Service) intake.Sales {
					during = workers()
					if err := db.Write(t.Context(), func(tx *sql.Tx) error { _, err := tx.Exec(spoil); return err }); err != nil {
						t.Fatal(err)
					}
					return b
				}}})
			if (err == nil) != (name == "nothing") || during <= base {
				t.Fatalf("%v; %d workers, then %d", err, base, during)
			}
			if err == nil {
				err = p.end(context.Background())
			} else {
				err = nil
			}
			if err = errors.Join(err, db.Close()); err != nil {
				t.Error(err)
			}
			patience.Until(t, "all workers have ended", func() bool { return workers() <= base }) // one that has answered may be about to end
		})
	}
}
