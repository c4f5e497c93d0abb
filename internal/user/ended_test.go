package user

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"testing"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/userapi"
)

// provedGuest is a guest who has given the code of an address.
func (w *world) provedGuest(t *testing.T, m *inbox, mail string) (userapi.Session, error) {
	t.Helper()
	guest, err := w.EnterGuest(t.Context(), "Gus", mail, "")
	if err != nil {
		t.Fatal(err)
	}
	_, code := w.last(t, m, mail)
	return w.VerifyCode(t.Context(), as(guest.Account), code, "")
}

// An address whose guest was disabled says so, and is no internal error.
func TestAnAddressOfADisabledGuest(t *testing.T) {
	w := newWorld(t)
	m := w.mails()
	house := &adopting{}
	w.bookings = house
	ctx := t.Context()
	const mail = "guest@example.org"
	one, err := w.provedGuest(t, m, mail)
	if err != nil {
		t.Fatal(err)
	}
	yes, no := true, false
	if _, err := w.Update(ctx, caller.System, one.Account.ID, 0, userapi.Change{Disabled: &yes}); err != nil {
		t.Fatal(err)
	}
	house.moved = nil
	if _, err := w.provedGuest(t, m, mail); !is(err, "account-disabled") || len(house.moved) > 0 {
		t.Errorf("%v, adopted %v", err, house.moved)
	}
	if _, err := w.Update(ctx, caller.System, one.Account.ID, 0, userapi.Change{Disabled: &no}); err != nil {
		t.Fatal(err)
	}
	w.pass(2 * time.Minute)
	if again, err := w.provedGuest(t, m, mail); err != nil || again.Account.ID != one.Account.ID {
		t.Errorf("%+v %v", again.Account, err)
	}
}

// No session begins for an account that has ended meanwhile, and the error is one
// that a client can read.
func TestSessionsOfEndedAccounts(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	u := w.member(t, "ann@example.org")
	gone := u
	gone.ID = "nobody"
	if _, err := w.startSession(ctx, gone, "", sessionLife); errs.KindOf(err) != errs.Conflict {
		t.Errorf("an account that is not there: %v", err)
	}
	u.hash = "another"
	if _, err := w.startSession(ctx, u, "", sessionLife); errs.KindOf(err) != errs.Conflict {
		t.Errorf("another password: %v", err)
	}
	if _, err := w.get(ctx, "nobody"); errs.KindOf(err) != errs.NotFound {
		t.Errorf("%v", err)
	}
	err := w.db.Write(ctx, func(tx *sql.Tx) error { return w.own(ctx, tx, "nobody") })
	if errs.KindOf(err) != errs.Conflict {
		t.Errorf("an address for nobody: %v", err)
	}
}

