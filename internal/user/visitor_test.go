package user

import (
	"context"
	"database/sql"
	"strings"
	"sync"
	"testing"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/patience"
	"boxoffice/internal/userapi"
)

// A visitor gives a name and an address later; the code proves the address that
// it was mailed to, and no other.
func TestVisitorBecomesGuest(t *testing.T) {
	w := newWorld(t)
	m := w.mails()
	ctx := t.Context()
	v, err := w.EnterVisitor(ctx, "browser")
	if err != nil {
		t.Fatal(err)
	}
	who, err := w.Authenticate(ctx, v.Token)
	if err != nil || who.Role != caller.Guest || who.UserID != v.Account.ID || !cameAsGuest(who.UserID) || v.Ends.Sub(w.now()) != guestLife {
		t.Fatalf("%+v %v %v", who, err, v.Ends)
	}
	if _, err := w.VerifyCode(ctx, who, "000000", ""); !is(err, "no-address") {
		t.Errorf("a code without an address: %v", err)
	}
	if err := w.ResendCode(ctx, who); !is(err, "no-address") {
		t.Errorf("a code for nobody: %v", err)
	}
	if _, err := w.SetContact(ctx, who, "", "x"); errs.KindOf(err) != errs.Invalid || len(errs.Of(err).Fields) != 2 {
		t.Errorf("%v", err)
	}
	if _, err := w.SetContact(ctx, caller.Caller{}, "Vic", "v@example.org"); errs.KindOf(err) != errs.Unauthenticated {
		t.Error(err)
	}
	u := w.signUp(t, "u@example.org")
	if _, err := w.SetContact(ctx, as(u), "Vic", "v@example.org"); !is(err, "already-verified") {
		t.Errorf("an account's contact: %v", err)
	}
	if _, err := w.SetContact(ctx, who, "Vic", "typo@example.org"); err != nil {
		t.Fatal(err)
	}
	_, old := w.last(t, m, "typo@example.org")
	if _, err := w.SetContact(ctx, who, "Vic", "vic@example.org"); err != nil {
		t.Fatal(err)
	}
	_, digits := w.last(t, m, "vic@example.org")
	if old == "" || digits == "" {
		t.Fatal("no code for the other address, within the same minute")
	}
	if old != digits {
		if _, err := w.VerifyCode(ctx, who, old, ""); errs.KindOf(err) != errs.Invalid {
			t.Errorf("the code of another address: %v", err)
		}
	}
	// The same again: no other mail, and the code stays good.
	if _, err := w.SetContact(ctx, who, "Victor", "vic@example.org"); err != nil {
		t.Fatal(err)
	}
	if _, again := w.last(t, m, "vic@example.org"); again != digits {
		t.Error("two mails within a minute")
	}
	x, err := w.VerifyCode(ctx, who, digits, "")
	if err != nil || x.Account.ID != v.Account.ID || x.Account.Role != caller.Customer || x.Account.Name != "Victor" || x.Account.Email != "vic@example.org" || !x.Account.Verified {
		t.Errorf("%+v %v", x, err)
	}
}

