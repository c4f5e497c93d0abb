package user

import (
	"bytes"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	"boxoffice/internal/errs"
	"boxoffice/internal/userapi"
)

// A code or a link proves the address that it was mailed to, and no other that the
// account has come to give meanwhile.
func TestProofIsOfItsAddress(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	w.mails()
	stranger := w.signUp(t, "mallory@example.org")
	read, err := w.get(ctx, stranger.ID) // a mail that is about to be written has read this
	if err != nil {
		t.Fatal(err)
	}
	victim := "dora@example.org"
	if _, err := w.Update(ctx, as(stranger), stranger.ID, 0, userapi.Change{Email: &victim, CurrentPassword: goodPassword}); err != nil {
		t.Fatal(err)
	}
	for _, mail := range []func() error{
		func() error { return w.mailVerification(ctx, &dueMail{id: "m"}, &read) },
		func() error { _, err := w.newLink(ctx, read.ID, read.Email, toReset, resetLife); return err },
	} {
		err := mail()
		if !errs.Is(err, "address-changed") {
			t.Errorf("a link to the address of before: %v", err)
		}
		var logged bytes.Buffer
		w.log = slog.New(slog.NewTextHandler(&logged, nil))
		if over := w.failed(ctx, &dueMail{tries: 1}, err); over || logged.Len() > 0 {
			t.Errorf("given up: %v; logged: %s", over, &logged)
		}
		if over := w.failed(ctx, &dueMail{tries: mailTries}, err); !over || logged.Len() == 0 {
			t.Errorf("after the last try, given up: %v; logged: %q", over, &logged)
		}
	}

	for i := range 20 { // at once, in whichever order
		mine, other := fmt.Sprintf("mallory%d@example.org", i), fmt.Sprintf("dora%d@example.org", i)
		u := w.signUp(t, mine)
		code, _, err := w.issueCode(ctx, mine)
		if err != nil {
			t.Fatal(err)
		}
		var both sync.WaitGroup
		both.Go(func() { _, _ = w.VerifyCode(ctx, as(u), code, "") })
		both.Go(func() {
			_, _ = w.Update(ctx, as(u), u.ID, 0, userapi.Change{Email: &other, CurrentPassword: goodPassword})
		})
		both.Wait()
		if got, err := w.get(ctx, u.ID); err != nil || got.Verified && got.Email == other {
			t.Fatalf("%s is verified by the code of %s: %v", got.Email, mine, err)
		}
	}
}