// An account that was disabled gets no address: nobody else could have it.
func TestADisabledAccountGetsNoAddress(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	m := w.mails()
	const mail = "ann@example.org"
	bad := w.signUp(t, mail)
	_, link := w.last(t, m, mail)
	yes := true
	if _, err := w.Update(ctx, caller.System, bad.ID, 0, userapi.Change{Disabled: &yes}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.VerifyAnew(ctx, link, "another horse battery"); !is(err, "account-disabled") {
		t.Errorf("%v", err)
	}
	w.pass(mailPause)
	good := w.signUp(t, mail)
	_, link = w.last(t, m, mail)
	if _, err := w.Verify(ctx, as(good), link); err != nil {
		t.Errorf("the next one with the address: %v", err)
	}
}

// leaving is a house in which something happens while it counts a guest's holds.
type leaving struct {
	adopting
	then func()
}

func (l *leaving) Adopt(ctx context.Context, from, to string, k caller.EmailKey) error {
	if l.then != nil {
		l.then()
	}
	return l.adopting.Adopt(ctx, from, to, k)
}

// A guest who deletes the account while their code is being checked leaves the
// address to others.
func TestADeletedGuestHasNoAddress(t *testing.T) {
	w := newWorld(t)
	m := w.mails()
	ctx := t.Context()
	const mail = "guest@example.org"
	guest, err := w.EnterGuest(ctx, "Gus", mail, "")
	if err != nil {
		t.Fatal(err)
	}
	_, code := w.last(t, m, mail)
	house := &leaving{then: func() {
		if err := w.Delete(ctx, as(guest.Account), guest.Account.ID, 0, ""); err != nil {
			t.Error(err)
		}
	}}
	w.bookings = house
	if _, err := w.VerifyCode(ctx, as(guest.Account), code, ""); errs.KindOf(err) != errs.Conflict {
		t.Errorf("%v", err)
	}
	if u, err := w.get(ctx, guest.Account.ID); err != nil || u.Verified || u.address() != "" {
		t.Errorf("%+v %v", u, err)
	}
	house.then = nil
	w.pass(2 * time.Minute)
	if _, err := w.provedGuest(t, m, mail); err != nil {
		t.Errorf("the next guest with the address: %v", err)
	}
}

// What somebody has bought as a guest does not go to an account that they have
// deleted, nor to one that was disabled.
func TestNoAdoptionIntoAnEndedAccount(t *testing.T) {
	for _, how := range []string{"deleted", "disabled", "deleted late"} {
		w := newWorld(t)
		m := w.mails()
		house := &adopting{}
		w.bookings = house
		ctx := t.Context()
		const mail = "both@example.org"
		a := w.member(t, mail)
		guest, err := w.provedGuest(t, m, mail)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.RunAdoptions(ctx); err != nil {
			t.Fatal(err)
		}
		house.moved = nil
		later := func() error { // not before an hour, so that the post does not come in between
			return w.db.Write(ctx, func(tx *sql.Tx) error {
				return noteAdoption(ctx, tx, guest.Account.ID, a.ID, w.now(), w.now().Add(time.Hour))
			})
		}
		if err := later(); err != nil {
			t.Fatal(err)
		}
		if how == "disabled" {
			yes := true
			_, err = w.Update(ctx, caller.System, a.ID, 0, userapi.Change{Disabled: &yes})
		} else if a, err = w.get(ctx, a.ID); err == nil {
			promised := a
			err = w.Delete(ctx, as(a), a.ID, 0, goodPassword)
			if a = promised; how == "deleted late" && err == nil {
				err = later()
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		w.pass(time.Hour)
		if err := w.RunAdoptions(ctx); err != nil || len(house.moved) > 0 {
			t.Errorf("%s: %v of %s, %v", how, house.moved, guest.Account.ID, err)
		}
		var left int
		if err := w.db.Reader().QueryRow(`SELECT count(*) FROM adoptions`).Scan(&left); err != nil || left > 0 {
			t.Errorf("%s: %d adoptions wait, %v", how, left, err)
		}
	}
}

// eventful is an event service in which some accounts have open events.
type eventful []string

func (e eventful) HasOpen(_ context.Context, organizerID string) (bool, error) {
	return slices.Contains(e, organizerID), nil
}

func (eventful) Events(context.Context, []string) (map[string]eventapi.Event, error) { return nil, nil }

// An organizer stays until their events are over or cancelled.
func TestOrganizersAnswerForTheirEvents(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	u := w.member(t, "ann@example.org")
	w.events = eventful{u.ID}
	for _, who := range []caller.Caller{as(u), caller.System} {
		if err := w.Delete(ctx, who, u.ID, 0, goodPassword); !is(err, "has-open-events") || errs.KindOf(err) != errs.Conflict {
			t.Errorf("%v: %v", who, err)
		}
	}
	w.events = eventful{}
	if err := w.Delete(ctx, as(u), u.ID, 0, goodPassword); err != nil {
		t.Error(err)
	}
}

// Log-in slows down in the same way for names that are an account's and for those
// that are nobody's, however they are spelt.
func TestLogInTellsNotWhoHasAnAccount(t *testing.T) {
	w := newWorld(t)
	w.member(t, "known@example.org")
	name := "known-one"
	u := w.member(t, "other@example.org")
	if _, err := w.Update(t.Context(), caller.System, u.ID, 0, userapi.Change{Username: &name}); err != nil {
		t.Fatal(err)
	}
	for _, pair := range [][2][]string{
		{{"known@example.org", "known@example。org", " KNOWN@EXAMPLE.org"}, {"nobody@example.org", "nobody@example。org", " NOBODY@EXAMPLE.org"}},
		{{"known-one", "\u212anown-one", " KNOWN-one "}, {"kobody-one", "\u212aobody-one", " KOBODY-one "}},
	} {
		var told [2][]string
		for side, names := range pair {
			for i := range maxFailures + 2 {
				ctx := from{t.Context(), fmt.Sprint("203.0.113.", side)}
				_, _, err := w.Login(ctx, userapi.Credentials{Name: names[i%len(names)], Password: fmt.Sprintf("guess number %d", i)})
				told[side] = append(told[side], errs.Of(err).Type)
			}
		}
		if !slices.Equal(told[0], told[1]) {
			t.Errorf("known:  %v\nnobody: %v", told[0], told[1])
		}
	}
}