// A code that was mailed to one address proves nothing once the guest has given
// another one, even if nobody has voided it.
func TestCodeIsForItsAddress(t *testing.T) {
	w := newWorld(t)
	m := w.mails()
	ctx := t.Context()
	g, err := w.EnterGuest(ctx, "Gus", "mine@example.org", "")
	if err != nil {
		t.Fatal(err)
	}
	_, digits := w.last(t, m, "mine@example.org")
	if err := w.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE users SET contact = 'yours@example.org' WHERE id = $1`, g.Account.ID)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.VerifyCode(ctx, as(g.Account), digits, ""); !is(err, "code-expired") { // there is none for it
		t.Error(err)
	}
}

// Whoever signs in or up keeps what they hold as a visitor; if a limit forbids
// that, they stay the visitor who has it.
func TestVisitorSignsIn(t *testing.T) {
	w := newWorld(t)
	house := &adopting{}
	w.bookings = house
	ctx := t.Context()
	u := w.signUp(t, "ann@example.org")
	enter := func() (string, caller.Caller) {
		v, err := w.EnterVisitor(ctx, "")
		if err != nil {
			t.Fatal(err)
		}
		return v.Token, as(v.Account)
	}
	token, who := enter()
	house.refuse = errs.New(errs.Conflict, "too-many-seats", "You have enough.")
	c := userapi.Credentials{Name: u.Email, Password: goodPassword, Visitor: who}
	if _, _, err := w.Login(ctx, c); !is(err, "too-many-seats") {
		t.Errorf("%v", err)
	}
	if _, err := w.Authenticate(ctx, token); err != nil {
		t.Errorf("refused, and signed out: %v", err)
	}
	if list, err := w.Sessions(ctx, as(u), u.ID, ""); err != nil || len(list) != 0 {
		t.Errorf("refused, and signed in: %v %v", list, err)
	}
	house.refuse = nil
	c.Password = "wrong password"
	if _, _, err := w.Login(ctx, c); !is(err, "wrong-password") || len(house.moved) != 0 {
		t.Errorf("%v %v", err, house.moved)
	}
	c.Password = goodPassword
	in, _, err := w.Login(ctx, c)
	if err != nil || len(house.moved) != 1 || house.moved[0] != who.UserID+">"+u.ID || in.Account.ID != u.ID {
		t.Fatalf("%+v %v %v", in, err, house.moved)
	}
	if _, err := w.Authenticate(ctx, token); !is(err, "bad-token") {
		t.Errorf("the visitor is still there: %v", err)
	}

	_, who = enter()
	up, err := w.SignUpAndIn(ctx, userapi.NewAccount{Email: "new@example.org", Name: "New", Password: goodPassword}, who, "")
	if err != nil || len(house.moved) != 2 || house.moved[1] != who.UserID+">"+up.Account.ID {
		t.Fatalf("%+v %v %v", up, err, house.moved)
	}
	// An account of one's own has nothing to give: it stays, with its session.
	again, _, err := w.Login(ctx, userapi.Credentials{Name: u.Email, Password: goodPassword, Visitor: as(up.Account)})
	if err != nil || len(house.moved) != 2 {
		t.Fatalf("%+v %v %v", again, err, house.moved)
	}
	if _, err := w.Authenticate(ctx, up.Token); err != nil {
		t.Error(err)
	}
}

// An administrator corrects the address of a guest, verified or not: the account
// gives the new one and no other, and the old one is anybody's again.
func TestGuestsAddressIsCorrected(t *testing.T) {
	for _, verified := range []bool{false, true} {
		w := newWorld(t)
		m := w.mails()
		ctx := t.Context()
		g, err := w.EnterGuest(ctx, "Gus", "typo@example.org", "")
		if err != nil {
			t.Fatal(err)
		}
		if _, digits := w.last(t, m, "typo@example.org"); verified {
			if g, err = w.VerifyCode(ctx, as(g.Account), digits, ""); err != nil {
				t.Fatal(err)
			}
		}
		right := "gus@example.org"
		if _, err := w.Update(ctx, caller.System, g.Account.ID, 0, userapi.Change{Email: &right}); err != nil {
			t.Fatal(err)
		}
		u, err := w.get(ctx, g.Account.ID)
		if err != nil || u.address() != right || u.Verified {
			t.Errorf("verified %v: %+v gives %q, %v", verified, u, u.address(), err)
		}
		if subject, _ := w.last(t, m, right); subject == "" {
			t.Errorf("verified %v: nothing is mailed to the new address", verified)
		}
		if subject, _ := w.last(t, m, "typo@example.org"); verified != strings.Contains(subject, "changed") {
			t.Errorf("verified %v: the old address hears %q", verified, subject)
		}
		if ids, err := w.ByEmail(ctx, "typo@example.org"); err != nil || len(ids) != 0 {
			t.Errorf("verified %v: the old address is still that of %v, %v", verified, ids, err)
		}
	}
}

// Visitors who are gone and hold nothing leave no account behind.
func TestEndVisits(t *testing.T) {
	w := newWorld(t)
	m := w.mails()
	house := &holding{}
	w.bookings = house
	ctx := t.Context()
	enter := func() userapi.Account {
		v, err := w.EnterVisitor(ctx, "")
		if err != nil {
			t.Fatal(err)
		}
		return v.Account
	}
	known, err := w.EnterGuest(ctx, "Gus", "g@example.org", "")
	if err != nil {
		t.Fatal(err)
	}
	_, digits := w.last(t, m, "g@example.org")
	if _, err := w.VerifyCode(ctx, as(known.Account), digits, ""); err != nil {
		t.Fatal(err)
	}
	idle, holds := enter(), enter()
	house.who = holds.ID
	if n, err := w.EndVisits(ctx); err != nil || n != 0 {
		t.Errorf("%d %v", n, err)
	}
	w.pass(guestLife)
	here := enter()
	if n, err := w.EndVisits(ctx); err != nil || n != 1 {
		t.Errorf("%d %v", n, err)
	}
	for _, c := range []struct {
		userapi.Account
		there bool
	}{{known.Account, true}, {idle, false}, {holds, true}, {here, true}} {
		if there, err := w.Exists(ctx, c.ID); err != nil || there != c.there {
			t.Errorf("%+v: there %v, %v", c.Account, there, err)
		}
	}
	house.who = ""
	if n, err := w.EndVisits(ctx); err != nil || n != 1 {
		t.Errorf("when the hold has lapsed: %d %v", n, err)
	}
}

// A network is forgotten 90 days after an account has last come from there, also
// when the account never comes back.
func TestNetworksAreForgotten(t *testing.T) {
	w := newWorld(t)
	ctx := context.WithValue(t.Context(), caller.ClientKey{}, "192.0.2.1")
	w.signUp(t, "ann@example.org")
	if _, _, err := w.Login(ctx, userapi.Credentials{Name: "ann@example.org", Password: goodPassword}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{1, 0} {
		var n int
		if _, err := w.EndVisits(ctx); err != nil {
			t.Fatal(err)
		}
		if err := w.db.Reader().QueryRow(`SELECT count(*) FROM known_networks`).Scan(&n); err != nil || n != want {
			t.Errorf("%d networks instead of %d, %v", n, want, err)
		}
		w.pass(networkLife + time.Second)
	}
}

// holding is a booking service in which one account holds something.
type holding struct {
	adopting
	who string
}

func (h *holding) HasLive(_ context.Context, userID string) (bool, error) {
	return userID == h.who, nil
}

func (h *holding) List(_ context.Context, f bookingapi.Filter) ([]bookingapi.Booking, error) {
	return liveIf(f.UserID == h.who), nil
}

// A crowd of visitors comes at once; each is somebody of their own.
func TestManyVisitors(t *testing.T) {
	w := newWorld(t)
	var mu sync.Mutex
	tokens := map[string]string{}
	var wg sync.WaitGroup
	for range 300 {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), patience.Long)
			defer cancel()
			v, err := w.EnterVisitor(ctx, "")
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			tokens[v.Token] = v.Account.ID
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	for token, userID := range tokens {
		who, err := w.Authenticate(t.Context(), token)
		if err != nil || who.UserID != userID || seen[userID] {
			t.Fatalf("%+v %v, want %s", who, err, userID)
		}
		seen[userID] = true
	}
	if len(seen) != 300 {
		t.Errorf("%d visitors", len(seen))
	}
}
