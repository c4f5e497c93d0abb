package user

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/id"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/user/session"
	"boxoffice/internal/userapi"
)

// fansAtOnce is how many accounts are made in one transaction.
const fansAtOnce = 5000

// CreateFans makes n accounts without a password, each with a session, in few
// transactions. They have no email address or, if mailed is set, one of a domain that is
// nobody's (RFC 2606); it counts as verified.
func (s *Service) CreateFans(ctx context.Context, n int, role caller.Role, mailed bool) ([]userapi.Fan, error) {
	fans := make([]userapi.Fan, 0, n)
	for len(fans) < n {
		more, err := s.insertFans(ctx, min(fansAtOnce, n-len(fans)), role, mailed)
		if sqldb.Duplicate(err) {
			continue // ids have only 32 random bits per millisecond, so they can collide
		}
		if err != nil {
			return nil, fmt.Errorf("create fans: %w", err)
		}
		fans = append(fans, more...)
	}
	return fans, nil
}

func (s *Service) insertFans(ctx context.Context, n int, role caller.Role, mailed bool) ([]userapi.Fan, error) {
	fans := make([]userapi.Fan, n)
	now := s.now()
	for i := range fans {
		fans[i] = userapi.Fan{UserID: id.New(now.Add(time.Duration(i) * time.Microsecond)), Token: id.Token()}
	}
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		addUser, err := tx.PrepareContext(ctx, `INSERT INTO users (id, email, username, name, role, password_hash, disabled, created_at, version, email_verified)
			VALUES ($1, $5, NULL, 'fan', $2, '', $3, $4, 1, TRUE)`)
		if err != nil {
			return err
		}
		defer addUser.Close()
		addSession, err := tx.PrepareContext(ctx, `INSERT INTO sessions (token_hash, user_id, created_at, expires_at) VALUES ($1, $2, $3, $4)`)
		if err != nil {
			return err
		}
		defer addSession.Close()
		for _, f := range fans {
			hash := session.Hash(f.Token)
			var address any
			if mailed {
				address = f.UserID + userapi.FanDomain
			}
			if _, err := addUser.ExecContext(ctx, f.UserID, string(role), false, now.UnixMicro(), address); err != nil {
				return err
			}
			if _, err := addSession.ExecContext(ctx, hash[:], f.UserID, now.UnixMicro(), now.Add(sessionLife).UnixMicro()); err != nil {
				return err
			}
		}
		return nil
	})
	return fans, err
}
