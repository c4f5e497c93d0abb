package desk

import (
	"context"
	"errors"
	"testing"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/userapi"
)

type bookings = Bookings // not a name of a method

// front is all that a desk needs, for one order of a guest.
type front struct {
	bookings
	Log
	fails    error // of the correction
	reserved map[string]bool
	parallel bool // the same request has noted it before
}

func (*front) Bookings(context.Context, []string) (map[string]bookingapi.Booking, error) {
	return map[string]bookingapi.Booking{"b": {ID: "b", UserID: "gus", OrganizerID: "o", Status: bookingapi.Booked}}, nil
}
func (*front) List(context.Context, bookingapi.Filter) ([]bookingapi.Booking, error) { return nil, nil }
func (*front) Links(context.Context, []string) (map[string]string, error)            { return nil, nil }
func (*front) Of(context.Context, string, int) ([]notifyapi.Line, error)             { return nil, nil }

func (f *front) Reserve(_ context.Context, _, request string, _ int, _ time.Time) (bool, time.Time, error) {
	f.reserved[request] = true
	return !f.parallel, time.Time{}, nil
}

func (f *front) Release(_ context.Context, _, request string, _ time.Time) error {
	delete(f.reserved, request)
	return nil
}

func (*front) Account(context.Context, caller.Caller, string) (userapi.Account, error) {
	return userapi.Account{ID: "gus", Role: caller.Guest, Email: "typo@example.org"}, nil
}

func (f *front) CorrectAddress(context.Context, string, string) error { return f.fails }

// A correction that is refused at the last moment does not count for the day; one that
// may have happened does, and so does one that was requested twice at the same time.
func TestRefusedCorrectionsDoNotCount(t *testing.T) {
	for _, test := range []struct {
		fails    error
		parallel bool
		want     int
	}{
		{errs.New(errs.Conflict, "already-verified", "The address is already verified."), false, 0},
		{errs.New(errs.Conflict, "already-verified", "The address is already verified."), true, 1},
		{errors.New("the connection broke"), false, 1},
	} {
		f := &front{fails: test.fails, parallel: test.parallel, reserved: map[string]bool{}}
		d := New(Config{Log: f, Bookings: f, Accounts: f, Now: time.Now, CheckEmail: func(string) errs.Reason { return errs.Reason{} }})
		if _, err := d.TellAgain(t.Context(), caller.Caller{UserID: "o", Role: caller.Organizer}, "b", "right@example.org"); err == nil || len(f.reserved) != test.want {
			t.Errorf("%v: %v, and %d count", test.fails, err, len(f.reserved))
		}
	}
}
