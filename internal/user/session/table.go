package session

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"boxoffice/internal/errs"
	"boxoffice/internal/id"
	"boxoffice/internal/userapi"
)

// Overlap is how long a replaced session stays valid, for forms that are sent twice
// and answers that were lost.
const Overlap = 30 * time.Second

// Begin starts a session of an account inside a transaction.
func Begin(ctx context.Context, tx *sql.Tx, userID, agent string, now, ends time.Time) (token string, err error) {
	token = id.Token()
	hash := Hash(token)
	_, err = tx.ExecContext(ctx, `INSERT INTO sessions (token_hash, user_id, created_at, expires_at, user_agent) VALUES ($1, $2, $3, $4, $5)`,
		hash[:], userID, now.UnixMicro(), ends.UnixMicro(), clipped(agent))
	return token, err
}

// Prune deletes sessions that have ended.
func Prune(ctx context.Context, tx *sql.Tx, now time.Time) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE expires_at <= $1`, now.UnixMicro()) // sessions_ending
	return err
}

// Replace shortens an account's older sessions to the overlap: all of them, or the
// one with the token old.
func (ss *Sessions) Replace(ctx context.Context, tx *sql.Tx, userID, by, old string, all bool) error {
	soon, kept, replaced := ss.cfg.Now().Add(Overlap).UnixMicro(), Hash(by), Hash(old)
	if _, err := tx.ExecContext(ctx, `UPDATE sessions SET expires_at = $1 WHERE user_id = $2 AND token_hash <> $3 AND expires_at > $1 AND (token_hash = $4 OR $5)`,
		soon, userID, kept[:], replaced[:], all); err != nil { // sessions_by_user
		return err
	}
	return Changed(ctx, tx)
}

// EndAll ends all sessions of an account, in the transaction that causes it. The
// caller calls ForgetAll afterwards.
func EndAll(ctx context.Context, tx *sql.Tx, userID string) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE user_id = $1`, userID); err != nil { // sessions_by_user
		return err
	}
	return Changed(ctx, tx)
}

// Changed tells all nodes to look up sessions again. It runs in the transaction that
// ends a session early or changes what its account may do. The caller calls
// ForgetAll afterwards.
func Changed(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `UPDATE session_epoch SET epoch = epoch + 1 WHERE id = 1`)
	return err
}

// Count counts an account's open sessions.
func (ss *Sessions) Count(ctx context.Context, tx *sql.Tx, userID string) (n int64, err error) {
	row := tx.QueryRowContext(ctx, `SELECT count(*) FROM sessions WHERE user_id = $1 AND expires_at > $2`, userID, ss.cfg.Now().UnixMicro()) // sessions_by_user
	return n, row.Scan(&n)
}

// clipped returns the name of a client program, short and printable.
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

// List lists an account's open sessions, newest first. token is the request's own.
func (ss *Sessions) List(ctx context.Context, userID, token string) ([]userapi.OpenSession, error) {
	list, err := ss.open(ctx, userID)
	own := Hash(token)
	out := make([]userapi.OpenSession, len(list))
	for i, l := range list {
		out[i] = l.OpenSession
		out[i].Current = bytes.Equal(l.hash, own[:])
	}
	return out, err
}

func (ss *Sessions) open(ctx context.Context, userID string) ([]listed, error) {
	rows, err := ss.cfg.DB.Reader().QueryContext(ctx, `SELECT token_hash, created_at, expires_at, user_agent FROM sessions
		WHERE user_id = $1 AND expires_at > $2 ORDER BY created_at DESC LIMIT 100`, userID, ss.cfg.Now().Add(Overlap).UnixMicro()) // sessions_by_user; without replaced ones
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

// EndOthers ends all sessions of an account except that of a token.
func (ss *Sessions) EndOthers(ctx context.Context, userID, keep string) error {
	kept := Hash(keep)
	err := ss.cfg.DB.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE user_id = $1 AND token_hash <> $2`, userID, kept[:]); err != nil { // sessions_by_user
			return err
		}
		return Changed(ctx, tx)
	})
	ss.ForgetAll(userID)
	if err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	return nil
}

// EndListed ends a session of an account by its id in the list.
func (ss *Sessions) EndListed(ctx context.Context, userID, sessionID string) error {
	list, err := ss.open(ctx, userID)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(list, func(l listed) bool { return l.ID == sessionID })
	if at < 0 {
		return errs.Missing("session")
	}
	if err := ss.end(ctx, TokenHash(list[at].hash)); err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}

// End ends the session of a token.
func (ss *Sessions) End(ctx context.Context, token string) error {
	if err := ss.end(ctx, Hash(token)); err != nil {
		return fmt.Errorf("log out: %w", err)
	}
	return nil
}

// end ends a session, and those of its account that end within the overlap anyway:
// they include the sessions that it replaced, which must not outlive it. The table
// does not record which session replaced which, so this may also cut off the last
// seconds of a session replaced by another device.
func (ss *Sessions) end(ctx context.Context, hash TokenHash) error {
	var owner string
	err := ss.cfg.DB.Write(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, `SELECT user_id FROM sessions WHERE token_hash = $1`, hash[:]).Scan(&owner)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE user_id = $1 AND (token_hash = $2 OR expires_at <= $3)`,
			owner, hash[:], ss.cfg.Now().Add(Overlap).UnixMicro()); err != nil { // sessions_by_user
			return err
		}
		return Changed(ctx, tx)
	})
	ss.Forget(hash)
	if owner != "" {
		ss.ForgetAll(owner)
	}
	return err
}
