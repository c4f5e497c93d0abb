package user

import (
	"context"
	"errors"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/notify/letter/lettertest"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/userapi"
)

// inbox keeps what was sent.
type inbox struct {
	once    sync.Once
	service *lettertest.Service

	mu   sync.Mutex
	sent []struct{ to, subject, text string }
}

// Forget implements notifyapi.Service.
func (m *inbox) Forget(context.Context, string) error { return nil }

// Notify implements notifyapi.Service.
func (m *inbox) Notify(ctx context.Context, list []notifyapi.Notice) error {
	m.once.Do(func() {
		m.service = lettertest.New(func(_ context.Context, to, subject, text string) error {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.sent = append(m.sent, struct{ to, subject, text string }{to, subject, text})
			return nil
		})
	})
	return m.service.Notify(ctx, list)
}

// settle waits until all mails are handed over, on whatever node.
func (w *world) settle(t testing.TB) {
	t.Helper()
	for n := 1; n > 0; {
		if err := w.runMails(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := w.db.Reader().QueryRowContext(t.Context(), `SELECT count(*) FROM mails`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		runtime.Gosched()
	}
}

var secret = regexp.MustCompile(`token=([0-9a-z]+)|code is ([0-9A-Z-]+)`)

// last is the newest mail to an address, and the secret in it.
func (w *world) last(t testing.TB, m *inbox, to string) (subject, token string) {
	t.Helper()
	w.settle(t)
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := len(m.sent) - 1; i >= 0; i-- {
		if m.sent[i].to == to {
			if found := secret.FindStringSubmatch(m.sent[i].text); found != nil {
				token = found[1] + found[2]
			}
			return m.sent[i].subject, token
		}
	}
	return "", ""
}

func (w *world) mails() *inbox {
	m := &inbox{}
	w.notices = m
	w.publicURL = "https://tickets.example"
	return m
}

func as(account any) caller.Caller {
	if u, ok := account.(record); ok {
		account = u.shown()
	}
	a := account.(userapi.Account)
	return caller.Caller{UserID: a.ID, Role: a.Role}
}

func TestVerifyAddress(t *testing.T) {
	w := newWorld(t)
	m := w.mails()
	u := w.signUp(t, "ann@example.org")
	_, token := w.last(t, m, u.Email)
	if u.Verified || token == "" {
		t.Fatalf("%+v %q", u, token)
	}
	if _, err := w.Verify(t.Context(), as(u), token+"x"); !is(err, "link-over") {
		t.Error(err)
	}
	if got, err := w.Verify(t.Context(), as(u), token); err != nil || !got.Verified {
		t.Fatalf("%+v %v", got, err)
	}
	if _, err := w.Verify(t.Context(), as(u), token); !is(err, "link-over") {
		t.Errorf("twice: %v", err)
	}
	if err := w.Resend(t.Context(), as(u), u.ID); !is(err, "already-verified") {
		t.Error(err)
	}
	// Another address is to be verified anew; the old one hears of it.
	mail := "new@example.org"
	got, err := w.Update(t.Context(), as(u), u.ID, 0, userapi.Change{Email: &mail, CurrentPassword: goodPassword})
	if err != nil || got.Verified {
		t.Fatalf("%+v %v", got, err)
	}
	if subject, _ := w.last(t, m, "ann@example.org"); !strings.Contains(subject, "was changed") {
		t.Errorf("%q", subject)
	}
	w.pass(verifyLife)
	if _, token = w.last(t, m, mail); token == "" {
		w.pass(mailPause)
	}
	if _, err := w.Verify(t.Context(), as(u), token); !is(err, "link-over") {
		t.Errorf("too late: %v", err)
	}
	if err := w.Resend(t.Context(), as(u), u.ID); err != nil {
		t.Fatal(err)
	}
	_, again := w.last(t, m, mail)
	if err := w.Resend(t.Context(), as(u), u.ID); err != nil {
		t.Fatal(err)
	}
	if _, same := w.last(t, m, mail); same != again {
		t.Error("two mails within a minute")
	}
	if _, err := w.Verify(t.Context(), as(u), again); err != nil {
		t.Error(err)
	}
}

func TestResetPassword(t *testing.T) {
	w := newWorld(t)
	m := w.mails()
	other := w.node(t)
	u := w.signUp(t, "ann@example.org")
	session := w.logIn(t, u.Email)
	for _, email := range []string{u.Email, "nobody@example.org", " ANN@example.org "} {
		if err := w.ForgotPassword(t.Context(), email); err != nil {
			t.Errorf("%s: %v", email, err)
		}
	}
	if err := w.ForgotPassword(t.Context(), "no address"); errs.KindOf(err) != errs.Invalid {
		t.Error(err)
	}
	subject, token := w.last(t, m, u.Email)
	if subject != "Choose a new password" {
		t.Fatal(subject)
	}
	if s, _ := w.last(t, m, "nobody@example.org"); s != "" {
		t.Errorf("nobody got %q", s)
	}
	if err := w.ResetPassword(t.Context(), token, "short"); errs.KindOf(err) != errs.Invalid {
		t.Error(err)
	}
	const fresh = "another horse battery"
	var wg sync.WaitGroup
	var done atomic.Int32
	for range 50 {
		wg.Go(func() {
			switch err := w.ResetPassword(t.Context(), token, fresh); {
			case err == nil:
				done.Add(1)
			case !is(err, "link-over"):
				t.Error(err)
			}
		})
	}
	if wg.Wait(); done.Load() != 1 {
		t.Errorf("%d resets by one link", done.Load())
	}
	for _, s := range []*Service{w.Service, other} {
		if _, err := s.Authenticate(t.Context(), session); !is(err, "bad-token") {
			t.Errorf("still signed in: %v", err)
		}
	}
	if _, _, _, err := w.enter(t.Context(), u.Email, fresh); err != nil {
		t.Error(err)
	}
	// A newer link leaves the older one good until a password is chosen by either;
	// all end after half an hour.
	w.pass(mailPause)
	_ = w.ForgotPassword(t.Context(), u.Email)
	_, first := w.last(t, m, u.Email)
	w.pass(mailPause)
	_ = w.ForgotPassword(t.Context(), u.Email)
	_, second := w.last(t, m, u.Email)
	if err := w.ResetPassword(t.Context(), first, fresh); err != nil || first == second {
		t.Errorf("the older one: %v", err)
	}
	if err := w.ResetPassword(t.Context(), second, fresh); !is(err, "link-over") {
		t.Errorf("after the password was chosen: %v", err)
	}
	w.pass(mailPause)
	_ = w.ForgotPassword(t.Context(), u.Email)
	_, third := w.last(t, m, u.Email)
	w.pass(resetLife)
	if err := w.ResetPassword(t.Context(), third, fresh); !is(err, "link-over") || third == second {
		t.Errorf("too late: %v", err)
	}
}

func TestSessionsList(t *testing.T) {
	w := newWorld(t)
	u, stranger := w.signUp(t, "ann@example.org"), w.signUp(t, "bob@example.org")
	var tokens []string
	for _, agent := range []string{"phone", strings.Repeat("é", 300) + "\x00", "laptop"} {
		x, _, err := w.Login(t.Context(), userapi.Credentials{Name: u.Email, Password: goodPassword, Agent: agent})
		if err != nil {
			t.Fatal(err)
		}
		tokens = append(tokens, x.Token)
		w.pass(time.Second)
	}
	list, err := w.Sessions(t.Context(), as(u), u.ID, "")
	if err != nil || len(list) != 3 || list[0].Agent != "laptop" || len([]rune(list[1].Agent)) != 200 {
		t.Fatalf("%+v %v", list, err)
	}
	if _, err := w.Sessions(t.Context(), as(stranger), u.ID, ""); !is(err, "not-found") {
		t.Error(err)
	}
	if err := w.EndSessions(t.Context(), as(stranger), u.ID, list[0].ID, ""); !is(err, "not-found") {
		t.Error(err)
	}
	if err := w.EndSessions(t.Context(), as(u), u.ID, "0000000000000000", ""); !is(err, "not-found") {
		t.Error(err)
	}
	alive := func(want ...bool) {
		t.Helper()
		for i, token := range tokens {
			if _, err := w.Authenticate(t.Context(), token); (err == nil) != want[i] {
				t.Errorf("session %d: %v", i, err)
			}
		}
	}
	alive(true, true, true)
	if err := w.EndSessions(t.Context(), as(u), u.ID, list[2].ID, ""); err != nil {
		t.Fatal(err)
	}
	alive(false, true, true)
	if err := w.EndSessions(t.Context(), as(u), u.ID, "", tokens[2]); err != nil {
		t.Fatal(err)
	}
	alive(false, false, true)
}

func (w *world) appCode(t testing.TB, secret string) string {
	t.Helper()
	digits, err := totp.GenerateCode(secret, time.Unix(0, w.clock.Load()))
	if err != nil {
		t.Fatal(err)
	}
	return digits
}

func TestTwoFactor(t *testing.T) {
	w := newWorld(t)
	u := w.member(t, "ann@example.org")
	ctx := t.Context()
	if _, err := w.BeginTwoFactor(ctx, as(u), u.ID, "wrong horse battery"); errs.KindOf(err) != errs.Invalid {
		t.Error(err)
	}
	if _, err := w.ConfirmTwoFactor(ctx, as(u), u.ID, "000000"); !is(err, "no-secret") {
		t.Error(err)
	}
	x, err := w.BeginTwoFactor(ctx, as(u), u.ID, goodPassword)
	if err != nil || !strings.HasPrefix(x.URI, "otpauth://totp/") {
		t.Fatal(x, err)
	}
	w.logIn(t, u.Email) // it does not count yet
	if _, err := w.ConfirmTwoFactor(ctx, as(u), u.ID, "000000"); errs.KindOf(err) != errs.Invalid {
		t.Error(err)
	}
	recovery, err := w.ConfirmTwoFactor(ctx, as(u), u.ID, w.appCode(t, x.Secret))
	if err != nil || len(recovery) != recoveryCodes {
		t.Fatal(recovery, err)
	}
	enter := func(code string) error {
		_, _, err := w.Login(ctx, userapi.Credentials{Name: u.Email, Password: goodPassword, Code: code})
		return err
	}
	if err := enter(""); !is(err, "code-required") || errs.KindOf(err) != errs.Unauthenticated {
		t.Error(err)
	}
	if _, _, err := w.Login(ctx, userapi.Credentials{Name: u.Email, Password: "wrong horse battery"}); !is(err, "wrong-password") {
		t.Errorf("a wrong password tells of the code: %v", err)
	}
	if err := enter(w.appCode(t, x.Secret)); !is(err, "wrong-code") {
		t.Errorf("the code that has confirmed: %v", err)
	}
	w.pass(30 * time.Second)
	digits := w.appCode(t, x.Secret)
	var wg sync.WaitGroup
	var in atomic.Int32
	for range 8 {
		wg.Go(func() {
			switch err := enter(digits); {
			case err == nil:
				in.Add(1)
			case !is(err, "wrong-code"):
				t.Error(err)
			}
		})
	}
	if wg.Wait(); in.Load() != 1 {
		t.Errorf("%d log-ins by one code", in.Load())
	}
	w.pass(failWindow)
	if err := enter(strings.ToUpper(recovery[3])); err != nil {
		t.Error(err)
	}
	if err := enter(recovery[3]); !is(err, "wrong-code") {
		t.Errorf("a recovery code twice: %v", err)
	}
	if err := w.EndTwoFactor(ctx, as(u), u.ID, goodPassword, "000000"); errs.KindOf(err) != errs.Invalid {
		t.Error(err)
	}
	if err := w.EndTwoFactor(ctx, as(u), u.ID, goodPassword, w.appCode(t, x.Secret)); err != nil {
		t.Error(err)
	}
	w.logIn(t, u.Email)
}

func TestTwoFactorRequired(t *testing.T) {
	w := newWorld(t)
	w.strict = true
	ctx := t.Context()
	u, err := w.CreateUser(ctx, "o@example.org", "O", goodPassword, caller.Organizer)
	if err != nil {
		t.Fatal(err)
	}
	x, _, err := w.Login(ctx, userapi.Credentials{Name: u.Email, Password: goodPassword})
	if err != nil || x.TwoFactor != "required" {
		t.Fatalf("%+v %v", x, err)
	}
	who, err := w.Authenticate(ctx, x.Token)
	if err != nil || who.Role != caller.Customer {
		t.Fatalf("%+v %v", who, err)
	}
	key, err := w.BeginTwoFactor(ctx, who, u.ID, goodPassword)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.ConfirmTwoFactor(ctx, who, u.ID, w.appCode(t, key.Secret)); err != nil {
		t.Fatal(err)
	}
	if who, err := w.Authenticate(ctx, x.Token); err != nil || who.Role != caller.Organizer {
		t.Errorf("%+v %v", who, err)
	}
}

// adopting is a booking side that takes notes of holds that change hands.
type adopting struct {
	bookings
	mu     sync.Mutex
	moved  []string
	refuse error
}

func (a *adopting) Adopt(_ context.Context, from, to string, _ caller.EmailKey) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.refuse == nil && from != to {
		a.moved = append(a.moved, from+">"+to)
	}
	return a.refuse
}

func TestGuests(t *testing.T) {
	w := newWorld(t)
	m := w.mails()
	house := &adopting{}
	w.bookings = house
	ctx := t.Context()
	const mail = "guest@example.org"
	if _, err := w.EnterGuest(ctx, "", "x", ""); errs.KindOf(err) != errs.Invalid {
		t.Error(err)
	}
	first, err := w.EnterGuest(ctx, "Gus", mail, "")
	if err != nil || first.Account.Role != caller.Guest || !strings.HasPrefix(first.Account.ID, "g") {
		t.Fatalf("%+v %v", first, err)
	}
	_, digits := w.last(t, m, mail)
	if _, err := w.VerifyCode(ctx, as(first.Account), "000-000-000", ""); errs.KindOf(err) != errs.Invalid {
		t.Error(err)
	}
	if _, err := w.VerifyCode(ctx, caller.Caller{}, digits, ""); errs.KindOf(err) != errs.Unauthenticated {
		t.Error(err)
	}
	one, err := w.VerifyCode(ctx, as(first.Account), digits, "")
	if err != nil || one.Account.ID != first.Account.ID || one.Account.Role != caller.Customer || !one.Account.Verified {
		t.Fatalf("%+v %v", one, err)
	}
	if who, err := w.Authenticate(ctx, first.Token); err != nil || who.Role != caller.Customer {
		t.Errorf("%+v %v", who, err)
	}
	if _, err := w.VerifyCode(ctx, as(one.Account), digits, ""); !is(err, "already-verified") {
		t.Error(err)
	}

	// The same address again: the holds go to the account that has it.
	second, err := w.EnterGuest(ctx, "Gus", mail, "")
	if err != nil {
		t.Fatal(err)
	}
	w.settle(t)
	_, digits = w.last(t, m, mail)
	house.refuse = errs.New(errs.Conflict, "too-many-seats", "You have enough.")
	if _, err := w.VerifyCode(ctx, as(second.Account), digits, ""); !is(err, "too-many-seats") {
		t.Error(err)
	}
	if _, err := w.Authenticate(ctx, second.Token); err != nil {
		t.Errorf("refused, and signed out: %v", err)
	}
	house.refuse = nil
	two, err := w.VerifyCode(ctx, as(second.Account), digits, "")
	if err != nil || two.Account.ID != first.Account.ID || len(house.moved) != 1 || house.moved[0] != second.Account.ID+">"+first.Account.ID {
		t.Fatalf("%+v %v %v", two, err, house.moved)
	}
	if _, err := w.Authenticate(ctx, second.Token); !is(err, "bad-token") {
		t.Errorf("%v", err)
	}
	// It is an address of nobody who can log in, and somebody may sign up with it.
	if _, _, _, err := w.enter(ctx, mail, goodPassword); !is(err, "wrong-password") {
		t.Error(err)
	}
	w.signUp(t, mail)
	// Who is deleted leaves no address behind, and its next guest is a new one.
	if err := w.Delete(ctx, as(two.Account), two.Account.ID, 0, ""); err != nil {
		t.Fatal(err)
	}
	third, err := w.EnterGuest(ctx, "Gus", mail, "")
	if err != nil {
		t.Fatal(err)
	}
	w.settle(t)
	w.pass(mailPause) // one was mailed to the address a moment ago, for the sign-up
	if err := w.ResendCode(ctx, as(third.Account)); err != nil {
		t.Fatal(err)
	}
	_, digits = w.last(t, m, mail)
	if x, err := w.VerifyCode(ctx, as(third.Account), digits, ""); err != nil || x.Account.ID != third.Account.ID {
		t.Errorf("%+v %v", x, err)
	}
}

// Several guests with one address, verified at the same time: one account has it.
func TestGuestsAtOnce(t *testing.T) {
	w := newWorld(t)
	m := w.mails()
	house := &adopting{}
	w.bookings = house
	var guests []userapi.Account
	for range 10 {
		g, err := w.EnterGuest(t.Context(), "Gus", "g@example.org", "")
		if err != nil {
			t.Fatal(err)
		}
		guests = append(guests, g.Account)
	}
	_, code := w.last(t, m, "g@example.org")
	owners := sync.Map{}
	var wg sync.WaitGroup
	for _, g := range guests {
		wg.Go(func() {
			x, err := w.VerifyCode(t.Context(), as(g), code, "")
			if is(err, "code-expired") {
				return // used by somebody faster
			}
			if err != nil {
				t.Error(err)
			}
			owners.Store(x.Account.ID, true)
		})
	}
	wg.Wait()
	n := 0
	owners.Range(func(any, any) bool { n++; return true })
	if n != 1 {
		t.Errorf("%d accounts have the address; %v", n, house.moved)
	}
}

// from is a context of a request from an address.
type from struct {
	context.Context
	addr string
}

func (f from) Value(key any) any {
	if _, ok := key.(caller.ClientKey); ok {
		return f.addr
	}
	return f.Context.Value(key)
}

func TestVisitorsAreSlowedDown(t *testing.T) {
	var v visitors
	now := time.Now()
	for range visitorFailures {
		v.note("a", now)
	}
	var e *errs.Error
	if err := v.check("a", now); !errors.As(err, &e) || e.Kind != errs.TooMany || e.RetryAfter != failWindow {
		t.Error(err)
	}
	for _, ok := range []error{v.check("b", now), v.check("a", now.Add(failWindow)), v.check("", now)} {
		if ok != nil {
			t.Error(ok)
		}
	}
	w := newWorld(t)
	w.signUp(t, "ann@example.org")
	ctx := from{t.Context(), "192.0.2.1"}
	if _, _, err := w.Login(ctx, userapi.Credentials{Name: "ann@example.org", Password: "wrong horse battery"}); !is(err, "wrong-password") {
		t.Fatal(err)
	}
	if w.visitors.m["192.0.2.1"].count != 1 {
		t.Error("a failure was not counted")
	}
}
