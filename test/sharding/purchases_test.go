package sharding

import (
	"net/http"
	"slices"

	"boxoffice/internal/caller"
)

// purchases takes seats through all that can become of them.
func (w *world) purchases() {
	t := w.t
	boss, ann, bob := w.account(caller.Organizer), w.account(caller.Customer), w.account(caller.Customer)
	event, other := w.event(boss), w.event(boss)
	seats := w.seats(boss, event)
	hold := func(key string, labels ...string) string {
		t.Helper()
		return w.ask(ann, http.StatusCreated, "POST", "/bookings", map[string]any{"event_id": event, "seats": labels}, "Idempotency-Key", key)["id"].(string)
	}
	pay := func(status int, booking, method, key string) map[string]any {
		t.Helper()
		return w.ask(ann, status, "POST", "/payments", map[string]any{"booking_id": booking, "method": method}, "Idempotency-Key", key)
	}
	is := func(path, field string, want any) func() bool {
		return func() bool { return w.ask(ann, http.StatusOK, "GET", path, nil)[field] == want }
	}
	// On a slow machine a payment is answered 202 before it is captured.
	paid := func(booking, key string) map[string]any {
		t.Helper()
		p := pay(0, booking, "tok_ok", key)
		w.until("it is paid", is("/bookings/"+booking, "status", "booked"))
		return p
	}

	// A hold and a payment, each sent twice; then all of it is given back, in two parts.
	booking := hold("a", seats[0], seats[1])
	hold("a", seats[0], seats[1])
	payment := paid(booking, "a")["id"].(string)
	paid(booking, "a")
	w.ask(ann, 0, "POST", "/payments", map[string]any{"booking_id": booking, "method": "tok_ok"})
	w.ask(ann, http.StatusOK, "DELETE", "/bookings/"+booking+"?seats="+seats[0], nil)
	w.until("a part goes back", is("/payments/"+payment, "refunded", 2500.0))
	w.ask(ann, http.StatusOK, "DELETE", "/bookings/"+booking, nil)
	w.until("all goes back", is("/payments/"+payment, "refunded", 5000.0))

	// A swap, a declined payment, another one for it, at a price that has changed.
	booking = hold("b", seats[2])
	w.ask(ann, http.StatusOK, "PUT", "/bookings/"+booking, map[string]any{"seats": []string{seats[3]}})
	pay(http.StatusPaymentRequired, booking, "tok_decline", "b")
	paid(booking, "c")

	// A payment that takes its time is joined, and given up.
	booking = hold("d", seats[4])
	// On a slow machine it may be captured before.
	payment = pay(0, booking, "tok_slow", "")["id"].(string)
	pay(0, booking, "tok_slow", "d")
	w.ask(ann, 0, "DELETE", "/payments/"+payment, nil)
	w.until("it ends", func() bool {
		s, _ := w.ask(ann, http.StatusOK, "GET", "/payments/"+payment, nil)["status"].(string)
		return slices.Contains([]string{"voided", "captured", "refunded"}, s)
	})

	// Holds that are released, and that expire: one is taken by another buyer, one paid late.
	w.ask(ann, http.StatusOK, "DELETE", "/bookings/"+hold("e", seats[5]), nil)
	booking = hold("f", seats[6])
	w.expire(booking)
	w.until("it expires", is("/bookings/"+booking, "status", "expired"))
	w.ask(bob, http.StatusCreated, "POST", "/bookings", map[string]any{"event_id": event, "seats": []string{seats[6]}})
	booking = hold("g", seats[7])
	w.expire(booking)
	w.until("it expires", is("/bookings/"+booking, "status", "expired"))
	paid(booking, "g")

	// Seats that the node chooses, in the other event; then that is cancelled.
	chosen := w.ask(ann, http.StatusCreated, "POST", "/bookings", map[string]any{"event_id": other, "quantity": 2})["id"].(string)
	paid(chosen, "h")
	w.ask(boss, http.StatusCreated, "POST", "/events/"+event+"/blocks", map[string]any{"seats": []string{seats[9]}})
	w.ask(boss, 0, "DELETE", "/events/"+other, nil) // 200, or 202 where the answer of the booking service takes longer
	w.until("it is cancelled", is("/bookings/"+chosen, "status", "cancelled"))

	w.ask(boss, http.StatusOK, "PUT", "/events/"+other+"/refunds", map[string]any{"state": "paused"})
	w.ask(boss, http.StatusOK, "PUT", "/events/"+other+"/refunds", map[string]any{"state": "running", "retry_failed": true})
	w.ask(boss, http.StatusConflict, "PUT", "/events/"+other+"/refunds", map[string]any{"state": "running", "handled": map[string]any{"id": other + ":1", "note": "by hand"}})
	w.ask(boss, http.StatusOK, "GET", "/events/"+other+"/refunds", nil)

	// An account's bookings become another's, and what is looked at.
	booking = hold("i", seats[10])
	if err := w.node.Bookings.Adopt(t.Context(), ann.UserID, bob.UserID, caller.EmailKey{1}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/bookings/" + booking, "/bookings", "/bookings?event_id=" + event, "/bookings/user/" + bob.UserID, "/users/" + bob.UserID + "/payments"} {
		w.ask(bob, http.StatusOK, "GET", path, nil)
	}
	for _, path := range []string{"/bookings/event/" + event, "/events/" + event + "/bookings", "/events/" + event + "/payments", "/events/" + event + "/ledger"} {
		w.ask(boss, http.StatusOK, "GET", path, nil)
	}
}
