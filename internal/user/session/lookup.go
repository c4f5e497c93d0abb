package session

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"boxoffice/internal/batch"
	"boxoffice/internal/caller"
	"boxoffice/internal/sqldb"
)

// lookedUpAtOnce is how many tokens are looked up in one statement.
const lookedUpAtOnce = 128

// TokenHash is what the database stores of a token.
type TokenHash = [sha256.Size]byte

// Hash returns the hash of a token.
func Hash(token string) TokenHash { return sha256.Sum256([]byte(token)) }

// lookUp is the look-up of one token.
type lookUp struct {
	hash  TokenHash
	found bool
	who   caller.Caller
	ends  int64
}

// look looks many tokens up in one statement, by primary key.
func (ss *Sessions) look(items []*batch.Item[*lookUp]) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	byHash := make(map[TokenHash][]*batch.Item[*lookUp], len(items))
	hashes := make([][]byte, 0, len(items))
	for _, it := range items {
		h := it.Value.hash
		if byHash[h] == nil {
			hashes = append(hashes, h[:])
		}
		byHash[h] = append(byHash[h], it)
	}
	err := ss.read(ctx, hashes, func(h TokenHash, who caller.Caller, ends int64) {
		for _, it := range byHash[h] {
			it.Value.found, it.Value.who, it.Value.ends = true, who, ends
		}
	})
	for _, it := range items {
		it.Done(err)
	}
}

func (ss *Sessions) read(ctx context.Context, hashes [][]byte, found func(TokenHash, caller.Caller, int64)) error {
	stmt, args, err := ss.statement(ctx, hashes)
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(ss.cfg.DB.Quick(ctx), args...)
	if err != nil {
		return fmt.Errorf("look sessions up: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var raw []byte
		var who caller.Caller
		var ends int64
		var twoFactor bool
		var address string
		if err := rows.Scan(&raw, &who.UserID, &who.Role, &ends, &twoFactor, &who.Verified, &address); err != nil {
			return fmt.Errorf("look sessions up: %w", err)
		}
		who.Role, who.Email = ss.cfg.Role(who.Role, twoFactor), ss.cfg.EmailKey(address)
		found(TokenHash(raw), who, ends)
	}
	return rows.Err()
}

// lookUpSet uses two primary keys, one row at a time, so that PostgreSQL never scans
// all users for the sake of fifty.
const lookUpSet = `SELECT s.token_hash, u.id, u.role, s.expires_at, u.totp_active, u.email_verified, coalesce(u.email, u.contact)
	FROM unnest(CAST($1 AS BYTEA[])) AS w (hash)
	CROSS JOIN LATERAL (SELECT * FROM sessions WHERE token_hash = w.hash LIMIT 1) s
	CROSS JOIN LATERAL (SELECT * FROM users WHERE id = s.user_id LIMIT 1) u
	WHERE NOT u.disabled`

// statement returns the prepared look-up for a number of tokens, and its arguments.
// On SQLite the list is padded to a few sizes, so that few statements are prepared.
func (ss *Sessions) statement(ctx context.Context, hashes [][]byte) (*sql.Stmt, []any, error) {
	n, text, args := 0, lookUpSet, []any{hashes}
	if ss.cfg.DB.Dialect() == sqldb.SQLite {
		for n = 1; n < len(hashes); {
			n *= 2
		}
		args = make([]any, n)
		marks := make([]string, n)
		for i := range n {
			args[i], marks[i] = hashes[min(i, len(hashes)-1)], fmt.Sprintf("$%d", i+1)
		}
		text = `SELECT s.token_hash, u.id, u.role, s.expires_at, u.totp_active, u.email_verified, coalesce(u.email, u.contact) FROM sessions s JOIN users u ON u.id = s.user_id
			WHERE NOT u.disabled AND s.token_hash IN (` + strings.Join(marks, ", ") + `)`
	}
	ss.stmtMu.Lock()
	defer ss.stmtMu.Unlock()
	if stmt := ss.lookUps[n]; stmt != nil {
		return stmt, args, nil
	}
	stmt, err := ss.cfg.DB.PrepareRead(ctx, text)
	if err != nil {
		return nil, nil, err
	}
	ss.lookUps[n] = stmt
	return stmt, args, nil
}
