package user

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"boxoffice/internal/errs"
	"boxoffice/internal/id"
	"boxoffice/internal/message"
	"boxoffice/internal/sqldb"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Bookings is what accounts need to know of bookings.
type Bookings interface {
	// UserBookingIDs lists up to limit bookings, and whether there are more.
	UserBookingIDs(ctx context.Context, userID string, limit int) ([]string, bool, error)
	// HasLive reports whether a user has bookings that are held or sold.
	HasLive(ctx context.Context, userID string) (bool, error)
}

// Service is the User Service.
type Service struct {
	db       *sqldb.DB
	now      func() time.Time
	hasher   *hasher
	throttle throttle
	sessions *sessions
	bookings Bookings

	stmtMu  sync.Mutex
	lookUps map[int]*sql.Stmt // by how many tokens
}

// New migrates the tables and starts the service.
func New(ctx context.Context, db *sqldb.DB, now func() time.Time) (*Service, error) {
	if err := db.Migrate(ctx, "user", migrations); err != nil {
		return nil, err
	}
	h, err := newHasher()
	if err != nil {
		return nil, fmt.Errorf("user: %w", err)
	}
	s := &Service{db: db, now: now, hasher: h, throttle: throttle{tries: map[string]*tries{}}, lookUps: map[int]*sql.Stmt{}}
	s.sessions = newSessions(s)
	return s, nil
}

// Close ends the service's look-ups. It is called when no requests come any more.
func (s *Service) Close() { s.sessions.queue.Close() }

// UseBookings tells the service of the bookings; it is called before serving.
func (s *Service) UseBookings(b Bookings) { s.bookings = b }

// SignUp makes an account of role customer.
func (s *Service) SignUp(ctx context.Context, a Account) (User, error) {
	return s.create(ctx, a, message.Customer)
}

func (s *Service) create(ctx context.Context, a Account, role message.Role) (User, error) {
	bad := a.normalize()
	if reason := s.hasher.acceptable(a.Password, a.Email, a.Username); reason != "" {
		bad = append(bad, errs.Field{Name: "password", Reason: reason})
	}
	if err := errs.Fields(bad); err != nil {
		return User{}, err
	}
	hash, err := s.hasher.hash(ctx, a.Password)
	if err != nil {
		return User{}, err
	}
	now := s.now()
	u := User{ID: id.New(now), Email: a.Email, Username: a.Username, Name: a.Name, Role: role, CreatedAt: now.UnixMicro(), Version: 1, hash: hash}
	err = s.db.Write(ctx, func(tx *sql.Tx) error { return insert(ctx, tx, &u) })
	if sqldb.Duplicate(err) {
		return User{}, s.taken(ctx, a, "")
	}
	if err != nil {
		return User{}, fmt.Errorf("sign up: %w", err)
	}
	return u, nil
}

// taken says which of the names is another account's; self may have it.
func (s *Service) taken(ctx context.Context, a Account, self string) error {
	e := errs.New(errs.Conflict, "account-exists", "There is an account with this e-mail address already.")
	e.Fields = []errs.Field{{Name: "email", Reason: "belongs to another account"}}
	if u, err := s.find(ctx, a.Email); errors.Is(err, errNoUser) || err == nil && u.ID == self {
		e.Detail = "There is an account with this username already."
		e.Fields[0].Name = "username"
	}
	return e
}

func insert(ctx context.Context, tx *sql.Tx, u *User) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO users (id, email, username, name, role, password_hash, disabled, created_at, version)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, u.ID, orNull(u.Email), orNull(u.Username), u.Name, string(u.Role), u.hash, u.Disabled, u.CreatedAt, u.Version)
	return err
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

const columns = `id, email, username, name, role, password_hash, disabled, created_at, version`

func scan(row *sql.Row) (User, error) {
	var u User
	var email, username sql.NullString
	err := row.Scan(&u.ID, &email, &username, &u.Name, &u.Role, &u.hash, &u.Disabled, &u.CreatedAt, &u.Version)
	if errors.Is(err, sql.ErrNoRows) {
		return u, errNoUser
	}
	if err != nil {
		return u, fmt.Errorf("read account: %w", err)
	}
	u.Email, u.Username = email.String, username.String
	return u, nil
}

