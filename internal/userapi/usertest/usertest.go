// Package usertest is the contract suite of package userapi: every implementation of
// userapi.Service must pass it, in process or remote.
package usertest

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/userapi"
)

// World is an empty service, and what the suite needs besides it.
type World struct {
	userapi.Service
	// Mailed waits until n mails have been sent to an address, and returns them,
	// oldest first.
	Mailed func(t *testing.T, address string, n int) []string
}

const password = "velvet curtain"

var (
	admin  = caller.Caller{UserID: "0000000000000000", Role: caller.Admin}
	nobody caller.Caller

	codeText = regexp.MustCompile(`[0-9A-Z]{3}-[0-9A-Z]{3}-[0-9A-Z]{3}`)
	linkText = regexp.MustCompile(`/(?:verify|reset)\?token=(\w+)`)
)

// Test runs the suite. newWorld makes a new service for each test.
func Test(t *testing.T, newWorld func(t *testing.T) World) {
	for _, one := range []struct {
		name string
		test func(t *testing.T, w World)
	}{
		{"SignIn", testSignIn},
		{"Accounts", testAccounts},
		{"Deletion", testDeletion},
		{"Sessions", testSessions},
		{"MailedLinks", testMailedLinks},
		{"Guests", testGuests},
		{"OrderCodes", testOrderCodes},
		{"TwoFactor", testTwoFactor},
		{"Directory", testDirectory},
		{"CorrectedAddresses", testCorrectedAddresses},
	} {
		t.Run(one.name, func(t *testing.T) { one.test(t, newWorld(t)) })
	}
}

// must ends the test on an error.
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// refused checks the kind and the slug of an error.
func refused(t *testing.T, err error, kind errs.Kind, slug string) {
	t.Helper()
	if errs.KindOf(err) != kind || !errs.Is(err, slug) {
		t.Errorf("%v, want %s", err, slug)
	}
}

// signedUp returns a new account with a session, its address unverified.
func (w World) signedUp(t *testing.T, email string) (userapi.Session, caller.Caller) {
	t.Helper()
	s := must(w.SignUpAndIn(t.Context(), userapi.NewAccount{Email: email, Name: "Robin Fan", Password: password}, nobody, "suite"))(t)
	return s, must(w.Authenticate(t.Context(), s.Token))(t)
}

// verified is signedUp with the address verified by the mailed link.
func (w World) verified(t *testing.T, email string) (userapi.Session, caller.Caller) {
	t.Helper()
	s, who := w.signedUp(t, email)
	must(w.Verify(t.Context(), who, w.token(t, email, 1)))(t)
	return s, must(w.Authenticate(t.Context(), s.Token))(t)
}

// token returns the secret of the link in the nth mail to an address.
func (w World) token(t *testing.T, email string, n int) string {
	t.Helper()
	mail := w.Mailed(t, email, n)[n-1]
	found := linkText.FindStringSubmatch(mail)
	if found == nil {
		t.Fatalf("no link in %q", mail)
	}
	return found[1]
}

func (w World) code(t *testing.T, email string, n int) string {
	t.Helper()
	mail := w.Mailed(t, email, n)[n-1]
	code := codeText.FindString(mail)
	if code == "" {
		t.Fatalf("no code in %q", mail)
	}
	return code
}

func testSignIn(t *testing.T, w World) {
	ctx := t.Context()
	s, who := w.signedUp(t, "Ann@Example.org")
	a := s.Account
	if a.Email != "ann@example.org" || a.Role != caller.Customer || s.Role != caller.Customer || a.Verified || !a.HasPassword || a.TwoFactor || a.Guest || a.Disabled {
		t.Errorf("signed up as %+v", s)
	}
	if who.UserID != a.ID || who.Role != caller.Customer || who.Verified || who.Email == (caller.EmailKey{}) {
		t.Errorf("authenticated as %+v", who)
	}
	in, proof, err := w.Login(ctx, userapi.Credentials{Name: " ann@example.ORG", Password: password})
	if err != nil || proof != "" || in.Account.ID != a.ID || in.Token == s.Token || time.Until(in.Ends) < time.Minute {
		t.Errorf("%+v %q %v", in, proof, err)
	}
	for _, c := range []userapi.Credentials{{Name: "ann@example.org", Password: "another curtain"}, {Name: "nobody@example.org", Password: password}, {}} {
		_, _, err := w.Login(ctx, c)
		refused(t, err, errs.Unauthenticated, "wrong-password")
	}
	for range 2 { // logging out twice is no error
		if err := w.Logout(ctx, in.Token); err != nil {
			t.Error(err)
		}
	}
	for _, token := range []string{in.Token, "", "unknown"} {
		_, err := w.Authenticate(ctx, token)
		refused(t, err, errs.Unauthenticated, "bad-token")
	}
	_, err = w.SignUp(ctx, userapi.NewAccount{Email: "x", Password: "short"})
	refused(t, err, errs.Invalid, "invalid-field")
	must(w.SignUp(ctx, userapi.NewAccount{Email: "ann@example.org", Username: "annie", Name: "Not Ann", Password: password}))(t) // must not reveal the other account
	_, err = w.SignUp(ctx, userapi.NewAccount{Email: "eve@example.org", Username: "Annie", Name: "Eve", Password: password})
	refused(t, err, errs.Conflict, "account-exists")
}

