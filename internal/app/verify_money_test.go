package app

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/userapi"
)

// Verify compares the money of bookings with payments and refunds, and names the
// first difference. What is still under way is none.
func TestVerifyFindsMoney(t *testing.T) {
	h := newHouse(t)
	ann := h.visitor(t, "ann")
	organizer := h.account(t, caller.Organizer)
	event := h.must(t, organizer, "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
	buy := func(who userapi.Fan, seats int) string {
		t.Helper()
		id := h.must(t, who, "POST", "/bookings", fmt.Sprintf(`{"event_id":%q,"quantity":%d}`, event, seats), "id")
		h.must(t, who, "POST", "/payments", fmt.Sprintf(`{"booking_id":%q,"method":"tok_ok"}`, id), "id")
		return id
	}
	cancel := func(id string, seats int) {
		t.Helper()
		b, err := h.Bookings.Booking(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := h.Events.Plan(t.Context(), b.PlanID, b.PlanVersion)
		if err != nil {
			t.Fatal(err)
		}
		var labels []string
		for _, s := range b.Seats[:seats] {
			labels = append(labels, plan.Seats[s].Label)
		}
		if _, err := h.Bookings.Cancel(t.Context(), caller.System, bookingapi.Cancellation{BookingID: id, Seats: labels}); err != nil {
			t.Fatal(err)
		}
	}
	ok := func() {
		t.Helper()
		if sum, err := Verify(t.Context(), h.DB, ""); err != nil || sum.Payments == 0 {
			t.Fatalf("%+v %v", sum, err)
		}
	}
	kept, part, gone := buy(ann, 1), buy(ann, 2), buy(h.visitor(t, "bob"), 1)
	h.must(t, organizer, "POST", "/events/"+event+"/blocks", `{"quantity":1}`, "id")
	declined := h.must(t, ann, "POST", "/bookings", fmt.Sprintf(`{"event_id":%q,"quantity":1}`, event), "id")
	if w := h.ask(t, ann, "POST", "/payments", fmt.Sprintf(`{"booking_id":%q,"method":"tok_decline"}`, declined)); w.Code != 402 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	nowhere := "UPDATE payments SET id = '7zzzzzzzzzzzzzzz' || substr(id, 17), booking_id = '7zzzzzzzzzzzzzzz' || substr(booking_id, 17)"
	cancel(part, 1)
	cancel(gone, 1)
	ok() // nobody gives anything back yet

	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = h.Payments.Run(ctx) })
	for n := 0; n < 2; {
		if err := h.DB.Reader().QueryRow(`SELECT count(*) FROM refunds WHERE status = 'done'`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		ok() // also while they go back
	}
	stop()
	running.Wait()
	ok()
	for _, c := range []struct{ text, want string }{
		{"UPDATE bookings SET payment_id = 'x-1' WHERE id = '" + kept + "'", "is captured, but it has sold no booking"},
		{"UPDATE bookings SET payment_id = '" + part + "-1' WHERE id = '" + kept + "'", "is captured, but it has sold no booking"},
		{"UPDATE bookings SET payment_id = id || '-2' WHERE id = '" + gone + "'", "is refunded, but it has sold no booking"},
		{"DELETE FROM payments WHERE id = '" + kept + "-1'", "there is no such payment"},
		{"DELETE FROM payments WHERE id = '" + gone + "-1'", "does not exist"},
		{"DELETE FROM payments_journal", "by its row, which is"},
		{"UPDATE payments_journal SET postings = replace(postings, '\"gateway\":5', '\"gateway\":6')", "does not balance"},
		{"UPDATE payments_journal SET postings = substr(postings, 2)", "of the journal: JSON"},
		{"UPDATE payments_journal SET postings = replace(postings, '\"organizer\":', '\"refunds\":')", "in account organizer"},
		{"UPDATE payments_journal SET currency = 'USD'", "but its row in EUR"},
		{"UPDATE payments_journal SET event_id = ''", "in account"},
		{"UPDATE payments_journal SET postings = replace(postings, '" + kept + "-1', '" + kept + "-9')", "in account"},
		{"UPDATE payments SET fees = 7 WHERE id = '" + kept + "-1'", "in account organizer"},
		{"UPDATE payments SET disputed = 7 WHERE id = '" + kept + "-1'", "in account gateway"},
		{"UPDATE payments SET amount = amount - 100 WHERE id = '" + kept + "-1'", "payments.amount"},
		{"UPDATE payments SET currency = 'USD' WHERE id = '" + kept + "-1'", "payments.amount"},
		{"UPDATE payments SET status = 'voided' WHERE id = '" + kept + "-1'", "which is voided"},
		{"UPDATE payments SET status = 'failed' WHERE id = '" + part + "-1'", "which is failed"},
		{"UPDATE payments SET status = 'refunded' WHERE id = '" + kept + "-1'", "payments.status"},
		{"UPDATE payments SET refunded = 0, status = 'captured' WHERE id = '" + gone + "-1'", "payments.refunded"},
		{"UPDATE payments SET status = 'captured' WHERE id = '" + gone + "-1'", "payments.status"},
		{"UPDATE payments SET booking_id = '" + part + "' WHERE id = '" + kept + "-1'", "have another id"},
		{"UPDATE payments SET event_id = 'x' WHERE id = '" + kept + "-1'", "have another id"},
		{nowhere + ", event_id = '7zzzzzzzzzzzzzzz' WHERE booking_id = '" + declined + "'", "no row in sales"},
		{nowhere + ", event_id = '0' WHERE booking_id = '" + declined + "'", "have another id"},
		{"UPDATE payments SET id = '7z', event_id = '0' WHERE booking_id = '" + declined + "'", "have another id"},
		{"UPDATE payments SET id = '7zzzzzzzzzzzzzzz~' WHERE booking_id = '" + declined + "'", "have another id"},
		{"DELETE FROM refunds", "refunds has no row"},
		{"DELETE FROM refunds WHERE booking_id = '" + part + "'", "refunds has no row"},
		{"UPDATE refunds SET amount = amount - 1 WHERE booking_id = '" + part + "'", "but the ledger says"},
		{"UPDATE refunds SET booking_id = '" + kept + "' WHERE booking_id = '" + part + "'", "but the ledger says"},
		{"UPDATE refunds SET status = 'pending' WHERE booking_id = '" + part + "'", "payments.refunded"},
		{"UPDATE refunds SET status = 'needless' WHERE booking_id = '" + part + "'", "payments.refunded"},
		{"UPDATE refunds SET payment_id = 'x-1' WHERE booking_id = '" + part + "'", "payments.refunded"},
	} {
		h.saved(t, func() {
			h.write(t, c.text)
			var diff bookingapi.Difference
			if _, err := Verify(t.Context(), h.DB, ""); !errors.As(err, &diff) || !strings.Contains(diff.Text, c.want) {
				t.Errorf("%s: %v, want: %s", c.text, err, c.want)
			}
		})
	}
	ok()
}

// saved undoes what fn does to bookings and money.
func (h *house) saved(t *testing.T, fn func()) {
	t.Helper()
	tables := []string{"bookings", "payments", "refunds", "payments_journal"}
	each := func(texts ...string) {
		t.Helper()
		err := h.DB.Write(t.Context(), func(tx *sql.Tx) error {
			for _, table := range tables {
				for _, text := range texts {
					if _, err := tx.Exec(strings.ReplaceAll(text, "$t", table)); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, trigger := range []string{"payments_journal_stays", "payments_journal_keeps"} { // nothing changes the journal but this
		h.write(t, h.DB.Text("DROP TRIGGER IF EXISTS "+trigger+" /*postgres: ON payments_journal*/"))
	}
	each(`CREATE TABLE saved_$t AS SELECT * FROM $t`)
	fn()
	each(`DELETE FROM $t`, `INSERT INTO $t SELECT * FROM saved_$t`, `DROP TABLE saved_$t`)
}
