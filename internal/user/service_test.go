package user

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/sqldb/sqldbtest"
	"boxoffice/internal/userapi"
)

const goodPassword = "correct horse battery"

// world is a service on a database of its own, with a clock that tests turn.
type world struct {
	*Service
	db    *sqldb.DB
	clock *atomic.Int64 // ns since 1970
}

// cheap hashes say as little about their password as dear ones where nobody
// attacks them. What they cost in earnest is TestHashForm's.
var cheap = Hashing{Memory: 8, Time: 1}

func newWorld(t testing.TB) *world {
	t.Helper()
	db := sqldbtest.Open(t)
	w := &world{db: db, clock: new(atomic.Int64)}
	w.clock.Store(time.Date(2030, 5, 1, 12, 0, 0, 0, time.UTC).UnixNano())
	w.Service = w.node(t)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// node is one more service on the same database.
func (w *world) node(t testing.TB) *Service {
	t.Helper()
	s, err := New(t.Context(), Config{DB: w.db, Now: func() time.Time { return time.Unix(0, w.clock.Load()) }, Hashing: cheap})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func (w *world) pass(d time.Duration) { w.clock.Add(int64(d)) }

func (w *world) signUp(t testing.TB, email string) record {
	t.Helper()
	u, err := w.Service.signUp(t.Context(), userapi.NewAccount{Email: email, Name: "Robin Fan", Password: goodPassword})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// member is somebody who has confirmed their address.
func (w *world) member(t testing.TB, email string) record {
	t.Helper()
	u := w.signUp(t, email)
	err := w.db.Write(t.Context(), func(tx *sql.Tx) error { return w.own(t.Context(), tx, u.ID) })
	if err != nil {
		t.Fatal(err)
	}
	if u, err = w.get(t.Context(), u.ID); err != nil {
		t.Fatal(err)
	}
	return u
}

func (w *world) logIn(t testing.TB, login string) string {
	t.Helper()
	token, _, _, err := w.enter(t.Context(), login, goodPassword)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// enter is Login with what matters most of it.
func (s *Service) enter(ctx context.Context, name, password string) (token string, ends time.Time, u userapi.Account, err error) {
	x, _, err := s.Login(ctx, userapi.Credentials{Name: name, Password: password})
	return x.Token, x.Ends, x.Account, err
}

// is tells whether an error has a slug; "" stands for no error.
func is(err error, slug string) bool {
	if slug == "" {
		return err == nil
	}
	return errs.Is(err, slug)
}

func given(email, username, name, password string) userapi.NewAccount {
	return userapi.NewAccount{Email: email, Username: username, Name: name, Password: password}
}

func TestSignUpFields(t *testing.T) {
	w := newWorld(t)
	w.signUp(t, "taken@example.org")
	long := strings.Repeat("x", 64)
	for _, c := range []struct {
		name string
		userapi.NewAccount
		bad string // fields
	}{
		{"good", given("Ann@Example.ORG", "ann", "Ann", goodPassword), ""},
		{"international", given("jürgen@münchen.example", "", "Jürgen Ω 日本", goodPassword), ""},
		{"trimmed", given("  bob@example.org ", " Bob_2 ", " Bob ", goodPassword), ""},
		{"nothing", userapi.NewAccount{}, "email name password"},
		{"no at", given("example.org", "", "A", goodPassword), "email"},
		{"no dot", given("a@localhost", "", "A", goodPassword), "email"},
		{"two ats", given("a@b@example.org", "", "A", goodPassword), "email"},
		{"display name", given("Ann <a@example.org>", "", "A", goodPassword), "email"},
		{"comment", given("a(x)@example.org", "", "A", goodPassword), "email"},
		{"quoted", given(`"a b"@example.org`, "", "A", goodPassword), "email"},
		{"dots", given("a@example..org", "", "A", goodPassword), "email"},
		{"end in a dot", given("a@example.org.", "", "A", goodPassword), "email"},
		{"dash", given("a@-example.org", "", "A", goodPassword), "email"},
		{"address literal", given("a@[127.0.0.1]", "", "A", goodPassword), "email"},
		{"new line", given("a@example.org\nBcc: b@example.org", "", "A", goodPassword), "email"},
		{"long local part", given(long+"x@example.org", "", "A", goodPassword), "email"},
		{"long", given("a@"+strings.Repeat(long[:60]+".", 5)+"org", "", "A", goodPassword), "email"},
		{"short username", given("c@example.org", "ab", "A", goodPassword), "username"},
		{"username like an address", given("c@example.org", "a@b.org", "A", goodPassword), "username"},
		{"long username", given("c@example.org", strings.Repeat("u", 33), "A", goodPassword), "username"},
		{"control in name", given("c@example.org", "", "A\x1bB", goodPassword), "name"},
		{"direction in name", given("c@example.org", "", "A\u202eB", goodPassword), "name"},
		{"long name", given("c@example.org", "", strings.Repeat("ü", 101), goodPassword), "name"},
		{"short password", given("c@example.org", "", "A", "sieben7"), "password"},
		{"eight characters, sixteen bytes", given("d@example.org", "", "A", "öäüßéèêñ"), ""},
		{"long password", given("c@example.org", "", "A", strings.Repeat("ab", 65)), "password"},
		{"longest password", given("e@example.org", "", "A", strings.Repeat("ab", 64)), ""},
		{"common", given("c@example.org", "", "A", "Password123"), "password"},
		{"common with a tail", given("c@example.org", "", "A", "password!99"), "password"},
		{"one character", given("c@example.org", "", "A", "éééééééééé"), "password"},
		{"the address", given("c@example.org", "", "A", "C@example.org"), "password"},
		{"local part", given("charlotte@example.org", "", "A", "charlotte"), "password"},
		{"the username", given("c@example.org", "charlotte.m", "A", "Charlotte.M"), "password"},
	} {
		t.Run(c.name, func(t *testing.T) {
			u, err := w.SignUp(t.Context(), c.NewAccount)
			var names []string
			var e *errs.Error
			if errors.As(err, &e) {
				for _, f := range e.Fields {
					names = append(names, f.Name)
				}
			} else if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(names, " "); got != c.bad {
				t.Fatalf("refuses %q, want %q", got, c.bad)
			}
			if err == nil && (u.Role != caller.Customer || u.Email != strings.Replace(strings.ToLower(strings.TrimSpace(c.Email)), "münchen", "xn--mnchen-3ya", 1)) {
				t.Errorf("made %+v", u)
			}
		})
	}
}

func TestNamesAreUnique(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	if _, err := w.SignUp(ctx, given("a@example.org", "ann", "Ann", goodPassword)); err != nil {
		t.Fatal(err)
	}
	var e *errs.Error
	if _, err := w.SignUp(ctx, given("b@example.org", "ANN", "B", goodPassword)); !errors.As(err, &e) || e.Type != "account-exists" || e.Fields[0].Name != "username" {
		t.Errorf("sign-up: %v", err)
	}
	b := w.signUp(t, "b@example.org")
	name := "ann"
	_, err := w.Update(ctx, caller.Caller{UserID: b.ID}, b.ID, 0, userapi.Change{Username: &name})
	if !errors.As(err, &e) || e.Type != "account-exists" || e.Fields[0].Name != "username" {
		t.Errorf("update: %v", err)
	}
	var wg sync.WaitGroup
	var made atomic.Int32
	for range 8 {
		wg.Go(func() {
			if _, err := w.SignUp(ctx, given("same@example.org", "same", "C", goodPassword)); err == nil {
				made.Add(1)
			} else if !is(err, "account-exists") {
				t.Error(err)
			}
		})
	}
	if wg.Wait(); made.Load() != 1 {
		t.Errorf("made %d", made.Load())
	}
}

func TestLogin(t *testing.T) {
	w := newWorld(t)
	u, err := w.SignUp(t.Context(), given("ann@example.org", "ann", "Ann", goodPassword))
	if err != nil {
		t.Fatal(err)
	}
	fans, err := w.CreateFans(t.Context(), 1, caller.Customer, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, login, password, slug string }{
		{"email", "Ann@Example.org ", goodPassword, ""},
		{"username", "ANN", goodPassword, ""},
		{"wrong password", "ann", "wrong horse battery", "wrong-password"},
		{"no such account", "bob", goodPassword, "wrong-password"},
		{"an id is no name", fans[0].UserID, "", "wrong-password"},
		{"nobody's name", "", "", "wrong-password"},
		{"endless password", "ann", strings.Repeat(goodPassword, 100), "wrong-password"},
	} {
		t.Run(c.name, func(t *testing.T) {
			token, ends, _, err := w.enter(t.Context(), c.login, c.password)
			if !is(err, c.slug) {
				t.Fatal(err)
			}
			if err != nil {
				return
			}
			if got := ends.Sub(time.Unix(0, w.clock.Load())); got != sessionLife {
				t.Errorf("lives %v", got)
			}
			if who, err := w.Authenticate(t.Context(), token); err != nil || who.UserID != u.ID || who.Role != caller.Customer {
				t.Errorf("%+v %v", who, err)
			}
		})
	}
	var stored int
	if err := w.db.Reader().QueryRow(`SELECT COUNT(*) FROM sessions WHERE length(token_hash) = 32`).Scan(&stored); err != nil || stored != 3 {
		t.Errorf("%d hashes, %v", stored, err)
	}
}

// Who has failed too often waits; guesses sent at once are no more than guesses one
// by one; and right passwords are never held against each other.
func TestThrottle(t *testing.T) {
	w := newWorld(t)
	if _, err := w.SignUp(t.Context(), given("ann@example.org", "ann", "Ann", goodPassword)); err != nil {
		t.Fatal(err)
	}
	w.signUp(t, "bob@example.org")
	var wg sync.WaitGroup
	var wrong, throttled atomic.Int32
	for i := range 3 * maxFailures {
		wg.Go(func() {
			_, _, _, err := w.enter(t.Context(), []string{"ann", "ann@example.org"}[i%2], "a guess of mine")
			switch {
			case is(err, "wrong-password"):
				wrong.Add(1)
			case is(err, "too-many-attempts"):
				throttled.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	if wg.Wait(); wrong.Load() != 2*maxFailures || throttled.Load() != maxFailures {
		t.Errorf("%d guesses at two names were answered, %d not", wrong.Load(), throttled.Load())
	}
	_, _, _, err := w.enter(t.Context(), "ann", goodPassword)
	var e *errs.Error
	if !errors.As(err, &e) || e.Kind != errs.TooMany || e.RetryAfter != failWindow {
		t.Errorf("%v", err)
	}
	for range 2 * maxFailures {
		wg.Go(func() {
			if _, _, _, err := w.enter(t.Context(), "bob@example.org", goodPassword); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	w.pass(failWindow)
	w.logIn(t, "ann")
	w.logIn(t, "ann@example.org")
	if n := len(w.throttle.tries); n != 0 {
		t.Errorf("%d accounts are tracked", n)
	}
}

func TestThrottleForgetsWhenFull(t *testing.T) {
	var th throttle
	unknown := func() (map[string]bool, error) { return nil, nil }
	for i := range maxTracked/2 + 100 {
		tn, err := th.begin(t.Context(), attempt{of: target(fmt.Sprint(i), ""), knowing: unknown, now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		tn.end(failed, "")
	}
	if len(th.tries) > maxTracked {
		t.Errorf("%d tracked", len(th.tries))
	}
}

// More log-ins than can be computed soon are turned away, and those who have
// gone do not wait on.
func TestHasherIsBounded(t *testing.T) {
	h, err := newHasher(Hashing{})
	if err != nil {
		t.Fatal(err)
	}
	for range cap(h.slots) { // all cores are taken
		h.slots <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range cap(h.queue) {
		wg.Go(func() {
			if _, err := h.hash(ctx, goodPassword); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	for len(h.queue) < cap(h.queue) {
		runtime.Gosched() // until all have come
	}
	_, err = h.hash(t.Context(), goodPassword)
	var e *errs.Error
	if !errors.As(err, &e) || e.Kind != errs.Unavailable || e.RetryAfter <= 0 {
		t.Errorf("%v", err)
	}
	cancel()
	wg.Wait()
	if len(h.queue) != 0 {
		t.Errorf("%d still wait", len(h.queue))
	}
}

func TestHashForm(t *testing.T) {
	h, err := newHasher(Hashing{})
	if err != nil {
		t.Fatal(err)
	}
	a, err := h.hash(t.Context(), goodPassword)
	if err != nil || !strings.HasPrefix(a, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatalf("%s %v", a, err)
	}
	if b, _ := h.hash(t.Context(), goodPassword); a == b {
		t.Error("no salt")
	}
	for _, broken := range []string{"x", "$argon2id$v=19$m=1,t=1,p=1$AAAA$AAAA", h.phc + "AAAA", h.phc + "!$AAAA", h.phc + "AAAA$!"} {
		if ok, err := h.check(t.Context(), broken, goodPassword); ok || err == nil {
			t.Errorf("%q: %v %v", broken, ok, err)
		}
	}
	if ok, err := h.check(t.Context(), "", "nobody has this password"); ok || err != nil {
		t.Errorf("an account without a hash: %v %v", ok, err)
	}
}

func TestWhoMay(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	owner, stranger := w.signUp(t, "owner@example.org"), w.signUp(t, "stranger@example.org")
	if _, err := w.CreateAdmin(ctx, "root@example.org"); err != nil {
		t.Fatal(err)
	}
	root, err := w.find(ctx, "root@example.org")
	if err != nil {
		t.Fatal(err)
	}
	nobody, admin := caller.Caller{}, as(root)
	name, mail, pass := "New Name", "new@example.org", "another horse battery"
	organizer, customer, god, yes := caller.Organizer, caller.Customer, caller.Role("god"), true
	for _, c := range []struct {
		name   string
		caller caller.Caller
		id     string
		userapi.Change
		slug string
	}{
		{"nobody", nobody, owner.ID, userapi.Change{Name: &name}, "sign-in-required"},
		{"stranger", as(stranger), owner.ID, userapi.Change{Name: &name}, "not-found"},
		{"nowhere", admin, "0000000000000000", userapi.Change{Name: &name}, "not-found"},
		{"owner's name", as(owner), owner.ID, userapi.Change{Name: &name}, ""},
		{"owner's e-mail without password", as(owner), owner.ID, userapi.Change{Email: &mail}, "invalid-field"},
		{"owner's e-mail, wrong password", as(owner), owner.ID, userapi.Change{Email: &mail, CurrentPassword: pass}, "invalid-field"},
		{"owner's e-mail", as(owner), owner.ID, userapi.Change{Email: &mail, CurrentPassword: goodPassword}, ""},
		{"the same e-mail needs none", as(owner), owner.ID, userapi.Change{Email: &mail}, ""},
		{"somebody's e-mail", as(owner), owner.ID, userapi.Change{Email: &stranger.Email, CurrentPassword: goodPassword}, ""}, // until one of them confirms it
		{"owner's role", as(owner), owner.ID, userapi.Change{Role: &organizer}, "not-yours-to-change"},
		{"owner's role as it is", as(owner), owner.ID, userapi.Change{Role: &customer}, ""},
		{"owner disables", as(owner), owner.ID, userapi.Change{Disabled: &yes}, "not-yours-to-change"},
		{"admin's own role", admin, root.ID, userapi.Change{Role: &customer}, "not-yours-to-change"},
		{"admin gives a role", admin, owner.ID, userapi.Change{Role: &organizer}, ""},
		{"admin gives no such role", admin, owner.ID, userapi.Change{Role: &god}, "invalid-field"},
		{"admin sets a password", admin, owner.ID, userapi.Change{Password: &pass}, ""},
		{"admin disables", admin, owner.ID, userapi.Change{Disabled: &yes}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, _ := w.get(ctx, c.id)
			after, err := w.Update(ctx, c.caller, c.id, 0, c.Change)
			if !is(err, c.slug) {
				t.Fatal(err)
			}
			now, _ := w.get(ctx, c.id)
			if err != nil && now != before {
				t.Errorf("refused, and changed: %+v %+v", before, now)
			}
			if err == nil && (now.shown() != after || now.Version != before.Version+1) {
				t.Errorf("answered %+v, is %+v", after, now)
			}
		})
	}
	if _, _, _, err := w.enter(ctx, stranger.Email, pass); !is(err, "wrong-password") {
		t.Errorf("a disabled account signs in: %v", err)
	}
}

func TestVersions(t *testing.T) {
	w := newWorld(t)
	u := w.signUp(t, "ann@example.org")
	me := caller.Caller{UserID: u.ID}
	var wg sync.WaitGroup
	var done atomic.Int32
	for i := range 8 {
		wg.Go(func() {
			name := fmt.Sprint("Ann ", i)
			switch _, err := w.Update(t.Context(), me, u.ID, u.Version, userapi.Change{Name: &name}); {
			case err == nil:
				done.Add(1)
			case errs.KindOf(err) != errs.Precondition:
				t.Error(err)
			}
		})
	}
	if wg.Wait(); done.Load() != 1 {
		t.Errorf("%d changes of one version", done.Load())
	}
}

func TestEnsureAccountAndCreateUser(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	var last string
	for range 2 {
		u, password, err := w.EnsureAccount(ctx, "demo@example.org", "Demo", caller.Organizer)
		if err != nil || password == last || u.Role != caller.Organizer {
			t.Fatalf("%+v %v", u, err)
		}
		if _, _, got, err := w.enter(ctx, "demo@example.org", password); err != nil || got.ID != u.ID {
			t.Fatalf("%+v %v", got, err)
		}
		last = password
	}
	if _, err := w.CreateAdmin(ctx, "demo@example.org"); !is(err, "account-exists") {
		t.Error(err)
	}
	if u, err := w.CreateUser(ctx, "o@example.org", "O", goodPassword, caller.Organizer); err != nil || u.Role != caller.Organizer {
		t.Errorf("%+v %v", u, err)
	}
}
