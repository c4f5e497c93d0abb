package user

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/id"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/signing"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/user/session"
	"boxoffice/internal/userapi"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Service is the User Service.
type Service struct {
	db        *sqldb.DB
	now       func() time.Time
	log       *slog.Logger
	hasher    *hasher
	throttle  throttle
	visitors  visitors
	sessions  *session.Sessions
	secret    []byte // for emailKey
	bookings  Bookings
	events    Events
	payments  Payments
	mailer    notifyapi.Mailer
	publicURL string
	strict    bool // see Config.TwoFactor

	kicked  chan struct{} // wakes the background work up
	handing sync.Mutex    // held while mails are handed over
}

// Config configures a user service.
type Config struct {
	DB        *sqldb.DB
	Now       func() time.Time
	Log       *slog.Logger
	Hashing   Hashing          // zero: as passwords need it
	Mailer    notifyapi.Mailer // nil: no mail is sent
	PublicURL string           // of the pages, for links in mails
	TwoFactor bool             // organizers and admins without a second factor are customers until they have one

	Bookings Bookings // nil: accounts have none
	Events   Events   // nil: accounts have none
	Payments Payments // nil: nothing is paid
}

// New migrates the tables and makes the service. Run does its background work.
func New(ctx context.Context, cfg Config) (*Service, error) {
	if err := cfg.DB.Migrate(ctx, "user", migrations); err != nil {
		return nil, err
	}
	secret, err := signing.Secret(ctx, cfg.DB, emailSecret, cfg.Now)
	if err != nil {
		return nil, fmt.Errorf("user: %w", err)
	}
	h, err := newHasher(cfg.Hashing)
	if err != nil {
		return nil, fmt.Errorf("user: %w", err)
	}
	s := &Service{
		db: cfg.DB, now: cfg.Now, log: cfg.Log, hasher: h, secret: secret, kicked: make(chan struct{}, 1),
		bookings: cfg.Bookings, events: cfg.Events, payments: cfg.Payments,
		mailer: cfg.Mailer, publicURL: cfg.PublicURL, strict: cfg.TwoFactor,
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	if s.mailer == nil {
		s.mailer = noMail{}
	}
	if err := s.normalizeAddresses(ctx); err != nil {
		return nil, err
	}
	s.sessions = session.New(session.Config{DB: cfg.DB, Now: cfg.Now, Role: s.roleOf, EmailKey: s.emailKey})
	return s, nil
}

// Close ends the service's look-ups. It is called when no requests come any more.
func (s *Service) Close() { s.sessions.Close() }

const columns = `id, email, username, name, role, password_hash, disabled, created_at, version, email_verified, contact, totp_secret, totp_active`

func scan(row *sql.Row) (record, error) {
	var u record
	var email, username sql.NullString
	err := row.Scan(&u.ID, &email, &username, &u.Name, &u.Role, &u.hash, &u.Disabled, &u.CreatedAt, &u.Version,
		&u.Verified, &u.Contact, &u.totpSecret, &u.twoFactor)
	if errors.Is(err, sql.ErrNoRows) {
		return u, errNoUser
	}
	if err != nil {
		return u, fmt.Errorf("read account: %w", err)
	}
	u.Email, u.Username = email.String, username.String
	if !u.Verified && u.Role != caller.Guest && u.Email == "" {
		u.Email, u.Contact = u.Contact, "" // see addresses
	}
	return u, nil
}

var errNoUser = errs.Missing("user")

// errDisabled is what the owner of an address hears whose account was disabled.
var errDisabled = errs.New(errs.Forbidden, "account-disabled", "The account with this address has been disabled.")

// gone is errStale for a row that is not there any more.
func gone(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return errStale
	}
	return err
}

// get is an account by id.
func (s *Service) get(ctx context.Context, userID string) (record, error) {
	return scan(s.db.Reader().QueryRowContext(ctx, `SELECT `+columns+` FROM users WHERE id = $1`, userID)) // primary key
}

// visible is an account that a caller may see; NotFound for strangers.
func (s *Service) visible(ctx context.Context, caller caller.Caller, userID string) (record, error) {
	if !caller.SignedIn() {
		return record{}, errs.New(errs.Unauthenticated, "sign-in-required", "Please sign in first.")
	}
	if !caller.MayRead(userID) {
		return record{}, errs.Missing("user")
	}
	u, err := s.get(ctx, userID)
	if errors.Is(err, errNoUser) {
		return u, errs.Missing("user")
	}
	return u, err
}

