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

	"boxoffice/internal/bus"
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
	*Directory
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
	notices   notifyapi.Service
	outbox    *bus.Table
	publicURL string
	strict    bool   // see Config.TwoFactor
	texts     *Texts // see Config.Texts

	kicked  chan struct{} // wakes the background work up
	handing sync.Mutex    // held while mails are sent
}

// Config configures a user service.
type Config struct {
	DB        *sqldb.DB
	Directory *Directory // nil: New opens it
	Now       func() time.Time
	Log       *slog.Logger
	Hashing   Hashing           // zero: the cost for real passwords
	Notices   notifyapi.Service // nil: no mail is sent
	PublicURL string            // public address of the pages, for links in mails
	TwoFactor bool              // organizers and admins act as customers until they have a second factor

	Bookings Bookings // nil: accounts have none
	Events   Events   // nil: accounts have none
	Payments Payments // nil: nothing is paid

	Texts *Texts // text messages are sent to accounts with a mobile number; nil: no number is accepted

	Signals bus.Signals // between nodes on a shared database; nil: none
}

// New makes the service. Run does its background work.
func New(ctx context.Context, cfg Config) (*Service, error) {
	if cfg.Directory == nil {
		var err error
		if cfg.Directory, err = OpenDirectory(ctx, cfg.DB); err != nil {
			return nil, err
		}
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
		Directory: cfg.Directory, db: cfg.DB, now: cfg.Now, log: cfg.Log, hasher: h, secret: secret, kicked: make(chan struct{}, 1),
		bookings: cfg.Bookings, events: cfg.Events, payments: cfg.Payments,
		outbox:  bus.NewTable(cfg.DB, userapi.Topic, "user_messages"),
		notices: cfg.Notices, publicURL: cfg.PublicURL, strict: cfg.TwoFactor, texts: cfg.Texts,
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	if s.notices == nil {
		s.notices = noMail{}
	}
	if err := s.normalizeAddresses(ctx); err != nil {
		return nil, err
	}
	s.sessions = session.New(session.Config{DB: cfg.DB, Now: cfg.Now, Role: s.roleOf, EmailKey: s.emailKey, Signals: cfg.Signals})
	if cfg.Signals != nil {
		if err := cfg.Signals.Subscribe(session.Signal, s.sessions.HearEnded); err != nil {
			s.sessions.Close()
			return nil, fmt.Errorf("user: %w", err)
		}
	}
	return s, nil
}

// Close ends the service's look-ups. Call it when no more requests arrive.
func (s *Service) Close() { s.sessions.Close() }

const columns = `id, email, username, name, role, password_hash, disabled, created_at, version, email_verified, contact, totp_secret, totp_active, lang, phone`

func scan(row *sql.Row) (record, error) {
	var u record
	var email, username sql.NullString
	err := row.Scan(&u.ID, &email, &username, &u.Name, &u.Role, &u.hash, &u.Disabled, &u.CreatedAt, &u.Version,
		&u.Verified, &u.Contact, &u.totpSecret, &u.twoFactor, &u.Lang, &u.Phone)
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

// errDisabled is returned to the owner of an address whose account was disabled.
var errDisabled = errs.New(errs.Forbidden, "account-disabled", "The account with this address has been disabled.")

// gone turns a missing row into errStale.
func gone(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return errStale
	}
	return err
}

// visible returns an account that a caller may see; NotFound for others.
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

// Account returns an account that a caller may see: their own, or any for an admin.
func (s *Service) Account(ctx context.Context, caller caller.Caller, userID string) (userapi.Account, error) {
	return shown(s.visible(ctx, caller, userID))
}

// Update changes an account. A version other than 0 must be the account's.
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
	a, number, err := s.changed(&before, c)
	if err != nil {
		return before, err
	}
	if err := s.mayChange(ctx, caller, before, a, c); err != nil {
		return before, err
	}
	u := before
	u.Email, u.Username, u.Name, u.Phone, u.Version = a.Email, a.Username, a.Name, number, before.Version+1
	moved := u.Email != before.Email
	if moved {
		u.Verified, u.Contact = false, "" // this removes a guest's address, too
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
		if err := dropTokens(ctx, tx, u.ID); err != nil { // links mailed to the old address become invalid
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

// changed returns an account and its mobile number after a change, in their stored form.
func (s *Service) changed(before *record, c userapi.Change) (a userapi.NewAccount, number string, err error) {
	a = userapi.NewAccount{Email: before.Email, Username: before.Username, Name: before.Name}
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
	number = before.Phone
	if c.Phone != nil {
		var reason errs.Reason
		if number, reason = s.mobile(*c.Phone); !reason.None() {
			bad = append(bad, reason.In("phone"))
		}
	}
	return a, number, errs.Fields(bad)
}

// tellMoved tells an account's old address about the new one, and asks the new one
// to verify. An old address that was never verified may be a stranger's, so it is
// not told.
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

// mayChange refuses changes that a caller may not make to an account that they may
// see. Nobody can raise their own role or disable their own account.
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

// replace writes an account's row if its version is still the one that was read, and
// runs more in the same transaction.
func (s *Service) replace(ctx context.Context, u *record, before int64, e effect, more func(*sql.Tx) error) error {
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		email, contact := u.addresses()
		res, err := tx.ExecContext(ctx, `UPDATE users SET email = $1, username = $2, name = $3, password_hash = $4, disabled = $5, role = $6, version = $7, email_verified = $8, contact = $9, phone = $10
			WHERE id = $11 AND version = $12`, email, orNull(u.Username), u.Name, u.hash, u.Disabled, string(u.Role), u.Version, u.Verified, contact, u.Phone, u.ID, before)
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

// dropTokens invalidates the secrets that were mailed to an account.
func dropTokens(ctx context.Context, tx *sql.Tx, userID string) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM mail_tokens WHERE user_id = $1`, userID); err != nil {
		return err
	}
	return dropLinks(ctx, tx, userID, toVerify, toReset)
}

// CreateUser makes an account of any role with a verified address: whoever may
// create accounts vouches for it.
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

// EnsureAccount makes an account, or sets a new password for the one with this
// e-mail address. It returns the generated password.
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