func testAccounts(t *testing.T, w World) {
	ctx := t.Context()
	s, who := w.signedUp(t, "ann@example.org")
	_, stranger := w.signedUp(t, "eve@example.org")
	id, name := s.Account.ID, "Ann"
	if a := must(w.Account(ctx, who, id))(t); a != s.Account {
		t.Errorf("read %+v, want %+v", a, s.Account)
	}
	must(w.Account(ctx, admin, id))(t)
	for _, c := range []struct {
		as   caller.Caller
		kind errs.Kind
		slug string
	}{{nobody, errs.Unauthenticated, "sign-in-required"}, {stranger, errs.NotFound, "not-found"}} {
		_, err := w.Account(ctx, c.as, id)
		refused(t, err, c.kind, c.slug)
		_, err = w.Update(ctx, c.as, id, 0, userapi.Change{Name: &name})
		refused(t, err, c.kind, c.slug)
		refused(t, w.Delete(ctx, c.as, id, 0, password), c.kind, c.slug)
		_, err = w.LiveBookings(ctx, c.as, id)
		refused(t, err, c.kind, c.slug)
		_, err = w.Sessions(ctx, c.as, id, "")
		refused(t, err, c.kind, c.slug)
	}
	after := must(w.Update(ctx, who, id, s.Account.Version, userapi.Change{Name: &name}))(t)
	if after.Name != name || after.Version <= s.Account.Version {
		t.Errorf("%+v", after)
	}
	_, err := w.Update(ctx, who, id, s.Account.Version, userapi.Change{Name: &name})
	refused(t, err, errs.Precondition, "changed-meanwhile")
	refused(t, w.Delete(ctx, who, id, s.Account.Version, password), errs.Precondition, "changed-meanwhile")
	moved, role := "ann@example.net", caller.Organizer
	_, err = w.Update(ctx, who, id, 0, userapi.Change{Email: &moved})
	refused(t, err, errs.Invalid, "invalid-field")
	_, err = w.Update(ctx, who, id, 0, userapi.Change{Role: &role})
	refused(t, err, errs.Forbidden, "not-yours-to-change")
	if a := must(w.Update(ctx, who, id, 0, userapi.Change{Email: &moved, CurrentPassword: password}))(t); a.Email != moved || a.Verified {
		t.Errorf("%+v", a)
	}
	if a := must(w.Update(ctx, admin, id, 0, userapi.Change{Role: &role}))(t); a.Role != role {
		t.Errorf("%+v", a)
	}
}

func testDeletion(t *testing.T, w World) {
	ctx := t.Context()
	s, who := w.signedUp(t, "ann@example.org")
	id := s.Account.ID
	refused(t, w.Delete(ctx, who, id, 0, "another curtain"), errs.Invalid, "invalid-field")
	if err := w.Delete(ctx, who, id, 0, password); err != nil {
		t.Fatal(err)
	}
	_, err := w.Authenticate(ctx, s.Token)
	refused(t, err, errs.Unauthenticated, "bad-token")
	_, _, err = w.Login(ctx, userapi.Credentials{Name: "ann@example.org", Password: password})
	refused(t, err, errs.Unauthenticated, "wrong-password")
	if there, err := w.Exists(ctx, id); there || err != nil {
		t.Error(there, err)
	}
	if p := must(w.People(ctx, []string{id}))(t)[id]; p.Email != "" || strings.Contains(p.Name, "Robin") {
		t.Errorf("%+v", p)
	}
}

