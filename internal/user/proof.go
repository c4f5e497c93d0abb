package user

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"boxoffice/internal/errs"
	"boxoffice/internal/message"
)

// What mailed secrets are for, and how long they are good.
const (
	toVerify = "verify"
	toReset  = "reset"

	verifyLife = 24 * time.Hour
	resetLife  = 30 * time.Minute
)

// putToken replaces an account's secret for a purpose. It reports false when the
// one before is younger than a minute: then no other mail is sent.
func (s *Service) putToken(ctx context.Context, tx *sql.Tx, userID, purpose, secret string, life time.Duration) (fresh bool, err error) {
	now := s.now()
	hash := sha256.Sum256([]byte(purpose + secret))
	if _, err := tx.ExecContext(ctx, `DELETE FROM mail_tokens WHERE expires_at <= $1`, now.UnixMicro()); err != nil { // mail_tokens_ending
		return false, err
	}
	res, err := tx.ExecContext(ctx, `INSERT INTO mail_tokens (user_id, purpose, hash, tries, created_at, expires_at) VALUES ($1, $2, $3, 0, $4, $5)
		ON CONFLICT (user_id, purpose) DO UPDATE SET hash = excluded.hash, tries = 0, created_at = excluded.created_at, expires_at = excluded.expires_at
		WHERE mail_tokens.created_at <= $6`, userID, purpose, hash[:], now.UnixMicro(), now.Add(life).UnixMicro(), now.Add(-mailPause).UnixMicro())
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// takeToken uses up a mailed secret inside a transaction, and answers whose it
// was; "" when there is none.
func (s *Service) takeToken(ctx context.Context, tx *sql.Tx, purpose, secret string) (userID string, err error) {
	hash := sha256.Sum256([]byte(purpose + secret))
	row := tx.QueryRowContext(ctx, `DELETE FROM mail_tokens WHERE hash = $1 AND purpose = $2 AND expires_at > $3 RETURNING user_id`,
		hash[:], purpose, s.now().UnixMicro()) // mail_tokens_by_hash
	err = row.Scan(&userID)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return userID, err
}

var errToken = errs.New(errs.Invalid, "bad-token", "This link has expired or was already used. Ask for a new one.")

func badToken() error {
	e := *errToken
	e.Fields = []errs.Field{{Name: "token", Reason: "has expired, was already used, or is not one that was mailed"}}
	return &e
}

// sendVerification mails a link and a code by which an address is verified, at
// most once a minute.
func (s *Service) sendVerification(ctx context.Context, userID string) error {
	return s.promised(ctx, mailVerify, userID, "")
}

// Verify confirms an account's e-mail address by a mailed secret.
func (s *Service) Verify(ctx context.Context, token string) (User, error) {
	var userID string
	err := s.db.Write(ctx, func(tx *sql.Tx) (err error) {
		if userID, err = s.takeToken(ctx, tx, toVerify, token); err != nil || userID == "" {
			return err
		}
		return s.own(ctx, tx, userID)
	})
	if err = ownedElsewhere(err); err != nil {
		return User{}, fmt.Errorf("verify address: %w", err)
	}
	if userID == "" {
		return User{}, badToken()
	}
	return s.nowOwned(ctx, userID)
}

// nowOwned is an account whose address has just become its own.
func (s *Service) nowOwned(ctx context.Context, userID string) (User, error) {
	s.sessions.forgetAll(userID)
	if err := s.finishAdoptions(ctx, userID); err != nil {
		s.log.ErrorContext(ctx, "an adoption of bookings waits", "error", err) // it is done later
	}
	return s.get(ctx, userID)
}

// Resend mails another verification, at most one a minute.
func (s *Service) Resend(ctx context.Context, caller message.Caller, userID string) error {
	u, err := s.visible(ctx, caller, userID)
	switch {
	case err != nil:
		return err
	case u.Address() == "":
		return errs.New(errs.Conflict, "no-address", "The account has no e-mail address.")
	case u.Verified:
		return errs.New(errs.Conflict, "already-verified", "The address is verified already.")
	}
	return s.sendProof(ctx, &u)
}

// sendProof mails what an account that is not verified needs.
func (s *Service) sendProof(ctx context.Context, u *User) error {
	if u.Role == message.Guest {
		return s.promised(ctx, mailCode, u.ID, u.Contact)
	}
	return s.sendVerification(ctx, u.ID)
}

// ForgotPassword mails a link for a new password if there is an account with
// this address. Its answer is the same, in the same time, if there is none.
func (s *Service) ForgotPassword(ctx context.Context, email string) error {
	a := Account{Email: email, Name: "x"}
	if bad := a.normalize(); len(bad) > 0 {
		return errs.Fields(bad)
	}
	return s.promised(ctx, mailReset, "", spellings(email)[0])
}

// ResetPassword sets a new password by a mailed secret, and ends all sessions.
// Whoever reads the mail has shown that the address is theirs: what the account
// had of a second factor before that goes.
func (s *Service) ResetPassword(ctx context.Context, token, password string) error {
	if reason := s.hasher.acceptable(password, "", ""); reason != "" {
		return errs.Bad("password", "%s", reason)
	}
	hash, err := s.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	var userID string
	err = s.db.Write(ctx, func(tx *sql.Tx) (err error) {
		if userID, err = s.takeToken(ctx, tx, toReset, token); err != nil || userID == "" {
			return err
		}
		if err := dropUnproved(ctx, tx, userID); err != nil {
			return err
		}
		if err := s.own(ctx, tx, userID); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE users SET password_hash = $1, version = version + 1 WHERE id = $2`, hash, userID); err != nil {
			return err
		}
		if err := s.promise(ctx, tx, mailChanged, userID, ""); err != nil {
			return err
		}
		if err := s.knowNetwork(ctx, tx, userID); err != nil {
			return err
		}
		return endSessions(ctx, tx, userID)
	})
	s.post.kick()
	if err = ownedElsewhere(err); err != nil {
		return fmt.Errorf("reset password: %w", err)
	}
	if userID == "" {
		return badToken()
	}
	_, err = s.nowOwned(ctx, userID)
	return err
}

// dropUnproved takes the second factor from an account whose address nobody had
// shown to be theirs: it may be a squatter's.
func dropUnproved(ctx context.Context, tx *sql.Tx, userID string) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM recovery_codes WHERE user_id IN (SELECT id FROM users WHERE id = $1 AND NOT email_verified)`, userID); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `UPDATE users SET totp_secret = '', totp_active = FALSE WHERE id = $1 AND NOT email_verified`, userID)
	return err
}

// endSessions ends all sessions of an account, everywhere.
func endSessions(ctx context.Context, tx *sql.Tx, userID string) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE user_id = $1`, userID); err != nil { // sessions_by_user
		return err
	}
	return raiseEpoch(ctx, tx)
}
