package user

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/id"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/user/session"
	"boxoffice/internal/userapi"
)

// Purposes of mailed links, and how long they are valid.
const (
	toVerify = "verify"
	toReset  = "reset"

	verifyLife = 24 * time.Hour
	resetLife  = 30 * time.Minute

	// linksKept is how many links of an account and a purpose are valid at a time:
	// more than strangers can have mailed within a link's life, so they cannot
	// invalidate any.
	linksKept = 50
)

// newLink returns the secret of a link that is about to be mailed. Links mailed
// before stay valid until they expire.
func (s *Service) newLink(ctx context.Context, userID, address, purpose string, life time.Duration) (secret string, err error) {
	secret = id.Token()
	now, hash := s.now(), linkHash(purpose, secret)
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		if err := s.stillGives(ctx, tx, userID, address); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM mail_tokens WHERE expires_at <= $1`, now.UnixMicro()); err != nil { // mail_tokens_ending
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM mail_links WHERE expires_at <= $1`, now.UnixMicro()); err != nil { // mail_links_ending
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM mail_links WHERE hash IN (SELECT hash FROM mail_links WHERE user_id = $1 AND purpose = $2
			ORDER BY created_at DESC LIMIT 1000 OFFSET $3)`, userID, purpose, linksKept-1); err != nil { // mail_links_by_user
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO mail_links (hash, user_id, purpose, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)`,
			hash, userID, purpose, now.UnixMicro(), now.Add(life).UnixMicro())
		return err
	})
	if err != nil {
		return "", fmt.Errorf("make a link: %w", err)
	}
	return secret, nil
}

func linkHash(purpose, secret string) []byte {
	sum := sha256.Sum256([]byte(purpose + secret))
	return sum[:]
}

// linkOwner returns whose link a mailed secret belongs to; "" if it is unknown.
func (s *Service) linkOwner(ctx context.Context, from sqldb.Querier, purpose, secret string) (userID string, err error) {
	hash, now := linkHash(purpose, secret), s.now().UnixMicro()
	for _, text := range []string{
		`SELECT user_id FROM mail_links WHERE hash = $1 AND purpose = $2 AND expires_at > $3`,  // primary key
		`SELECT user_id FROM mail_tokens WHERE hash = $1 AND purpose = $2 AND expires_at > $3`, // mail_tokens_by_hash; mailed by an earlier version
	} {
		if err := from.QueryRowContext(ctx, text, hash, purpose, now).Scan(&userID); !errors.Is(err, sql.ErrNoRows) {
			return userID, err
		}
	}
	return "", nil
}

// takeLink uses up a mailed secret inside a transaction, and returns whose it was;
// "" if it is unknown or was used in the meantime.
func (s *Service) takeLink(ctx context.Context, tx *sql.Tx, purpose, secret string) (userID string, err error) {
	if userID, err = s.linkOwner(ctx, tx, purpose, secret); err != nil || userID == "" {
		return "", err
	}
	for _, text := range []string{`DELETE FROM mail_links WHERE hash = $1 AND purpose = $2`, `DELETE FROM mail_tokens WHERE hash = $1 AND purpose = $2`} {
		res, err := tx.ExecContext(ctx, text, linkHash(purpose, secret), purpose)
		if err != nil {
			return "", err
		}
		if n, err := res.RowsAffected(); err != nil || n == 1 {
			return userID, err
		}
	}
	return "", nil
}

