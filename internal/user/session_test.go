package user

import (
	"crypto/sha256"
	"database/sql"
	"sync"
	"testing"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/id"
	"boxoffice/internal/user/session"
	"boxoffice/internal/userapi"
)

func TestSessionsEnd(t *testing.T) {
	pass, admin := "another horse battery", caller.Caller{UserID: "root", Role: caller.Admin}
	yes := true
	for _, c := range []struct {
		name string
		end  func(w *world, u record, token string) error
	}{
		{"log-out", func(w *world, _ record, token string) error { return w.Logout(t.Context(), token) }},
		{"password", func(w *world, u record, _ string) error {
			_, err := w.Update(t.Context(), caller.Caller{UserID: u.ID}, u.ID, 0, userapi.Change{Password: &pass, CurrentPassword: goodPassword})
			return err
		}},
		{"disabled", func(w *world, u record, _ string) error {
			_, err := w.Update(t.Context(), admin, u.ID, 0, userapi.Change{Disabled: &yes})
			return err
		}},
		{"deleted", func(w *world, u record, _ string) error { return w.Delete(t.Context(), admin, u.ID, 0, "") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			u := w.signUp(t, "ann@example.org")
			token := w.logIn(t, u.Email)
			other := w.node(t)
			for _, s := range []*Service{w.Service, other} {
				if err := s.sessions.Poll(t.Context()); err != nil {
					t.Fatal(err)
				}
				if who, err := s.Authenticate(t.Context(), token); err != nil || who.UserID != u.ID {
					t.Fatalf("%+v %v", who, err)
				}
			}
			if err := c.end(w, u, token); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Authenticate(t.Context(), token); !is(err, "bad-token") {
				t.Errorf("here it goes on: %v", err)
			}
			w.pass(session.TrustFor - 1)
			if _, err := other.Authenticate(t.Context(), token); err != nil {
				t.Errorf("elsewhere it is not trusted for a second: %v", err)
			}
			w.pass(1)
			if err := other.sessions.Poll(t.Context()); err != nil { // it hears that a session has ended
				t.Fatal(err)
			}
			if _, err := other.Authenticate(t.Context(), token); !is(err, "bad-token") {
				t.Errorf("elsewhere it goes on after a second: %v", err)
			}
		})
	}
}

// A session that is deleted behind the service's back is found gone by a look
// only, and so tells whether there was one.
func TestTrust(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	fans, err := w.CreateFans(ctx, 1, caller.Customer, false)
	if err != nil {
		t.Fatal(err)
	}
	token := fans[0].Token
	ask := func() bool { _, err := w.Authenticate(ctx, token); return err == nil }
	poll := func() {
		t.Helper()
		if err := w.sessions.Poll(ctx); err != nil {
			t.Fatal(err)
		}
	}
	exec := func(query string, args ...any) {
		t.Helper()
		err := w.db.Write(ctx, func(tx *sql.Tx) error { _, err := tx.ExecContext(ctx, query, args...); return err })
		if err != nil {
			t.Fatal(err)
		}
	}
	poll()
	if !ask() {
		t.Fatal("a live session")
	}
	exec(`DELETE FROM sessions`)
	for range 10 { // nothing has ended, as far as one hears
		w.pass(900 * time.Millisecond)
		poll()
		if !ask() {
			t.Fatal("looked again though no session has ended")
		}
	}
	w.pass(session.TrustFor) // no word for a second
	if ask() {
		t.Fatal("trusted without a word for a second")
	}
	hash := sha256.Sum256([]byte(token))
	now := time.Unix(0, w.clock.Load())
	insert := func() {
		exec(`INSERT INTO sessions (token_hash, user_id, created_at, expires_at) VALUES ($1, $2, $3, $4)`, hash[:], fans[0].UserID, now.UnixMicro(), now.Add(sessionLife).UnixMicro())
	}
	insert()
	poll()
	if !ask() {
		t.Fatal("a live session")
	}
	exec(`DELETE FROM sessions`)
	exec(`UPDATE session_epoch SET epoch = epoch + 1`)
	w.pass(session.TrustFor)
	poll()
	if ask() {
		t.Fatal("trusted though a session has ended")
	}
	insert()
	if !ask() {
		t.Fatal("a live session")
	}
	for range 24 * 3600 / 1800 {
		w.pass(30 * time.Minute)
		poll()
	}
	if ask() {
		t.Fatal("trusted beyond its end")
	}
}

// Whatever disables an account, its sessions and password are of no use.
func TestDisabled(t *testing.T) {
	w := newWorld(t)
	u := w.signUp(t, "ann@example.org")
	token := w.logIn(t, u.Email)
	err := w.db.Write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(t.Context(), `UPDATE users SET disabled = TRUE`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Authenticate(t.Context(), token); !is(err, "bad-token") {
		t.Errorf("session: %v", err)
	}
	for range maxFailures { // right guesses count as wrong ones: they tell nothing
		if _, _, _, err := w.enter(t.Context(), u.Email, goodPassword); !is(err, "wrong-password") {
			t.Fatalf("log-in: %v", err)
		}
	}
	if _, _, _, err := w.enter(t.Context(), u.Email, goodPassword); !is(err, "too-many-attempts") {
		t.Errorf("log-in: %v", err)
	}
}

// A password that changes while a log-in with the old one is under way ends it.
func TestLoginBesideChange(t *testing.T) {
	w := newWorld(t)
	u := w.signUp(t, "ann@example.org")
	old, err := w.get(t.Context(), u.ID)
	if err != nil {
		t.Fatal(err)
	}
	pass := "another horse battery"
	if _, err := w.Update(t.Context(), caller.Caller{UserID: u.ID}, u.ID, 0, userapi.Change{Password: &pass, CurrentPassword: goodPassword}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.startSession(t.Context(), old, "", sessionLife); err == nil {
		t.Error("a session from an old password")
	}
}

// Thousands of new sessions at once are each found to be their own account's.
func TestCrowd(t *testing.T) {
	w := newWorld(t)
	fans, err := w.CreateFans(t.Context(), 3000, caller.Organizer, false)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range fans {
		wg.Go(func() {
			for range 3 {
				who, err := w.Authenticate(t.Context(), fans[i].Token)
				if err != nil || who.UserID != fans[i].UserID || who.Role != caller.Organizer {
					t.Errorf("%+v %v", who, err)
				}
			}
			if _, err := w.Authenticate(t.Context(), id.Token()); !is(err, "bad-token") {
				t.Errorf("made-up token: %v", err)
			}
		})
	}
	wg.Wait()
}

func BenchmarkAuthenticate(b *testing.B) {
	w := newWorld(b)
	fans, err := w.CreateFans(b.Context(), 10_000, caller.Customer, false)
	if err != nil {
		b.Fatal(err)
	}
	ctx := b.Context()
	b.Run("trusted", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := w.Authenticate(ctx, fans[0].Token); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("looked-up", func(b *testing.B) { // 256 at a time
		b.SetParallelism(128)
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				w.pass(time.Millisecond)
				if _, err := w.Authenticate(ctx, fans[i%len(fans)].Token); err != nil {
					b.Error(err)
				}
			}
		})
	})
}

func BenchmarkCreateFans(b *testing.B) {
	w := newWorld(b)
	for b.Loop() {
		if _, err := w.CreateFans(b.Context(), 10_000, caller.Customer, false); err != nil {
			b.Fatal(err)
		}
	}
}
