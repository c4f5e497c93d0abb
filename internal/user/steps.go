package user

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"boxoffice/internal/errs"
	"boxoffice/internal/id"
	"boxoffice/internal/userapi"
)

// Log-in in two steps: first the password, then the code of the authenticator app. A
// proof carries the first step over to the second; its hash is stored together with
// mailed secrets.

const (
	toFinish  = "login" // a log-in, by the code
	proofLife = 5 * time.Minute
)

// codeNeeded says that the password was right and a code is needed, too. It is a
// "code-required" error. The proof replaces name and password for five minutes, or
// until the password changes or the next log-in asks for a code.
type codeNeeded struct {
	proof string
	err   error
}

func (e *codeNeeded) Error() string { return e.err.Error() }
func (e *codeNeeded) Unwrap() error { return e.err }

// askForCode returns the error for a log-in that lacks a code.
func (s *Service) askForCode(ctx context.Context, u *record, c userapi.Credentials) error {
	needed := errs.New(errs.Unauthenticated, "code-required", "Please enter the code that your authenticator app shows.")
	if !c.Steps {
		return needed
	}
	if c.Proof != "" {
		return &codeNeeded{c.Proof, needed}
	}
	secret, now := id.Token(), s.now()
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO mail_tokens (user_id, purpose, hash, tries, created_at, expires_at) VALUES ($1, $2, $3, 0, $4, $5)
			ON CONFLICT (user_id, purpose) DO UPDATE SET hash = excluded.hash, created_at = excluded.created_at, expires_at = excluded.expires_at`,
			u.ID, toFinish, proofHash(u, secret), now.UnixMicro(), now.Add(proofLife).UnixMicro())
		return err
	})
	if err != nil {
		return fmt.Errorf("keep proof: %w", err)
	}
	return &codeNeeded{u.ID + "." + secret, needed}
}

// proofHash binds a proof to the current password.
func proofHash(u *record, secret string) []byte {
	sum := sha256.Sum256([]byte(toFinish + u.ID + u.hash + secret))
	return sum[:]
}

// checkProof refuses a proof that is wrong or has expired.
func (s *Service) checkProof(ctx context.Context, u *record, proof string) error {
	_, secret, _ := strings.Cut(proof, ".")
	var kept []byte
	err := s.db.Reader().QueryRowContext(ctx, `SELECT hash FROM mail_tokens WHERE user_id = $1 AND purpose = $2 AND expires_at > $3`,
		u.ID, toFinish, s.now().UnixMicro()).Scan(&kept) // primary key
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("read proof: %w", err)
	}
	if err != nil || subtle.ConstantTimeCompare(kept, proofHash(u, secret)) != 1 {
		return proofOver()
	}
	return nil
}

func proofOver() error {
	return errs.New(errs.Unauthenticated, "proof-over", "That took too long. Please enter your password again.")
}
