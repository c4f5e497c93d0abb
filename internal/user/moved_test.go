package user

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/userapi"
)

// withFactor is an account with a second factor, and what makes its codes.
func (w *world) withFactor(t *testing.T, mail string) (record, func() string) {
	t.Helper()
	u := w.member(t, mail)
	secret, err := w.BeginTwoFactor(t.Context(), as(u), u.ID, goodPassword)
	if err != nil {
		t.Fatal(err)
	}
	code := func() string {
		w.pass(time.Minute) // a code counts once
		digits, err := totp.GenerateCode(secret.Secret, time.Unix(0, w.clock.Load()))
		if err != nil {
			t.Fatal(err)
		}
		return digits
	}
	if _, err := w.ConfirmTwoFactor(t.Context(), as(u), u.ID, code()); err != nil {
		t.Fatal(err)
	}
	return u, code
}

// A new address needs a code where log-in does.
func TestAMoveNeedsTheSecondFactor(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	u, code := w.withFactor(t, "owner@example.org")
	mine := "thief@example.org"
	for _, wrong := range []string{"", "000000"} {
		_, err := w.Update(ctx, as(u), u.ID, 0, userapi.Change{Email: &mine, CurrentPassword: goodPassword, Code: wrong})
		if e := errs.Of(err); e == nil || e.Kind != errs.Invalid || e.Fields[0].Name != "code" {
			t.Fatalf("moved by %q: %v", wrong, err)
		}
	}
	name := "Another Name"
	if _, err := w.Update(ctx, as(u), u.ID, 0, userapi.Change{Name: &name}); err != nil {
		t.Errorf("a name: %v", err)
	}
	if got, err := w.Update(ctx, as(u), u.ID, 0, userapi.Change{Email: &mine, CurrentPassword: goodPassword, Code: code()}); err != nil || got.Email != mine {
		t.Errorf("%+v %v", got, err)
	}
	u, _ = w.withFactor(t, "other@example.org")
	right := "right@example.org"
	if got, err := w.Update(ctx, caller.System, u.ID, 0, userapi.Change{Email: &right}); err != nil || got.Email != right {
		t.Errorf("by an administrator: %+v %v", got, err)
	}
}

// Whatever is mailed to a new address takes no second factor away, and gives the
// account to nobody who has no code; whoever reads the mail has the address still.
func TestNoMailTakesTheSecondFactor(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	m := w.mails()
	u, code := w.withFactor(t, "owner@example.org")
	address, password := "new@example.org", "another horse battery"
	if _, err := w.Update(ctx, as(u), u.ID, 0, userapi.Change{Email: &address, CurrentPassword: goodPassword, Code: code()}); err != nil {
		t.Fatal(err)
	}
	_, link := w.last(t, m, address)
	if _, err := w.VerifyAnew(ctx, link, password); !is(err, "sign-in-required") {
		t.Errorf("by the link alone: %v", err)
	}
	w.pass(mailPause)
	if err := w.ForgotPassword(ctx, address); err != nil {
		t.Fatal(err)
	}
	_, token := w.last(t, m, address)
	if err := w.ResetPassword(ctx, token, password); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Login(ctx, userapi.Credentials{Name: address, Password: password}); !is(err, "code-required") {
		t.Errorf("in by the new password: %v", err)
	}
	if now, err := w.get(ctx, u.ID); err != nil || now.Verified || !now.twoFactor {
		t.Errorf("%+v %v", now, err)
	}
	other := w.signUp(t, address)
	_, theirs := w.last(t, m, address)
	if _, _, err := w.Login(ctx, userapi.Credentials{Name: address, Password: password, Code: code()}); err != nil {
		t.Errorf("its owner, by password and code: %v", err)
	}
	if got, err := w.Verify(ctx, as(other), theirs); err != nil || !got.Verified {
		t.Errorf("the reader of the address's mail: %+v %v", got, err)
	}
}

