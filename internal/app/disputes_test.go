package app

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"boxoffice/internal/caller"
	"boxoffice/internal/paymentapi"
)

// An organizer is mailed that a buyer disputes a payment, until when evidence counts, and
// how that was decided: each once. The link leads to the order in the console.
func TestOrganizersAreToldOfDisputes(t *testing.T) {
	h := newHouse(t)
	mail := &letters{}
	organizer, ann := h.account(t, caller.Organizer), h.visitor(t, "ann")
	h.verify(t, organizer, "Old Hall", "hall@example.org")
	event := h.must(t, organizer, "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
	booking := h.must(t, ann, "POST", "/bookings", `{"event_id":"`+event+`","quantity":1}`, "id")
	paid := h.must(t, ann, "POST", "/payments", `{"booking_id":"`+booking+`","method":"tok_ok"}`, "id")
	note := func(id, dispute string, step paymentapi.Status) {
		h.write(t, `INSERT INTO payments_disputes (event_id, id, disputes) VALUES ($1, $2, $3)`, event, id,
			fmt.Sprintf(`[{"payment_id":%q,"id":%q,"step":%q,"amount":4000,"currency":"EUR","reason":"fraudulent","due":4073000000000000}]`, paid, dispute, step))
		if err := h.confirm(t, mail); err != nil {
			t.Fatal(err)
		}
	}
	note("a", "dp_1", paymentapi.Disputed)
	note("b", "dp_1", paymentapi.Disputed)
	note("c", "dp_1", paymentapi.DisputeLost)
	note("d", "dp_2", paymentapi.Disputed)
	note("e", "", paymentapi.DisputeWon) // of an earlier version
	page := "/organizer/events/" + event + "/orders/" + booking
	var told []string
	for _, m := range mail.all {
		if strings.HasPrefix(m, "hall@example.org\n") {
			told = append(told, m)
		}
	}
	if len(told) != 4 || len(mail.all) != 5 { // the buyer's is that of the order
		t.Fatalf("%q", mail.all)
	}
	for i, want := range [][]string{{"Disputed payment: €40.00 for Gala", "fraudulent", "Evidence counts until Sunday 25 January 2099", "https://tickets.example" + page + "#payment"}, {"Dispute lost: €40.00 for Gala"}, {"Disputed payment: €40.00 for Gala"}, {"Dispute won: €40.00 for Gala"}} {
		for _, part := range want {
			if !strings.Contains(told[i], part) {
				t.Errorf("no %q in\n%s", part, told[i])
			}
		}
	}
	if r := h.ask(t, organizer, "GET", page, "", "Accept", "text/html"); r.Code != 200 || !strings.Contains(r.Body.String(), `id="payment"`) || !strings.Contains(r.Body.String(), "evidence.zip") {
		t.Errorf("%d %s", r.Code, r.Body)
	}

	// The house's events have no organizer, and nobody is told.
	h.write(t, `UPDATE sales SET organizer_id = '' WHERE event_id = $1`, event)
	note("f", "dp_2", paymentapi.DisputeWon)
	if len(mail.all) != 5 {
		t.Errorf("%q", mail.all)
	}
	var left int
	if err := h.DB.Reader().QueryRowContext(t.Context(), `SELECT count(*) FROM payments_disputes`).Scan(&left); err != nil && err != sql.ErrNoRows || left != 0 {
		t.Errorf("%d messages are left: %v", left, err)
	}
}
