package app

import (
	"fmt"
	"strings"
	"testing"

	"boxoffice/internal/caller"
)

// An organizer is mailed that refunds have failed, once a day for an event, and the buyer
// whose money came back is mailed that, too. When it is made again, the buyer is told again.
func TestFailedRefundsAreMailed(t *testing.T) {
	h := newHouse(t)
	mail := &letters{}
	organizer, ann := h.account(t, caller.Organizer), h.visitor(t, "ann")
	h.verify(t, organizer, "Old Hall", "hall@example.org")
	event := h.must(t, organizer, "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
	booking := h.must(t, ann, "POST", "/bookings", `{"event_id":"`+event+`","quantity":1}`, "id")
	h.must(t, ann, "POST", "/payments", `{"booking_id":"`+booking+`","method":"tok_ok"}`, "id")
	note := func(id string, attempt int, back bool, at int64) {
		h.write(t, `INSERT INTO payments_refunds_failed (event_id, id, refunds) VALUES ($1, $2, $3)`, event, id,
			fmt.Sprintf(`[{"booking_id":%q,"seq":7,"attempt":%d,"amount":4000,"reason":"account_closed","at":%d,"came_back":%t}]`, booking, attempt, at, back))
		if err := h.confirm(t, mail); err != nil {
			t.Fatal(err)
		}
	}
	const day = 86_400_000_000
	note("a", 1, false, 100*day)  // the organizer
	note("b", 1, true, 100*day+1) // the buyer
	note("c", 2, true, 101*day)   // both
	note("d", 2, true, 101*day)   // nobody: it is the same
	page := "https://tickets.example/organizer/events/" + event + "/refunds"
	var buyer, hall []string
	for _, m := range mail.all {
		if strings.HasPrefix(m, "hall@example.org\n") {
			hall = append(hall, m)
		} else if strings.Contains(m, "did not arrive") { // not the confirmation
			buyer = append(buyer, m)
		}
	}
	if len(mail.all) != 5 || len(hall) != 2 || len(buyer) != 2 {
		t.Fatalf("%q", mail.all)
	}
	for text, parts := range map[string][]string{
		hall[0]:  {"A refund has failed: €40.00 for Gala", "could not be made", "account_closed", page},
		hall[1]:  {"has come back from the buyer’s bank", page},
		buyer[0]: {"Your refund of €40.00 for Gala did not arrive", "ann@example.org\n", "your bank has sent the money back", "https://tickets.example/"},
	} {
		for _, part := range parts {
			if !strings.Contains(text, part) {
				t.Errorf("no %q in\n%s", part, text)
			}
		}
	}

	// The house's events have no organizer, and only the buyer is told.
	h.write(t, `UPDATE sales SET organizer_id = '' WHERE event_id = $1`, event)
	note("e", 3, true, 102*day)
	if len(mail.all) != 6 {
		t.Errorf("%q", mail.all)
	}
	var left int
	if err := h.DB.Reader().QueryRowContext(t.Context(), `SELECT count(*) FROM payments_refunds_failed`).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d messages are left: %v", left, err)
	}
}
