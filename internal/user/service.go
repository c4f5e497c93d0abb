package user

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"net/mail"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

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
	s := &Service{db: db, now: now, hasher: h, throttle: throttle{fails: map[string]failures{}}, lookUps: map[int]*sql.Stmt{}}
	s.sessions = newSessions(s)
	return s, nil
}

// UseBookings tells the service of the bookings; it is called before serving.
func (s *Service) UseBookings(b Bookings) { s.bookings = b }

// User is an account.
type User struct {
	ID        string
	Email     string
	Username  string
	Name      string
	Role      message.Role
	Disabled  bool
	CreatedAt int64 // µs since 1970
	Version   int64
	hash      string
}

// Account is what somebody gives to sign up.
type Account struct {
	Email    string
	Username string // optional
	Name     string
	Password string
}

var usernameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{2,31}$`)

// normalize brings an account into its stored form and lists what is wrong.
func (a *Account) normalize() []errs.Field {
	var bad []errs.Field
	a.Email = strings.ToLower(strings.TrimSpace(a.Email))
	a.Username = strings.ToLower(strings.TrimSpace(a.Username))
	a.Name = strings.TrimSpace(a.Name)
	if reason := badEmail(a.Email); reason != "" {
		bad = append(bad, errs.Field{Name: "email", Reason: reason})
	}
	if a.Username != "" && !usernameForm.MatchString(a.Username) {
		bad = append(bad, errs.Field{Name: "username", Reason: "must be 3 to 32 of a-z, 0-9, dot, dash and underscore, and begin with a letter or digit"})
	}
	if reason := badName(a.Name); reason != "" {
		bad = append(bad, errs.Field{Name: "name", Reason: reason})
	}
	return bad
}

func badEmail(e string) string {
	addr, err := mail.ParseAddress(e)
	_, host, _ := strings.Cut(e, "@")
	switch {
	case e == "":
		return "is required"
	case len(e) > 254: // RFC 5321, section 4.5.3.1.3
		return "must have at most 254 bytes"
	case err != nil || addr.Address != e || addr.Name != "" || strings.ContainsAny(e, " <>\"") || !strings.Contains(strings.Trim(host, "."), "."):
		return "is not an e-mail address"
	}
	return ""
}

func badName(n string) string {
	switch {
	case n == "":
		return "is required"
	case utf8.RuneCountInString(n) > 100:
		return "must have at most 100 characters"
	case strings.ContainsFunc(n, unicode.IsControl):
		return "must not contain control characters"
	}
	return ""
}

// SignUp makes an account of role customer.
func (s *Service) SignUp(ctx context.Context, a Account) (User, error) {
	return s.create(ctx, a, message.Customer)
}

func (s *Service) create(ctx context.Context, a Account, role message.Role) (User, error) {
	bad := a.normalize()
	if reason := s.hasher.acceptable(a.Password, a.Email); reason != "" {
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
		return User{}, s.taken(ctx, a)
	}
	if err != nil {
		return User{}, fmt.Errorf("sign up: %w", err)
	}
	return u, nil
}

// taken says which of the names is another account's.
func (s *Service) taken(ctx context.Context, a Account) error {
	e := errs.New(errs.Conflict, "account-exists", "There is an account with this e-mail address already.")
	e.Fields = []errs.Field{{Name: "email", Reason: "belongs to another account"}}
	if _, err := s.find(ctx, a.Email); errors.Is(err, errNoUser) {
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

// get is an account by id.
func (s *Service) get(ctx context.Context, userID string) (User, error) {
	return scan(s.db.Reader().QueryRowContext(ctx, `SELECT `+columns+` FROM users WHERE id = $1`, userID)) // primary key
}

// Login checks a password and starts a session. An unknown account and a wrong
// password give the same error after the same time.
func (s *Service) Login(ctx context.Context, login, password string) (token string, ends time.Time, u User, err error) {
	login = strings.ToLower(strings.TrimSpace(login))
	if err := s.throttle.allow(login, s.now()); err != nil {
		return "", ends, u, err
	}
	u, err = s.find(ctx, login)
	if err != nil && !errors.Is(err, errNoUser) {
		return "", ends, u, err
	}
	if utf8.RuneCountInString(password) > maxPassword {
		password = "" // no account has one so long, and hashing megabytes is dear
	}
	ok, err := s.hasher.check(ctx, u.hash, password)
	if err != nil {
		return "", ends, u, err
	}
	ok = ok && !u.Disabled
	s.throttle.note(login, ok, s.now())
	if !ok {
		return "", ends, User{}, errs.New(errs.Unauthenticated, "wrong-password", "There is no account with this name and password.")
	}
	token, ends, err = s.startSession(ctx, u.ID)
	return token, ends, u, err
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
	CurrentPassword                 string // needed by owners for a new e-mail address or password
}

// Update changes an account. Version, if not 0, must be the account's.
func (s *Service) Update(ctx context.Context, caller message.Caller, userID string, version int64, c Change) (User, error) {
	u, err := s.visible(ctx, caller, userID)
	if err != nil {
		return u, err
	}
	if version != 0 && version != u.Version {
		return u, errs.New(errs.Precondition, "changed-meanwhile", "The account has changed since you read it.")
	}
	if (c.Email != nil || c.Password != nil) && caller.UserID == userID {
		ok, err := s.hasher.check(ctx, u.hash, c.CurrentPassword)
		if err != nil {
			return u, err
		}
		if !ok {
			return u, errs.Bad("current_password", "is not the account's password")
		}
	}
	before := u.Version
	a := Account{Email: u.Email, Username: u.Username, Name: u.Name}
	set(&a.Email, c.Email)
	set(&a.Username, c.Username)
	set(&a.Name, c.Name)
	bad := a.normalize()
	if c.Password != nil {
		if reason := s.hasher.acceptable(*c.Password, a.Email); reason != "" {
			bad = append(bad, errs.Field{Name: "password", Reason: reason})
		} else if u.hash, err = s.hasher.hash(ctx, *c.Password); err != nil {
			return u, err
		}
	}
	if err := errs.Fields(bad); err != nil {
		return u, err
	}
	u.Email, u.Username, u.Name, u.Version = a.Email, a.Username, a.Name, u.Version+1
	err = s.replace(ctx, &u, before, c.Password != nil)
	if sqldb.Duplicate(err) {
		return u, s.taken(ctx, a)
	}
	return u, err
}

func set(dst, v *string) {
	if v != nil {
		*dst = *v
	}
}

// replace writes an account's row if it has the version that was read, and ends
// its sessions if asked to.
func (s *Service) replace(ctx context.Context, u *User, before int64, endSessions bool) error {
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE users SET email = $1, username = $2, name = $3, password_hash = $4, disabled = $5, version = $6
			WHERE id = $7 AND version = $8`, orNull(u.Email), orNull(u.Username), u.Name, u.hash, u.Disabled, u.Version, u.ID, before)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil {
			return err
		} else if n != 1 {
			return errs.New(errs.Precondition, "changed-meanwhile", "The account has changed meanwhile.")
		}
		if endSessions {
			_, err = tx.ExecContext(ctx, `DELETE FROM sessions WHERE user_id = $1`, u.ID)
		}
		return err
	})
	if endSessions {
		s.sessions.forget(u.ID)
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
	return s.replace(ctx, &u, before, true)
}