func testSessions(t *testing.T, w World) {
	ctx := t.Context()
	s, who := w.signedUp(t, "ann@example.org")
	other, _, err := w.Login(ctx, userapi.Credentials{Name: "ann@example.org", Password: password, Agent: "phone"})
	third, _, err3 := w.Login(ctx, userapi.Credentials{Name: "ann@example.org", Password: password, Agent: "tablet"})
	if err != nil || err3 != nil {
		t.Fatal(err, err3)
	}
	list := must(w.Sessions(ctx, who, who.UserID, s.Token))(t)
	if len(list) != 3 {
		t.Fatalf("%+v", list)
	}
	for _, one := range list {
		if one.Current != (one.Agent == "suite") || one.ID == "" || one.Ends.Before(one.CreatedAt) {
			t.Errorf("%+v", one)
		}
	}
	phone := list[slices.IndexFunc(list, func(o userapi.OpenSession) bool { return o.Agent == "phone" })]
	refused(t, w.EndSessions(ctx, who, who.UserID, "unknown", ""), errs.NotFound, "not-found")
	if err := w.EndSessions(ctx, who, who.UserID, phone.ID, ""); err != nil {
		t.Fatal(err)
	}
	_, err = w.Authenticate(ctx, other.Token)
	refused(t, err, errs.Unauthenticated, "bad-token")
	must(w.Authenticate(ctx, third.Token))(t)
	if err := w.EndSessions(ctx, who, who.UserID, "", s.Token); err != nil {
		t.Fatal(err)
	}
	_, err = w.Authenticate(ctx, third.Token)
	refused(t, err, errs.Unauthenticated, "bad-token")
	must(w.Authenticate(ctx, s.Token))(t)
}

func testMailedLinks(t *testing.T, w World) {
	ctx := t.Context()
	const mail = "ann@example.org"
	s, who := w.signedUp(t, mail)
	_, stranger := w.signedUp(t, "eve@example.org")
	token := w.token(t, mail, 1)
	_, err := w.Verify(ctx, stranger, token)
	refused(t, err, errs.Unauthenticated, "sign-in-required")
	for link, want := range map[string]userapi.VerifyLink{token: {Valid: true, Mine: true}, "unknown": {}} {
		if got := must(w.VerifyLink(ctx, who, link))(t); got != want {
			t.Errorf("%q: %+v, want %+v", link, got, want)
		}
	}
	if a := must(w.Verify(ctx, who, token))(t); !a.Verified || a.ID != s.Account.ID {
		t.Errorf("%+v", a)
	}
	_, err = w.Verify(ctx, who, token)
	refused(t, err, errs.Invalid, "link-over")
	refused(t, w.Resend(ctx, who, who.UserID), errs.Conflict, "already-verified")

	for _, address := range []string{mail, "nobody@example.org"} {
		if err := w.ForgotPassword(ctx, address); err != nil {
			t.Error(err)
		}
	}
	reset := w.token(t, mail, 2)
	refused(t, w.ResetPassword(ctx, "unknown", "crimson balcony"), errs.Invalid, "link-over")
	if err := w.ResetPassword(ctx, reset, "crimson balcony"); err != nil {
		t.Fatal(err)
	}
	refused(t, w.ResetPassword(ctx, reset, "crimson balcony"), errs.Invalid, "link-over")
	_, err = w.Authenticate(ctx, s.Token)
	refused(t, err, errs.Unauthenticated, "bad-token")
	if _, _, err := w.Login(ctx, userapi.Credentials{Name: mail, Password: "crimson balcony"}); err != nil {
		t.Error(err)
	}
	if a := must(w.VerifyAnew(ctx, w.token(t, "eve@example.org", 1), "golden foyer chair"))(t); !a.Verified {
		t.Errorf("%+v", a)
	}
}

// visits begins a visitor's session.
func (w World) visits(t *testing.T) (userapi.Session, caller.Caller) {
	t.Helper()
	s := must(w.EnterVisitor(t.Context(), "suite"))(t)
	return s, must(w.Authenticate(t.Context(), s.Token))(t)
}

