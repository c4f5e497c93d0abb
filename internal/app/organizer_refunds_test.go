package app

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"boxoffice/internal/caller"
	"boxoffice/internal/paymentapi"
)

// An organizer gives a part back and cancels a seat, in the console and by the API. The
// money moves, the buyer is told why, and the books agree.
func TestOrganizersRefund(t *testing.T) {
	h, box := newPostHouse(t)
	organizer, ann := h.account(t, caller.Organizer), h.visitor(t, "ann")
	event := h.event(t, organizer)
	booking := h.buys(t, ann, event, 2, paymentapi.SandboxOK)
	at := "/organizer/events/" + event + "/orders/" + booking
	if text := visible(h.page(t, organizer, "GET", at, nil, 200)); !strings.Contains(text, "At most €100.00 is left.") || !strings.Contains(text, "Cancel and refund") {
		t.Errorf("the console has no refunds: %s", text)
	}
	form := url.Values{"do": {"back"}, "amount": {"200"}, "left": {"10000"}, "reason": {"The view was bad."}}
	if text := visible(h.page(t, organizer, "POST", at+"/refund", form, 422)); !strings.Contains(text, "This must be at most 100.00 EUR.") {
		t.Errorf("too much: %s", text)
	}
	form.Set("amount", "15,50")
	h.page(t, organizer, "POST", at+"/refund", form, 303)
	if text := visible(h.page(t, organizer, "POST", at+"/refund", form, 409)); !strings.Contains(text, "€84.50") {
		t.Errorf("sent twice: %s", text)
	}
	until(t, "the part is mailed", func() bool { return len(box.about("ann@example.org", "€15.50")) == 1 })
	if m := box.about("ann@example.org", "€15.50")[0]; !strings.Contains(m.Text, "the organizer has given you back €15.50 of the €100.00") ||
		!strings.Contains(m.Text, "Reason given by the organizer: The view was bad.") || !strings.Contains(m.Text, "your tickets stay valid") {
		t.Errorf("the mail says %s", m.Text)
	}
	var b struct {
		Seats    []struct{ Label string }
		PaidLeft int64 `json:"paid_left"`
	}
	if err := json.Unmarshal(h.ask(t, organizer, "GET", "/bookings/"+booking, "").Body.Bytes(), &b); err != nil || b.PaidLeft != 8450 {
		t.Errorf("%+v %v", b, err)
	}
	if w := h.ask(t, ann, "GET", "/bookings/"+booking, ""); strings.Contains(w.Body.String(), "paid_left") || !strings.Contains(w.Body.String(), `"refunds":[{"until":"2099-03-01T20:00:00Z","amount":8450}]`) {
		t.Errorf("the buyer reads %s", w.Body)
	}
	if w := h.ask(t, organizer, "POST", "/bookings/"+booking+"/cancellations", `{"seats":[],"reason":"The stalls are closed."}`); w.Code != 422 || !strings.Contains(w.Body.String(), "seats") {
		t.Errorf("no seats are all seats: %d %s", w.Code, w.Body) // a program whose filter has found none
	}
	if w := h.ask(t, organizer, "POST", "/bookings/"+booking+"/cancellations", fmt.Sprintf(`{"seats":[%q],"reason":"The stalls are closed."}`, b.Seats[0].Label)); w.Code != 200 || !strings.Contains(w.Body.String(), `"paid_left":3450`) {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	until(t, "the seat is mailed", func() bool { return len(box.about("ann@example.org", "€50.00")) == 1 })
	if m := box.about("ann@example.org", "€50.00")[0]; !strings.Contains(m.Text, "Reason given by the organizer: The stalls are closed.") || !strings.Contains(m.Text, "You keep 1 seat") {
		t.Errorf("the mail says %s", m.Text)
	}
	form = url.Values{"do": {"cancel"}, "seats": {b.Seats[1].Label}, "reason": {""}}
	h.page(t, organizer, "POST", at+"/refund", form, 422)
	form.Set("reason", "Closed, too.")
	h.page(t, organizer, "POST", at+"/refund", form, 303)
	until(t, "all is refunded", func() bool {
		list, err := h.Payments.Latest(t.Context(), []string{booking})
		return err == nil && list[booking].Status == paymentapi.Refunded
	})
	text := visible(h.page(t, organizer, "GET", at, nil, 200))
	for _, part := range []string{"Part of the price: €15.50 The view was bad.", "1 seat cancelled: €50.00 The stalls are closed.", "1 seat cancelled: €34.50 Closed, too."} {
		if !strings.Contains(text, part) {
			t.Errorf("the console does not say %q: %s", part, text)
		}
	}
	if _, err := Verify(t.Context(), h.DB, ""); err != nil {
		t.Error(err)
	}
}
