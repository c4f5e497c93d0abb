package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/bus"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/ledger"
	"boxoffice/internal/paymentapi"
)

// A purchase whose requests were under way while its account was deleted comes to
// nothing: its seats are free again, and its money is given back, in full and whatever
// the event's policy is. What the account had before stays as it is.
func TestDeletedBesideAPurchase(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	ann := h.visitor(t, "ann")
	before, over := h.bought(t, ann, 1, paymentapi.SandboxOK)
	event := h.must(t, h.account(t, caller.Organizer), "POST", "/events",
		strings.Replace(fmt.Sprintf(eventJSON, "on_sale"), `"price"`, `"refundable_until":"2020-01-01T00:00:00Z","price"`, 1), "id")
	h.write(t, `UPDATE events SET starts_at = 1, ends_at = 2, sort_at = 1 WHERE id = $1`, over)
	caller, err := h.Users.Authenticate(ctx, ann.Token)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Users.Delete(ctx, caller, ann.UserID, 0, "velvet curtain"); err != nil {
		t.Fatal(err)
	}
	// Whose requests have come in before goes on.
	held, err := h.Bookings.Hold(ctx, caller, "", bookingapi.HoldRequest{EventID: event, Selection: bookingapi.Selection{Quantity: 2}})
	if err != nil {
		t.Fatal(err)
	}
	paid, err := h.Payments.Pay(ctx, caller, "", paymentapi.PayRequest{BookingID: held.ID, Method: paymentapi.SandboxOK})
	if err != nil || paid.Status != paymentapi.Captured {
		t.Fatal(paid.Status, err)
	}
	held, err = h.Bookings.Hold(ctx, caller, "", bookingapi.HoldRequest{EventID: event, Selection: bookingapi.Selection{Quantity: 1}})
	if err != nil {
		t.Fatal(err)
	}
	h.write(t, `UPDATE closings SET next_at = 0`)
	if err := errors.Join(h.Users.RunClosings(ctx), h.Bus.Round(ctx)); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]bookingapi.Status{paid.BookingID: bookingapi.Cancelled, held.ID: bookingapi.Cancelled, before: bookingapi.Booked} {
		if b, err := h.Bookings.Booking(ctx, id); err != nil || b.Status != want {
			t.Errorf("%s is %s, not %s, %v", id, b.Status, want, err)
		}
	}
	entries, err := h.Bookings.Entries(ctx, event, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	back := int64(0)
	for _, e := range entries {
		if e.Kind == ledger.Cancelled && e.BookingID == paid.BookingID {
			back += e.Amount
		}
	}
	if back != paid.Amount {
		t.Errorf("%d of %d go back", back, paid.Amount)
	}
}

// forgetful is a Notification Service that fails to forget, so many times.
type forgetful struct {
	letters
	fails  int
	forgot []string
}

func (f *forgetful) Forget(_ context.Context, userID string) error {
	if f.fails--; f.fails >= 0 {
		return errors.New("not now")
	}
	f.forgot = append(f.forgot, userID)
	return nil
}

