package user

import (
	"testing"
	"time"

	"boxoffice/internal/errs"
	"boxoffice/internal/userapi"
)

// The password once, then the code: what carries the first step over is good for
// the same password, for five minutes.
func TestLoginInSteps(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	u := w.member(t, "ann@example.org")
	x, err := w.BeginTwoFactor(ctx, as(u), u.ID, goodPassword)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.ConfirmTwoFactor(ctx, as(u), u.ID, w.appCode(t, x.Secret)); err != nil {
		t.Fatal(err)
	}
	first := func(password string) string {
		t.Helper()
		_, proof, err := w.Login(ctx, userapi.Credentials{Name: u.Email, Password: password, Steps: true})
		if proof == "" || !is(err, "code-required") {
			t.Fatal(err)
		}
		return proof
	}
	again := ""
	second := func(proof, code string) (err error) {
		_, again, err = w.Login(ctx, userapi.Credentials{Proof: proof, Code: code, Steps: true})
		return err
	}
	if _, proof, err := w.Login(ctx, userapi.Credentials{Name: u.Email, Password: "wrong horse battery", Steps: true}); proof != "" || !is(err, "wrong-password") {
		t.Errorf("a wrong password: %v", err)
	}
	if _, proof, err := w.Login(ctx, userapi.Credentials{Name: u.Email, Password: goodPassword}); proof != "" || !is(err, "code-required") {
		t.Errorf("who does not ask for steps: %v", err)
	}
	w.pass(time.Minute)
	proof := first(goodPassword)
	other := w.signUp(t, "bob@example.org")
	for _, bad := range []string{proof + "x", other.ID + proof[len(u.ID):], u.ID + ".", "nobody.x", "."} {
		if err := second(bad, w.appCode(t, x.Secret)); errs.KindOf(err) != errs.Unauthenticated || again != "" {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if err := second(proof, "000000"); !is(err, "wrong-code") || again != proof {
		t.Error(err)
	}
	if err := second(proof, ""); !is(err, "code-required") || again != proof {
		t.Errorf("without a code: %v", err)
	}
	if err := second(proof, w.appCode(t, x.Secret)); err != nil {
		t.Error(err)
	}

	w.pass(time.Minute)
	proof = first(goodPassword)
	w.pass(proofLife)
	if err := second(proof, w.appCode(t, x.Secret)); !is(err, "proof-over") {
		t.Errorf("too late: %v", err)
	}
	proof = first(goodPassword)
	password := "another horse battery"
	if _, err := w.Update(ctx, as(u), u.ID, 0, userapi.Change{Password: &password, CurrentPassword: goodPassword}); err != nil {
		t.Fatal(err)
	}
	if err := second(proof, w.appCode(t, x.Secret)); !is(err, "proof-over") {
		t.Errorf("for another password: %v", err)
	}
}
