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
)

// Fan is an account with a live session.
type Fan struct {
	UserID string
	Token  string
}

// fansAtOnce is how many are made in one transaction.
const fansAtOnce = 5000

// CreateFans makes n accounts that nobody can sign in to with a password, each
// with a session, in few transactions. They need no address to be verified.
func (s *Service) CreateFans(ctx context.Context, n int, role caller.Role) ([]Fan, error) {
	fans := make([]Fan, 0, n)
	for len(fans) < n {
		more, err := s.insertFans(ctx, min(fansAtOnce, n-len(fans)), role)
		if sqldb.Duplicate(err) {
			continue // 32 random bits a millisecond can meet by chance
		}
		if err != nil {
			return nil, fmt.Errorf("create fans: %w", err)
		}
		fans = append(fans, more...)
	}
	return fans, nil
}

func (s *Service) insertFans(ctx context.Context, n int, role caller.Role) ([]Fan, error) {
	fans := make([]Fan, n)
	now := s.now()
	for i := range fans {
		fans[i] = Fan{UserID: id.New(now.Add(time.Duration(i) * time.Microsecond)), Token: id.Token()}
	}
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		addUser, err := tx.PrepareContext(ctx, `INSERT INTO users (id, email, username, name, role, password_hash, disabled, created_at, version, email_verified)
			VALUES ($1, NULL, NULL, 'fan', $2, '', $3, $4, 1, TRUE)`)
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
			if _, err := addUser.ExecContext(ctx, f.UserID, string(role), false, now.UnixMicro()); err != nil {
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
