package user

import (
	"errors"
	"strings"
	"testing"

	"boxoffice/internal/userapi"
)

// Signing up, and signing in afterwards, is the same whether there is an account
// with the address or not; the mail tells.
func TestSignUpTellsNobody(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	m := w.mails()
	owner := w.member(t, "ann@example.org")
	w.settle(t)
	w.pass(mailPause)
	for email, subject := range map[string]string{"ann@example.org": "You already have an account", "bob@example.org": "Please confirm your email address"} {
		w.pass(mailPause)
		other := "crimson balcony seat of " + subject
		u, err := w.SignUp(ctx, userapi.NewAccount{Email: email, Name: "Mallory", Password: other})
		if err != nil || u.Email != email || u.Verified || u.ID == owner.ID {
			t.Fatalf("%s: %+v %v", email, u, err)
		}
		if _, _, in, err := w.enter(ctx, email, other); err != nil || in.ID != u.ID {
			t.Errorf("%s: %+v %v", email, in, err)
		}
		if got, _ := w.last(t, m, email); got != subject {
			t.Errorf("%s: the mail is %q", email, got)
		}
		if _, err := w.Update(ctx, as(u), u.ID, 0, userapi.Change{Email: &owner.Email, CurrentPassword: other}); err != nil {
			t.Errorf("%s: an address of somebody else: %v", email, err)
		}
	}
	if _, _, in, err := w.enter(ctx, "ann@example.org", goodPassword); err != nil || in.ID != owner.ID {
		t.Errorf("the owner: %+v %v", in, err)
	}
}

// An address belongs to whoever shows that they read its mail, however long
// somebody else has sat on it.
func TestAnAddressCannotBeSquatted(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	m := w.mails()
	const mail = "victim@example.org"
	squatter, err := w.SignUp(ctx, userapi.NewAccount{Email: mail, Name: "S", Password: "squatters password"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.BeginTwoFactor(ctx, as(squatter), squatter.ID, "squatters password"); !is(err, "address-not-verified") {
		t.Errorf("a second factor for an address that nobody has confirmed: %v", err)
	}
	w.settle(t)
	w.pass(mailPause)
	victim := w.signUp(t, mail)
	_, link := w.last(t, m, mail)
	got, err := w.Verify(ctx, as(victim), link)
	if err != nil || got.ID != victim.ID || !got.Verified || got.Email != mail {
		t.Fatalf("%+v %v", got, err)
	}
	if _, _, in, err := w.enter(ctx, mail, goodPassword); err != nil || in.ID != victim.ID {
		t.Errorf("%+v %v", in, err)
	}
	if err := w.ForgotPassword(ctx, mail); err != nil {
		t.Fatal(err)
	}
	_, token := w.last(t, m, mail)
	if err := w.ResetPassword(ctx, token, "another horse battery"); err != nil {
		t.Fatal(err)
	}
	if _, _, in, err := w.enter(ctx, mail, "another horse battery"); err != nil || in.ID != victim.ID {
		t.Errorf("after a reset: %+v %v", in, err)
	}
	if u, err := w.get(ctx, squatter.ID); err != nil || u.Verified {
		t.Errorf("%+v %v", u, err)
	}
}

func TestNamesShowWhatTheyAre(t *testing.T) {
	for name, good := range map[string]bool{
		"Ann": true, "Jürgen Ω 日本": true, "علی\u200cرضا": true, "Zoë 👩\u200d🎤": true, "क्\u200dष": true, "Ann ❤️": true,
		"Ann\u2028Bob": false, "Ann\u2029": false, "Ann\u200b": false, "\ufeffAnn": false, "Ann\u202eB": false, "An\u00adn": false,
		"\u3164": false, "A\u115fB": false, "Ann\u200d": false, "Ann \u200cB": false, "\u2800": false, "A\U000e0041": false, "A\ue000": false, "A\ufffd": false, "A\x85B": false,
	} {
		if got := badName(name).None(); got != good {
			t.Errorf("%q: %q", name, badName(name).Text)
		}
	}
}

// All other sessions end, however many there are.
func TestAllOtherSessionsEnd(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	u := w.signUp(t, "ann@example.org")
	first := w.logIn(t, u.Email)
	stored, err := w.get(ctx, u.ID)
	if err != nil {
		t.Fatal(err)
	}
	for range 150 {
		w.pass(1000)
		if _, err := w.startSession(ctx, stored, "", sessionLife); err != nil {
			t.Fatal(err)
		}
	}
	kept := w.logIn(t, u.Email)
	if err := w.EndSessions(ctx, as(u), u.ID, "", kept); err != nil {
		t.Fatal(err)
	}
	var left int
	if err := w.db.Reader().QueryRow(`SELECT count(*) FROM sessions`).Scan(&left); err != nil || left != 1 {
		t.Errorf("%d sessions, %v", left, err)
	}
	if _, err := w.Authenticate(ctx, first); !is(err, "bad-token") {
		t.Error(err)
	}
	if _, err := w.Authenticate(ctx, kept); err != nil {
		t.Error(err)
	}
}

// What a guest has bought goes to the account whose address turns out to be the
// same; a failure on the way does not end that, nor the end of the node.
func TestOrdersOfAGuestAreAdopted(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	m := w.mails()
	house := &adopting{}
	w.bookings = house
	const mail = "gus@example.org"
	g, err := w.EnterGuest(ctx, "Gus", mail, "")
	if err != nil {
		t.Fatal(err)
	}
	_, code := w.last(t, m, mail)
	if _, err := w.VerifyCode(ctx, as(g.Account), code, ""); err != nil {
		t.Fatal(err)
	}
	w.pass(mailPause)
	u := w.signUp(t, mail)
	_, link := w.last(t, m, mail)
	if w.settle(t); len(house.moved) != 0 {
		t.Fatalf("before the address is confirmed: %v", house.moved)
	}
	house.refuse = errors.New("the connection broke")
	if got, err := w.Verify(ctx, as(u), link); err != nil || !got.Verified {
		t.Fatalf("%+v %v", got, err)
	}
	house.refuse = nil
	next := w.node(t)
	next.bookings = house
	w.pass(adoptAgain * 64)
	if err := next.RunAdoptions(ctx); err != nil {
		t.Fatal(err)
	}
	if want := g.Account.ID + ">" + u.ID; strings.Join(house.moved, " ") != want {
		t.Errorf("%v, want %s", house.moved, want)
	}
	if due, err := next.dueAdoptions(ctx); err != nil || len(due) != 0 {
		t.Errorf("%v %v", due, err)
	}
	// What they buy as a guest later is theirs when they sign in.
	house.moved = nil
	if _, _, _, err := next.enter(ctx, mail, goodPassword); err != nil {
		t.Fatal(err)
	}
	if err := next.RunAdoptions(ctx); err != nil {
		t.Fatal(err)
	}
	house.mu.Lock()
	defer house.mu.Unlock()
	if len(house.moved) != 1 {
		t.Errorf("%v", house.moved)
	}
}
