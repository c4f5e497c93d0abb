package user

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"boxoffice/internal/batch"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/id"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/userapi"
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
	who   caller.Caller
	ends  int64
}

// look looks many tokens up in one statement, by primary key.
func (ss *sessions) look(items []*batch.Item[*lookUp]) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	byHash := make(map[tokenHash][]*batch.Item[*lookUp], len(items))
	hashes := make([][]byte, 0, len(items))
	for _, it := range items {
		h := it.Value.hash
		if byHash[h] == nil {
			hashes = append(hashes, h[:])
		}
		byHash[h] = append(byHash[h], it)
	}
	err := ss.read(ctx, hashes, func(h tokenHash, who caller.Caller, ends int64) {
		for _, it := range byHash[h] {
			it.Value.found, it.Value.who, it.Value.ends = true, who, ends
		}
	})
	for _, it := range items {
		it.Done(err)
	}
}

func (ss *sessions) read(ctx context.Context, hashes [][]byte, found func(tokenHash, caller.Caller, int64)) error {
	stmt, args, err := ss.svc.lookUpStmt(ctx, hashes)
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
		var who caller.Caller
		var ends int64
		var twoFactor bool
		var address string
		if err := rows.Scan(&raw, &who.UserID, &who.Role, &ends, &twoFactor, &who.Verified, &address); err != nil {
			return fmt.Errorf("look sessions up: %w", err)
		}
		who.Role, who.Email = ss.svc.roleOf(who.Role, twoFactor), ss.svc.emailKey(address)
		found(tokenHash(raw), who, ends)
	}
	return rows.Err()
}

// lookUpSet goes by two primary keys, a row at a time: PostgreSQL may not come to
// read all users for the sake of fifty.
const lookUpSet = `SELECT s.token_hash, u.id, u.role, s.expires_at, u.totp_active, u.email_verified, coalesce(u.email, u.contact)
	FROM unnest(CAST($1 AS BYTEA[])) AS w (hash)
	CROSS JOIN LATERAL (SELECT * FROM sessions WHERE token_hash = w.hash LIMIT 1) s
	CROSS JOIN LATERAL (SELECT * FROM users WHERE id = s.user_id LIMIT 1) u
	WHERE NOT u.disabled`

// lookUpStmt is the prepared look-up of tokens, and its arguments. SQLite takes
// them as a list, which is padded to a few sizes, so that few statements are
// prepared.
func (s *Service) lookUpStmt(ctx context.Context, hashes [][]byte) (*sql.Stmt, []any, error) {
	n, text, args := 0, lookUpSet, []any{hashes}
	if s.db.Dialect() == sqldb.SQLite {
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
	s.stmtMu.Lock()
	defer s.stmtMu.Unlock()
	if stmt := s.lookUps[n]; stmt != nil {
		return stmt, args, nil
	}
	stmt, err := s.db.PrepareRead(ctx, text)
	if err != nil {
		return nil, nil, err
	}
	s.lookUps[n] = stmt
	return stmt, args, nil
}

// startSession makes a token for an account whose password was checked against
// a hash, and its code if it has a second factor. It fails with errStale when the
// account has changed its password or was disabled meanwhile, which has ended all
// sessions, so that this one would be left, or has a second factor since.
func (s *Service) startSession(ctx context.Context, u record, agent string, life time.Duration) (userapi.Session, error) {
	token := id.Token()
	hash := sha256.Sum256([]byte(token))
	now := s.now()
	ends := now.Add(life)
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		var current string
		var disabled, twoFactor bool
		row := tx.QueryRowContext(ctx, s.db.Text(`SELECT password_hash, disabled, totp_active FROM users WHERE id = $1 /*postgres: FOR SHARE*/`), u.ID) // primary key
		if err := row.Scan(&current, &disabled, &twoFactor); err != nil {
			return gone(err)
		}
		if current != u.hash || disabled || twoFactor && !u.twoFactor {
			return errStale
		}
		// Old sessions go as new ones come; the index sessions_ending.
		if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE expires_at <= $1`, now.UnixMicro()); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO sessions (token_hash, user_id, created_at, expires_at, user_agent) VALUES ($1, $2, $3, $4, $5)`,
			hash[:], u.ID, now.UnixMicro(), ends.UnixMicro(), clipped(agent))
		if err != nil || !u.hasPassword() && !u.Verified {
			return err
		}
		if u.hasPassword() {
			if err := s.adoptLater(ctx, tx, &u); err != nil {
				return err
			}
		}
		return s.knowNetwork(ctx, tx, u.ID)
	})
	s.post.kick()
	if err != nil {
		return userapi.Session{}, fmt.Errorf("start session: %w", err)
	}
	session := userapi.Session{Token: token, Ends: ends, Account: u.shown(), Role: s.roleOf(u.Role, u.twoFactor)}
	switch {
	case u.twoFactor:
		session.TwoFactor = userapi.TwoFactorActive
	case session.Role != u.Role:
		session.TwoFactor = userapi.TwoFactorRequired
	}
	return session, nil
}