// Fan is an account with a live session.
type Fan struct {
	UserID string
	Token  string
}

// CreateFans makes n accounts that nobody can sign in to with a password, each
// with a session, in few transactions.
func (s *Service) CreateFans(ctx context.Context, n int, role message.Role) ([]Fan, error) {
	const chunk = 5000
	fans := make([]Fan, 0, n)
	for len(fans) < n {
		more := make([]Fan, min(chunk, n-len(fans)))
		now := s.now()
		err := s.db.Write(ctx, func(tx *sql.Tx) error {
			addUser, err := tx.PrepareContext(ctx, `INSERT INTO users (id, email, username, name, role, password_hash, disabled, created_at, version)
				VALUES ($1, NULL, NULL, 'fan', $2, '', $3, $4, 1)`)
			if err != nil {
				return err
			}
			defer addUser.Close()
			addSession, err := tx.PrepareContext(ctx, `INSERT INTO sessions (token_hash, user_id, created_at, expires_at) VALUES ($1, $2, $3, $4)`)
			if err != nil {
				return err
			}
			defer addSession.Close()
			for i := range more {
				f := Fan{UserID: id.New(now), Token: id.Token()}
				hash := sha256.Sum256([]byte(f.Token))
				if _, err := addUser.ExecContext(ctx, f.UserID, string(role), false, now.UnixMicro()); err != nil {
					return err
				}
				if _, err := addSession.ExecContext(ctx, hash[:], f.UserID, now.UnixMicro(), now.Add(sessionLife).UnixMicro()); err != nil {
					return err
				}
				more[i] = f
			}
			return nil
		})
		if err != nil && !sqldb.Duplicate(err) { // 32 random bits a millisecond can meet by chance: then again
			return nil, fmt.Errorf("create fans: %w", err)
		}
		if err == nil {
			fans = append(fans, more...)
		}
	}
	return fans, nil
}

// CreateAdmin makes an administrator and returns the generated password.
func (s *Service) CreateAdmin(ctx context.Context, email string) (password string, err error) {
	password = id.Token()
	_, err = s.create(ctx, Account{Email: email, Name: "Administrator", Password: password}, message.Admin)
	return password, err
}

// EnsureAccount makes an account, or gives the one with this e-mail address a
// new password; either way the generated password is returned.
func (s *Service) EnsureAccount(ctx context.Context, email, name string, role message.Role) (u User, password string, err error) {
	password = id.Token()[:16]
	u, err = s.find(ctx, email)
	if errors.Is(err, errNoUser) {
		u, err = s.create(ctx, Account{Email: email, Name: name, Password: password}, role)
		return u, password, err
	}
	if err != nil {
		return u, "", err
	}
	u, err = s.Update(ctx, message.Caller{UserID: "house", Role: message.Admin}, u.ID, 0, Change{Password: &password})
	return u, password, err
}
