package user_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/gateway"
	"boxoffice/internal/sqldb/sqldbtest"
	"boxoffice/internal/user"
	"boxoffice/internal/userapi"
)

const password = "correct horse battery"

// site is the service behind the front door.
type site struct {
	*user.Service
	door *gateway.Gateway
}

type bookings struct{}

func (bookings) LatestOfUser(_ context.Context, userID string, limit int) ([]string, bool, error) {
	return []string{"booking-of-" + userID}, false, nil
}
func (bookings) Adopt(context.Context, string, string, caller.EmailKey) error { return nil }
func (bookings) HasLive(context.Context, string) (bool, error)                { return false, nil }
func (bookings) GiveUp(context.Context, string, int64, []string) error        { return nil }
func (bookings) List(context.Context, bookingapi.Filter) ([]bookingapi.Booking, error) {
	return nil, nil
}

func newSite(t *testing.T) *site {
	t.Helper()
	db := sqldbtest.Open(t)
	s, err := user.New(t.Context(), user.Config{DB: db, Now: time.Now, Hashing: user.Hashing{Memory: 8, Time: 1}, Bookings: bookings{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	g := gateway.New(gateway.Config{Authenticate: s.Authenticate, Log: slog.New(slog.DiscardHandler)})
	s.Register(g.API())
	return &site{s, g}
}

type reply struct {
	*httptest.ResponseRecorder
	ID, Name, Email, Username, Role, Token, Type string
	Disabled                                     bool
	Bookings                                     []string
	User                                         struct{ ID string }
	Fields                                       []errs.Field
	Version                                      int64
}

// problem is "status slug: fields".
func (r reply) problem() string {
	s := fmt.Sprint(r.Code)
	if slug := strings.TrimPrefix(r.Type, "/problems/"); slug != "" {
		s += " " + slug
	}
	for i, f := range r.Fields {
		s += map[bool]string{true: ": ", false: ", "}[i == 0] + f.Name
	}
	return s
}

func (s *site) send(t *testing.T, method, path, token, body string, header ...string) reply {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	out := reply{ResponseRecorder: httptest.NewRecorder()}
	s.door.Handler().ServeHTTP(out.ResponseRecorder, r)
	if out.Body.Len() > 0 && method != "HEAD" {
		if err := json.Unmarshal(out.Body.Bytes(), &out); err != nil {
			t.Fatalf("%v: %s", err, out.Body)
		}
	}
	if strings.Contains(out.Body.String(), "argon2") || strings.Contains(out.Body.String(), password) {
		t.Errorf("%s %s tells a secret: %s", method, path, out.Body)
	}
	return out
}

func (s *site) account(t *testing.T, email string) (id, token string) {
	t.Helper()
	u := s.send(t, "POST", "/users", "", fmt.Sprintf(`{"email":%q,"name":"Robin","password":%q}`, email, password))
	in := s.send(t, "POST", "/users/login", "", fmt.Sprintf(`{"email":%q,"password":%q}`, email, password))
	if u.Code != 201 || in.Code != 200 || in.User.ID != u.ID {
		t.Fatalf("%s %s", u.Body, in.Body)
	}
	return u.ID, in.Token
}

func TestAccountOverHTTP(t *testing.T) {
	s := newSite(t)
	u := s.send(t, "POST", "/users", "", `{"email":"Ann@Example.org","username":"Ann","name":"Ann","password":"`+password+`"}`)
	if u.Code != 201 || u.Email != "ann@example.org" || u.Username != "ann" || u.Role != "customer" || len(u.Bookings) != 1 ||
		u.Header().Get("Location") != "/users/"+u.ID || !strings.HasPrefix(u.Header().Get("ETag"), `"1.`) {
		t.Fatalf("%s %v", u.Body, u.Header())
	}
	in := s.send(t, "POST", "/users/login", "", `{"username":"ann","password":"`+password+`"}`)
	if in.Code != 200 || len(in.Token) < 26 || in.Header().Get("Cache-Control") != "private, no-store" {
		t.Fatalf("%d %s %v", in.Code, in.Body, in.Header())
	}
	path := "/users/" + u.ID
	if got := s.send(t, "PUT", path, in.Token, `{"name":"Anne"}`, "If-Match", `"1"`); got.Code != 200 || got.Name != "Anne" || got.Version != 2 {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	for _, stale := range []string{`"1"`, `"x"`, "7"} {
		if got := s.send(t, "PUT", path, in.Token, `{"name":"Anna"}`, "If-Match", stale); got.problem() != "412 changed-meanwhile" {
			t.Errorf("%s: %s", stale, got.problem())
		}
	}
	if got := s.send(t, "GET", path, in.Token, ""); got.Name != "Anne" || !strings.HasPrefix(got.Header().Get("ETag"), `"2.`) {
		t.Errorf("%s", got.Body)
	}
	if got := s.send(t, "HEAD", path, in.Token, ""); got.Code != 200 || !strings.HasPrefix(got.Header().Get("ETag"), `"2.`) {
		t.Errorf("HEAD %d %v", got.Code, got.Header())
	}
	if got := s.send(t, "POST", "/users/logout", in.Token, ""); got.Code != 204 {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	if got := s.send(t, "GET", path, in.Token, ""); got.problem() != "401 bad-token" {
		t.Errorf("after log-out: %s", got.problem())
	}
}

func TestBadInputOverHTTP(t *testing.T) {
	s := newSite(t)
	id, token := s.account(t, "ann@example.org")
	for _, c := range []struct{ name, method, path, body, want string }{
		{"nothing", "POST", "/users", `{}`, "422 invalid-field: email, name, password"},
		{"no body", "POST", "/users", ``, "400 malformed-json: body"},
		{"all at once", "POST", "/users", `{"email":"x","username":"!","name":" ","password":"1"}`, "422 invalid-field: email, username, name, password"},
		{"role", "POST", "/users", `{"email":"b@example.org","name":"B","password":"` + password + `","role":"admin"}`, "422 invalid-field: role"},
		{"wrong types", "POST", "/users", `{"email":1,"name":[],"password":null}`, "422 invalid-field: email, name, password"},
		{"long", "POST", "/users", `{"email":"b@example.org","name":"` + strings.Repeat("n", 101) + `","password":"` + strings.Repeat("p", 129) + `"}`, "422 invalid-field: name, password"},
		{"NUL", "POST", "/users", `{"email":"b@example.org","name":"a\u0000","password":"` + password + `"}`, "422 invalid-field: name"},
		{"card", "POST", "/users", `{"email":"b@example.org","name":"4111 1111 1111 1111","password":"` + password + `"}`, "422 invalid-field: name"},
		{"taken", "POST", "/users", `{"email":"ANN@example.org","name":"B","password":"` + password + `"}`, "201"}, // the mail says so
		{"neither name", "POST", "/users/login", `{"password":"x"}`, "422 invalid-field: email"},
		{"both names", "POST", "/users/login", `{"email":"a@b.org","username":"a","password":"x"}`, "422 invalid-field: email"},
		{"wrong password", "POST", "/users/login", `{"email":"ann@example.org","password":"x"}`, "401 wrong-password"},
		{"no account", "POST", "/users/login", `{"email":"nobody@example.org","password":"x"}`, "401 wrong-password"},
		{"own role", "PUT", "/users/" + id, `{"role":"admin"}`, "403 not-yours-to-change: role"},
		{"no role", "PUT", "/users/" + id, `{"role":"god"}`, "422 invalid-field: role"},
		{"unknown field", "PUT", "/users/" + id, `{"id":"x"}`, "422 invalid-field: id"},
		{"e-mail alone", "PUT", "/users/" + id, `{"email":"new@example.org"}`, "422 invalid-field: current_password"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tok := token
			if c.method == "POST" {
				tok = ""
			}
			if got := s.send(t, c.method, c.path, tok, c.body); got.problem() != c.want {
				t.Errorf("got %s, want %s: %s", got.problem(), c.want, got.Body)
			}
		})
	}
	if got := s.send(t, "GET", "/users/"+id, token, ""); got.Version != 1 {
		t.Errorf("refused, and changed: %s", got.Body)
	}
}

func TestRightsOverHTTP(t *testing.T) {
	s := newSite(t)
	id, owner := s.account(t, "owner@example.org")
	_, stranger := s.account(t, "stranger@example.org")
	adminPassword, err := s.CreateAdmin(t.Context(), "root@example.org")
	if err != nil {
		t.Fatal(err)
	}
	root, _, err := s.Login(t.Context(), userapi.Credentials{Name: "root@example.org", Password: adminPassword})
	admin := root.Token
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ who, token, method, body, want string }{
		{"nobody", "", "GET", "", "401 sign-in-required"},
		{"nobody", "", "PUT", `{"name":"X"}`, "401 sign-in-required"},
		{"nobody", "", "DELETE", "", "401 sign-in-required"},
		{"stranger", stranger, "GET", "", "404 not-found"},
		{"stranger", stranger, "PUT", `{"name":"X"}`, "404 not-found"},
		{"stranger", stranger, "DELETE", "", "404 not-found"},
		{"owner", owner, "GET", "", "200"},
		{"owner", owner, "PUT", `{"name":"X"}`, "200"},
		{"admin", admin, "GET", "", "200"},
		{"admin", admin, "PUT", `{"role":"organizer"}`, "200"},
		{"owner", owner, "GET", "", "200"}, // a new role ends no session
		{"owner", owner, "DELETE", "", "422 invalid-field: X-Current-Password"},
		{"owner", owner, "GET", "", "200"},
		{"admin", admin, "DELETE", "", "204"},
		{"owner", owner, "GET", "", "401 bad-token"},
		{"admin", admin, "GET", "", "200"},
	} {
		if got := s.send(t, c.method, "/users/"+id, c.token, c.body); got.problem() != c.want {
			t.Errorf("%s %s: %s, want %s", c.who, c.method, got.problem(), c.want)
		}
	}
	if got := s.send(t, "GET", "/users/"+id, admin, ""); !got.Disabled || got.Email != "" || got.Name != "deleted account" {
		t.Errorf("%s", got.Body)
	}
}

// A token that is over does not keep anybody from coming in.
func TestDeadTokensDoNotMatterWhenComingIn(t *testing.T) {
	s := newSite(t)
	_, dead := s.account(t, "ann@example.org")
	if got := s.send(t, "POST", "/users/logout", dead, ""); got.Code != 204 {
		t.Fatal(got.Body)
	}
	for path, body := range map[string]string{
		"/users/login":          `{"email":"ann@example.org","password":"` + password + `"}`,
		"/users":                `{"email":"bob@example.org","name":"B","password":"` + password + `"}`,
		"/users/guest":          `{"email":"gus@example.org","name":"G"}`,
		"/users/password-reset": `{"email":"ann@example.org"}`,
	} {
		if got := s.send(t, "POST", path, dead, body); got.Code >= 300 {
			t.Errorf("%s: %s", path, got.Body)
		}
	}
	if got := s.send(t, "POST", "/users/logout", dead, ""); got.problem() != "401 bad-token" {
		t.Error(got.problem())
	}
}

// Operations on sessions know the one of a page's cookie, too.
func TestSessionsByCookie(t *testing.T) {
	s := newSite(t)
	s.door = gateway.New(gateway.Config{Authenticate: s.Authenticate, Cookie: "session", Log: slog.New(slog.DiscardHandler)})
	s.Register(s.door.API())
	id, first := s.account(t, "ann@example.org")
	in := s.send(t, "POST", "/users/login", "", `{"email":"ann@example.org","password":"`+password+`"}`)
	cookie := []string{"Cookie", "session=" + in.Token, "Sec-Fetch-Site", "same-origin"}
	if got := s.send(t, "DELETE", "/users/"+id+"/sessions", "", "", cookie...); got.Code != 204 {
		t.Fatal(got.Body)
	}
	if _, err := s.Authenticate(t.Context(), first); err == nil {
		t.Error("the other session goes on")
	}
	if got := s.send(t, "POST", "/users/logout", "", "", cookie...); got.Code != 204 {
		t.Fatal(got.Body)
	}
	if _, err := s.Authenticate(t.Context(), in.Token); err == nil {
		t.Error("the session goes on after a log-out by its cookie")
	}
}
