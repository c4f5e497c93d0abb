// Package signing stores the Ed25519 keys (RFC 8032) that nodes sign with. They are
// kept in the database, so that all its nodes share them, and are made at the first
// start. Each use has its own keys, under a name.
package signing

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"database/sql"
	"embed"
	"fmt"
	"strings"
	"time"

	"boxoffice/internal/sqldb"
)

//go:embed migrations
var migrations embed.FS

// Keys returns the keys of a name, oldest first. It makes the first one if there is
// none, unless the database is read-only.
func Keys(ctx context.Context, db *sqldb.DB, name string, now func() time.Time) ([]ed25519.PrivateKey, error) {
	if err := db.Migrate(ctx, "signing", migrations); err != nil {
		return nil, err
	}
	keys, err := read(ctx, db, name)
	if err != nil || len(keys) > 0 {
		return keys, err
	}
	// Of several nodes that start at the same time, one makes the key.
	if err := add(ctx, db, name, now()); err != nil {
		return nil, err
	}
	return read(ctx, db, name)
}

func read(ctx context.Context, db *sqldb.DB, name string) ([]ed25519.PrivateKey, error) {
	rows, err := db.Reader().QueryContext(ctx, `SELECT id, private_key FROM signing_keys ORDER BY created_at, id`) // a handful
	if err != nil {
		return nil, fmt.Errorf("signing keys: %w", err)
	}
	defer rows.Close()
	var keys []ed25519.PrivateKey
	for rows.Next() {
		var id string
		var seed []byte
		if err := rows.Scan(&id, &seed); err != nil {
			return nil, fmt.Errorf("signing keys: %w", err)
		}
		if len(seed) != ed25519.SeedSize {
			return nil, fmt.Errorf("signing keys: %s has %d bytes, not %d", id, len(seed), ed25519.SeedSize)
		}
		if first, _, _ := strings.Cut(id, "/"); first == name {
			keys = append(keys, ed25519.NewKeyFromSeed(seed))
		}
	}
	return keys, rows.Err()
}

// Rotate adds a key, which is then the newest.
func Rotate(ctx context.Context, db *sqldb.DB, name string, now func() time.Time) error {
	if _, err := Keys(ctx, db, name, now); err != nil { // the first is there before
		return err
	}
	at := now()
	return add(ctx, db, fmt.Sprintf("%s/%d", name, at.UnixMicro()), at)
}

// add makes a key, unless there is one with this id.
func add(ctx context.Context, db *sqldb.DB, id string, now time.Time) error {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("signing key: %w", err)
	}
	err = db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO signing_keys (id, private_key, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
			id, private.Seed(), now.UnixMicro())
		return err
	})
	if err != nil {
		return fmt.Errorf("signing key: %w", err)
	}
	return nil
}

// Secret returns the 32-byte secret of a name, for keyed hashes. It is made once and
// never changes, because stored hashes are compared forever. A name is either for a
// secret or for signing keys.
func Secret(ctx context.Context, db *sqldb.DB, name string, now func() time.Time) ([]byte, error) {
	keys, err := Keys(ctx, db, name, now)
	if err != nil {
		return nil, err
	}
	return keys[0].Seed(), nil
}
