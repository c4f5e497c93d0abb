package user

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"boxoffice/internal/batch"
	"boxoffice/internal/id"
	"boxoffice/internal/message"
)

// How sessions live.
const (
	sessionLife = 24 * time.Hour
	lookUps     = 128 // tokens looked up in one statement
)

// tokenHash is what the database knows of a token.
type tokenHash = [sha256.Size]byte

// lookUp asks for one token.
type lookUp struct {
	hash  tokenHash
	found bool
	who   message.Caller
	ends  int64
}

// look looks many tokens up in one statement, by primary key.
func (ss *sessions) look(items []*batch.Item[*lookUp]) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	byHash := make(map[tokenHash][]*batch.Item[*lookUp], len(items))
	args := make([]any, 0, len(items))
	for _, it := range items {
		h := it.Value.hash
		if byHash[h] == nil {
			args = append(args, h[:])
		}
		byHash[h] = append(byHash[h], it)
	}
	err := ss.read(ctx, args, func(h tokenHash, who message.Caller, ends int64) {
		for _, it := range byHash[h] {
			it.Value.found, it.Value.who, it.Value.ends = true, who, ends
		}
	})
	for _, it := range items {
		it.Done(err)
	}
}

func (ss *sessions) read(ctx context.Context, args []any, found func(tokenHash, message.Caller, int64)) error {
	// The list is padded to a few sizes, so that few statements are prepared.
	size := 1
	for size < len(args) {
		size *= 2
	}
	for len(args) < size {
		args = append(args, args[0])
	}
	stmt, err := ss.svc.lookUpStmt(ctx, size)
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(ss.svc.db.Quick(ctx), args...)
	if err != nil {
		return fmt.Errorf("look sessions up: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var raw []byte
		var who message.Caller
		var ends int64
		if err := rows.Scan(&raw, &who.UserID, &who.Role, &ends); err != nil {
			return fmt.Errorf("look sessions up: %w", err)
		}
		found(tokenHash(raw), who, ends)
	}
	return rows.Err()
}

// lookUpStmt is the prepared look-up of n tokens; n is a power of two.
func (s *Service) lookUpStmt(ctx context.Context, n int) (*sql.Stmt, error) {
	s.stmtMu.Lock()
	defer s.stmtMu.Unlock()
	if stmt := s.lookUps[n]; stmt != nil {
		return stmt, nil
	}
	marks := make([]string, n)
	for i := range marks {
		marks[i] = fmt.Sprintf("$%d", i+1)
	}
	stmt, err := s.db.PrepareRead(ctx, `SELECT s.token_hash, u.id, u.role, s.expires_at FROM sessions s JOIN users u ON u.id = s.user_id
		WHERE NOT u.disabled AND s.token_hash IN (`+strings.Join(marks, ", ")+`)`)
	if err != nil {
		return nil, err
	}
	s.lookUps[n] = stmt
	return stmt, nil
}

// startSession makes a token for an account whose password was checked against
// a hash. It fails with errStale when the account has changed its password or
// was disabled meanwhile: that has ended all sessions, and this one would be left.
func (s *Service) startSession(ctx context.Context, userID, checked string) (token string, ends time.Time, err error) {
	token = id.Token()
	hash := sha256.Sum256([]byte(token))
	now := s.now()
	ends = now.Add(sessionLife)
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		var current string
		var disabled bool
		row := tx.QueryRowContext(ctx, s.db.Text(`SELECT password_hash, disabled FROM users WHERE id = $1 /*postgres: FOR SHARE*/`), userID) // primary key
		if err := row.Scan(&current, &disabled); err != nil {
			return err
		}
		if current != checked || disabled {
			return errStale
		}
		// Old sessions go as new ones come; the index sessions_ending.
		if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE expires_at <= $1`, now.UnixMicro()); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO sessions (token_hash, user_id, created_at, expires_at) VALUES ($1, $2, $3, $4)`,
			hash[:], userID, now.UnixMicro(), ends.UnixMicro())
		return err
	})
	if err != nil {
		return "", ends, fmt.Errorf("start session: %w", err)
	}
	return token, ends, nil
}

var errStale = errors.New("user: account changed meanwhile")

// Logout ends the session of a token.
func (s *Service) Logout(ctx context.Context, token string) error {
	hash := sha256.Sum256([]byte(token))
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE token_hash = $1`, hash[:]); err != nil {
			return err
		}
		return raiseEpoch(ctx, tx)
	})
	s.sessions.forget(hash)
	if err != nil {
		return fmt.Errorf("log out: %w", err)
	}
	return nil
}
