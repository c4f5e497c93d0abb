package user

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"math/big"
	"sync"
	"time"

	"boxoffice/internal/errs"
	"boxoffice/internal/id"
	"boxoffice/internal/message"
	"boxoffice/internal/sqldb"
)

// Mailer sends mail without being waited for.
type Mailer interface {
	Send(to, subject, text string)
}

// noMail is for nodes and tests that send none.
type noMail struct{}

func (noMail) Send(string, string, string) {}

// What mailed secrets are for, and how long they are good.
const (
	toVerify = "verify"
	toReset  = "reset"
	toEnter  = "guest"

	verifyLife = 24 * time.Hour
	resetLife  = 30 * time.Minute
	codeLife   = 10 * time.Minute
	codeTries  = 5
	mailPause  = time.Minute // between two mails of a purpose to an account
)

// post is work about mails that is done behind a request's back, so that its
// time tells nobody whether an address is known. It is done in order.
type post struct {
	queue chan func(context.Context)
	done  sync.WaitGroup
}

func newPost() *post {
	p := &post{queue: make(chan func(context.Context), 1000)}
	p.done.Go(func() {
		for job := range p.queue {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			job(ctx)
			cancel()
		}
	})
	return p
}

func (p *post) do(job func(context.Context)) error {
	select {
	case p.queue <- job:
		return nil
	default:
		return errs.New(errs.Unavailable, "busy", "Too many mails wait to be sent; please try again in a moment.").After(5 * time.Second)
	}
}

func (p *post) close() {
	close(p.queue)
	p.done.Wait()
}

// putToken replaces an account's secret for a purpose. It reports false when the
// one before is younger than a minute: then no other mail is sent.
func (s *Service) putToken(ctx context.Context, userID, purpose string, secret string, life time.Duration) (bool, error) {
	now := s.now()
	hash := sha256.Sum256([]byte(purpose + userID + secret))
	if purpose != toEnter { // found by the secret alone
		hash = sha256.Sum256([]byte(purpose + secret))
	}
	fresh := false
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM mail_tokens WHERE expires_at <= $1`, now.UnixMicro()); err != nil { // mail_tokens_ending
			return err
		}
		res, err := tx.ExecContext(ctx, `INSERT INTO mail_tokens (user_id, purpose, hash, tries, created_at, expires_at) VALUES ($1, $2, $3, 0, $4, $5)
			ON CONFLICT (user_id, purpose) DO UPDATE SET hash = excluded.hash, tries = 0, created_at = excluded.created_at, expires_at = excluded.expires_at
			WHERE mail_tokens.created_at <= $6`, userID, purpose, hash[:], now.UnixMicro(), now.Add(life).UnixMicro(), now.Add(-mailPause).UnixMicro())
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		fresh = n == 1
		return err
	})
	if err != nil {
		return false, fmt.Errorf("keep mailed secret: %w", err)
	}
	return fresh, nil
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

var errToken = errs.New(errs.Invalid, "bad-token", "This link was used before, or it is too old. Ask for a new one.")

func badToken() error {
	e := *errToken
	e.Fields = []errs.Field{{Name: "token", Reason: "was used before, is too old, or is not one that was mailed"}}
	return &e
}

// sendVerification mails a link by which an address is verified.
func (s *Service) sendVerification(userID, to, name string) error {
	return s.post.do(func(ctx context.Context) {
		token := id.Token()
		if fresh, err := s.putToken(ctx, userID, toVerify, token, verifyLife); err != nil || !fresh {
			s.note(ctx, err)
			return
		}
		s.mailer.Send(to, "Please confirm your e-mail address",
			fmt.Sprintf("Hello %s,\n\nplease confirm that this address is yours:\n%s/verify?token=%s\n\nThe link is good for 24 hours. If you did not sign up, ignore this mail.", name, s.publicURL(), token))
	})
}

// Verify confirms an account's e-mail address by a mailed secret.
func (s *Service) Verify(ctx context.Context, token string) (User, error) {
	var userID string
	err := s.db.Write(ctx, func(tx *sql.Tx) (err error) {
		if userID, err = s.takeToken(ctx, tx, toVerify, token); err != nil || userID == "" {
			return err
		}
		if _, err = tx.ExecContext(ctx, `UPDATE users SET email_verified = TRUE, version = version + 1 WHERE id = $1`, userID); err != nil {
			return err
		}
		return raiseEpoch(ctx, tx) // callers carry it
	})
	switch {
	case err != nil:
		return User{}, fmt.Errorf("verify address: %w", err)
	case userID == "":
		return User{}, badToken()
	}
	s.sessions.forgetAll(userID)
	return s.get(ctx, userID)
}

// Resend mails another verification, at most one a minute.
func (s *Service) Resend(ctx context.Context, caller message.Caller, userID string) error {
	u, err := s.visible(ctx, caller, userID)
	switch {
	case err != nil:
		return err
	case u.Verified:
		return errs.New(errs.Conflict, "already-verified", "The address is verified already.")
	case u.Email == "":
		return errs.New(errs.Conflict, "no-address", "The account has no e-mail address.")
	}
	return s.sendVerification(u.ID, u.Email, u.Name)
}

// ForgotPassword mails a link for a new password if there is an account with
// this address. Its answer is the same, in the same time, if there is none.
func (s *Service) ForgotPassword(_ context.Context, email string) error {
	a := Account{Email: email, Name: "x"}
	if bad := a.normalize(); len(bad) > 0 {
		return errs.Fields(bad)
	}
	return s.post.do(func(ctx context.Context) {
		u, err := s.find(ctx, a.Email)
		if err != nil || u.Disabled {
			if !errors.Is(err, errNoUser) {
				s.note(ctx, err)
			}
			return
		}
		token := id.Token()
		if fresh, err := s.putToken(ctx, u.ID, toReset, token, resetLife); err != nil || !fresh {
			s.note(ctx, err)
			return
		}
		s.mailer.Send(u.Email, "Choose a new password",
			fmt.Sprintf("Hello %s,\n\nhere you can choose a new password:\n%s/reset?token=%s\n\nThe link is good for 30 minutes, once. If you did not ask for it, ignore this mail: your password stays as it is.", u.Name, s.publicURL(), token))
	})
}

// ResetPassword sets a new password by a mailed secret, and ends all sessions.
func (s *Service) ResetPassword(ctx context.Context, token, password string) error {
	if reason := s.hasher.acceptable(password, "", ""); reason != "" {
		return errs.Bad("password", "%s", reason)
	}
	hash, err := s.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	var u User
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		u = User{}
		userID, err := s.takeToken(ctx, tx, toReset, token)
		if err != nil || userID == "" {
			return err
		}
		u.ID = userID
		// Whoever reads the mail has shown that the address is theirs.
		if _, err := tx.ExecContext(ctx, `UPDATE users SET password_hash = $1, email_verified = TRUE, version = version + 1 WHERE id = $2`, hash, userID); err != nil {
			return err
		}
		return endSessions(ctx, tx, userID)
	})
	switch {
	case err != nil:
		return fmt.Errorf("reset password: %w", err)
	case u.ID == "":
		return badToken()
	}
	s.sessions.forgetAll(u.ID)
	if u, err = s.get(ctx, u.ID); err == nil {
		s.mailer.Send(u.Email, "Your password was changed", fmt.Sprintf("Hello %s,\n\nyour password was changed, and you were signed out everywhere.\n\nIf that was not you, choose a new one at once.", u.Name))
	}
	return nil
}

// endSessions ends all sessions of an account, everywhere.
func endSessions(ctx context.Context, tx *sql.Tx, userID string) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE user_id = $1`, userID); err != nil { // sessions_by_user
		return err
	}
	return raiseEpoch(ctx, tx)
}

