package checkin

import (
	"fmt"
	"slices"
	"testing"

	"boxoffice/internal/caller"
	"boxoffice/internal/checkinapi"
	"boxoffice/internal/errs"
)

// A booking's history has all scans of its seats, also those that were refused or taken
// back, with who corrected by hand and why; it is the organizer's.
func TestHistory(t *testing.T) {
	w := newWorld(t)
	s := w.node(t)
	ann, bob := w.sell("ann", 1, 2), w.sell("bob", 3)
	g := w.gate(t, s)
	for _, token := range []string{w.token(t, ann, 1), w.token(t, ann, 1), w.token(t, bob, 3), w.token(t, ann, 2)} {
		g.in(token)
		w.pass(1e9)
	}
	if _, err := s.Correct(t.Context(), hall, checkinapi.Correction{BookingID: ann, Seat: w.plan.Seats[2].Label, Kind: checkinapi.Undo, Reason: "a mistake"}); err != nil {
		t.Fatal(err)
	}
	list, err := s.History(t.Context(), hall, ann)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range list {
		e := &list[i]
		got = append(got, fmt.Sprint(e.Kind, e.Seat, " ", e.Reason, " ", e.Undone, " ", e.By, " ", e.Note))
		if named := e.DeviceName != ""; e.Spot.Label != w.plan.Seats[e.Seat].Label || named != (e.By == "") || e.BookingID != ann {
			t.Errorf("%+v", e)
		}
	}
	if want := []string{"in1 ok false  ", "in1 already-inside false  ", "in2 ok true  ", "undo2 ok false hall a mistake"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	w.refund(ann)
	if list, err := s.History(t.Context(), admin, ann); err != nil || len(list) != 4 {
		t.Error(list, err)
	}
	for as, want := range map[caller.Caller]string{rival: "not-found", fan: "not-found", {}: "sign-in-required"} {
		if _, err := s.History(t.Context(), as, ann); !errs.Is(err, want) {
			t.Errorf("%+v: %v", as, err)
		}
		if _, err := s.History(t.Context(), as, "x"); !errs.Is(err, want) {
			t.Errorf("%+v: %v", as, err)
		}
	}
}
