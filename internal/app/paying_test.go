package app

import (
	"fmt"
	"testing"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/errs"
)

// An account stays while a payment for one of its holds that has ended is under way:
// the seats may still be booked by it.
func TestAccountStaysWhileItPaysLate(t *testing.T) {
	h := newHouse(t)
	ann := h.visitor(t, "ann")
	booking, _ := h.bought(t, ann, 1, "")
	if r := h.ask(t, ann, "POST", "/payments", fmt.Sprintf(`{"booking_id":%q,"method":"tok_decline"}`, booking)); r.Code != 402 {
		t.Fatal(r.Code, r.Body)
	}
	live := func(want bool, why string) {
		t.Helper()
		if err := h.Users.MayLeave(t.Context(), ann.UserID, h.DB.Now().UnixMicro()); errs.Is(err, "has-live-bookings") != want || err != nil && !want {
			t.Errorf("%s: %v", why, err)
		}
	}
	for _, status := range []bookingapi.Status{bookingapi.Pending, bookingapi.Expired} {
		h.write(t, `UPDATE bookings SET status = $1, expires_at = $2 WHERE id = $3`, string(status), h.DB.Now().UnixMicro()-1_000_000, booking)
		live(false, "a lapsed hold that nobody pays for")
		h.write(t, `UPDATE payments SET status = 'pending' WHERE booking_id = $1`, booking)
		live(true, "paid late")
		h.write(t, `UPDATE payments SET status = 'failed' WHERE booking_id = $1`, booking)
	}
	h.write(t, `UPDATE payments SET status = 'pending' WHERE booking_id = $1`, booking)
	h.write(t, `UPDATE bookings SET expires_at = $1 WHERE id = $2`, h.DB.Now().UnixMicro()-bookingapi.LateConfirm-1_000_000, booking)
	live(false, "too late to be booked")
}
