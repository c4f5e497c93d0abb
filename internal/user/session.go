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

// Authenticate answers whose session a token is. The error is of kind Unauthenticated
// when the token is unknown, or its session or account has ended.
func (s *Service) Authenticate(ctx context.Context, token string) (caller.Caller, error) {
	return s.sessions.Authenticate(ctx, token)
}

// startSession makes a token for an account whose password was checked against
// a hash, and its code if it has a second factor. It fails with errStale when the
// account has changed its password or was disabled meanwhile, which has ended all
// sessions, so that this one would be left, or has a second factor since.
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
		err := session.Prune(ctx, tx, now) // old sessions go as new ones come
		if err != nil {
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

// Sessions lists an account's sessions, newest first. token is the one of the request.
func (s *Service) Sessions(ctx context.Context, caller caller.Caller, userID, token string) ([]userapi.OpenSession, error) {
	if _, err := s.visible(ctx, caller, userID); err != nil {
		return nil, err
	}
	return s.sessions.List(ctx, userID, token)
}

// EndSessions ends one of an account's sessions by its id, or with "" all but
// the one of a token, however many there are.
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

// errStale is for accounts that have ended, or have another password, address or
// second factor, since they were read.
var errStale = errs.New(errs.Conflict, "account-changed", "The account has changed in the meantime. Please try again.")

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
