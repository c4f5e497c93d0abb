package user

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/userapi"
)

func fromNetwork(ctx context.Context, network string) context.Context {
	return context.WithValue(ctx, caller.ClientKey{}, network)
}

// to counts the mails to an address.
func (m *inbox) to(address string) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, sent := range m.sent {
		if sent.to == address {
			n++
		}
	}
	return n
}

// Whoever asks for mails to somebody's address voids no link and no code that was
// mailed there before, also once no more mails are sent.
func TestAskingAgainVoidsNothing(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	m := w.mails()
	const mail = "ann@example.org"
	owner, fresh := w.member(t, mail), "bob@example.org"
	if err := w.ForgotPassword(ctx, mail); err != nil {
		t.Fatal(err)
	}
	_, link := w.last(t, m, mail)
	u := w.signUp(t, fresh)
	_, verification := w.last(t, m, fresh)
	g, err := w.EnterGuest(ctx, "Ann", mail, "")
	if err != nil {
		t.Fatal(err)
	}
	_, code := w.last(t, m, mail)
	for range 2 * mailsAnHour {
		w.pass(mailPause)
		for _, ask := range []func() error{
			func() error { return w.ForgotPassword(ctx, mail) },
			func() error { _, err := w.EnterGuest(ctx, "x", mail, ""); return err },
			func() error {
				_, err := w.SignUp(ctx, userapi.NewAccount{Email: mail, Name: "x", Password: "a stranger's password"})
				return err
			},
			func() error { return w.Resend(ctx, as(u), u.ID) },
		} {
			if err := ask(); err != nil {
				t.Fatal(err)
			}
		}
		w.settle(t)
	}
	if _, err := w.VerifyCode(ctx, as(g.Account), code, ""); err != nil {
		t.Errorf("the first code: %v", err)
	}
	if got, err := w.Verify(ctx, as(u), verification); err != nil || !got.Verified {
		t.Errorf("the first verification: %v", err)
	}
	if err := w.ResetPassword(ctx, link, "another horse battery"); err != nil {
		t.Errorf("the first link: %v", err)
	}
	if _, _, in, err := w.enter(ctx, mail, "another horse battery"); err != nil || in.ID != owner.ID {
		t.Errorf("%v", err)
	}
}

