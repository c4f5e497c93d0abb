package ticket

import (
	"context"
	"time"

	"boxoffice/internal/jobs"
	"boxoffice/internal/signing"
	"boxoffice/internal/sqldb"
)

// storedKey is the name of the keys in the database that sign tickets.
const storedKey = "ticket"

// reloadEvery is the time until a node uses a key that another node has made.
const reloadEvery = time.Minute

// Open makes a signer with the database's keys, and makes the first key if there is
// none.
func Open(ctx context.Context, db *sqldb.DB) (Signer, error) {
	keys, err := signing.Keys(ctx, db, storedKey, db.Now)
	if err != nil {
		return Signer{}, err
	}
	return NewSigner(keys)
}

// Reload reads the current keys from the database.
func (s Signer) Reload(ctx context.Context, db *sqldb.DB) error {
	keys, err := signing.Keys(ctx, db, storedKey, db.Now)
	if err != nil {
		return err
	}
	return s.Renew(keys)
}

// Rotate makes a new key in the database and signs with it from now on. Tickets
// signed with older keys stay valid.
func (s Signer) Rotate(ctx context.Context, db *sqldb.DB) error {
	if err := signing.Rotate(ctx, db, storedKey, db.Now); err != nil {
		return err
	}
	return s.Reload(ctx, db)
}

// Follow reloads the keys periodically until ctx ends.
func (s Signer) Follow(ctx context.Context, db *sqldb.DB) error {
	return jobs.Every(ctx, reloadEvery, nil, func(ctx context.Context) error {
		if err := s.Reload(ctx, db); err != nil && !sqldb.Outage(err) {
			return err
		}
		return nil
	})
}
