package user

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"boxoffice/internal/errs"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/user/session"
	"boxoffice/internal/userapi"
)

// The chance of guessing an address's code in two hours from a thousand client
// addresses, by the limits: of wrong codes for an address, and, as if there were
// none, of attempts to come in, thirty at once and thirty a minute to each client.
func TestGuessingCodesIsHopeless(t *testing.T) {
	const clients, minutes, entryAtOnce, entryPerMinute = 1000, 120, 30, 30
	codes := math.Pow(32, codeLen)
	hours := minutes*time.Minute/mailHour + 1 // counts of an hour that two hours touch
	for name, guesses := range map[string]float64{
		"by address": float64(hours) * triesAnHour,
		"by client":  clients * (entryAtOnce + entryPerMinute*minutes),
	} {
		if chance := guesses / codes; chance >= 1e-6 {
			t.Errorf("%s: one in %.0f", name, 1/chance)
		}
	}
	w := newWorld(t)
	form := regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{9}$`)
	seen := map[string]bool{}
	for range 100 {
		var m mailbox
		code, left := w.renewCode(&m, "a@example.org")
		if !form.MatchString(code) || seen[code] || left != codeLife {
			t.Fatalf("%q, good for %v", code, left)
		}
		seen[code] = true
	}
}

// mailbox reads what counts for an address.
func (w *world) mailbox(t testing.TB, address string) (m mailbox) {
	t.Helper()
	err := w.db.Write(t.Context(), func(tx *sql.Tx) (err error) {
		m, err = w.readMailbox(t.Context(), tx, address)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Wrong codes, codes and mails count for the address, whichever guest's account
// asks and on whatever node.
func TestCodesCountByAddress(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	m, other := w.mails(), w.node(t)
	other.notices = m
	nodes := []*Service{w.Service, other}
	const mail = "gus@example.org"
	var guests []userapi.Account
	for i := range 4 {
		g, err := nodes[i%2].EnterGuest(ctx, "Gus", []string{mail, "GUS@Example.ORG"}[i%2], "")
		if err != nil {
			t.Fatal(err)
		}
		guests = append(guests, g.Account)
	}
	_, code := w.last(t, m, mail)
	if len(m.sent) != 1 {
		t.Fatalf("%d codes mailed within a minute", len(m.sent))
	}
	for i, g := range guests {
		if _, err := nodes[i%2].VerifyCode(ctx, as(g), "000-000-000", ""); errs.KindOf(err) != errs.Invalid {
			t.Error(err)
		}
	}
	if got := w.mailbox(t, mail).tries; got != int64(len(guests)) {
		t.Errorf("%d wrong codes were counted", got)
	}
	// The same code again while it is good, and at most so many mails an hour.
	for range 2 * mailsAnHour {
		w.pass(mailPause)
		if err := other.ResendCode(ctx, as(guests[1])); err != nil {
			t.Fatal(err)
		}
		if _, again := w.last(t, m, mail); again != code {
			t.Fatalf("%s, then %s", code, again)
		}
	}
	if len(m.sent) != mailsAnHour {
		t.Errorf("%d mails in an hour", len(m.sent))
	}
	// When no more codes are tried the right one is not, either; an hour later all is new.
	err := w.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE mailboxes SET tries = $1`, triesAnHour)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.VerifyCode(ctx, as(guests[3]), code, ""); errs.KindOf(err) != errs.TooMany {
		t.Error(err)
	}
	w.pass(mailHour)
	if _, err := w.VerifyCode(ctx, as(guests[2]), code, ""); !is(err, "code-expired") {
		t.Error(err)
	}
	if err := w.ResendCode(ctx, as(guests[2])); err != nil {
		t.Fatal(err)
	}
	_, next := w.last(t, m, mail)
	if next == code {
		t.Error("a code that has expired was mailed")
	}
	// As people type it, by any of the accounts.
	x, err := w.VerifyCode(ctx, as(guests[0]), " "+strings.ToLower(strings.NewReplacer("-", " ", "0", "o", "1", "l").Replace(next)), "")
	if err != nil || !x.Account.Verified {
		t.Errorf("%+v %v", x, err)
	}
	if _, err := w.VerifyCode(ctx, as(guests[3]), next, ""); !is(err, "code-expired") {
		t.Errorf("a code twice: %v", err)
	}
}

// A guest has one session, also after the code; the one before still answers for
// a moment, for forms that are sent twice.
func TestAGuestHasOneSession(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	m := w.mails()
	g, err := w.EnterGuest(ctx, "Gus", "g@example.org", "")
	if err != nil {
		t.Fatal(err)
	}
	_, code := w.last(t, m, "g@example.org")
	x, err := w.VerifyCode(ctx, as(g.Account), code, "")
	if err != nil {
		t.Fatal(err)
	}
	list, err := w.Sessions(ctx, as(x.Account), x.Account.ID, "")
	if err != nil || len(list) != 1 {
		t.Errorf("%d sessions, %v", len(list), err)
	}
	if _, err := w.Authenticate(ctx, g.Token); err != nil {
		t.Errorf("at once: %v", err)
	}
	w.pass(session.Overlap)
	if _, err := w.Authenticate(ctx, g.Token); !is(err, "bad-token") {
		t.Errorf("later: %v", err)
	}
	if _, err := w.Authenticate(ctx, x.Token); err != nil {
		t.Error(err)
	}
}

