package user

import (
	"context"
	"testing"

	"boxoffice/internal/caller"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/userapi"
)

// Mails are in the language in which their reader signed up, signed in or paid last. A
// request that says nothing about it changes nothing.
func TestLanguageOfMails(t *testing.T) {
	w := newWorld(t)
	m := w.mails()
	german, english := caller.Speaking(t.Context(), "de-AT, de;q=0.9, en;q=0.5"), caller.Speaking(t.Context(), "en")
	langOfAccount := func(id string) string {
		t.Helper()
		people, err := w.People(t.Context(), []string{id})
		if err != nil {
			t.Fatal(err)
		}
		return people[id].Lang
	}
	a, err := w.SignUp(german, userapi.NewAccount{Email: "ann@example.org", Name: "Ann", Password: goodPassword})
	if err != nil {
		t.Fatal(err)
	}
	if subject, _ := w.last(t, m, "ann@example.org"); subject != "Bitte bestätigen Sie Ihre E‑Mail-Adresse" {
		t.Error(subject)
	}
	for _, c := range []struct {
		name string
		do   func() error
		want string
	}{
		{"log-in without a language", func() error {
			_, _, err := w.Login(t.Context(), userapi.Credentials{Name: "ann@example.org", Password: goodPassword})
			return err
		}, "de"},
		{"log-in in English", func() error {
			_, _, err := w.Login(english, userapi.Credentials{Name: "ann@example.org", Password: goodPassword})
			return err
		}, "en"},
		{"pay page in German", func() error { return w.Speaks(german, caller.Caller{UserID: a.ID}) }, "de"},
		{"pay page without a language", func() error { return w.Speaks(t.Context(), caller.Caller{UserID: a.ID}) }, "de"},
	} {
		if err := c.do(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := langOfAccount(a.ID); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	for i, enter := range []func() (userapi.Session, error){
		func() (userapi.Session, error) { return w.EnterGuest(german, "Gus", "gus@example.org", "") },
		func() (userapi.Session, error) { return w.EnterVisitor(german, "") },
	} {
		s, err := enter()
		if err != nil || langOfAccount(s.Account.ID) != "de" {
			t.Errorf("%d: %q %v", i, langOfAccount(s.Account.ID), err)
		}
	}
	if s, err := w.EnterGuest(caller.Speaking(t.Context(), "fr"), "Fe", "fe@example.org", ""); err != nil || langOfAccount(s.Account.ID) != "en" {
		t.Errorf("a reader of French: %v", err)
	}
	if err := w.Speaks(german, caller.Caller{UserID: "unknown"}); err == nil {
		t.Error("an unknown account speaks")
	}
}

// Mails of an account that was handed over already come again with the same id.
func TestHandedOverTwice(t *testing.T) {
	w := newWorld(t)
	taken := &teller{}
	w.notices = taken
	u := w.signUp(t, "ann@example.org")
	e := dueMail{id: "m", kind: mailVerify, userID: u.ID}
	for range 2 {
		if err := w.deliver(t.Context(), &e); err != nil {
			t.Fatal(err)
		}
	}
	if len(*taken) != 2 || (*taken)[0].ID != (*taken)[1].ID || (*taken)[0].ID == "" || (*taken)[0].Until.IsZero() {
		t.Errorf("%+v", *taken)
	}
}

// teller keeps the notices that it is given.
type teller []notifyapi.Notice

func (n *teller) Notify(_ context.Context, list []notifyapi.Notice) error {
	*n = append(*n, list...)
	return nil
}

func (*teller) Forget(context.Context, string) error { return nil }