// roleOf is what an account may do in its sessions: organizers and admins
// without a second factor are customers where one is required.
func (s *Service) roleOf(r caller.Role, twoFactor bool) caller.Role {
	if s.strict && !twoFactor && (r == caller.Organizer || r == caller.Admin) {
		return caller.Customer
	}
	switch r {
	case caller.Guest, caller.Customer, caller.Organizer, caller.Admin:
		return r
	}
	return caller.Customer // an account cannot have any other
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

// listed is a session in a list. Its id is the first bytes of the token's hash.
type listed struct {
	userapi.OpenSession
	hash []byte
}

// Sessions lists an account's sessions, newest first. token is the one of the request.
func (s *Service) Sessions(ctx context.Context, caller caller.Caller, userID, token string) ([]userapi.OpenSession, error) {
	if _, err := s.visible(ctx, caller, userID); err != nil {
		return nil, err
	}
	list, err := s.open(ctx, userID)
	own := sha256.Sum256([]byte(token))
	out := make([]userapi.OpenSession, len(list))
	for i, l := range list {
		out[i] = l.OpenSession
		out[i].Current = bytes.Equal(l.hash, own[:])
	}
	return out, err
}

func (s *Service) open(ctx context.Context, userID string) ([]listed, error) {
	rows, err := s.db.Reader().QueryContext(ctx, `SELECT token_hash, created_at, expires_at, user_agent FROM sessions
		WHERE user_id = $1 AND expires_at > $2 ORDER BY created_at DESC LIMIT 100`, userID, s.now().Add(overlap).UnixMicro()) // sessions_by_user; without those that were replaced
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	defer rows.Close()
	var list []listed
	for rows.Next() {
		var l listed
		var created, ends int64
		if err := rows.Scan(&l.hash, &created, &ends, &l.Agent); err != nil {
			return nil, fmt.Errorf("list sessions: %w", err)
		}
		l.ID, l.CreatedAt, l.Ends = hex.EncodeToString(l.hash[:8]), time.UnixMicro(created).UTC(), time.UnixMicro(ends).UTC()
		list = append(list, l)
	}
	return list, rows.Err()
}

// EndSessions ends one of an account's sessions by its id, or with "" all but
// the one of a token, however many there are.
func (s *Service) EndSessions(ctx context.Context, caller caller.Caller, userID, sessionID, keep string) error {
	if sessionID != "" {
		return s.endSession(ctx, caller, userID, sessionID)
	}
	if _, err := s.visible(ctx, caller, userID); err != nil {
		return err
	}
	kept := sha256.Sum256([]byte(keep))
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE user_id = $1 AND token_hash <> $2`, userID, kept[:]); err != nil { // sessions_by_user
			return err
		}
		return raiseEpoch(ctx, tx)
	})
	s.sessions.forgetAll(userID)
	if err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	return nil
}

func (s *Service) endSession(ctx context.Context, caller caller.Caller, userID, sessionID string) error {
	if _, err := s.visible(ctx, caller, userID); err != nil {
		return err
	}
	list, err := s.open(ctx, userID)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(list, func(l listed) bool { return l.ID == sessionID })
	if at < 0 {
		return errs.Missing("session")
	}
	if err := s.endWithReplaced(ctx, tokenHash(list[at].hash)); err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}

// errStale is for accounts that have ended, or have another password, address or
// second factor, since they were read.
var errStale = errs.New(errs.Conflict, "account-changed", "The account has changed meanwhile. Please try again.")

// asRead is errStale when a change of an account, guarded by what was read of it,
// has found no such row.
func asRead(res sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 1 {
		return err
	}
	return errStale
}

// Logout ends the session of a token.
func (s *Service) Logout(ctx context.Context, token string) error {
	hash := sha256.Sum256([]byte(token))
	if err := s.endWithReplaced(ctx, hash); err != nil {
		return fmt.Errorf("log out: %w", err)
	}
	return nil
}

// endWithReplaced ends a session, and those of its account that end within the
// overlap anyway: among them are the sessions that it has replaced, which must not
// outlive it. Which session has replaced which is not noted, so it may also take the
// last seconds of one that another device has replaced or that has run out.
func (s *Service) endWithReplaced(ctx context.Context, hash tokenHash) error {
	var owner string
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, `SELECT user_id FROM sessions WHERE token_hash = $1`, hash[:]).Scan(&owner)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE user_id = $1 AND (token_hash = $2 OR expires_at <= $3)`,
			owner, hash[:], s.now().Add(overlap).UnixMicro()); err != nil { // sessions_by_user
			return err
		}
		return raiseEpoch(ctx, tx)
	})
	s.sessions.forget(hash)
	if owner != "" {
		s.sessions.forgetAll(owner)
	}
	return err
}