// dropLinks invalidates an account's links for some purposes.
func dropLinks(ctx context.Context, tx *sql.Tx, userID string, purposes ...string) error {
	for _, purpose := range purposes {
		if _, err := tx.ExecContext(ctx, `DELETE FROM mail_links WHERE user_id = $1 AND purpose = $2`, userID, purpose); err != nil { // mail_links_by_user
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM mail_tokens WHERE user_id = $1 AND purpose = $2`, userID, purpose); err != nil { // primary key
			return err
		}
	}
	return nil
}

func signInForLink(detail string) error {
	return errs.New(errs.Unauthenticated, "sign-in-required", "%s", detail)
}

var errToken = errs.New(errs.Invalid, "link-over", "This link has expired or was already used. Request a new one.")

func badToken() error {
	e := *errToken
	e.Fields = []errs.Field{{Name: "token", Code: "expired-link", Reason: "has expired, was already used, or is not one that was mailed"}}
	return &e
}

// VerifyLink tells what can be done with a mailed link. It changes nothing.
func (s *Service) VerifyLink(ctx context.Context, caller caller.Caller, token string) (l userapi.VerifyLink, err error) {
	owner, err := s.linkOwner(ctx, s.db.Reader(), toVerify, token)
	if err != nil {
		return l, fmt.Errorf("read a link: %w", err)
	}
	return userapi.VerifyLink{Valid: owner != "", Mine: owner != "" && owner == caller.UserID, Done: caller.Verified}, nil
}

// Verify confirms the e-mail address of the caller's account with a mailed secret.
// The secret alone proves access to the address, not whose account it is: somebody
// else may have signed up with the address, and knows the password. So it requires a
// session of the account; see also VerifyAnew.
func (s *Service) Verify(ctx context.Context, caller caller.Caller, token string) (userapi.Account, error) {
	return shown(s.verify(ctx, caller, token))
}

func (s *Service) verify(ctx context.Context, caller caller.Caller, token string) (record, error) {
	var owner string
	err := s.db.Write(ctx, func(tx *sql.Tx) (err error) {
		if owner, err = s.linkOwner(ctx, tx, toVerify, token); err != nil || owner == "" {
			return err
		}
		if owner != caller.UserID {
			return signInForLink("Please sign in to the account that this link is for, or choose a new password for it.")
		}
		if owner, err = s.takeLink(ctx, tx, toVerify, token); err != nil || owner == "" {
			return err
		}
		return s.own(ctx, tx, owner)
	})
	if err = ownedElsewhere(err); err != nil {
		return record{}, fmt.Errorf("verify address: %w", err)
	}
	if owner == "" {
		return record{}, badToken()
	}
	return s.nowOwned(ctx, owner)
}

// VerifyAnew confirms an account's address with a mailed secret, sets a new
// password, and ends all its sessions: from now on the account belongs to whoever
// reads the address, regardless of who created it.
func (s *Service) VerifyAnew(ctx context.Context, token, password string) (userapi.Account, error) {
	return shown(s.choosePassword(ctx, toVerify, token, password))
}

// nowOwned returns an account whose address has just become its own.
func (s *Service) nowOwned(ctx context.Context, userID string) (record, error) {
	s.sessions.ForgetAll(userID)
	if err := s.finishAdoptions(ctx, userID); err != nil {
		s.log.ErrorContext(ctx, "an adoption of bookings waits", "error", err) // it is done later
	}
	return s.get(ctx, userID)
}

// Resend mails another verification, at most one a minute.
func (s *Service) Resend(ctx context.Context, caller caller.Caller, userID string) error {
	u, err := s.visible(ctx, caller, userID)
	switch {
	case err != nil:
		return err
	case u.address() == "":
		return errs.New(errs.Conflict, "no-address", "The account has no email address.")
	case u.Verified:
		return errs.New(errs.Conflict, "already-verified", "The address is already verified.")
	}
	return s.sendProof(ctx, &u)
}

// sendProof mails what an unverified account needs to verify its address.
func (s *Service) sendProof(ctx context.Context, u *record) error {
	if u.Role == caller.Guest {
		return s.asked(ctx, mailCode, u.ID, u.Contact, mailPause)
	}
	return s.asked(ctx, mailVerify, u.ID, u.Email, mailPause)
}

// ForgotPassword mails a link for a new password if there is an account with the
// address. The answer, and its duration, are the same if there is none.
func (s *Service) ForgotPassword(ctx context.Context, email string) error {
	a := userapi.NewAccount{Email: email, Name: "x"}
	if bad := normalize(&a); len(bad) > 0 {
		return errs.Fields(bad)
	}
	return s.asked(ctx, mailReset, "", spellings(email)[0], mailPause)
}

// ResetPassword sets a new password with a mailed secret, and ends all sessions.
func (s *Service) ResetPassword(ctx context.Context, token, password string) error {
	_, err := s.choosePassword(ctx, toReset, token, password)
	return err
}

// choosePassword sets a new password with a mailed secret, and ends all sessions.
// Reading the mail proves ownership of the address, but a second factor stays in
// force: see setPassword.
func (s *Service) choosePassword(ctx context.Context, purpose, token, password string) (record, error) {
	if reason := s.hasher.acceptable(password, "", ""); !reason.None() {
		return record{}, reason.Bad("password")
	}
	if owner, err := s.linkOwner(ctx, s.db.Reader(), purpose, token); err != nil {
		return record{}, fmt.Errorf("read a link: %w", err)
	} else if owner == "" {
		return record{}, badToken() // before the expensive hash
	}
	hash, err := s.hasher.hash(ctx, password)
	if err != nil {
		return record{}, err
	}
	var userID string
	err = s.db.Write(ctx, func(tx *sql.Tx) (err error) {
		if userID, err = s.takeLink(ctx, tx, purpose, token); err != nil || userID == "" {
			return err
		}
		return s.setPassword(ctx, tx, purpose, userID, hash)
	})
	s.kick()
	if err = ownedElsewhere(err); err != nil {
		return record{}, fmt.Errorf("choose password: %w", err)
	}
	if userID == "" {
		return record{}, badToken()
	}
	return s.nowOwned(ctx, userID)
}

// setPassword sets an account's password and, in general, makes its address
// verified. The exception is an account with a second factor that was moved to an
// address not yet verified: the mail alone then neither verifies the address nor
// removes the factor. The owner signs in with the code and verifies the address
// afterwards; somebody else who reads the mail can sign up with the address instead.
func (s *Service) setPassword(ctx context.Context, tx *sql.Tx, purpose, userID, hash string) error {
	var moved bool
	row := tx.QueryRowContext(ctx, s.db.Text(`SELECT totp_active AND NOT email_verified FROM users WHERE id = $1 /*postgres: FOR UPDATE*/`), userID) // primary key
	if err := row.Scan(&moved); err != nil {
		return gone(err)
	}
	switch {
	case moved && purpose == toVerify:
		return signInForLink("Please sign in to the account that this link is for: it has two-factor log-in.")
	case !moved:
		if err := dropBegun(ctx, tx, userID); err != nil {
			return err
		}
		if err := s.own(ctx, tx, userID); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, `UPDATE users SET password_hash = $1, version = version + 1 WHERE id = $2`, hash, userID); err != nil {
		return err
	}
	if err := dropLinks(ctx, tx, userID, toReset); err != nil {
		return err
	}
	if err := s.promise(ctx, tx, mailChanged, userID, ""); err != nil {
		return err
	}
	if err := s.knowNetwork(ctx, tx, userID); err != nil {
		return err
	}
	return session.EndAll(ctx, tx, userID)
}

// dropBegun removes a second factor that was started but never confirmed from an
// account whose address was never verified: somebody else may have started it.
func dropBegun(ctx context.Context, tx *sql.Tx, userID string) error {
	_, err := tx.ExecContext(ctx, `UPDATE users SET totp_secret = '' WHERE id = $1 AND NOT email_verified AND NOT totp_active`, userID)
	return err
}
