package notify

import (
	"context"

	"boxoffice/internal/bus"
	"boxoffice/internal/sqldb"
)

// OpenTaken opens the record of the messages that were taken, after bringing the tables
// up to date.
func OpenTaken(ctx context.Context, db *sqldb.DB) (*bus.Taken, error) {
	return bus.NewTaken(db, "notify_taken"), db.Migrate(ctx, "notify", migrations)
}
