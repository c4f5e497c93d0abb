package user

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/patience"
	"boxoffice/internal/userapi"
)

// Strangers who sign up with an address themselves, before its owner or after,
// get no more guesses at the owner's account than others, and do not lock it.
func TestStrangersAtASharedAddress(t *testing.T) {
	for name, first := range map[string]bool{"the owner first": false, "a stranger first": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			const theirs = "a phrase of a stranger"
			sign := func(ctx context.Context, password string) {
				if _, err := w.SignUp(ctx, userapi.NewAccount{Email: "ann@example.org", Name: "Ann", Password: password}); err != nil {
					t.Fatal(err)
				}
			}
			enter := func(ctx context.Context, password string) error {
				_, _, err := w.Login(ctx, userapi.Credentials{Name: "ann@example.org", Password: password})
				return err
			}
			home, at := from{t.Context(), "192.0.2.1"}, func(n int) from { return from{t.Context(), fmt.Sprint("203.0.113.", n)} }
			last := at(250)
			if first {
				sign(last, theirs)
				w.pass(time.Second)
			}
			sign(home, goodPassword)
			w.pass(time.Second)
			if err := enter(home, goodPassword); err != nil {
				t.Fatal(err)
			}
			if !first {
				sign(last, theirs)
			}
			if err := enter(last, theirs); err != nil {
				t.Fatal(err)
			}
			for n := range maxStrangers/maxFailures + 1 {
				if !first { // the newest of many is picked
					sign(at(n), theirs)
				}
				for i := range maxFailures {
					if !first && i%(maxFailures-1) == 0 {
						_ = enter(at(n), theirs)
					}
					_ = enter(at(n), "a guess of mine")
				}
				if err := enter(at(n), goodPassword); err == nil {
					t.Fatalf("network %d has more than %d guesses", n, maxFailures)
				}
			}
			if err := enter(last, theirs); err != nil {
				t.Errorf("a stranger's own account: %v", err)
			}
			if err := enter(last, goodPassword); err == nil {
				t.Errorf("all networks have more than %d guesses", maxStrangers)
			}
			if err := enter(home, goodPassword); err != nil {
				t.Errorf("the owner is locked out: %v", err)
			}
		})
	}
}

