package user

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"boxoffice/internal/batch"
	"boxoffice/internal/errs"
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
		var twoFactor bool
		if err := rows.Scan(&raw, &who.UserID, &who.Role, &ends, &twoFactor); err != nil {
			return fmt.Errorf("look sessions up: %w", err)
		}
		who.Role = ss.svc.roleOf(who.Role, twoFactor)
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
	stmt, err := s.db.PrepareRead(ctx, `SELECT s.token_hash, u.id, u.role, s.expires_at, u.totp_active FROM sessions s JOIN users u ON u.id = s.user_id
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
func (s *Service) startSession(ctx context.Context, u User, agent string, life time.Duration) (Session, error) {
	token := id.Token()
	hash := sha256.Sum256([]byte(token))
	now := s.now()
	ends := now.Add(life)
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		var current string
		var disabled bool
		row := tx.QueryRowContext(ctx, s.db.Text(`SELECT password_hash, disabled FROM users WHERE id = $1 /*postgres: FOR SHARE*/`), u.ID) // primary key
		if err := row.Scan(&current, &disabled); err != nil {
			return err
		}
		if current != u.hash || disabled {
			return errStale
		}
		// Old sessions go as new ones come; the index sessions_ending.
		if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE expires_at <= $1`, now.UnixMicro()); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO sessions (token_hash, user_id, created_at, expires_at, user_agent) VALUES ($1, $2, $3, $4, $5)`,
			hash[:], u.ID, now.UnixMicro(), ends.UnixMicro(), clipped(agent))
		return err
	})
	if err != nil {
		return Session{}, fmt.Errorf("start session: %w", err)
	}
	session := Session{Token: token, Ends: ends, User: u}
	switch {
	case u.twoFactor:
		session.TwoFactor = "active"
	case s.roleOf(u.Role, false) != u.Role:
		session.TwoFactor = "required"
	}
	return session, nil
}

// roleOf is what an account may do in its sessions: organizers and admins
// without a second factor are customers where one is required.
func (s *Service) roleOf(r message.Role, twoFactor bool) message.Role {
	if s.strict && !twoFactor && (r == message.Organizer || r == message.Admin) {
		return message.Customer
	}
	return r
}

// clipped is a program's name, short and printable.
func clipped(agent string) string {
	agent = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(agent, ""))
	if r := []rune(agent); len(r) > 200 {
		agent = string(r[:200])
	}
	return agent
}

// Listed is a session as its owner sees it. Its id tells nothing of its token.
type Listed struct {
	ID              string // the first bytes of the token's hash, hex
	CreatedAt, Ends int64  // µs since 1970
	Agent           string
	hash            []byte
}

// Sessions lists an account's sessions, newest first.
func (s *Service) Sessions(ctx context.Context, caller message.Caller, userID string) ([]Listed, error) {
	if _, err := s.visible(ctx, caller, userID); err != nil {
		return nil, err
	}
	rows, err := s.db.Reader().QueryContext(ctx, `SELECT token_hash, created_at, expires_at, user_agent FROM sessions
		WHERE user_id = $1 AND expires_at > $2 ORDER BY created_at DESC LIMIT 100`, userID, s.now().UnixMicro()) // sessions_by_user
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	defer rows.Close()
	var list []Listed
	for rows.Next() {
		var l Listed
		if err := rows.Scan(&l.hash, &l.CreatedAt, &l.Ends, &l.Agent); err != nil {
			return nil, fmt.Errorf("list sessions: %w", err)
		}
		l.ID = hex.EncodeToString(l.hash[:8])
		list = append(list, l)
	}
	return list, rows.Err()
}

// EndSessions ends one of an account's sessions by its id, or with "" all but
// the one of a token.
func (s *Service) EndSessions(ctx context.Context, caller message.Caller, userID, sessionID, keep string) error {
	list, err := s.Sessions(ctx, caller, userID)
	if err != nil {
		return err
	}
	kept := sha256.Sum256([]byte(keep))
	var ended []Listed
	for _, l := range list {
		if l.ID == sessionID || sessionID == "" && !bytes.Equal(l.hash, kept[:]) {
			ended = append(ended, l)
		}
	}
	if sessionID != "" && len(ended) == 0 {
		return errs.Missing("session")
	}
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		for _, l := range ended {
			if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE token_hash = $1`, l.hash); err != nil {
				return err
			}
		}
		return raiseEpoch(ctx, tx)
	})
	for _, l := range ended {
		s.sessions.forget(tokenHash(l.hash))
	}
	return err
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