func testGuests(t *testing.T, w World) {
	ctx := t.Context()
	s, who := w.visits(t)
	if who.Role != caller.Guest || s.Role != caller.Guest || !s.Account.Guest || s.Account.Email != "" || s.Account.HasPassword {
		t.Errorf("%+v %+v", s, who)
	}
	refused(t, w.ResendCode(ctx, who), errs.Conflict, "no-address")
	_, err := w.VerifyCode(ctx, nobody, "000-000-000", "suite")
	refused(t, err, errs.Unauthenticated, "sign-in-required")
	const mail = "gus@example.org"
	if a := must(w.SetContact(ctx, who, "Gus", mail))(t); a.Email != mail || a.Name != "Gus" || a.Verified {
		t.Errorf("%+v", a)
	}
	code := w.code(t, mail, 1)
	_, err = w.VerifyCode(ctx, who, "000-000-000", "suite")
	refused(t, err, errs.Invalid, "invalid-field")
	in := must(w.VerifyCode(ctx, who, strings.ToLower(strings.ReplaceAll(code, "-", " ")), "suite"))(t)
	if in.Account.ID != who.UserID || in.Role != caller.Customer || !in.Account.Verified || in.Token == s.Token {
		t.Errorf("%+v", in)
	}
	known := must(w.Authenticate(ctx, in.Token))(t)
	refused(t, w.ResendCode(ctx, known), errs.Conflict, "already-verified")
	_, err = w.SetContact(ctx, known, "Gus", mail)
	refused(t, err, errs.Conflict, "already-verified")

	again := must(w.EnterGuest(ctx, "Gus", mail, "suite"))(t) // the address belongs to the first account, so the second one is merged into it
	second := must(w.Authenticate(ctx, again.Token))(t)
	if x := must(w.VerifyCode(ctx, second, w.code(t, mail, 2), "suite"))(t); x.Account.ID != in.Account.ID {
		t.Errorf("%+v", x)
	}
	_, err = w.Authenticate(ctx, again.Token)
	refused(t, err, errs.Unauthenticated, "bad-token")
}

func testOrderCodes(t *testing.T, w World) {
	ctx := t.Context()
	const mail = "gus@example.org"
	g := must(w.EnterGuest(ctx, "Gus", mail, "suite"))(t)
	refused(t, w.MailOrderCode(ctx, g.Account.ID), errs.Unauthenticated, "sign-in-required") // the address is not verified
	who := must(w.Authenticate(ctx, g.Token))(t)
	must(w.VerifyCode(ctx, who, w.code(t, mail, 1), "suite"))(t)
	if err := w.MailOrderCode(ctx, g.Account.ID); err != nil {
		t.Fatal(err)
	}
	if x := must(w.EnterByCode(ctx, g.Account.ID, w.code(t, mail, 2), "suite"))(t); x.Account.ID != g.Account.ID {
		t.Errorf("%+v", x)
	}
	refused(t, w.MailOrderCode(ctx, "unknown"), errs.NotFound, "not-found")
	_, member := w.verified(t, "ann@example.org")
	refused(t, w.MailOrderCode(ctx, member.UserID), errs.Unauthenticated, "sign-in-required")
}

func testTwoFactor(t *testing.T, w World) {
	ctx := t.Context()
	const mail = "ann@example.org"
	_, unverified := w.signedUp(t, "eve@example.org")
	_, err := w.BeginTwoFactor(ctx, unverified, unverified.UserID, password)
	refused(t, err, errs.Forbidden, "address-not-verified")
	_, who := w.verified(t, mail)
	_, err = w.ConfirmTwoFactor(ctx, who, who.UserID, "000000")
	refused(t, err, errs.Conflict, "no-secret")
	_, err = w.BeginTwoFactor(ctx, who, who.UserID, "another curtain")
	refused(t, err, errs.Invalid, "invalid-field")
	secret := must(w.BeginTwoFactor(ctx, who, who.UserID, password))(t)
	_, err = w.ConfirmTwoFactor(ctx, who, who.UserID, "000000")
	refused(t, err, errs.Invalid, "invalid-field")
	recovery := must(w.ConfirmTwoFactor(ctx, who, who.UserID, must(totp.GenerateCode(secret.Secret, time.Now()))(t)))(t)
	if len(recovery) != 10 || !strings.HasPrefix(secret.URI, "otpauth://") {
		t.Errorf("%v %+v", recovery, secret)
	}
	_, err = w.BeginTwoFactor(ctx, who, who.UserID, password)
	refused(t, err, errs.Conflict, "two-factor-active")
	in := func(c userapi.Credentials) (userapi.Session, string, error) { return w.Login(ctx, c) }
	_, proof, err := in(userapi.Credentials{Name: mail, Password: password})
	refused(t, err, errs.Unauthenticated, "code-required")
	if proof != "" {
		t.Errorf("a proof that was not asked for: %q", proof)
	}
	_, proof, err = in(userapi.Credentials{Name: mail, Password: password, Steps: true})
	refused(t, err, errs.Unauthenticated, "code-required")
	_, again, err := in(userapi.Credentials{Steps: true, Proof: proof, Code: "000000"})
	refused(t, err, errs.Unauthenticated, "wrong-code")
	if proof == "" || again != proof {
		t.Errorf("after a wrong code the proof is %q, was %q", again, proof)
	}
	_, _, err = in(userapi.Credentials{Steps: true, Proof: "unknown.proof", Code: recovery[0]})
	refused(t, err, errs.Unauthenticated, "proof-over")
	s, _, err := in(userapi.Credentials{Steps: true, Proof: proof, Code: recovery[0]})
	if err != nil || s.TwoFactor != userapi.TwoFactorActive || !s.Account.TwoFactor {
		t.Errorf("%+v %v", s, err)
	}
	_, _, err = in(userapi.Credentials{Name: mail, Password: password, Code: recovery[0]})
	refused(t, err, errs.Unauthenticated, "wrong-code")
	if err := w.EndTwoFactor(ctx, who, who.UserID, password, recovery[1]); err != nil {
		t.Fatal(err)
	}
	if _, _, err := in(userapi.Credentials{Name: mail, Password: password}); err != nil {
		t.Error(err)
	}
}