// Account is an account that a caller may see: their own, or as an admin any.
func (s *Service) Account(ctx context.Context, caller caller.Caller, userID string) (userapi.Account, error) {
	return shown(s.visible(ctx, caller, userID))
}

// Update changes an account. Version, if not 0, must be the account's.
func (s *Service) Update(ctx context.Context, caller caller.Caller, userID string, version int64, c userapi.Change) (userapi.Account, error) {
	return shown(s.update(ctx, caller, userID, version, c))
}

func (s *Service) update(ctx context.Context, caller caller.Caller, userID string, version int64, c userapi.Change) (record, error) {
	before, err := s.visible(ctx, caller, userID)
	if err != nil {
		return before, err
	}
	if version != 0 && version != before.Version {
		return before, errs.New(errs.Precondition, "changed-meanwhile", "The account has changed since you read it.")
	}
	a, err := s.changed(&before, c)
	if err != nil {
		return before, err
	}
	if err := s.mayChange(ctx, caller, before, a, c); err != nil {
		return before, err
	}
	u := before
	u.Email, u.Username, u.Name, u.Version = a.Email, a.Username, a.Name, before.Version+1
	moved := u.Email != before.Email
	if moved {
		u.Verified, u.Contact = false, "" // a guest's address goes, too
	}
	set(&u.Role, c.Role)
	set(&u.Disabled, c.Disabled)
	if c.Password != nil {
		if u.hash, err = s.hasher.hash(ctx, *c.Password); err != nil {
			return before, err
		}
	}
	then := sessionsStay
	switch {
	case c.Password != nil || u.Disabled:
		then = sessionsEnd
	case u.Role != before.Role || moved: // callers carry both
		then = sessionsChanged
	}
	err = s.replace(ctx, &u, before.Version, then, func(tx *sql.Tx) error {
		if c.Password != nil {
			if err := dropLinks(ctx, tx, u.ID, toReset); err != nil {
				return err
			}
		}
		if !moved {
			return nil
		}
		if err := dropTokens(ctx, tx, u.ID); err != nil { // links that were mailed to another address are void
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE users SET guest_email = NULL WHERE id = $1`, u.ID); err != nil {
			return err
		}
		return s.tellMoved(ctx, tx, &before, u.Email)
	})
	s.kick()
	if sqldb.Duplicate(err) {
		return before, s.taken(ctx, a, false)
	}
	return u, err
}

// changed is what an account gives after a change, in its stored form.
func (s *Service) changed(before *record, c userapi.Change) (userapi.NewAccount, error) {
	a := userapi.NewAccount{Email: before.Email, Username: before.Username, Name: before.Name}
	set(&a.Email, c.Email)
	set(&a.Username, c.Username)
	set(&a.Name, c.Name)
	bad := normalize(&a)
	if c.Email == nil { // accounts made in bulk have none, and old ones keep their spelling
		a.Email = before.Email
		bad = slices.DeleteFunc(bad, func(f errs.Field) bool { return f.Name == "email" })
	}
	if c.Password != nil {
		if reason := s.hasher.acceptable(*c.Password, a.Email, a.Username); !reason.None() {
			bad = append(bad, reason.In("password"))
		}
	}
	return a, errs.Fields(bad)
}

// tellMoved tells the old address of an account of the new one, and asks the new
// one. An old address that was never confirmed may be a stranger's, and hears
// nothing.
func (s *Service) tellMoved(ctx context.Context, tx *sql.Tx, before *record, address string) error {
	if before.Verified && before.address() != "" {
		if err := s.promise(ctx, tx, mailMoved, before.ID, before.address()); err != nil {
			return err
		}
	}
	kind := mailVerify
	if before.Role == caller.Guest {
		kind = mailCode
	}
	return s.ask(ctx, tx, kind, before.ID, address, 0)
}

// mayChange refuses what a caller may not change of an account that they may
// see. Nobody raises their own role or locks themselves out.
func (s *Service) mayChange(ctx context.Context, who caller.Caller, u record, a userapi.NewAccount, c userapi.Change) error {
	admin := who.Administers() && who.UserID != u.ID
	if c.Role != nil && *c.Role != u.Role && !admin {
		return forbiddenField("role", "can be changed by another account, an administrator's, only")
	}
	if c.Disabled != nil && *c.Disabled != u.Disabled && !admin {
		return forbiddenField("disabled", "can be changed by another account, an administrator's, only")
	}
	if c.Role != nil {
		switch *c.Role {
		case caller.Customer, caller.Organizer, caller.Admin:
		default:
			return errs.Bad("role", "not-a-choice", "must be customer, organizer or admin")
		}
	}
	if admin || a.Email == u.Email && c.Password == nil {
		return nil
	}
	if err := s.checkPassword(ctx, &u, c.CurrentPassword); err != nil || !u.twoFactor || a.Email == u.Email {
		return err
	}
	if c.Code == "" {
		return errs.Bad("code", "required", "is required")
	}
	return s.checkCodeOf(ctx, &u, c.Code)
}

func forbiddenField(name, reason string) error {
	e := errs.New(errs.Forbidden, "not-yours-to-change", "%s %s.", name, reason)
	e.Fields = []errs.Field{{Name: name, Reason: reason, Code: e.Type}}
	return e
}

func set[T any](dst, v *T) {
	if v != nil {
		*dst = *v
	}
}

// What a change of an account means for its sessions.
type effect uint8

const (
	sessionsStay    effect = iota
	sessionsChanged        // they must be looked up again
	sessionsEnd
)

// replace writes an account's row if it has the version that was read, and more
// in the same transaction.
func (s *Service) replace(ctx context.Context, u *record, before int64, e effect, more func(*sql.Tx) error) error {
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		email, contact := u.addresses()
		res, err := tx.ExecContext(ctx, `UPDATE users SET email = $1, username = $2, name = $3, password_hash = $4, disabled = $5, role = $6, version = $7, email_verified = $8, contact = $9
			WHERE id = $10 AND version = $11`, email, orNull(u.Username), u.Name, u.hash, u.Disabled, string(u.Role), u.Version, u.Verified, contact, u.ID, before)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil {
			return err
		} else if n != 1 {
			return errs.New(errs.Precondition, "changed-meanwhile", "The account has changed in the meantime.")
		}
		if err := more(tx); err != nil {
			return err
		}
		switch e {
		case sessionsStay:
			return nil
		case sessionsEnd:
			return session.EndAll(ctx, tx, u.ID)
		}
		return session.Changed(ctx, tx)
	})
	if e != sessionsStay {
		s.sessions.ForgetAll(u.ID)
	}
	return err
}

// dropTokens voids what was mailed to an account.
func dropTokens(ctx context.Context, tx *sql.Tx, userID string) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM mail_tokens WHERE user_id = $1`, userID); err != nil {
		return err
	}
	return dropLinks(ctx, tx, userID, toVerify, toReset)
}

// CreateUser makes an account of any role, whose address counts as verified:
// whoever may make accounts vouches for it.
func (s *Service) CreateUser(ctx context.Context, email, name, password string, role caller.Role) (userapi.Account, error) {
	return shown(s.createVerified(ctx, email, name, password, role))
}

func (s *Service) createVerified(ctx context.Context, email, name, password string, role caller.Role) (record, error) {
	return s.create(ctx, userapi.NewAccount{Email: email, Name: name, Password: password}, role, true)
}

// CreateAdmin makes an administrator and returns the generated password.
func (s *Service) CreateAdmin(ctx context.Context, email string) (password string, err error) {
	password = id.Token()
	_, err = s.CreateUser(ctx, email, "Administrator", password, caller.Admin)
	return password, err
}

// EnsureAccount makes an account, or gives the one with this e-mail address a
// new password; either way the generated password is returned.
func (s *Service) EnsureAccount(ctx context.Context, email, name string, role caller.Role) (a userapi.Account, password string, err error) {
	password = id.Token()[:16]
	u, err := s.find(ctx, email)
	switch {
	case errors.Is(err, errNoUser), err == nil && !u.Verified:
		a, err = s.CreateUser(ctx, email, name, password, role)
	case err != nil:
		return a, "", err
	default:
		a, err = s.Update(ctx, caller.System, u.ID, 0, userapi.Change{Password: &password})
	}
	return a, password, err
}
