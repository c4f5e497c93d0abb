package user

import (
	"context"
	"testing"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
)

// bookings answers as the booking service would.
type bookings struct{ live bool }

func (b bookings) LatestOfUser(context.Context, string, int) ([]string, bool, error) {
	return []string{"b1", "b2"}, true, nil
}
func (bookings) Adopt(context.Context, string, string, caller.EmailKey) error { return nil }
func (b bookings) HasLive(context.Context, string) (bool, error)              { return b.live, nil }
func (bookings) GiveUp(context.Context, string, int64, []string) error        { return nil }

// List has one booking, as long as there is a live one.
func (b bookings) List(context.Context, bookingapi.Filter) ([]bookingapi.Booking, error) {
	return liveIf(b.live), nil
}

func liveIf(live bool) []bookingapi.Booking {
	if !live {
		return nil
	}
	return []bookingapi.Booking{{ID: "b1", EventID: "e1", Status: bookingapi.Booked}}
}

func TestDelete(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	u := w.signUp(t, "ann@example.org")
	me := caller.Caller{UserID: u.ID}
	token := w.logIn(t, u.Email)
	w.bookings = bookings{live: true}
	if err := w.Delete(ctx, me, u.ID, 0, goodPassword); !is(err, "has-live-bookings") || errs.KindOf(err) != errs.Conflict {
		t.Fatal(err)
	}
	if _, err := w.Authenticate(ctx, token); err != nil {
		t.Fatalf("refused, and signed out: %v", err)
	}
	w.bookings = bookings{}
	if err := w.Delete(ctx, caller.Caller{UserID: "other"}, u.ID, 0, ""); !is(err, "not-found") {
		t.Fatal(err)
	}
	for _, wrong := range []string{"", "wrong horse battery"} {
		if err := w.Delete(ctx, me, u.ID, 0, wrong); errs.KindOf(err) != errs.Invalid {
			t.Errorf("without the password: %v", err)
		}
	}
	if err := w.Delete(ctx, me, u.ID, 0, goodPassword); err != nil {
		t.Fatal(err)
	}
	if told := w.told(t, u.ID); len(told) != 1 {
		t.Errorf("told: %v", told)
	}
	if _, err := w.Authenticate(ctx, token); !is(err, "bad-token") {
		t.Errorf("still signed in: %v", err)
	}
	var traces int
	row := w.db.Reader().QueryRow(`SELECT COUNT(*) FROM users WHERE email IS NOT NULL OR contact <> '' OR username IS NOT NULL OR name = 'Robin Fan' OR password_hash <> ''`)
	if err := row.Scan(&traces); err != nil || traces != 0 {
		t.Errorf("%d traces, %v", traces, err)
	}
	if again := w.signUp(t, "ann@example.org"); again.ID == u.ID {
		t.Error("the same account")
	}
}
