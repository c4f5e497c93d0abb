package user

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/user/session"
	"boxoffice/internal/userapi"
)

// sessionLife is how long a session lasts.
const sessionLife = 24 * time.Hour

// Authenticate returns whose session a token is. The error has kind Unauthenticated
// if the token is unknown, or its session or account has ended.
func (s *Service) Authenticate(ctx context.Context, token string) (caller.Caller, error) {
	return s.sessions.Authenticate(ctx, token)
}

// startSession starts a session for an account whose password, and code if it has a
// second factor, were checked. It fails with errStale if in the meantime the account
// changed its password or was disabled (both ended all sessions, and this one would
// remain), or got a second factor.
func (s *Service) startSession(ctx context.Context, u record, agent string, life time.Duration) (userapi.Session, error) {
	var token string
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
		err := session.Prune(ctx, tx, now) // old sessions are deleted as new ones begin
		if err != nil {
			return err
		}
		if err := speaks(ctx, tx, &u); err != nil {
			return err
		}
		if token, err = session.Begin(ctx, tx, u.ID, agent, now, ends); err != nil || !u.hasPassword() && !u.Verified {
			return err
		}
		if u.hasPassword() {
			if err := s.adoptLater(ctx, tx, &u); err != nil {
				return err
			}
		}
		return s.knowNetwork(ctx, tx, u.ID)
	})
	s.kick()
	if err != nil {
		return userapi.Session{}, fmt.Errorf("start session: %w", err)
	}
	begun := userapi.Session{Token: token, Ends: ends, Account: u.shown(), Role: s.roleOf(u.Role, u.twoFactor)}
	switch {
	case u.twoFactor:
		begun.TwoFactor = userapi.TwoFactorActive
	case begun.Role != u.Role:
		begun.TwoFactor = userapi.TwoFactorRequired
	}
	return begun, nil
}

// roleOf returns what an account may do in its sessions: organizers and admins
// without a second factor act as customers where one is required.
func (s *Service) roleOf(r caller.Role, twoFactor bool) caller.Role {
	if s.strict && !twoFactor && (r == caller.Organizer || r == caller.Admin) {
		return caller.Customer
	}
	switch r {
	case caller.Guest, caller.Customer, caller.Organizer, caller.Admin:
		return r
	}
	return caller.Customer // such accounts can have no other role
}

// Sessions lists an account's sessions, newest first. token is the request's own.
func (s *Service) Sessions(ctx context.Context, caller caller.Caller, userID, token string) ([]userapi.OpenSession, error) {
	if _, err := s.visible(ctx, caller, userID); err != nil {
		return nil, err
	}
	return s.sessions.List(ctx, userID, token)
}

// EndSessions ends one of an account's sessions by its id or, with "", all except
// the session of the token keep.
func (s *Service) EndSessions(ctx context.Context, caller caller.Caller, userID, sessionID, keep string) error {
	if _, err := s.visible(ctx, caller, userID); err != nil {
		return err
	}
	if sessionID != "" {
		return s.sessions.EndListed(ctx, userID, sessionID)
	}
	return s.sessions.EndOthers(ctx, userID, keep)
}

// Logout ends the session of a token.
func (s *Service) Logout(ctx context.Context, token string) error { return s.sessions.End(ctx, token) }

// errStale is returned when an account has ended, or its password, address or second
// factor has changed since it was read.
var errStale = errs.New(errs.Conflict, "account-changed", "The account has changed in the meantime. Please try again.")

// asRead returns errStale if a guarded change of an account found no matching row.
func asRead(res sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 1 {
		return err
	}
	return errStale
}