// That an account was deleted reaches all services that have to forget it, however often
// one of them fails, and whether or not it is said again. The message names nobody.
func TestDeletionIsTold(t *testing.T) {
	notices := &forgetful{fails: 2}
	h := newHouseWith(t, Config{Notices: notices})
	ctx := t.Context()
	bob := h.account(t, caller.Organizer)
	h.must(t, bob, "POST", "/webhooks", `{"url":"https://example.org/hook"}`, "id")
	if w := h.ask(t, bob, "DELETE", "/users/"+bob.UserID, ""); w.Code != 204 {
		t.Fatal(w.Body)
	}
	pending := func() []bus.Message {
		t.Helper()
		list, err := h.Users.Outbox().Pending(ctx, bus.Ref{}, 10)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	list := pending()
	if len(list) != 1 || list[0].Key != bob.UserID || strings.Contains(string(list[0].Body), "@") {
		t.Fatalf("%+v", list)
	}
	webhooks := func() (n int) {
		t.Helper()
		if err := h.DB.Reader().QueryRow(`SELECT count(*) FROM webhook_endpoints WHERE organizer_id <> ''`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if webhooks() != 1 {
		t.Error("the webhook is gone before anybody was told")
	}
	if err := h.Bus.Round(ctx); err == nil || len(pending()) != 1 || webhooks() != 0 {
		t.Errorf("%v, %d messages, %d webhooks", err, len(pending()), webhooks())
	}
	for range 2 {
		until(t, "all have taken it", func() bool { return errors.Join(h.Bus.Round(ctx), h.Bus.Round(ctx)) == nil && len(pending()) == 0 })
		h.write(t, `UPDATE closings SET next_at = 0`)
		if err := h.Users.RunClosings(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if len(notices.forgot) != 2 || notices.forgot[0] != bob.UserID || notices.forgot[1] != bob.UserID {
		t.Errorf("forgot %v", notices.forgot)
	}
}

// Events that an organizer's requests create while the account is deleted are
// cancelled, whatever state they are created in, and what was bought for them is paid
// back. Events that were over before stay.
func TestDeletedBesideAnEvent(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	bob := h.account(t, caller.Organizer)
	over := h.must(t, bob, "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
	h.write(t, `UPDATE events SET starts_at = 1, ends_at = 2, sort_at = 1 WHERE id = $1`, over)
	before, err := h.Users.Authenticate(ctx, bob.Token)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Users.Delete(ctx, before, bob.UserID, 0, ""); err != nil {
		t.Fatal(err)
	}
	made := map[string]string{}
	for _, status := range []string{"draft", "published", "on_sale"} {
		var in eventapi.NewEvent
		if err := json.Unmarshal([]byte(fmt.Sprintf(eventJSON, status)), &in); err != nil {
			t.Fatal(err)
		}
		e, err := h.Events.Create(ctx, before, "", in)
		if err != nil || string(e.Status) != status {
			t.Fatal(e.Status, err)
		}
		made[status] = e.ID
	}
	ann, err := h.Users.Authenticate(ctx, h.account(t, caller.Customer).Token)
	if err != nil {
		t.Fatal(err)
	}
	held, err := h.Bookings.Hold(ctx, ann, "", bookingapi.HoldRequest{EventID: made["on_sale"], Selection: bookingapi.Selection{Quantity: 2}})
	if err != nil {
		t.Fatal(err)
	}
	if paid, err := h.Payments.Pay(ctx, ann, "", paymentapi.PayRequest{BookingID: held.ID, Method: paymentapi.SandboxOK}); err != nil || paid.Status != paymentapi.Captured {
		t.Fatal(paid.Status, err)
	}
	h.write(t, `UPDATE closings SET next_at = 0`)
	if err := errors.Join(h.Users.RunClosings(ctx), h.Bus.Round(ctx)); err != nil {
		t.Fatal(err)
	}
	made["past"] = over
	for status, id := range made {
		want := eventapi.Cancelled
		if status == "past" {
			want = eventapi.Past
		}
		if e, err := h.Events.Event(ctx, caller.System, id); err != nil || e.Status != want {
			t.Errorf("%s event: %s, not %s, %v", status, e.Status, want, err)
		}
	}
	if sales, err := h.Bookings.Sales(ctx, []string{made["on_sale"]}); err != nil || sales[made["on_sale"]].Status != eventapi.Cancelled {
		t.Errorf("the sale is %s, %v", sales[made["on_sale"]].Status, err)
	}
}

// What keeps nobody from leaving is not given up afterwards, and nothing else is spared: whatever kind of
// booking it is, and however late it was made.
func TestNothingThatMayStayIsGivenUp(t *testing.T) {
	for _, c := range []struct {
		name string
		as   string // what becomes of the event
		live bool
	}{
		{"upcoming", `UPDATE events SET version = version WHERE id = $1`, true},
		{"free", `UPDATE bookings SET amount = 0 WHERE event_id = $1`, true},
		{"over", `UPDATE events SET starts_at = 1, ends_at = 2, sort_at = 1 WHERE id = $1`, false},
		{"cancelled", `UPDATE events SET status = 'cancelled' WHERE id = $1`, false},
		{"given", `UPDATE bookings SET price_version = -1 WHERE event_id = $1`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			ann := h.visitor(t, "ann")
			id, event := h.bought(t, ann, 2, paymentapi.SandboxOK)
			h.write(t, c.as, event)
			at := h.DB.Now().UnixMicro()
			if err := h.Users.MayLeave(t.Context(), ann.UserID, at); errs.Is(err, "has-live-bookings") != c.live || err != nil && !c.live {
				t.Errorf("keeps the account: %v, want %v", err, c.live)
			}
			h.write(t, `INSERT INTO closings (user_id, since, done, tries, next_at) VALUES ($1, $2, TRUE, 0, 0)`, ann.UserID, at)
			if err := errors.Join(h.Users.RunClosings(t.Context()), h.Bus.Round(t.Context())); err != nil {
				t.Fatal(err)
			}
			want := map[bool]bookingapi.Status{true: bookingapi.Cancelled, false: bookingapi.Booked}[c.live]
			if b, err := h.Bookings.Booking(t.Context(), id); err != nil || b.Status != want {
				t.Errorf("is %s, not %s, %v", b.Status, want, err)
			}
		})
	}
}