// find is an account by e-mail address or username.
func (s *Service) find(ctx context.Context, login string) (User, error) {
	column := "username"
	if strings.Contains(login, "@") {
		column = "email"
	}
	return scan(s.db.Reader().QueryRowContext(ctx, `SELECT `+columns+` FROM users WHERE `+column+` = $1`, login)) // unique indexes
}

var errNoUser = errors.New("user: no such account")

// get is an account by id.
func (s *Service) get(ctx context.Context, userID string) (User, error) {
	return scan(s.db.Reader().QueryRowContext(ctx, `SELECT `+columns+` FROM users WHERE id = $1`, userID)) // primary key
}

// Login checks a password and starts a session. An unknown account and a wrong
// password give the same error after the same time.
func (s *Service) Login(ctx context.Context, login, password string) (token string, ends time.Time, u User, err error) {
	login = strings.ToLower(strings.TrimSpace(login))
	u, err = s.find(ctx, login)
	if err != nil && !errors.Is(err, errNoUser) {
		return "", ends, u, err
	}
	account := u.ID
	if account == "" {
		account = "?" + login
	}
	ok, err := s.try(ctx, account, u, password)
	if err != nil {
		return "", ends, u, err
	}
	if ok {
		token, ends, err = s.startSession(ctx, u.ID, u.hash)
	}
	if !ok || errors.Is(err, errStale) {
		return "", ends, User{}, errs.New(errs.Unauthenticated, "wrong-password", "There is no account with this name and password.")
	}
	return token, ends, u, err
}

// try checks a password, throttled per account. The account is a User's id, or
// stands for a name that nobody has.
func (s *Service) try(ctx context.Context, account string, u User, password string) (bool, error) {
	end, err := s.throttle.begin(ctx, account, s.now)
	if err != nil {
		return false, err
	}
	ok, err := s.hasher.check(ctx, u.hash, password)
	switch {
	case err != nil:
		end(undecided)
		return false, err
	case ok && !u.Disabled:
		end(right)
		return true, nil
	}
	end(wrong)
	return false, nil
}

// visible is an account that a caller may see; NotFound for strangers.
func (s *Service) visible(ctx context.Context, caller message.Caller, userID string) (User, error) {
	if !caller.SignedIn() {
		return User{}, errs.New(errs.Unauthenticated, "sign-in-required", "Please sign in first.")
	}
	if !caller.MayRead(userID) {
		return User{}, errs.Missing("user")
	}
	u, err := s.get(ctx, userID)
	if errors.Is(err, errNoUser) {
		return u, errs.Missing("user")
	}
	return u, err
}

// Change is what somebody changes of an account; nil fields stay.
type Change struct {
	Email, Username, Name, Password *string
	CurrentPassword                 string        // needed by owners for a new e-mail address or password
	Role                            *message.Role // by admins, of others
	Disabled                        *bool         // by admins, of others
}

// Update changes an account. Version, if not 0, must be the account's.
func (s *Service) Update(ctx context.Context, caller message.Caller, userID string, version int64, c Change) (User, error) {
	before, err := s.visible(ctx, caller, userID)
	if err != nil {
		return before, err
	}
	if version != 0 && version != before.Version {
		return before, errs.New(errs.Precondition, "changed-meanwhile", "The account has changed since you read it.")
	}
	a := Account{Email: before.Email, Username: before.Username, Name: before.Name}
	set(&a.Email, c.Email)
	set(&a.Username, c.Username)
	set(&a.Name, c.Name)
	bad := a.normalize()
	if before.Email == "" && c.Email == nil && len(bad) > 0 && bad[0].Name == "email" {
		bad = bad[1:] // accounts made in bulk have none
	}
	if c.Password != nil {
		if reason := s.hasher.acceptable(*c.Password, a.Email, a.Username); reason != "" {
			bad = append(bad, errs.Field{Name: "password", Reason: reason})
		}
	}
	if err := errs.Fields(bad); err != nil {
		return before, err
	}
	if err := s.mayChange(ctx, caller, before, a, c); err != nil {
		return before, err
	}
	u := before
	u.Email, u.Username, u.Name, u.Version = a.Email, a.Username, a.Name, before.Version+1
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
	case u.Role != before.Role:
		then = sessionsChanged
	}
	err = s.replace(ctx, &u, before.Version, then)
	if sqldb.Duplicate(err) {
		return before, s.taken(ctx, a, before.ID)
	}
	return u, err
}

