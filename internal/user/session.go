package user

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"boxoffice/internal/batch"
	"boxoffice/internal/errs"
	"boxoffice/internal/id"
	"boxoffice/internal/message"
)

// How sessions live.
const (
	sessionLife = 24 * time.Hour
	trustFor    = time.Second // a node may trust a session that it has checked
	lookUps     = 128         // tokens looked up in one statement
	shards      = 64
)

// tokenHash is what the database knows of a token.
type tokenHash = [sha256.Size]byte

// trusted is a session that was checked a moment ago.
type trusted struct {
	caller message.Caller
	until  int64 // ns since 1970
}

// sessions answers who a token belongs to.
type sessions struct {
	svc    *Service
	queue  *batch.Queue[*lookUp]
	shards [shards]struct {
		sync.RWMutex
		m map[tokenHash]trusted
	}
}

// lookUp asks for one token.
type lookUp struct {
	hash  tokenHash
	found bool
	who   message.Caller
	ends  int64
}

func newSessions(s *Service) *sessions {
	ss := &sessions{svc: s}
	for i := range ss.shards {
		ss.shards[i].m = map[tokenHash]trusted{}
	}
	ss.queue = batch.New(lookUps, 50_000, ss.look)
	return ss
}

// Authenticate is the account of a session token. The error is of kind
// Unauthenticated when the token is unknown, or its session or account has ended.
func (s *Service) Authenticate(ctx context.Context, token string) (message.Caller, error) {
	hash := sha256.Sum256([]byte(token))
	now := s.now().UnixNano()
	shard := &s.sessions.shards[hash[0]%shards]
	shard.RLock()
	t, ok := shard.m[hash]
	shard.RUnlock()
	if ok && t.until > now {
		return t.caller, nil
	}
	l := &lookUp{hash: hash}
	if err := s.sessions.queue.Do(ctx, l); err != nil {
		return message.Caller{}, err
	}
	if !l.found || l.ends <= now/1000 {
		return message.Caller{}, errs.New(errs.Unauthenticated, "bad-token", "This session has ended; please sign in again.")
	}
	shard.Lock()
	if len(shard.m) > 4096 {
		for k, old := range shard.m {
			if old.until <= now {
				delete(shard.m, k)
			}
		}
	}
	shard.m[hash] = trusted{l.who, now + int64(trustFor)}
	shard.Unlock()
	return l.who, nil
}

// forget ends this node's trust in an account's sessions.
func (ss *sessions) forget(userID string) {
	for i := range ss.shards {
		shard := &ss.shards[i]
		shard.Lock()
		for k, t := range shard.m {
			if t.caller.UserID == userID {
				delete(shard.m, k)
			}
		}
		shard.Unlock()
	}
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

// startSession makes a token for an account.
func (s *Service) startSession(ctx context.Context, userID string) (token string, ends time.Time, err error) {
	token = id.Token()
	hash := sha256.Sum256([]byte(token))
	now := s.now()
	ends = now.Add(sessionLife)
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
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

// Logout ends the session of a token.
func (s *Service) Logout(ctx context.Context, token string) error {
	hash := sha256.Sum256([]byte(token))
	shard := &s.sessions.shards[hash[0]%shards]
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE token_hash = $1`, hash[:])
		return err
	})
	shard.Lock()
	delete(shard.m, hash)
	shard.Unlock()
	if err != nil {
		return fmt.Errorf("log out: %w", err)
	}
	return nil
}

var errNoUser = errors.New("user: no such account")
