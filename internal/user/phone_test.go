package user

import (
	"testing"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/userapi"
)

// An account's owner gives a mobile number, which is stored in one form, changes and
// removes it.
func TestPhone(t *testing.T) {
	w := newWorld(t)
	w.texts = &Texts{Regions: []string{"DE", "GB"}}
	ctx := t.Context()
	u := w.signUp(t, "ann@example.org")
	me := caller.Caller{UserID: u.ID}
	set := func(number string) (userapi.Account, error) {
		return w.Update(ctx, me, u.ID, 0, userapi.Change{Phone: &number})
	}
	for _, c := range []struct{ text, want string }{{"0151 23456789", "+4915123456789"}, {"+44 7400 123456", "+447400123456"}, {" ", ""}, {"+4915123456789", "+4915123456789"}} {
		a, err := set(c.text)
		if err != nil || a.Phone != c.want {
			t.Errorf("%q: %q %v", c.text, a.Phone, err)
		}
		people, err := w.People(ctx, []string{u.ID})
		if err != nil || people[u.ID].Phone != c.want {
			t.Errorf("%q: %+v %v", c.text, people, err)
		}
	}
	for text, code := range map[string]string{"030 901820": "not-a-mobile-number", "+1 201 555 0123": "country-not-served", "call me": "not-a-mobile-number"} {
		_, err := set(text)
		if e := errs.Of(err); e == nil || e.Kind != errs.Invalid || len(e.Fields) != 1 || e.Fields[0].Name != "phone" || e.Fields[0].Code != code {
			t.Errorf("%q: %v", text, err)
		}
	}
	name := "Ann Other"
	if a, err := w.Update(ctx, me, u.ID, 0, userapi.Change{Name: &name}); err != nil || a.Phone != "+4915123456789" {
		t.Errorf("another change lost the number: %+v %v", a, err)
	}
	if _, err := w.Update(ctx, caller.Caller{UserID: "other"}, u.ID, 0, userapi.Change{Phone: new(string)}); errs.KindOf(err) != errs.NotFound {
		t.Errorf("somebody else changed the number: %v", err)
	}
	if err := w.Delete(ctx, me, u.ID, 0, goodPassword); err != nil {
		t.Fatal(err)
	}
	if people, err := w.People(ctx, []string{u.ID}); err != nil || people[u.ID].Phone != "" {
		t.Errorf("a deleted account has a number: %+v %v", people, err)
	}
}

// A site that sends no text messages stores no numbers, and lets people remove theirs.
func TestNoTexts(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	u := w.signUp(t, "ann@example.org")
	w.execute(t, `UPDATE users SET phone = '+4915123456789'`)
	me, number, none := caller.Caller{UserID: u.ID}, "+447400123456", ""
	_, err := w.Update(ctx, me, u.ID, 0, userapi.Change{Phone: &number})
	if e := errs.Of(err); e == nil || len(e.Fields) != 1 || e.Fields[0].Code != "no-texts" {
		t.Error(err)
	}
	if a, err := w.Update(ctx, me, u.ID, 0, userapi.Change{Phone: &none}); err != nil || a.Phone != "" {
		t.Errorf("%+v %v", a, err)
	}
}

// The number that a guest gave before the address was verified goes to the account that
// takes the bookings over, unless that has one.
func TestPhoneOfGuest(t *testing.T) {
	w := newWorld(t)
	w.texts, w.bookings = &Texts{}, bookings{}
	m := w.mails()
	ctx := t.Context()
	owner, err := w.provedGuest(t, m, "gus@example.org")
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct{ given, before, want string }{{"+4915123456789", "", "+4915123456789"}, {"+447400123456", "+4915123456789", "+4915123456789"}, {"", "+4915123456789", "+4915123456789"}} {
		w.execute(t, `UPDATE users SET phone = $1 WHERE id = $2`, c.before, owner.Account.ID)
		w.pass(mailPause)
		s, err := w.EnterGuest(ctx, "Gus", "gus@example.org", "")
		if err != nil {
			t.Fatal(err)
		}
		guest := caller.Caller{UserID: s.Account.ID, Role: caller.Guest}
		if _, err := w.Update(ctx, guest, s.Account.ID, 0, userapi.Change{Phone: &c.given}); err != nil {
			t.Fatal(err)
		}
		_, code := w.last(t, m, "gus@example.org")
		got, err := w.VerifyCode(ctx, guest, code, "")
		if err != nil || got.Account.ID != owner.Account.ID {
			t.Fatalf("%d: %+v %v", i, got, err)
		}
		people, err := w.People(ctx, []string{owner.Account.ID, s.Account.ID})
		if err != nil || people[owner.Account.ID].Phone != c.want || people[s.Account.ID].Phone != "" {
			t.Errorf("%d: %+v %v", i, people, err)
		}
	}
}
