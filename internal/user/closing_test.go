package user

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/bus"
	"boxoffice/internal/caller"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/userapi"
)

// buying is a house in which something happens while an account is deleted.
type buying struct {
	adopting
	looks int         // at whether there is something
	live  func() bool // there is
	gave  int         // how often expired holds were given up
	then  func()      // when bookings go over
}

func (b *buying) HasLive(context.Context, string) (bool, error) {
	b.looks++
	return b.live != nil && b.live(), nil
}

func (b *buying) List(context.Context, bookingapi.Filter) ([]bookingapi.Booking, error) {
	return liveIf(b.live != nil && b.live()), nil
}

func (b *buying) GiveUp(_ context.Context, _ string, since int64, _ []string) error {
	if since != 0 {
		return errors.New("other services do this")
	}
	b.gave++
	return nil
}

func (b *buying) Adopt(ctx context.Context, from, to string, k caller.EmailKey) error {
	if b.then != nil && from != to { // not as an address is given to what an account has
		b.then()
	}
	return b.adopting.Adopt(ctx, from, to, k)
}

// told are the messages about deletions, each of which must be about userID.
func (w *world) told(t *testing.T, userID string) (list []userapi.DeletedMessage) {
	t.Helper()
	messages, err := w.Outbox().Pending(t.Context(), bus.Ref{}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for i := range messages {
		var d userapi.DeletedMessage
		if err := codec.ReadKnown(messages[i].Body, &d); err != nil || messages[i].Type != userapi.TypeDeleted || messages[i].Key != userID || d.UserID != userID {
			t.Fatalf("%v: %s", err, messages[i].Body)
		}
		list = append(list, d)
	}
	return list
}

func (w *world) closings(t *testing.T) (n int) {
	t.Helper()
	if err := w.db.Reader().QueryRow(`SELECT count(*) FROM closings`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// What is bought while an account is deleted keeps the account, or is undone: what
// comes between the two looks keeps it, what comes later is given up by those who are
// told, until no request of the account can be under way any more.
func TestDeletionBesideAPurchase(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	u := w.member(t, "ann@example.org")
	house := &buying{}
	house.live = func() bool { return house.looks > 1 } // bought after the first look
	w.bookings = house
	if err := w.Delete(ctx, as(u), u.ID, 0, goodPassword); !is(err, "has-live-bookings") {
		t.Fatal(err)
	}
	if _, _, err := w.Login(ctx, userapi.Credentials{Name: u.Email, Password: goodPassword}); err != nil || w.closings(t) != 0 {
		t.Errorf("%v, %d deletions are noted", err, w.closings(t))
	}
	if house.gave != 1 || len(w.told(t, u.ID)) != 0 {
		t.Errorf("given up %d times, told: %v", house.gave, w.told(t, u.ID))
	}
	house.live = nil
	began := w.now().Add(-clocksDiffer).UnixMicro()
	if err := w.Delete(ctx, as(u), u.ID, 0, goodPassword); err != nil {
		t.Fatal(err)
	}
	looked := func(what string, times int) {
		t.Helper()
		if err := w.RunClosings(ctx); err != nil {
			t.Fatal(err)
		}
		list := w.told(t, u.ID)
		if len(list) != times || list[0].Since < began || list[times-1].Since != list[0].Since {
			t.Errorf("%s: not told %d times: %v, since %d", what, times, list, began)
		}
	}
	looked("at once", 1)
	w.pass(closingAgain + time.Second)
	looked("later", 2)
	looked("not due", 2)
	for range 100 {
		w.pass(time.Hour)
		if err := w.RunClosings(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if told := len(w.told(t, u.ID)); w.closings(t) != 0 || told < 20 || told > 60 {
		t.Errorf("%d deletions are noted after days, told %d times", w.closings(t), told)
	}
}

// No bookings go to an account that is being deleted, and none is deleted to which
// bookings are on their way.
func TestDeletionBesideAnAdoption(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	m := w.mails()
	house := &buying{}
	w.bookings = house
	const mail = "both@example.org"
	a := w.member(t, mail)
	guest, err := w.provedGuest(t, m, mail)
	if err != nil {
		t.Fatal(err)
	}
	go1 := adoption{from: guest.Account.ID, to: a.ID}
	promise := func() {
		t.Helper()
		house.moved, house.looks = nil, 0
		if a, err = w.get(ctx, a.ID); err != nil {
			t.Fatal(err)
		}
		err := w.db.Write(ctx, func(tx *sql.Tx) error {
			return noteAdoption(ctx, tx, go1.from, go1.to, w.now(), w.now().Add(time.Hour))
		})
		if err != nil {
			t.Fatal(err)
		}
	}

	// The deletion begins while the bookings go over.
	promise()
	house.then = func() {
		house.then = nil
		if err := w.Delete(ctx, as(a), a.ID, 0, goodPassword); errs.KindOf(err) != errs.Conflict {
			t.Errorf("deleted while bookings are on their way: %v", err)
		}
	}
	if err := w.carryOut(ctx, &go1); err != nil || len(house.moved) != 1 || w.closings(t) != 0 {
		t.Fatalf("%v %v", err, house.moved)
	}

	// The bookings are to go over after the deletion has looked for the last time.
	promise()
	house.live = func() bool {
		if house.looks == 2 {
			if err := w.carryOut(ctx, &go1); err != nil {
				t.Error(err)
			}
		}
		return false
	}
	if err := w.Delete(ctx, as(a), a.ID, 0, goodPassword); err != nil {
		t.Fatal(err)
	}
	w.pass(2 * time.Hour)
	if err := w.RunAdoptions(ctx); err != nil || len(house.moved) > 0 {
		t.Errorf("%v went to an account that is gone, %v", house.moved, err)
	}
}

// A deletion that was left half-way leaves the account as it is, and one that took
// too long is not carried out.
func TestDeletionLeftHalfWay(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	u := w.member(t, "ann@example.org")
	house := &buying{}
	house.live = func() bool {
		if house.looks == 2 {
			w.pass(closingAgain + time.Second)
			if err := w.RunClosings(ctx); err != nil {
				t.Error(err)
			}
		}
		return false
	}
	w.bookings = house
	if err := w.Delete(ctx, as(u), u.ID, 0, goodPassword); errs.KindOf(err) != errs.Conflict || w.closings(t) != 0 {
		t.Errorf("%v, %d deletions are noted", err, w.closings(t))
	}
	if house.gave != 1 || len(w.told(t, u.ID)) != 0 {
		t.Errorf("given up %d times, told: %v", house.gave, w.told(t, u.ID))
	}
	if _, _, err := w.Login(ctx, userapi.Credentials{Name: u.Email, Password: goodPassword}); err != nil {
		t.Error(err)
	}
}

// What is undone goes by the last look, which has passed over what may stay, also if
// the deletion was noted by one that was left half-way long before.
func TestDeletionGoesByTheLastLook(t *testing.T) {
	ctx, w := t.Context(), newWorld(t)
	u := w.member(t, "ann@example.org")
	house := &buying{}
	w.bookings = house
	err := w.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO closings (user_id, since, done, tries, next_at) VALUES ($1, 1, FALSE, 0, $2)`, u.ID, w.now().Add(time.Hour).UnixMicro())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	w.pass(time.Minute)
	looked := w.now().Add(-clocksDiffer).UnixMicro()
	if err := w.Delete(ctx, as(u), u.ID, 0, goodPassword); err != nil {
		t.Fatal(err)
	}
	w.pass(closingAgain + time.Second)
	if err := w.RunClosings(ctx); err != nil {
		t.Fatal(err)
	}
	if told := w.told(t, u.ID); house.gave != 1 || len(told) != 2 || told[0].Since < looked || told[1].Since != told[0].Since {
		t.Errorf("given up %d times, told: %v, looked at %d", house.gave, told, looked)
	}
}