// Wrong passwords from elsewhere do not lock the owner out: not from a network
// that they have signed in from, and from a new one only while very many are tried.
func TestStrangersDoNotLockOut(t *testing.T) {
	w := newWorld(t)
	u := w.member(t, "ann@example.org")
	home, away := from{t.Context(), "192.0.2.1"}, from{t.Context(), "192.0.2.2"}
	enter := func(ctx context.Context, password string) error {
		_, _, err := w.Login(ctx, userapi.Credentials{Name: u.Email, Password: password})
		return err
	}
	if err := enter(home, goodPassword); err != nil {
		t.Fatal(err)
	}
	stranger := func(n int) from { return from{t.Context(), fmt.Sprint("203.0.113.", n)} }
	for n := range maxStrangers / maxFailures {
		for range maxFailures {
			if err := enter(stranger(n), "a guess of mine"); !is(err, "wrong-password") {
				t.Fatal(err)
			}
		}
		if err := enter(stranger(n), goodPassword); !is(err, "too-many-attempts") {
			t.Errorf("after ten wrong ones: %v", err)
		}
		if n == 0 {
			if err := enter(away, goodPassword); err != nil {
				t.Errorf("the owner, from elsewhere: %v", err)
			}
		}
	}
	if err := enter(stranger(200), "a guess of mine"); !is(err, "too-many-attempts") {
		t.Errorf("a hundred wrong ones, and no limit: %v", err)
	}
	for name, known := range map[string]from{"home": home, "away, once": away} {
		if err := enter(known, goodPassword); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The owner's own mistakes count for their network only.
	for range maxFailures {
		if err := enter(home, "a typo"); !is(err, "wrong-password") {
			t.Fatal(err)
		}
	}
	if err := enter(home, goodPassword); !is(err, "too-many-attempts") {
		t.Error(err)
	}
	if err := enter(away, goodPassword); err != nil {
		t.Error(err)
	}
}

// A new password by mail lifts a lock, on all nodes.
func TestAResetLiftsALock(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	m, other := w.mails(), w.node(t)
	u := w.member(t, "ann@example.org")
	for _, s := range []*Service{w.Service, other} {
		for range maxFailures {
			if _, _, _, err := s.enter(ctx, u.Email, "a guess of mine"); !is(err, "wrong-password") {
				t.Fatal(err)
			}
		}
		if _, _, _, err := s.enter(ctx, u.Email, goodPassword); !is(err, "too-many-attempts") {
			t.Fatal(err)
		}
	}
	if err := w.ForgotPassword(ctx, u.Email); err != nil {
		t.Fatal(err)
	}
	_, token := w.last(t, m, u.Email)
	if err := w.ResetPassword(ctx, token, "another horse battery"); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*Service{w.Service, other} {
		if _, _, _, err := s.enter(ctx, u.Email, "another horse battery"); err != nil {
			t.Error(err)
		}
	}
}

// Every check of a secret has the limit that log-in has.
func TestEverySecretIsLimited(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	wrong := "wrong horse battery"
	mail := "new@example.org"
	for name, try := range map[string]func(u record) error{
		"switching two factors off: password": func(u record) error { return w.EndTwoFactor(ctx, as(u), u.ID, wrong, "000000") },
		"switching two factors off: code":     func(u record) error { return w.EndTwoFactor(ctx, as(u), u.ID, goodPassword, "000000") },
		"beginning with two factors": func(u record) error {
			_, err := w.BeginTwoFactor(ctx, as(u), u.ID, wrong)
			return err
		},
		"deleting the account": func(u record) error { return w.Delete(ctx, as(u), u.ID, 0, wrong) },
		"another address": func(u record) error {
			_, err := w.Update(ctx, as(u), u.ID, 0, userapi.Change{Email: &mail, CurrentPassword: wrong})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			u := w.member(t, fmt.Sprintf("u%d@example.org", len(name)))
			if strings.HasPrefix(name, "switching") {
				x, err := w.BeginTwoFactor(ctx, as(u), u.ID, goodPassword)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := w.ConfirmTwoFactor(ctx, as(u), u.ID, w.appCode(t, x.Secret)); err != nil {
					t.Fatal(err)
				}
			}
			for n := range maxFailures {
				if err := try(u); errs.KindOf(err) != errs.Invalid {
					t.Fatalf("try %d: %v", n, err)
				}
			}
			if err := try(u); errs.KindOf(err) != errs.TooMany {
				t.Errorf("one more: %v", err)
			}
		})
	}
	t.Run("confirming two factors", func(t *testing.T) {
		u := w.member(t, "c@example.org")
		if _, err := w.BeginTwoFactor(ctx, as(u), u.ID, goodPassword); err != nil {
			t.Fatal(err)
		}
		for range maxFailures {
			if _, err := w.ConfirmTwoFactor(ctx, as(u), u.ID, "000000"); errs.KindOf(err) != errs.Invalid {
				t.Fatal(err)
			}
		}
		if _, err := w.ConfirmTwoFactor(ctx, as(u), u.ID, "000000"); errs.KindOf(err) != errs.TooMany {
			t.Error(err)
		}
	})
}

// What was typed as a name is not kept, however long it is.
func TestLongNamesAreNotKept(t *testing.T) {
	w := newWorld(t)
	name := strings.Repeat("x", 60<<10)
	if _, _, _, err := w.enter(t.Context(), name, "a guess of mine"); !is(err, "wrong-password") {
		t.Fatal(err)
	}
	for key := range w.throttle.tries {
		if len(key) > 16 {
			t.Errorf("a key of %d bytes", len(key))
		}
	}
	if len(w.throttle.tries) == 0 {
		t.Error("the failure was not counted")
	}
}