// note logs what went wrong behind a request's back.
func (s *Service) note(ctx context.Context, err error) {
	if err != nil {
		s.log.ErrorContext(ctx, "a mail cannot be sent", "error", err)
	}
}

// code is six random digits.
func code() string {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		panic(err) // never fails, see crypto/rand
	}
	return fmt.Sprintf("%06d", n)
}

// guestLife is how long a guest's session lasts.
const guestLife = 2 * time.Hour

// EnterGuest makes an account for somebody who gives a name and an address only,
// and mails a code by which they show that the address is theirs.
func (s *Service) EnterGuest(ctx context.Context, name, email, agent string) (Session, error) {
	a := Account{Email: email, Name: name}
	if bad := a.normalize(); len(bad) > 0 {
		return Session{}, errs.Fields(bad)
	}
	now := s.now()
	u := User{ID: guestID(now), Name: a.Name, Contact: a.Email, Role: message.Guest, CreatedAt: now.UnixMicro(), Version: 1}
	err := s.db.Write(ctx, func(tx *sql.Tx) error { return insert(ctx, tx, &u) })
	if err != nil {
		return Session{}, fmt.Errorf("enter guest: %w", err)
	}
	if err := s.SendCode(ctx, u); err != nil {
		return Session{}, err
	}
	return s.startSession(ctx, u, agent, guestLife)
}

// SendCode mails a guest a code, at most one a minute to an address. It proves
// that address and no other, which the guest may have given meanwhile.
func (s *Service) SendCode(_ context.Context, u User) error {
	return s.post.do(func(ctx context.Context) {
		if now, err := s.get(ctx, u.ID); err != nil || now.Contact != u.Contact {
			s.note(ctx, err)
			return
		}
		digits := code()
		if fresh, err := s.putToken(ctx, u.ID, toEnter, u.Contact+digits, codeLife); err != nil || !fresh {
			s.note(ctx, err)
			return
		}
		s.mailer.Send(u.Contact, digits+" is your code", fmt.Sprintf("Hello %s,\n\nyour code is %s. It is good for 10 minutes.\n\nIf you are not buying tickets just now, ignore this mail.", u.Name, digits))
	})
}

