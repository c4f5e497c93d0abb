package user

import (
	"database/sql"
	"testing"

	"boxoffice/internal/caller"
	"boxoffice/internal/user/session"
	"boxoffice/internal/userapi"
)

// A session carries whose address it is and whether that was proved, on every
// node at once or within a second, whatever changes it.
func TestCallersCarryTheirAddress(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	m, other := w.mails(), w.node(t)
	look := func(token string) caller.Caller {
		t.Helper()
		here, err := w.Authenticate(ctx, token)
		if err != nil {
			t.Fatal(err)
		}
		w.pass(session.TrustFor)
		if err := other.sessions.Poll(ctx); err != nil {
			t.Fatal(err)
		}
		if there, err := other.Authenticate(ctx, token); err != nil || there != here {
			t.Fatalf("here %+v, there %+v %v", here, there, err)
		}
		return here
	}
	u := w.signUp(t, "kim@example.org")
	_, link := w.last(t, m, u.Email)
	token := w.logIn(t, u.Email)
	before := look(token)
	if before.Verified || before.Email == (caller.EmailKey{}) {
		t.Fatalf("after sign-up: %+v", before)
	}
	if _, err := w.Verify(ctx, before, link); err != nil {
		t.Fatal(err)
	}
	after := look(token)
	if !after.Verified || after.Email != before.Email {
		t.Errorf("after verification: %+v", after)
	}
	moved := "kim@example.net"
	if _, err := w.Update(ctx, after, u.ID, 0, userapi.Change{Email: &moved, CurrentPassword: goodPassword}); err != nil {
		t.Fatal(err)
	}
	if now := look(token); now.Verified || now.Email == before.Email || now.Email == (caller.EmailKey{}) {
		t.Errorf("after a move: %+v", now)
	}

	v, err := w.EnterVisitor(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	nobody := look(v.Token)
	if nobody.Verified || nobody.Email != (caller.EmailKey{}) {
		t.Errorf("a visitor: %+v", nobody)
	}
	if _, err := w.SetContact(ctx, nobody, "Kim", "kim@example.org"); err != nil {
		t.Fatal(err)
	}
	if now := look(v.Token); now.Verified || now.Email != before.Email {
		t.Errorf("a visitor with an address: %+v", now)
	}
}

// No account has the role of our own jobs, whatever its row says.
func TestNoAccountIsTheSystem(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	fans, err := w.CreateFans(ctx, 1, caller.System.Role, false)
	if err != nil {
		t.Fatal(err)
	}
	who, err := w.Authenticate(ctx, fans[0].Token)
	if err != nil || who.IsSystem() || who.Administers() {
		t.Errorf("%+v %v", who, err)
	}
}

func TestNormalEmail(t *testing.T) {
	for given, want := range map[string]string{
		" Kim@Example.ORG ":             "kim@example.org",
		"kim@EXAMPLE.org":               "kim@example.org",
		"Jürgen@example.org":            "jürgen@example.org",
		"ju\u0308rgen@example.org":      "jürgen@example.org", // NFD
		"JU\u0308RGEN@example.org":      "jürgen@example.org",
		"kim@münchen.example":           "kim@xn--mnchen-3ya.example",
		"kim@mu\u0308nchen.example":     "kim@xn--mnchen-3ya.example",
		"kim@MÜNCHEN.example":           "kim@xn--mnchen-3ya.example",
		"kim@xn--mnchen-3ya.example":    "kim@xn--mnchen-3ya.example",
		"kim@XN--MNCHEN-3YA.example":    "kim@xn--mnchen-3ya.example",
		"kim@münchen。example":           "kim@xn--mnchen-3ya.example", // an ideographic full stop
		"kim@ｅｘａｍｐｌｅ.org":               "kim@example.org",            // full width
		"kim@straße.example":            "kim@xn--strae-oqa.example",
		"kim+tickets@example.org":       "kim+tickets@example.org",
		"k\u200bim@example.org":         "", // zero width
		"kim\u2028@example.org":         "",
		"kim@exa\u00admple.org":         "kim@example.org", // a soft hyphen, which domains ignore
		"kim@-example.org":              "",
		"kim@example..org":              "",
		"kim@localhost":                 "",
		"kim@localhost。":                "", // the root, written as one may write dots
		"kim@example.org.":              "",
		"kim@example.org。":              "",
		"kim@example.org．":              "",
		"kim@xn--a.example":             "",
		"kim@" + longLabel + ".example": "",
		longLabel + "kim@example.org":   "",
		"":                              "",
	} {
		got, reason := NormalEmail(given)
		if got != want || reason.None() != (want != "") {
			t.Errorf("%q: %q (%s), want %q", given, got, reason.Text, want)
		}
		if again, _ := NormalEmail(got); want != "" && again != got {
			t.Errorf("%q, and again %q", got, again)
		}
	}
}

const longLabel = "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg"

// However somebody writes their address, it is the same: when they sign up, log
// in, come as a guest, change it or are looked for, and where limits count.
func TestAddressesAreTheSameHoweverWritten(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	m := w.mails()
	const normal = "jürgen@xn--mnchen-3ya.example"
	ways := []string{normal, "Ju\u0308rgen@mu\u0308nchen.example", "JÜRGEN@MÜNCHEN.EXAMPLE", "jürgen@xn--MNCHEN-3ya.example"}
	u := w.member(t, ways[1])
	guest, err := w.EnterGuest(ctx, "J", ways[2], "")
	if err != nil {
		t.Fatal(err)
	}
	who, err := w.Authenticate(ctx, guest.Token)
	if err != nil || who.Email != w.emailKey(normal) || u.Email != normal {
		t.Fatalf("%+v %v %q", who, err, u.Email)
	}
	if _, code := w.last(t, m, normal); code == "" {
		t.Error("no code was mailed")
	}
	for _, way := range ways {
		if w.emailKey(way) != who.Email {
			t.Errorf("%q has another key", way)
		}
		w.logIn(t, way)
		if found, err := w.ByEmail(ctx, way); err != nil || len(found) != 2 || found[0] != u.ID {
			t.Errorf("%q: found %v %v", way, found, err)
		}
		w.pass(mailPause)
		before := len(m.sent)
		if err := w.ForgotPassword(ctx, way); err != nil {
			t.Error(err)
		}
		if w.settle(t); len(m.sent) != before+1 || m.sent[before].to != normal {
			t.Errorf("%q: no mail", way)
		}
		got, err := w.Update(ctx, as(u), u.ID, 0, userapi.Change{Email: &way})
		if err != nil || got.Email != normal || !got.Verified {
			t.Errorf("%q is a change: %+v %v", way, got, err)
		}
		if _, err := w.CreateUser(ctx, way, "J", goodPassword, caller.Admin); !is(err, "account-exists") {
			t.Errorf("%q: %v", way, err)
		}
		if _, again, err := w.EnsureAccount(ctx, way, "J", caller.Customer); err != nil || again == "" {
			t.Error(err)
		} else if err := w.db.Write(ctx, func(tx *sql.Tx) error { // the password of this test again
			_, err := tx.ExecContext(ctx, `UPDATE users SET password_hash = $1 WHERE id = $2`, u.hash, u.ID)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// Accounts of a time when addresses were kept as they were typed are brought into
// the one form. Of two that are the same then, the verified one has it; the other
// is not lost: it signs in as before, and counts for the same person.
func TestOldAddressesAreNormalized(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	verified, older, alone := w.member(t, "a@example.org"), w.member(t, "b@example.org"), w.member(t, "c@example.org")
	guest, err := w.EnterGuest(ctx, "G", "d@example.org", "")
	if err != nil {
		t.Fatal(err)
	}
	const nfd, uLabel, third = "ju\u0308rgen@example.org", "kim@münchen.example", "jürgen@example.org"
	err = w.db.Write(ctx, func(tx *sql.Tx) error {
		for _, one := range []struct {
			text, address, id string
		}{
			{`UPDATE users SET email = $1, email_verified = FALSE, created_at = 1 WHERE id = $2`, third, older.ID},
			{`UPDATE users SET email = $1 WHERE id = $2`, nfd, verified.ID},
			{`UPDATE users SET email = $1 WHERE id = $2`, uLabel, alone.ID},
			{`UPDATE users SET contact = $1, guest_email = $1, role = 'customer', email_verified = TRUE WHERE id = $2`, uLabel, guest.Account.ID},
		} {
			if _, err := tx.ExecContext(ctx, one.text, one.address, one.id); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM user_upgrades`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // also when it is done already
		w.node(t)
	}
	for given, want := range map[string]string{uLabel: alone.ID, nfd: verified.ID, "kim@xn--mnchen-3ya.example": alone.ID} {
		if _, _, u, err := w.enter(ctx, given, goodPassword); err != nil || u.ID != want {
			t.Errorf("%q: %+v %v", given, u, err)
		}
	}
	// The unverified one had the normal form before: it gives the address still, and both count as one.
	for _, one := range []record{verified, older} {
		u, err := w.get(ctx, one.ID)
		if err != nil || u.Email != third || u.Verified != (one.ID == verified.ID) || w.emailKey(u.Email) != w.emailKey(nfd) {
			t.Errorf("%+v %v", u, err)
		}
	}
	if g, err := w.guestOf(ctx, "kim@xn--mnchen-3ya.example"); err != nil || g.ID != guest.Account.ID {
		t.Errorf("%+v %v", g, err)
	}
}
