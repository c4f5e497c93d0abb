package signing

import (
	"crypto/ed25519"
	"database/sql"
	"slices"
	"sync"
	"testing"
	"time"

	"boxoffice/internal/sqldb/sqldbtest"
)

// clock is a time that goes on by a second whenever it is asked.
func clock() func() time.Time {
	var mu sync.Mutex
	t := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		t = t.Add(time.Second)
		return t
	}
}

func TestNodesShareOneKey(t *testing.T) {
	cfg := sqldbtest.Fresh(t)
	first := sqldbtest.Again(t, cfg)
	if _, err := Keys(t.Context(), first, "other", clock()); err != nil {
		t.Fatal(err)
	}
	now := clock()
	got := make([][]ed25519.PrivateKey, 8)
	var running sync.WaitGroup
	for n := range got {
		running.Go(func() {
			var err error
			if got[n], err = Keys(t.Context(), first, "ticket", now); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	for _, keys := range got {
		if len(keys) != 1 || !keys[0].Equal(got[0][0]) {
			t.Fatalf("nodes have different keys: %d", len(keys))
		}
	}
	other, err := Keys(t.Context(), first, "other", now)
	if err != nil || len(other) != 1 || other[0].Equal(got[0][0]) {
		t.Errorf("a use does not have a key of its own: %d %v", len(other), err)
	}
}

func TestRotateKeepsTheOldKeys(t *testing.T) {
	db, now := sqldbtest.Open(t), clock()
	var before []ed25519.PrivateKey
	for range 3 {
		if err := Rotate(t.Context(), db, "ticket", now); err != nil {
			t.Fatal(err)
		}
		keys, err := Keys(t.Context(), db, "ticket", now)
		if err != nil {
			t.Fatal(err)
		}
		if before != nil && (len(keys) != len(before)+1 || !slices.EqualFunc(keys[:len(before)], before, func(a, b ed25519.PrivateKey) bool { return a.Equal(b) })) {
			t.Fatalf("%d keys after %d, or not the same", len(keys), len(before))
		}
		before = keys
	}
}

// A database of an earlier version has the table, made by another room.
func TestOlderDatabase(t *testing.T) {
	db := sqldbtest.Open(t)
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = 7
	err := db.Write(t.Context(), func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(t.Context(), db.Text(`CREATE TABLE signing_keys (id TEXT PRIMARY KEY, private_key BYTEA NOT NULL, created_at BIGINT NOT NULL)`)); err != nil {
			return err
		}
		_, err := tx.ExecContext(t.Context(), `INSERT INTO signing_keys VALUES ('checkpoint', $1, 1)`, seed)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := Keys(t.Context(), db, "checkpoint", clock())
	if err != nil || len(keys) != 1 || !keys[0].Equal(ed25519.NewKeyFromSeed(seed)) {
		t.Errorf("the key is not the old one: %d %v", len(keys), err)
	}
}

// A stolen key is deleted by hand; the others stay, and there can be new ones.
func TestDeletedKey(t *testing.T) {
	db, now := sqldbtest.Open(t), clock()
	get := func() []ed25519.PrivateKey {
		t.Helper()
		keys, err := Keys(t.Context(), db, "ticket", now)
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}
	for range 2 {
		if err := Rotate(t.Context(), db, "ticket", now); err != nil {
			t.Fatal(err)
		}
	}
	before := get()
	err := db.Write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(t.Context(), `DELETE FROM signing_keys WHERE private_key = $1`, before[1].Seed())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := Rotate(t.Context(), db, "ticket", now); err != nil {
		t.Fatal(err)
	}
	after := get()
	if len(after) != 3 || !after[0].Equal(before[0]) || !after[1].Equal(before[2]) || after[2].Equal(before[1]) {
		t.Errorf("%d keys, or not the right ones", len(after))
	}
}

func TestASecretStays(t *testing.T) {
	db, now := sqldbtest.Open(t), clock()
	secret := func(name string) string {
		s, err := Secret(t.Context(), db, name, now)
		if err != nil || len(s) != 32 {
			t.Fatal(len(s), err)
		}
		return string(s)
	}
	first := secret("hash")
	if err := Rotate(t.Context(), db, "hash", now); err != nil {
		t.Fatal(err)
	}
	if secret("hash") != first || secret("other") == first {
		t.Error("a secret has changed, or is another name's")
	}
}