// The session that a guest's new one replaces ends with it, although it would still
// answer for a moment.
func TestLogoutEndsTheSessionBefore(t *testing.T) {
	for name, end := range map[string]func(w *world, x userapi.Session) error{
		"log-out": func(w *world, x userapi.Session) error { return w.Logout(t.Context(), x.Token) },
		"by id": func(w *world, x userapi.Session) error {
			list, err := w.Sessions(t.Context(), as(x.Account), x.Account.ID, "")
			if err != nil || len(list) != 1 {
				t.Fatalf("%v %v", list, err)
			}
			return w.EndSessions(t.Context(), as(x.Account), x.Account.ID, list[0].ID, "")
		},
	} {
		ctx, w := t.Context(), newWorld(t)
		m := w.mails()
		g, err := w.EnterGuest(ctx, "Gus", "g@example.org", "")
		if err != nil {
			t.Fatal(err)
		}
		_, code := w.last(t, m, "g@example.org")
		x, err := w.VerifyCode(ctx, as(g.Account), code, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Authenticate(ctx, g.Token); err != nil {
			t.Fatal(err)
		}
		if err := end(w, x); err != nil {
			t.Fatal(err)
		}
		for _, token := range []string{x.Token, g.Token} {
			if _, err := w.Authenticate(ctx, token); !is(err, "bad-token") {
				t.Errorf("%s: a session goes on: %v", name, err)
			}
		}
	}
}

// Whoever has an order's link and reads its owner's mail signs in as the owner, if
// that is a guest.
func TestEnterByCode(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	m := w.mails()
	g, err := w.EnterGuest(ctx, "Gus", "g@example.org", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.MailOrderCode(ctx, g.Account.ID); !is(err, "sign-in-required") {
		t.Errorf("before the address is verified: %v", err)
	}
	_, code := w.last(t, m, "g@example.org")
	if _, err := w.VerifyCode(ctx, as(g.Account), code, ""); err != nil {
		t.Fatal(err)
	}
	w.pass(24 * time.Hour)
	if _, err := w.EnterByCode(ctx, g.Account.ID, code, ""); !is(err, "code-expired") {
		t.Error(err)
	}
	if err := w.MailOrderCode(ctx, g.Account.ID); err != nil {
		t.Fatal(err)
	}
	_, code = w.last(t, m, "g@example.org")
	if _, err := w.EnterByCode(ctx, g.Account.ID, "000-000-000", ""); errs.KindOf(err) != errs.Invalid {
		t.Error(err)
	}
	x, err := w.EnterByCode(ctx, g.Account.ID, code, "")
	if err != nil || x.Account.ID != g.Account.ID {
		t.Fatalf("%+v %v", x, err)
	}
	member := w.member(t, "ann@example.org")
	if _, err := w.EnterByCode(ctx, member.ID, code, ""); !is(err, "sign-in-required") {
		t.Errorf("past a password: %v", err)
	}
}

// flaky is a Notification Service that is out of order until it is mended.
type flaky struct {
	inbox
	broken bool
}

func (f *flaky) Notify(ctx context.Context, list []notifyapi.Notice) error {
	f.mu.Lock()
	broken := f.broken
	f.mu.Unlock()
	if broken {
		return errors.New("no notification service")
	}
	return f.inbox.Notify(ctx, list)
}

// Mails that were promised are sent, even if the Notification Service is out of order and
// the node that promised them is gone.
func TestPromisedMailsAreSent(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	post := &flaky{broken: true}
	w.notices = post
	u := w.member(t, "ann@example.org")
	w.signUp(t, "bob@example.org")
	if err := w.ForgotPassword(ctx, u.Email); err != nil {
		t.Fatal(err)
	}
	if _, err := w.EnterGuest(ctx, "Gus", "gus@example.org", ""); err != nil {
		t.Fatal(err)
	}
	for range 3 { // it is tried, and fails
		if err := w.runMails(ctx); err != nil {
			t.Fatal(err)
		}
		w.pass(mailAgain)
	}
	post.broken = false
	next := w.node(t)
	next.notices = post
	for range 8 {
		if err := next.runMails(ctx); err != nil {
			t.Fatal(err)
		}
		w.pass(4 * mailAgain)
	}
	got := map[string]int{}
	for _, sent := range post.sent {
		got[sent.to]++
	}
	// Ann's sign-up needs no mail any more when it is tried: her address is confirmed.
	if got["ann@example.org"] != 1 || got["bob@example.org"] != 1 || got["gus@example.org"] != 1 {
		t.Errorf("%v", got)
	}
}

// Several nodes hand mails over together: each mail once.
func TestMailsAreSentOnce(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	m, other := w.mails(), w.node(t)
	other.notices = m
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			if _, err := []*Service{w.Service, other}[i%2].EnterGuest(ctx, "Gus", string(rune('a'+i%26))+string(rune('a'+i/26))+"@example.org", ""); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	w.settle(t)
	got := map[string]int{}
	for _, sent := range m.sent {
		got[sent.to]++
	}
	for to, n := range got {
		if n != 1 {
			t.Errorf("%s got %d mails", to, n)
		}
	}
	if len(got) != 40 {
		t.Errorf("%d of 40 got mail", len(got))
	}
}