// Whoever signs up with an address, too, does not clear the count of the account that had it
// first by signing in to their own.
func TestOwnPasswordClearsTheCount(t *testing.T) {
	for _, verified := range []bool{false, true} {
		w := newWorld(t)
		if verified {
			w.member(t, "ann@example.org")
		} else if _, err := w.SignUp(t.Context(), userapi.NewAccount{Email: "ann@example.org", Name: "Ann", Password: goodPassword}); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Second) // who came first has the count
		at := from{t.Context(), "203.0.113.1"}
		if _, err := w.SignUp(at, userapi.NewAccount{Email: "ann@example.org", Name: "Eve", Password: "a strangers own phrase 77"}); err != nil {
			t.Fatal(err)
		}
		guesses := 0
		for range 60 {
			if _, _, err := w.Login(at, userapi.Credentials{Name: "ann@example.org", Password: "a guess of mine"}); is(err, "wrong-password") {
				guesses++
			}
			if guesses%9 == 0 {
				_, _, _ = w.Login(at, userapi.Credentials{Name: "ann@example.org", Password: "a strangers own phrase 77"})
			}
		}
		if guesses > maxFailures {
			t.Errorf("verified %v: %d guesses from one network in no time, at most %d", verified, guesses, maxFailures)
		}
	}
}

// However many names an account has, and however many accounts give its address,
// there are as many guesses at it from one network, at once or one by one. That they
// are used up is said of the name alone that they were made with, as it would be of
// one that is nobody's.
func TestGuessesCountForTheAccount(t *testing.T) {
	const mail, name = "ann@example.org", "ann-smith"
	for how, sign := range map[string]func(t *testing.T, w *world) userapi.Account{
		"verified": func(t *testing.T, w *world) userapi.Account {
			username := name
			u, err := w.Update(t.Context(), caller.System, w.member(t, mail).ID, 0, userapi.Change{Username: &username})
			if err != nil {
				t.Fatal(err)
			}
			return u
		},
		"given by others, too": func(t *testing.T, w *world) userapi.Account {
			if _, err := w.SignUp(t.Context(), userapi.NewAccount{Email: mail, Name: "Eve", Password: "a strangers own phrase 77"}); err != nil {
				t.Fatal(err)
			}
			w.pass(time.Second)
			u, err := w.SignUp(t.Context(), userapi.NewAccount{Email: mail, Username: name, Name: "Ann", Password: goodPassword})
			if err != nil {
				t.Fatal(err)
			}
			return u
		},
	} {
		for _, names := range [][2]string{{mail, name}, {name, mail}} {
			t.Run(how+" by "+names[0], func(t *testing.T) {
				w := newWorld(t)
				sign(t, w)
				at := from{t.Context(), "203.0.113.1"}
				try := func(name, password string) string {
					if _, _, err := w.Login(at, userapi.Credentials{Name: name, Password: password}); err != nil {
						return errs.Of(err).Type
					}
					return "signed in"
				}
				w.pass(time.Second)
				var wg sync.WaitGroup
				for i := range maxFailures {
					wg.Go(func() { try(names[i%2], "a guess of mine") })
				}
				wg.Wait()
				for _, name := range names {
					if got := try(name, goodPassword); got != "wrong-password" {
						t.Errorf("%s, the right password after %d guesses: %q", name, maxFailures, got)
					}
				}
				w.pass(failWindow)
				for _, name := range names {
					if _, _, err := w.Login(at, userapi.Credentials{Name: name, Password: goodPassword}); err != nil {
						t.Errorf("%s, later: %v", name, err)
					}
				}
				var known, nobodys []string
				for _, list := range []struct {
					names [2]string
					told  *[]string
				}{{names, &known}, {[2]string{"nobody@example.org", "nobody-at-all"}, &nobodys}} {
					for i := range 3 * maxFailures {
						*list.told = append(*list.told, try(list.names[i/(maxFailures+2)%2], "a guess of mine"))
					}
				}
				if !slices.Equal(known, nobodys) {
					t.Errorf("an account's: %v\nnobody's: %v", known, nobodys)
				}
			})
		}
	}
}

// A panic while an attempt begins keeps nobody else from trying.
func TestPanicBeforeAnAttempt(t *testing.T) {
	var th throttle
	of := target("ann", "")
	calm := func() (map[string]bool, error) { return nil, nil }
	a := attempt{of: target("?ann", ""), accounts: map[tryKey]string{of: "ann"}, knowing: calm, now: time.Now}
	for n := range maxStrangers {
		a.network = fmt.Sprint(n)
		tn, err := th.begin(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		tn.end(failed, "")
	}
	a.network = "another"
	a.knowing = func() (map[string]bool, error) { panic("a fault") }
	for range 2 {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			ctx, cancel := context.WithTimeout(t.Context(), patience.Long)
			defer cancel()
			_, err := th.begin(ctx, a)
			t.Error(err)
		}()
	}
}
