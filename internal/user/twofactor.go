package user

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/id"
	"boxoffice/internal/user/session"
	"boxoffice/internal/userapi"
)

// Codes have six digits and change every 30 seconds (RFC 6238). One step early or
// late is accepted, for clocks that are slightly off.
const (
	totpPeriod    = 30
	totpSkew      = 1
	recoveryCodes = 10
)

// BeginTwoFactor makes a new secret for an account. It takes effect once a code has
// shown that the app has it.
func (s *Service) BeginTwoFactor(ctx context.Context, caller caller.Caller, userID, password string) (userapi.Secret, error) {
	u, err := s.self(ctx, caller, userID, password)
	if err != nil {
		return userapi.Secret{}, err
	}
	if !u.Verified { // otherwise somebody else's account could keep the address from its owner
		return userapi.Secret{}, errs.New(errs.Forbidden, "address-not-verified", "Please confirm your email address first.")
	}
	if u.twoFactor {
		return userapi.Secret{}, errs.New(errs.Conflict, "two-factor-active", "Two-factor log-in is already on. Switch it off first.")
	}
	name := u.Email
	if name == "" {
		name = u.ID
	}
	key, err := totp.Generate(totp.GenerateOpts{Issuer: "boxoffice", AccountName: name, Period: totpPeriod})
	if err != nil {
		return userapi.Secret{}, fmt.Errorf("two-factor secret: %w", err)
	}
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		return asRead(tx.ExecContext(ctx, `UPDATE users SET totp_secret = $1, totp_step = 0 WHERE id = $2 AND NOT totp_active AND version = $3`, key.Secret(), u.ID, u.Version))
	})
	if err != nil {
		return userapi.Secret{}, fmt.Errorf("two-factor secret: %w", err)
	}
	return userapi.Secret{Secret: key.Secret(), URI: key.URL()}, nil
}

// ConfirmTwoFactor switches two-factor log-in on, and returns recovery codes for a
// lost app. They are not shown again.
func (s *Service) ConfirmTwoFactor(ctx context.Context, caller caller.Caller, userID, digits string) ([]string, error) {
	u, err := s.visible(ctx, caller, userID)
	switch {
	case err != nil:
		return nil, err
	case caller.UserID != userID:
		return nil, errs.New(errs.Forbidden, "not-yours-to-change", "Only the owner of an account can switch on two-factor log-in.")
	case !u.Verified:
		return nil, errs.New(errs.Forbidden, "address-not-verified", "Please confirm your email address first.")
	case u.twoFactor:
		return nil, errs.New(errs.Conflict, "two-factor-active", "Two-factor log-in is already on.")
	case u.totpSecret == "":
		return nil, errs.New(errs.Conflict, "no-secret", "Request a secret first.")
	}
	if err := s.checkCodeOf(ctx, &u, digits); err != nil {
		return nil, err
	}
	codes := make([]string, recoveryCodes)
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		err := asRead(tx.ExecContext(ctx, `UPDATE users SET totp_active = TRUE, version = version + 1
			WHERE id = $1 AND NOT totp_active AND totp_secret = $2 AND version = $3`, u.ID, u.totpSecret, u.Version))
		if err != nil {
			return err
		}
		for i := range codes {
			codes[i] = id.Token()[:10]
			hash := sha256.Sum256([]byte(u.ID + codes[i]))
			if _, err := tx.ExecContext(ctx, `INSERT INTO recovery_codes (user_id, hash) VALUES ($1, $2)`, u.ID, hash[:]); err != nil {
				return err
			}
		}
		return session.Changed(ctx, tx) // what the account may do may have changed
	})
	s.sessions.ForgetAll(u.ID)
	if err != nil {
		return nil, err
	}
	return codes, nil
}

// EndTwoFactor switches two-factor log-in off, or discards a secret that was never
// confirmed. It fails with errStale if the account has changed since it was read,
// since then a code may be required.
func (s *Service) EndTwoFactor(ctx context.Context, caller caller.Caller, userID, password, digits string) error {
	u, err := s.self(ctx, caller, userID, password)
	if err != nil {
		return err
	}
	if u.twoFactor {
		if err := s.checkCodeOf(ctx, &u, digits); err != nil {
			return err
		}
	}
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		err := asRead(tx.ExecContext(ctx, `UPDATE users SET totp_active = FALSE, totp_secret = '', version = version + 1
			WHERE id = $1 AND totp_active = $2 AND totp_secret = $3 AND version = $4`, u.ID, u.twoFactor, u.totpSecret, u.Version))
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM recovery_codes WHERE user_id = $1`, u.ID); err != nil {
			return err
		}
		return session.Changed(ctx, tx)
	})
	s.sessions.ForgetAll(u.ID)
	return err
}

// ResetTwoFactor removes an account's second factor and recovery codes, and ends its
// sessions. It is for owners who have lost app and codes; only the operator can
// establish who they are. The account is named by its address, verified or not, by
// its id, or by both.
func (s *Service) ResetTwoFactor(ctx context.Context, caller caller.Caller, address, userID string) (a userapi.Account, sessions int64, err error) {
	if !caller.IsSystem() {
		return a, 0, errs.New(errs.Forbidden, "not-yours-to-change", "Only the operator can remove the second factor of an account.")
	}
	u, err := s.factorOf(ctx, address, userID)
	if err != nil {
		return a, 0, err
	}
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		err := asRead(tx.ExecContext(ctx, `UPDATE users SET totp_active = FALSE, totp_secret = '', version = version + 1
			WHERE id = $1 AND totp_active AND totp_secret = $2 AND version = $3`, u.ID, u.totpSecret, u.Version))
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM recovery_codes WHERE user_id = $1`, u.ID); err != nil {
			return err
		}
		if sessions, err = s.sessions.Count(ctx, tx, u.ID); err != nil {
			return err
		}
		return session.EndAll(ctx, tx, u.ID)
	})
	s.sessions.ForgetAll(u.ID)
	return u.shown(), sessions, err
}