// Purposes and clients have their own share of what is mailed to an address in an
// hour, and clients that its owner has signed in from do not depend on the rest.
func TestStrangersDoNotUseUpTheOwnersMails(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	m, other := w.mails(), w.node(t)
	other.notices = m
	const mail, home = "ann@example.org", "203.0.113.1"
	w.member(t, mail)
	if _, _, err := w.Login(fromNetwork(ctx, home), userapi.Credentials{Name: mail, Password: goodPassword}); err != nil {
		t.Fatal(err)
	}
	w.settle(t)
	ask := func(s *Service, network string) (mailed bool) {
		t.Helper()
		before := m.to(mail)
		if err := s.ForgotPassword(fromNetwork(ctx, network), mail); err != nil {
			t.Fatal(err)
		}
		w.settle(t)
		return m.to(mail) > before
	}
	w.pass(mailHour)
	// One stranger has four, on whichever node.
	got := 0
	for i := range 10 {
		w.pass(mailPause)
		if ask([]*Service{w.Service, other}[i%2], "198.51.100.1") {
			got++
		}
	}
	if got != mailShare {
		t.Errorf("one client had %d mailed", got)
	}
	// Another one still has theirs, until all strangers together have had ten.
	w.pass(mailPause)
	if !ask(w.Service, "198.51.100.2") {
		t.Error("a second client had nothing mailed")
	}
	for i := range mailsAnHour {
		w.pass(mailPause)
		ask(w.Service, fmt.Sprintf("198.51.100.%d", i+3))
	}
	w.pass(mailPause)
	if ask(w.Service, "198.51.100.99") {
		t.Error("more than ten mails in an hour")
	}
	// The owner does not notice, even right after a stranger has asked.
	if !ask(w.Service, home) {
		t.Error("the owner had nothing mailed")
	}
	// Other purposes have a count of their own.
	before := m.to(mail)
	if _, err := w.EnterGuest(fromNetwork(ctx, "198.51.100.1"), "Ann", mail, ""); err != nil {
		t.Fatal(err)
	}
	if w.settle(t); m.to(mail) != before+1 {
		t.Error("resets used up the codes")
	}
	// An hour later all is new.
	w.pass(mailHour)
	if !ask(w.Service, "198.51.100.1") {
		t.Error("an hour later nothing was mailed")
	}
	// An account that nobody has confirmed makes no client the owner's.
	stranger := fromNetwork(ctx, "198.51.100.200")
	if _, err := w.SignUpAndIn(stranger, userapi.NewAccount{Email: mail, Name: "x", Password: "a stranger's password"}, caller.Caller{}, ""); err != nil {
		t.Fatal(err)
	}
	err := w.db.Write(ctx, func(tx *sql.Tx) error {
		known, err := w.ownersNetwork(ctx, tx, mail, "198.51.100.200")
		if known {
			t.Error("a stranger's client counts as the owner's")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// After a code was used the next guest with the address gets one at once, at home
// also when strangers have used up their mails.
func TestGuestsKnownClient(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	m := w.mails()
	const mail = "gus@example.org"
	home := fromNetwork(ctx, "203.0.113.1")
	enter := func(ctx context.Context) (userapi.Account, string) {
		g, err := w.EnterGuest(ctx, "Gus", mail, "")
		if err != nil {
			t.Fatal(err)
		}
		_, code := w.last(t, m, mail)
		return g.Account, code
	}
	g, code := enter(home)
	if _, err := w.VerifyCode(home, as(g), code, ""); err != nil {
		t.Fatal(err)
	}
	again, next := enter(home)
	if next == code {
		t.Fatal("no new code after the first was used")
	}
	if _, err := w.VerifyCode(home, as(again), next, ""); err != nil {
		t.Fatal(err)
	}
	for i := range 2 * mailsAnHour {
		w.pass(mailPause)
		enter(fromNetwork(ctx, fmt.Sprintf("198.51.100.%d", i)))
	}
	before := m.to(mail)
	third, code := enter(home)
	if m.to(mail) != before+1 {
		t.Error("the owner had no code mailed")
	}
	if _, err := w.VerifyCode(home, as(third), code, ""); err != nil {
		t.Error(err)
	}
}

// Whoever confirms an address does not give it to the stranger who has signed up
// with it: it takes a session of the account, or a new password.
func TestConfirmingGivesNothingToAStranger(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	m := w.mails()
	house := &adopting{}
	w.bookings = house
	const mail, theirs = "dora@example.org", "a stranger's password"
	g, err := w.EnterGuest(ctx, "Dora", mail, "")
	if err != nil {
		t.Fatal(err)
	}
	_, code := w.last(t, m, mail)
	if _, err := w.VerifyCode(ctx, as(g.Account), code, ""); err != nil {
		t.Fatal(err)
	}
	stranger, err := w.SignUpAndIn(ctx, userapi.NewAccount{Email: mail, Name: "Order 4711 is waiting", Password: theirs}, caller.Caller{}, "")
	if err != nil {
		t.Fatal(err)
	}
	_, link := w.last(t, m, mail)
	for _, sent := range m.sent {
		if strings.Contains(sent.text, "4711") {
			t.Errorf("a stranger's words: %s", sent.text)
		}
	}
	for name, caller := range map[string]caller.Caller{"nobody": {}, "the guest": as(g.Account), "an admin": {UserID: "root", Role: caller.Admin}} {
		if _, err := w.Verify(ctx, caller, link); !is(err, "sign-in-required") || errs.KindOf(err) != errs.Unauthenticated {
			t.Errorf("as %s: %v", name, err)
		}
		if l, err := w.VerifyLink(ctx, caller, link); err != nil || !l.Valid || l.Mine {
			t.Errorf("as %s: %+v %v", name, l, err)
		}
	}
	if w.settle(t); len(house.moved) != 0 {
		t.Fatalf("%v", house.moved)
	}
	if _, err := w.VerifyAnew(ctx, link, "short"); errs.KindOf(err) != errs.Invalid {
		t.Error(err)
	}
	got, err := w.VerifyAnew(ctx, link, goodPassword)
	if err != nil || got.ID != stranger.Account.ID || !got.Verified {
		t.Fatalf("%+v %v", got, err)
	}
	if _, err := w.VerifyAnew(ctx, link, goodPassword); !is(err, "link-over") {
		t.Errorf("twice: %v", err)
	}
	if _, err := w.Authenticate(ctx, stranger.Token); !is(err, "bad-token") {
		t.Errorf("the stranger's session: %v", err)
	}
	if _, _, _, err := w.enter(ctx, mail, theirs); !is(err, "wrong-password") {
		t.Errorf("the stranger's password: %v", err)
	}
	if _, _, in, err := w.enter(ctx, mail, goodPassword); err != nil || in.ID != got.ID {
		t.Errorf("the owner: %v", err)
	}
	house.mu.Lock()
	defer house.mu.Unlock()
	if want := g.Account.ID + ">" + got.ID; !strings.Contains(strings.Join(house.moved, " "), want) {
		t.Errorf("%v, want %s", house.moved, want)
	}
}

// A link to verify an address does not choose a password once the address is
// verified, and a link for a new password ends with the password it was mailed for.
func TestLinksEndWithWhatTheyAreFor(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	m := w.mails()
	u := w.signUp(t, "ann@example.org")
	_, first := w.last(t, m, u.Email)
	w.pass(mailPause)
	if err := w.Resend(ctx, as(u), u.ID); err != nil {
		t.Fatal(err)
	}
	_, second := w.last(t, m, u.Email)
	if got, err := w.Verify(ctx, as(u), second); err != nil || !got.Verified || first == second {
		t.Fatal(err)
	}
	if _, err := w.VerifyAnew(ctx, first, "another horse battery"); !is(err, "link-over") {
		t.Error(err)
	}
	if err := w.ForgotPassword(ctx, u.Email); err != nil {
		t.Fatal(err)
	}
	_, reset := w.last(t, m, u.Email)
	pass := "a third horse battery"
	if _, err := w.Update(ctx, as(u), u.ID, 0, userapi.Change{Password: &pass, CurrentPassword: goodPassword}); err != nil {
		t.Fatal(err)
	}
	if err := w.ResetPassword(ctx, reset, "another horse battery"); !is(err, "link-over") {
		t.Error(err)
	}
}

// Links that an earlier version has mailed are good until they end.
func TestLinksOfAnEarlierVersion(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	u := w.signUp(t, "ann@example.org")
	err := w.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO mail_tokens (user_id, purpose, hash, tries, created_at, expires_at) VALUES ($1, $2, $3, 0, $4, $5)`,
			u.ID, toReset, linkHash(toReset, "old"), w.now().UnixMicro(), w.now().Add(resetLife).UnixMicro())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.ResetPassword(ctx, "old", "another horse battery"); err != nil {
		t.Error(err)
	}
	if err := w.ResetPassword(ctx, "old", "another horse battery"); !is(err, "link-over") {
		t.Error(err)
	}
}

// Somebody whose address nobody has confirmed yet signs in with their password,
// however many others have signed up with it since.
func TestNewerSignUpsLockNobodyOut(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	w.mails()
	const mail = "carl@example.org"
	home := fromNetwork(ctx, "203.0.113.1")
	others := func(n int, network string) {
		for i := range n {
			w.pass(mailPause)
			if _, err := w.SignUpAndIn(fromNetwork(ctx, network), userapi.NewAccount{Email: mail, Name: "M", Password: fmt.Sprintf("a stranger's password %d", i)}, caller.Caller{}, ""); err != nil {
				t.Fatal(err)
			}
		}
	}
	in := func(ctx context.Context, want string) {
		t.Helper()
		if _, _, u, err := w.enter(ctx, mail, goodPassword); err != nil || u.ID != want {
			t.Errorf("%s %v, want %s", u.ID, err, want)
		}
	}
	first := w.signUp(t, mail) // the oldest
	others(5, "198.51.100.1")
	in(fromNetwork(ctx, "198.51.100.2"), first.ID)
	if list, err := w.claimants(home, mail); err != nil || len(list) > mostClaimants || list[0].ID != first.ID {
		t.Errorf("%d accounts, %v", len(list), err)
	}
	// In the middle: at home.
	const between = "bert@example.org"
	if _, err := w.SignUpAndIn(fromNetwork(ctx, "198.51.100.1"), userapi.NewAccount{Email: between, Name: "M", Password: "a stranger's password"}, caller.Caller{}, ""); err != nil {
		t.Fatal(err)
	}
	w.pass(mailPause)
	second, err := w.SignUpAndIn(home, userapi.NewAccount{Email: between, Name: "Bert", Password: goodPassword}, caller.Caller{}, "")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		w.pass(mailPause)
		if _, err := w.SignUpAndIn(fromNetwork(ctx, "198.51.100.1"), userapi.NewAccount{Email: between, Name: "M", Password: fmt.Sprintf("a stranger's password %d", i)}, caller.Caller{}, ""); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, u, err := w.enter(home, between, goodPassword); err != nil || u.ID != second.Account.ID {
		t.Errorf("%s %v", u.ID, err)
	}
}
