package user

import (
	"database/sql"
	"runtime"
	"testing"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/userapi"
)

// inFlight is a request that has read an account and waits for the check of its
// password. The caller lets it go on, and hears what came of it.
func (w *world) inFlight(t *testing.T, u record, request func() error) (goOn func() error) {
	t.Helper()
	key := target(u.ID, u.hash).from(caller.ClientFrom(t.Context()))
	pair := w.throttle.join(key)
	pair.turn <- struct{}{}
	ended := make(chan error, 1)
	go func() { ended <- request() }()
	for w.throttle.waiting(pair) < 2 {
		runtime.Gosched()
	}
	return func() error {
		<-pair.turn
		w.throttle.leave(key, pair)
		return <-ended
	}
}

// execute changes the tables behind the service.
func (w *world) execute(t testing.TB, text string, args ...any) {
	t.Helper()
	err := w.db.Write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(t.Context(), text, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// waiting is how many have an attempt's key, or wait for its turn.
func (t *throttle) waiting(tr *tries) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return tr.users
}

// A request that was read before the second factor was on does nothing without a
// code once it is: it neither takes the factor away, nor gives a secret that does
// not count, nor starts a session.
func TestRequestsInFlightNeedTheNewFactor(t *testing.T) {
	ctx := t.Context()
	for _, c := range []struct {
		name string
		do   func(w *world, u record) error
	}{
		{"end", func(w *world, u record) error { return w.EndTwoFactor(ctx, as(u), u.ID, goodPassword, "") }},
		{"begin", func(w *world, u record) error {
			_, err := w.BeginTwoFactor(ctx, as(u), u.ID, goodPassword)
			return err
		}},
	} {
		w := newWorld(t)
		u := w.member(t, "ann@example.org")
		x, err := w.BeginTwoFactor(ctx, as(u), u.ID, goodPassword)
		if err != nil {
			t.Fatal(err)
		}
		goOn := w.inFlight(t, u, func() error { return c.do(w, u) })
		if _, err := w.ConfirmTwoFactor(ctx, as(u), u.ID, w.appCode(t, x.Secret)); err != nil {
			t.Fatal(err)
		}
		if err := goOn(); !is(err, "account-changed") {
			t.Errorf("%s: %v", c.name, err)
		}
		if now, err := w.get(ctx, u.ID); err != nil || !now.twoFactor || now.totpSecret != x.Secret {
			t.Errorf("%s: two factors %v, %v", c.name, now.twoFactor, err)
		}
		if _, err := w.startSession(ctx, u, "", sessionLife); !is(err, "account-changed") {
			t.Errorf("a log-in without a code: %v", err)
		}
		if _, _, err := w.Login(ctx, userapi.Credentials{Name: u.Email, Password: goodPassword}); !is(err, "code-required") {
			t.Errorf("another log-in: %v", err)
		}
	}
}

// A secret that was begun is not forgotten for one that a later request has made.
func TestAnEndForgetsTheSecretThatItRead(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	u := w.member(t, "ann@example.org")
	goOn := w.inFlight(t, u, func() error { return w.EndTwoFactor(ctx, as(u), u.ID, goodPassword, "") })
	// not by BeginTwoFactor, which would wait for the same turn
	w.execute(t, `UPDATE users SET totp_secret = 'begun' WHERE id = $1`, u.ID)
	if err := goOn(); !is(err, "account-changed") {
		t.Errorf("%v", err)
	}
	if now, err := w.get(ctx, u.ID); err != nil || now.totpSecret != "begun" {
		t.Errorf("secret %q, %v", now.totpSecret, err)
	}
	if err := w.EndTwoFactor(ctx, as(u), u.ID, goodPassword, ""); err != nil {
		t.Errorf("again: %v", err)
	}
}

// A factor is confirmed for the account that was read: not for one that has moved
// to an address which is not verified.
func TestAMovedAccountConfirmsNoFactor(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	u := w.member(t, "ann@example.org")
	mine := "new@example.org"
	goOn := w.inFlight(t, u, func() error {
		_, err := w.BeginTwoFactor(ctx, as(u), u.ID, goodPassword)
		return err
	})
	if _, err := w.Update(ctx, caller.System, u.ID, 0, userapi.Change{Email: &mine}); err != nil {
		t.Fatal(err)
	}
	if err := goOn(); !is(err, "account-changed") {
		t.Errorf("%v", err)
	}
}

// What a guest gives is not written once the account is a customer's, or gone, and
// a guest who has become a customer keeps the sessions.
func TestOnlyGuestsAreWritten(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	m := w.mails()
	g, err := w.EnterGuest(ctx, "Gus", "g@example.org", "")
	if err != nil {
		t.Fatal(err)
	}
	before, err := w.get(ctx, g.Account.ID)
	if err != nil {
		t.Fatal(err)
	}
	_, digits := w.last(t, m, "g@example.org")
	session, err := w.VerifyCode(ctx, as(g.Account), digits, "")
	if err != nil {
		t.Fatal(err)
	}
	before.Contact = "typo@example.org"
	if err := w.writeContact(ctx, &before); !is(err, "account-changed") {
		t.Errorf("a customer's contact: %v", err)
	}
	if n, err := w.deleteVisitors(ctx, []string{g.Account.ID}); err != nil || n != 0 {
		t.Errorf("%d accounts are said to be ended, %v", n, err)
	}
	if who, err := w.node(t).Authenticate(ctx, session.Token); err != nil || who.UserID != g.Account.ID {
		t.Errorf("the customer's session: %+v, %v", who, err)
	}
	before.ID = "gone"
	if err := w.writeContact(ctx, &before); errs.KindOf(err) != errs.Conflict {
		t.Errorf("the contact of an account that has ended: %v", err)
	}
}