// factorOf returns the account with a second factor that an address, an id or both
// name. If several accounts of an address have one, it refuses and lists them.
func (s *Service) factorOf(ctx context.Context, address, userID string) (u record, err error) {
	if userID != "" {
		u, err = s.get(ctx, userID)
		switch {
		case err != nil:
			return u, err
		case address != "" && !slices.Contains(spellings(address), u.address()):
			return u, errs.New(errs.Conflict, "address-changed", "The account %s has another address.", u.ID)
		case !u.twoFactor:
			return u, noFactor()
		}
		return u, nil
	}
	if !strings.Contains(address, "@") { // find would accept a username
		return u, errNoUser
	}
	list, err := s.factors(ctx, address)
	if err == nil && len(list) == 0 {
		if _, err = s.find(ctx, address); err == nil {
			err = noFactor()
		}
	}
	if err != nil {
		return u, err
	}
	if len(list) > 1 {
		ids := make([]string, len(list))
		for i, one := range list {
			if ids[i] = one.ID; one.Verified {
				ids[i] += " (has confirmed it)"
			}
		}
		return u, userapi.SeveralAccounts{IDs: ids}
	}
	return list[0], nil
}

func noFactor() error {
	return errs.New(errs.Conflict, "no-secret", "The account has no second factor.")
}

// factors returns the accounts with a second factor that have or give an address:
// first the one that has verified it, then the others, oldest first.
func (s *Service) factors(ctx context.Context, address string) ([]record, error) {
	forms := spellings(address)
	ids, err := s.ids(ctx, `SELECT id FROM users WHERE (email IN ($1, $2) OR contact IN ($1, $2) AND contact <> '') AND totp_active
		ORDER BY email_verified DESC, created_at, id LIMIT $3`, forms[0], forms[len(forms)-1], peopleAtMost) // unique index of email, users_by_contact
	if err != nil {
		return nil, err
	}
	list := make([]record, 0, len(ids))
	for _, one := range ids {
		switch u, err := s.get(ctx, one); {
		case errors.Is(err, errNoUser): // gone meanwhile
		case err != nil:
			return nil, err
		case u.twoFactor:
			list = append(list, u)
		}
	}
	return list, nil
}

// self returns the caller's own account after checking the password again.
func (s *Service) self(ctx context.Context, caller caller.Caller, userID, password string) (record, error) {
	u, err := s.visible(ctx, caller, userID)
	if err != nil {
		return u, err
	}
	if caller.UserID != userID {
		return u, errs.New(errs.Forbidden, "not-yours-to-change", "Only the owner of an account can change its two-factor log-in.")
	}
	return u, s.checkPassword(ctx, &u, password)
}

// secondFactor accepts a code of the app or a recovery code. Each can be used once,
// on any node.
func (s *Service) secondFactor(ctx context.Context, u *record, digits, field string) error {
	used := false
	step := s.stepOf(u.totpSecret, digits)
	recovery := sha256.Sum256([]byte(u.ID + strings.ToLower(strings.TrimSpace(digits))))
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		text, args := `DELETE FROM recovery_codes WHERE user_id = $1 AND hash = $2`, []any{u.ID, recovery[:]}
		if step > 0 {
			text, args = `UPDATE users SET totp_step = $1 WHERE id = $2 AND totp_step < $1 AND totp_secret = $3`, []any{step, u.ID, u.totpSecret}
		}
		res, err := tx.ExecContext(ctx, text, args...)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		used = n == 1
		return err
	})
	if err != nil {
		return fmt.Errorf("two-factor code: %w", err)
	}
	if !used {
		return errs.Bad(field, "wrong-code", "has expired, was already used, or is not one of this account")
	}
	return nil
}

// stepOf returns the time step that a code belongs to; 0 if there is none.
func (s *Service) stepOf(secret, digits string) int64 {
	now := s.now().Unix() / totpPeriod
	found := int64(0)
	for step := now - totpSkew; step <= now+totpSkew; step++ {
		want, err := totp.GenerateCodeCustom(secret, time.Unix(step*totpPeriod, 0), totp.ValidateOpts{Period: totpPeriod, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(digits)) == 1 {
			found = step
		}
	}
	return found
}