// mayChange refuses what a caller may not change of an account that they may
// see. Nobody raises their own role or locks themselves out.
func (s *Service) mayChange(ctx context.Context, caller message.Caller, u User, a Account, c Change) error {
	admin := caller.Role == message.Admin && caller.UserID != u.ID
	if c.Role != nil && *c.Role != u.Role && !admin {
		return forbiddenField("role", "can be changed by another account, an administrator's, only")
	}
	if c.Disabled != nil && *c.Disabled != u.Disabled && !admin {
		return forbiddenField("disabled", "can be changed by another account, an administrator's, only")
	}
	if c.Role != nil {
		switch *c.Role {
		case message.Customer, message.Organizer, message.Admin:
		default:
			return errs.Bad("role", "must be customer, organizer or admin")
		}
	}
	if admin || a.Email == u.Email && c.Password == nil {
		return nil
	}
	ok, err := s.try(ctx, u.ID, u, c.CurrentPassword)
	if err == nil && !ok {
		err = errs.Bad("current_password", "is not the account's password")
	}
	return err
}

func forbiddenField(name, reason string) error {
	e := errs.New(errs.Forbidden, "not-yours-to-change", "%s %s.", name, reason)
	e.Fields = []errs.Field{{Name: name, Reason: reason}}
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

// replace writes an account's row if it has the version that was read.
func (s *Service) replace(ctx context.Context, u *User, before int64, e effect) error {
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE users SET email = $1, username = $2, name = $3, password_hash = $4, disabled = $5, role = $6, version = $7
			WHERE id = $8 AND version = $9`, orNull(u.Email), orNull(u.Username), u.Name, u.hash, u.Disabled, string(u.Role), u.Version, u.ID, before)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil {
			return err
		} else if n != 1 {
			return errs.New(errs.Precondition, "changed-meanwhile", "The account has changed meanwhile.")
		}
		if e == sessionsStay {
			return nil
		}
		if e == sessionsEnd {
			if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE user_id = $1`, u.ID); err != nil { // sessions_by_user
				return err
			}
		}
		return raiseEpoch(ctx, tx)
	})
	if e != sessionsStay {
		s.sessions.forgetAll(u.ID)
	}
	return err
}

// Delete anonymizes an account and ends its sessions. It is refused while the
// account has live bookings.
func (s *Service) Delete(ctx context.Context, caller message.Caller, userID string) error {
	u, err := s.visible(ctx, caller, userID)
	if err != nil {
		return err
	}
	if s.bookings != nil {
		live, err := s.bookings.HasLive(ctx, userID)
		if err != nil {
			return err
		}
		if live {
			return errs.New(errs.Conflict, "has-live-bookings", "The account has bookings; cancel them first.")
		}
	}
	before := u.Version
	u.Email, u.Username, u.Name, u.hash, u.Disabled, u.Version = "", "", "deleted account", "", true, u.Version+1
	return s.replace(ctx, &u, before, sessionsEnd)
}

// CreateUser makes an account of any role.
func (s *Service) CreateUser(ctx context.Context, email, name, password string, role message.Role) (User, error) {
	return s.create(ctx, Account{Email: email, Name: name, Password: password}, role)
}

// CreateAdmin makes an administrator and returns the generated password.
func (s *Service) CreateAdmin(ctx context.Context, email string) (password string, err error) {
	password = id.Token()
	_, err = s.CreateUser(ctx, email, "Administrator", password, message.Admin)
	return password, err
}

// EnsureAccount makes an account, or gives the one with this e-mail address a
// new password; either way the generated password is returned.
func (s *Service) EnsureAccount(ctx context.Context, email, name string, role message.Role) (u User, password string, err error) {
	password = id.Token()[:16]
	u, err = s.find(ctx, email)
	if errors.Is(err, errNoUser) {
		u, err = s.CreateUser(ctx, email, name, password, role)
		return u, password, err
	}
	if err != nil {
		return u, "", err
	}
	u, err = s.Update(ctx, message.Caller{UserID: "house", Role: message.Admin}, u.ID, 0, Change{Password: &password})
	return u, password, err
}