// A reset of a verified account leaves its second factor, too.
func TestAResetLeavesTheSecondFactor(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	m := w.mails()
	u, code := w.withFactor(t, "owner@example.org")
	if err := w.ForgotPassword(ctx, u.Email); err != nil {
		t.Fatal(err)
	}
	_, token := w.last(t, m, u.Email)
	if err := w.ResetPassword(ctx, token, "another horse battery"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Login(ctx, userapi.Credentials{Name: u.Email, Password: "another horse battery"}); !is(err, "code-required") {
		t.Error(err)
	}
	if _, _, err := w.Login(ctx, userapi.Credentials{Name: u.Email, Password: "another horse battery", Code: code()}); err != nil {
		t.Error(err)
	}
}

// A disabled account that gives an address, whether the oldest or the newest,
// keeps nobody else who gives it from a new password.
func TestADisabledAccountHidesNoOther(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	m := w.mails()
	const address = "ann@example.org"
	var all []record
	for range 3 {
		all = append(all, w.signUp(t, address))
		w.pass(mailPause)
	}
	yes, password := true, "another horse battery"
	for _, i := range []int{0, 2} {
		if _, err := w.Update(ctx, caller.System, all[i].ID, 0, userapi.Change{Disabled: &yes}); err != nil {
			t.Fatal(err)
		}
	}
	w.pass(time.Hour)
	if err := w.ForgotPassword(ctx, address); err != nil {
		t.Fatal(err)
	}
	subject, token := w.last(t, m, address)
	if err := w.ResetPassword(ctx, token, password); err != nil {
		t.Fatalf("by %q: %v", subject, err)
	}
	if in, _, err := w.Login(ctx, userapi.Credentials{Name: address, Password: password}); err != nil || in.Account.ID != all[1].ID {
		t.Errorf("%+v %v", in.Account, err)
	}
}

// The operator, and nobody else, takes a second factor away: recovery codes and
// sessions go with it, and the password is enough again.
func TestResetTwoFactor(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	u, code := w.withFactor(t, "owner@example.org")
	plain := w.member(t, "plain@example.org")
	in, _, err := w.Login(ctx, userapi.Credentials{Name: u.Email, Password: goodPassword, Code: code()})
	if err != nil {
		t.Fatal(err)
	}
	for _, who := range []caller.Caller{{}, as(u), as(plain), {UserID: "root", Role: caller.Admin}} {
		if _, _, err := w.ResetTwoFactor(ctx, who, u.Email, ""); !is(err, "not-yours-to-change") {
			t.Errorf("%+v: %v", who, err)
		}
	}
	if _, _, err := w.ResetTwoFactor(ctx, caller.System, "nobody@example.org", ""); errs.KindOf(err) != errs.NotFound {
		t.Errorf("an unknown address: %v", err)
	}
	if _, _, err := w.ResetTwoFactor(ctx, caller.System, plain.Email, ""); errs.KindOf(err) != errs.Conflict {
		t.Errorf("without a second factor: %v", err)
	}
	if _, err := w.Authenticate(ctx, in.Token); err != nil {
		t.Fatalf("before: %v", err)
	}
	got, sessions, err := w.ResetTwoFactor(ctx, caller.System, " Owner@Example.org", "")
	if err != nil || got.ID != u.ID || sessions != 1 {
		t.Fatalf("%s, %d sessions: %v", got.ID, sessions, err)
	}
	if _, err := w.Authenticate(ctx, in.Token); err == nil {
		t.Error("a session lasts")
	}
	var codes int
	if err := w.db.Reader().QueryRowContext(ctx, `SELECT count(*) FROM recovery_codes WHERE user_id = $1`, u.ID).Scan(&codes); err != nil || codes != 0 {
		t.Errorf("%d recovery codes, %v", codes, err)
	}
	if _, _, err := w.Login(ctx, userapi.Credentials{Name: u.Email, Password: goodPassword}); err != nil {
		t.Errorf("by the password: %v", err)
	}
	if _, _, err := w.ResetTwoFactor(ctx, caller.System, u.Email, ""); errs.KindOf(err) != errs.Conflict {
		t.Errorf("again: %v", err)
	}
}

// moved is an account with a second factor that has moved to an address, and has
// not confirmed it.
func (w *world) moved(t *testing.T, from, to string) userapi.Account {
	t.Helper()
	before, code := w.withFactor(t, from)
	u, err := w.Update(t.Context(), as(before), before.ID, 0, userapi.Change{Email: &to, CurrentPassword: goodPassword, Code: code()})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// An account that has moved to an address, and has not confirmed it, is found by
// it, however many others give the address, older and newer ones. With a second
// such account the operator is told of both, and names one.
func TestResetTwoFactorOfAMovedAccount(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	const address = "new@example.org"
	w.signUp(t, address)
	w.pass(time.Minute)
	u := w.moved(t, "owner@example.org", address)
	w.pass(time.Minute)
	w.signUp(t, address)
	if got, _, err := w.ResetTwoFactor(ctx, caller.System, "New@Example.org", ""); err != nil || got.ID != u.ID {
		t.Fatalf("%s %v", got.ID, err)
	}
	if _, _, err := w.ResetTwoFactor(ctx, caller.System, address, ""); !is(err, "no-secret") {
		t.Errorf("again: %v", err)
	}
	one, two := w.moved(t, "one@example.org", address), w.moved(t, "two@example.org", address)
	_, _, err := w.ResetTwoFactor(ctx, caller.System, address, "")
	if !errors.As(err, &userapi.SeveralAccounts{}) || !strings.Contains(err.Error(), one.ID) || !strings.Contains(err.Error(), two.ID) {
		t.Errorf("with two: %v", err)
	}
	for _, other := range []struct{ address, id, slug string }{
		{"one@example.org", one.ID, "address-changed"}, {"", u.ID, "no-secret"}, {"", "nobody", "not-found"}, {one.ID, "", "not-found"},
	} {
		if _, _, err := w.ResetTwoFactor(ctx, caller.System, other.address, other.id); !is(err, other.slug) {
			t.Errorf("%+v: %v", other, err)
		}
	}
	if got, _, err := w.ResetTwoFactor(ctx, caller.System, address, two.ID); err != nil || got.ID != two.ID {
		t.Errorf("one of two: %s %v", got.ID, err)
	}
	if got, _, err := w.ResetTwoFactor(ctx, caller.System, "", one.ID); err != nil || got.ID != one.ID {
		t.Errorf("by id alone: %s %v", got.ID, err)
	}
}

// Of the accounts that give an address which nobody has confirmed, those with a
// second factor are the ones that a new password is asked for, whoever has signed
// up with the address before or after they moved to it.
func TestAResetFindsTheMovedAccounts(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	m := w.mails()
	const address = "new@example.org"
	w.signUp(t, address)
	w.pass(time.Minute)
	all := map[string]bool{w.moved(t, "one@example.org", address).ID: true, w.moved(t, "two@example.org", address).ID: true}
	w.pass(time.Minute)
	w.signUp(t, address)
	w.pass(time.Hour)
	if err := w.ForgotPassword(ctx, address); err != nil {
		t.Fatal(err)
	}
	w.settle(t)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, mail := range m.sent {
		if mail.to != address || mail.subject != "Choose a new password" {
			continue
		}
		owner, err := w.linkOwner(ctx, w.db.Reader(), toReset, secret.FindStringSubmatch(mail.text)[1])
		if err != nil || !all[owner] {
			t.Errorf("a link for %q, %v", owner, err)
		}
		delete(all, owner)
	}
	if len(all) > 0 {
		t.Errorf("no link for %v", all)
	}
}
