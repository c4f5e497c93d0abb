package user

import (
	"testing"

	"boxoffice/internal/message"
)

// A session carries whose address it is and whether that was proved, on every
// node at once or within a second, whatever changes it.
func TestCallersCarryTheirAddress(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	m, other := w.mails(), w.node(t)
	look := func(token string) message.Caller {
		t.Helper()
		here, err := w.Authenticate(ctx, token)
		if err != nil {
			t.Fatal(err)
		}
		w.pass(trustFor)
		if err := other.sessions.poll(ctx); err != nil {
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
	if before.Verified || before.Email == (message.EmailKey{}) {
		t.Fatalf("after sign-up: %+v", before)
	}
	if _, err := w.Verify(ctx, link); err != nil {
		t.Fatal(err)
	}
	after := look(token)
	if !after.Verified || after.Email != before.Email {
		t.Errorf("after verification: %+v", after)
	}
	moved := "kim@example.net"
	if _, err := w.Update(ctx, after, u.ID, 0, Change{Email: &moved, CurrentPassword: goodPassword}); err != nil {
		t.Fatal(err)
	}
	if now := look(token); now.Verified || now.Email == before.Email || now.Email == (message.EmailKey{}) {
		t.Errorf("after a move: %+v", now)
	}

	v, err := w.EnterVisitor(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	nobody := look(v.Token)
	if nobody.Verified || nobody.Email != (message.EmailKey{}) {
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
	fans, err := w.CreateFans(ctx, 1, message.System.Role)
	if err != nil {
		t.Fatal(err)
	}
	who, err := w.Authenticate(ctx, fans[0].Token)
	if err != nil || who.IsSystem() || who.Administers() {
		t.Errorf("%+v %v", who, err)
	}
}
