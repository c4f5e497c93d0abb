package user

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"boxoffice/internal/errs"
	"boxoffice/internal/userapi"
)

// Whoever signs up with an address learns from what their log-ins are answered
// nothing of other accounts that give it.
func TestLogInsTellNothingOfOtherAccounts(t *testing.T) {
	const mail, mine = "ann@example.org", "a phrase of a stranger"
	attack := func(t *testing.T, w *world) (got []string) {
		at := func(n int) from { return from{t.Context(), fmt.Sprint("203.0.113.", n)} }
		enter := func(n int, password string) {
			said := "in"
			if _, _, err := w.Login(at(n), userapi.Credentials{Name: mail, Password: password}); err != nil {
				said = errs.Of(err).Type
			}
			got = append(got, fmt.Sprint(n, " ", said))
		}
		w.pass(time.Second)
		for range maxFailures - 1 { // before there is an account of one's own
			enter(1, "a guess of mine")
		}
		if _, err := w.SignUp(at(1), userapi.NewAccount{Email: mail, Name: "Eve", Password: mine}); err != nil {
			t.Fatal(err)
		}
		for i := range 14 { // each second one is one's own
			enter(1, []string{"a guess of mine", mine}[i%2])
		}
		for n := range maxStrangers/maxFailures + 2 { // from networks that one has signed in from
			enter(n+2, mine)
			for range maxFailures {
				enter(n+2, "a guess of mine")
			}
		}
		enter(100, mine)
		return got
	}
	var nobody []string
	for _, there := range []string{"nobody", "unverified", "verified"} {
		w := newWorld(t)
		home := from{t.Context(), "192.0.2.1"}
		switch there {
		case "verified":
			w.member(t, mail)
		case "unverified":
			if _, err := w.SignUp(home, userapi.NewAccount{Email: mail, Name: "Ann", Password: goodPassword}); err != nil {
				t.Fatal(err)
			}
		}
		got := attack(t, w)
		if there == "nobody" {
			nobody = got
		} else if !slices.Equal(got, nobody) {
			t.Errorf("%s: %v\nnobody: %v", there, got, nobody)
		}
	}
}

// What a wrong password is answered says what helps those whose right one is refused
// for a while, and is the same whether it was right, wrong or nobody's.
func TestWrongPasswordSaysWhatHelps(t *testing.T) {
	w := newWorld(t)
	if _, err := w.SignUp(t.Context(), userapi.NewAccount{Email: "ann@example.org", Username: "ann", Name: "Ann", Password: goodPassword}); err != nil {
		t.Fatal(err)
	}
	at := from{t.Context(), "203.0.113.1"}
	said := func(name, password string) string {
		_, _, err := w.Login(at, userapi.Credentials{Name: name, Password: password})
		if !is(err, "wrong-password") {
			t.Fatalf("%s: %v", name, err)
		}
		return errs.Of(err).Detail
	}
	texts := []string{said("nobody@example.org", goodPassword)}
	for range maxFailures {
		texts = append(texts, said("ann", "a guess of mine"))
	}
	texts = append(texts, said("ann@example.org", goodPassword))
	if texts = slices.Compact(texts); len(texts) != 1 {
		t.Errorf("%q", texts)
	}
	for _, part := range []string{fmt.Sprint(int(failWindow.Minutes()), " minutes"), "by email"} {
		if !strings.Contains(texts[0], part) {
			t.Errorf("%q does not say %q", texts[0], part)
		}
	}
}

// Wrong passwords from elsewhere, by whichever name, lock the owner's known networks by
// neither name; a new password by mail lifts the lock on both.
func TestKnownNetworksByEitherName(t *testing.T) {
	w := newWorld(t)
	m := w.mails()
	names := []string{"ann@example.org", "ann"}
	if _, err := w.SignUp(t.Context(), userapi.NewAccount{Email: names[0], Username: names[1], Name: "Ann", Password: goodPassword}); err != nil {
		t.Fatal(err)
	}
	at := func(n int) from { return from{t.Context(), fmt.Sprint("203.0.113.", n)} }
	home := from{t.Context(), "192.0.2.1"}
	both := func(ctx from, password string) (errs []error) {
		for _, name := range names {
			if _, _, err := w.Login(ctx, userapi.Credentials{Name: name, Password: password}); err != nil {
				errs = append(errs, err)
			}
		}
		return errs
	}
	if list := both(home, goodPassword); list != nil {
		t.Fatal(list)
	}
	for n := range maxStrangers/maxFailures + 1 {
		for range maxFailures {
			both(at(n), "a guess of mine")
		}
		if list := both(home, goodPassword); list != nil {
			t.Fatalf("after %d networks' guesses: %v", n+1, list)
		}
	}
	if list := both(at(200), goodPassword); len(list) != 2 {
		t.Fatalf("from elsewhere: %v", list)
	}
	if err := w.ForgotPassword(t.Context(), names[0]); err != nil {
		t.Fatal(err)
	}
	_, token := w.last(t, m, names[0])
	if err := w.ResetPassword(t.Context(), token, "another horse battery"); err != nil {
		t.Fatal(err)
	}
	for _, ctx := range []from{home, at(0), at(200)} {
		if list := both(ctx, "another horse battery"); list != nil {
			t.Errorf("after a reset: %v", list)
		}
	}
}