func testDirectory(t *testing.T, w World) {
	ctx := t.Context()
	s, ann := w.signedUp(t, "ann@example.org")
	_, owner := w.verified(t, "bo@example.org")
	second, _ := w.signedUp(t, "bo@example.org")
	people := must(w.People(ctx, []string{s.Account.ID, owner.UserID, "unknown"}))(t)
	if len(people) != 2 || people[s.Account.ID] != (caller.Person{Name: "Robin Fan", Email: "ann@example.org"}) {
		t.Errorf("%+v", people)
	}
	if err := w.Speaks(caller.Speaking(ctx, "de"), ann); err != nil {
		t.Error(err)
	}
	if people := must(w.People(ctx, []string{s.Account.ID}))(t); people[s.Account.ID].Lang != "de" {
		t.Errorf("%+v", people)
	}
	if none := must(w.People(ctx, nil))(t); len(none) != 0 {
		t.Errorf("%+v", none)
	}
	if ids := must(w.ByEmail(ctx, "BO@example.org"))(t); !slices.Equal(ids, []string{owner.UserID, second.Account.ID}) {
		t.Errorf("%v, want %s first, then %s", ids, owner.UserID, second.Account.ID)
	}
	for id, want := range map[string]bool{s.Account.ID: true, "unknown": false} {
		if there, err := w.Exists(ctx, id); there != want || err != nil {
			t.Errorf("%s: %v %v", id, there, err)
		}
	}
}

func testCorrectedAddresses(t *testing.T, w World) {
	ctx := t.Context()
	const typo, right = "gus@exampel.org", "gus@example.org"
	g := must(w.EnterGuest(ctx, "Gus", typo, "suite"))(t)
	who := must(w.Authenticate(ctx, g.Token))(t)
	old := w.code(t, typo, 1)
	for _, bad := range []string{"", "gus", "Gus <gus@example.org>", "gus@example.org\r\nBcc: a@example.org"} {
		err := w.CorrectAddress(ctx, g.Account.ID, bad)
		refused(t, err, errs.Invalid, "invalid-field")
		if e := errs.Of(err); e == nil || len(e.Fields) != 1 || e.Fields[0].Name != "email" {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for range 2 { // it may be repeated
		if err := w.CorrectAddress(ctx, g.Account.ID, "Gus@Example.org"); err != nil {
			t.Fatal(err)
		}
	}
	if p := must(w.People(ctx, []string{g.Account.ID}))(t)[g.Account.ID]; p.Email != right || p.Name != "Gus" {
		t.Errorf("%+v", p)
	}
	_, err := w.VerifyCode(ctx, who, old, "suite") // it was mailed to the wrong address
	refused(t, err, errs.Conflict, "code-expired")
	if _, err := w.Authenticate(ctx, g.Token); err == nil {
		t.Error("the guest goes on buying, with mails to the corrected address")
	}
	g = must(w.EnterGuest(ctx, "Gus", right, "suite"))(t)
	must(w.VerifyCode(ctx, must(w.Authenticate(ctx, g.Token))(t), w.code(t, right, 1), "suite"))(t)
	refused(t, w.CorrectAddress(ctx, g.Account.ID, "thief@example.org"), errs.Conflict, "already-verified")
	_, member := w.verified(t, "ann@example.org")
	refused(t, w.CorrectAddress(ctx, member.UserID, "thief@example.org"), errs.Conflict, "already-verified")
	refused(t, w.CorrectAddress(ctx, "unknown", "thief@example.org"), errs.NotFound, "not-found")
}