// ResendCode mails the calling guest another code, at most one a minute.
func (s *Service) ResendCode(ctx context.Context, caller message.Caller) error {
	u, err := s.guest(ctx, caller)
	switch {
	case err != nil:
		return err
	case u.Contact == "":
		return errNoContact
	}
	return s.SendCode(ctx, u)
}

var errNoContact = errs.New(errs.Conflict, "no-address", "Please give your e-mail address first.")

// VerifyGuest takes a guest's code. The guest's account becomes the one of the
// address, or its holds go to the one that is it already: what a customer may
// have is counted by verified address. The answer is the session to go on with.
func (s *Service) VerifyGuest(ctx context.Context, caller message.Caller, digits, agent string) (Session, error) {
	u, err := s.guest(ctx, caller)
	if err != nil {
		return Session{}, err
	}
	if u.Contact == "" {
		return Session{}, errNoContact
	}
	if err := s.checkCode(ctx, &u, digits); err != nil {
		return Session{}, err
	}
	for {
		owner, err := scan(s.db.Reader().QueryRowContext(ctx, `SELECT `+columns+` FROM users WHERE guest_email = $1`, u.Contact)) // users_by_guest_email
		switch {
		case errors.Is(err, errNoUser):
			if err = s.ownAddress(ctx, &u); sqldb.Duplicate(err) {
				continue // somebody with the same address was faster
			}
			owner = u
		case err == nil:
			err = s.adopt(ctx, caller, owner.ID)
		}
		if err != nil {
			return Session{}, err
		}
		session, err := s.startSession(ctx, owner, agent, guestLife)
		if err != nil {
			return Session{}, err
		}
		return session, s.usedCode(ctx, u.ID, owner.ID)
	}
}

// checkCode compares a guest's code, a few times at most.
func (s *Service) checkCode(ctx context.Context, u *User, digits string) error {
	userID := u.ID
	given := sha256.Sum256([]byte(toEnter + userID + u.Contact + digits))
	var verdict error
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		verdict = nil
		var hash []byte
		var tries int64
		err := tx.QueryRowContext(ctx, s.db.Text(`SELECT hash, tries FROM mail_tokens WHERE user_id = $1 AND purpose = $2 AND expires_at > $3 /*postgres: FOR UPDATE*/`),
			userID, toEnter, s.now().UnixMicro()).Scan(&hash, &tries)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			verdict = errs.New(errs.Conflict, "code-expired", "The code is too old. Ask for a new one.")
			return nil
		case err != nil:
			return err
		case tries >= codeTries:
			verdict = errs.New(errs.TooMany, "too-many-attempts", "Too many wrong codes. Ask for a new one.").After(mailPause)
			return nil
		case subtle.ConstantTimeCompare(hash, given[:]) == 1:
			return nil
		}
		verdict = errs.Bad("code", "is not the one that was mailed")
		_, err = tx.ExecContext(ctx, `UPDATE mail_tokens SET tries = tries + 1 WHERE user_id = $1 AND purpose = $2`, userID, toEnter)
		return err
	})
	if err != nil {
		return fmt.Errorf("check code: %w", err)
	}
	return verdict
}

// ownAddress makes a guest the customer whom the address belongs to.
func (s *Service) ownAddress(ctx context.Context, u *User) error {
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE users SET role = $1, guest_email = $2, contact = $2, email_verified = TRUE, version = version + 1 WHERE id = $3`,
			string(message.Customer), u.Contact, u.ID); err != nil {
			return err
		}
		return raiseEpoch(ctx, tx)
	})
	s.sessions.forgetAll(u.ID)
	if err == nil {
		*u, err = s.get(ctx, u.ID)
	}
	return err
}

// usedCode ends a code, and the guest's account if another one takes its place.
func (s *Service) usedCode(ctx context.Context, userID, ownerID string) error {
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM mail_tokens WHERE user_id = $1 AND purpose = $2`, userID, toEnter); err != nil {
			return err
		}
		if userID == ownerID {
			return nil
		}
		return endSessions(ctx, tx, userID)
	})
	if userID != ownerID {
		s.sessions.forgetAll(userID)
	}
	return err
}

// Exists reports whether there is an account that can be used.
func (s *Service) Exists(ctx context.Context, userID string) (bool, error) {
	u, err := s.get(ctx, userID)
	if errors.Is(err, errNoUser) {
		return false, nil
	}
	return err == nil && !u.Disabled, err
}
