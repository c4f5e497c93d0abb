package app

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/notify"
	"boxoffice/internal/notify/mail"
	"boxoffice/internal/notify/sms"
	"boxoffice/internal/notify/sms/smstest"
	"boxoffice/internal/userapi"
)

// Whoever buys may give a mobile number on the way to the payment, and changes or removes
// it on the page of the account.
func TestPhoneAtTheCheckout(t *testing.T) {
	f := newFairWith(t, Config{Texts: &TextConfig{Regions: []string{"DE", "AT"}}})
	b := newBrowser(t, f.base)
	b.post(t, f.hold(), "seats="+f.seats[0])
	id := b.held(t)
	f.guest(t, b, "Gus", "gus@example.org")
	number := func() string {
		t.Helper()
		owner, err := f.Bookings.Booking(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		people, err := f.Users.People(t.Context(), []string{owner.UserID})
		if err != nil {
			t.Fatal(err)
		}
		return people[owner.UserID].Phone
	}
	b.at(t, 200, "/checkout/"+id, "Mobile number").at(t, 200, "", "Pay €50.00")
	b.submit(t, "/checkout/"+id+"/phone", "phone=030+901820").at(t, 422, "/checkout/", "This is not a valid mobile number.").at(t, 422, "", `value="030 901820"`)
	b.submit(t, "/checkout/"+id+"/phone", "phone=%2B447400123456").at(t, 422, "/checkout/", "We only send text messages to numbers of: DE, AT.")
	b.submit(t, "/checkout/"+id+"/phone", "phone=0151+23456789").at(t, 200, "/pay/"+id, "No money is moved")
	b.post(t, "/checkout/"+id+"/phone", "phone=0151+23456789").at(t, 200, "/pay/"+id, "") // a double click
	if got := number(); got != "+4915123456789" {
		t.Error(got)
	}
	b.get(t, "/checkout/"+id).at(t, 200, "", `49 1512 3456789"`)
	b.submit(t, "/checkout/"+id+"/phone", "").at(t, 200, "/pay/"+id, "")
	b.do(t, "POST", "/pay/"+id, b.form(t, "/pay/"+id, "token=tok_ok"))
	if f.status(t, id) != bookingapi.Booked || number() != "+4915123456789" {
		t.Errorf("%s %q", f.status(t, id), number())
	}
	b.get(t, "/account").at(t, 200, "", `49 1512 3456789"`)
	b.submit(t, "/account", "phone=112").at(t, 422, "/account", "This is not a valid mobile number.")
	b.submit(t, "/account", "phone=").at(t, 200, "/account", "Saved.")
	if got := number(); got != "" {
		t.Error(got)
	}
}

// Without a provider no page asks for a number, and none is stored.
func TestNoPhoneWithoutTexts(t *testing.T) {
	f := newFair(t)
	b := newBrowser(t, f.base)
	b.post(t, f.hold(), "seats="+f.seats[0])
	id := b.held(t)
	f.guest(t, b, "Gus", "gus@example.org")
	if b.at(t, 200, "/checkout/"+id, "Pay €50.00"); strings.Contains(b.text, "Mobile number") {
		t.Error("the checkout asks for a number")
	}
	b.post(t, "/checkout/"+id+"/phone", "phone=%2B4915123456789").at(t, 422, "/checkout/", "")
	if b.get(t, "/account"); strings.Contains(b.text, "Mobile number") {
		t.Error("the account asks for a number")
	}
	if w := f.ask(t, f.visitor(t, "ann"), "POST", sms.StatusPath+"?notice=x", "MessageStatus=delivered"); w.Code != http.StatusNotFound && w.Code != http.StatusMethodNotAllowed {
		t.Error(w.Code)
	}
}

// takesAll is a mail server that takes all mails.
type takesAll struct{}

func (takesAll) Send(context.Context, *mail.Mail) (string, error) { return "250 taken", nil }
func (takesAll) Close()                                           {}

// Whoever gave a number gets one text message about an event that was moved or cancelled at
// short notice, however many orders they have; the provider calls back through the front door.
func TestTexting(t *testing.T) {
	for name, ended := range map[string]bool{"while its emails are sent": false, "when its emails are sent": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testTexting(t, ended)
		})
	}
}

// testTexting has an event cancelled while or after emails about its move are sent.
func testTexting(t *testing.T, ended bool) {
	r := smstest.New(t)
	srv := httptest.NewUnstartedServer(nil)
	base := "http://" + srv.Listener.Addr().String()
	sender := sms.New(sms.Config{URL: r.URL, Account: smstest.Account, Token: smstest.Token, From: smstest.From, Public: base})
	h := newHouseWith(t, Config{PublicURL: base, Mail: &MailConfig{Sender: takesAll{}, Parallel: 1}, Texts: &TextConfig{Texting: notify.Texting{Sender: sender, PerSecond: 10}}})
	srv.Config.Handler = h.door.Handler()
	srv.Start()
	t.Cleanup(srv.Close)
	organizer, ann, bob := h.account(t, caller.Organizer), h.visitor(t, "ann"), h.visitor(t, "bob")
	in := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.RFC3339) }
	event := h.must(t, organizer, "POST", "/events", strings.Replace(fmt.Sprintf(eventJSON, "on_sale"), "2099-03-01T20:00:00Z", in(24*time.Hour), 1), "id")
	for _, as := range []userapi.Fan{ann, ann, bob} { // two orders of the same account, and somebody without a number
		booking := h.must(t, as, "POST", "/bookings", fmt.Sprintf(`{"event_id":%q,"quantity":1}`, event), "id")
		h.must(t, as, "POST", "/payments", fmt.Sprintf(`{"booking_id":%q,"method":"tok_ok"}`, booking), "id")
	}
	h.must(t, ann, "PUT", "/users/"+ann.UserID, `{"phone":"+49 1512 3456789"}`, "phone")
	h.Jobs.Go("mails", h.Notices.Run)
	h.Jobs.Go("bus", h.Bus.Run)
	h.Jobs.Go("bookings", h.Bookings.Run)
	h.Jobs.Go("payments", h.Payments.Run)
	h.must(t, organizer, "PUT", "/events/"+event, `{"event_time":"`+in(100*time.Hour)+`"}`, "id")
	until(t, "the move is texted", func() bool { return len(r.Messages()) > 0 })
	if ended { // everybody knows of it, and that it is far away
		until(t, "everybody knows of it", func() (done bool) {
			if err := h.DB.Reader().QueryRowContext(t.Context(), `SELECT 1 = (SELECT count(*) FROM mailings WHERE ended_at > 0)`).Scan(&done); err != nil {
				t.Fatal(err)
			}
			return done
		})
	}
	h.must(t, organizer, "PUT", "/events/"+event, `{"event_time":"`+in(30*time.Hour)+`"}`, "id") // waits, see shop.Changes
	h.must(t, organizer, "DELETE", "/events/"+event, "", "id")
	until(t, "the cancellation is texted", func() bool { return len(r.Messages()) > 1 })
	until(t, "everything is sent", func() (done bool) {
		if err := h.DB.Reader().QueryRowContext(t.Context(), `SELECT NOT EXISTS (SELECT 1 FROM notices WHERE state = 'queued') AND NOT EXISTS (SELECT 1 FROM mailings WHERE ended_at = 0)
			AND 1 = (SELECT count(*) FROM mailings WHERE ended_at > 0 AND kind = 'event-cancelled')`).Scan(&done); err != nil {
			t.Fatal(err)
		}
		return done
	})
	list := r.Messages()
	if len(list) != 2 || !strings.Contains(list[0].Body, "Gala has changed. Until now: ") ||
		!strings.HasPrefix(list[1].Body, "Gala (") || !strings.Contains(list[1].Body, "You get your money back.") || !strings.HasPrefix(list[1].Callback, base) {
		t.Fatalf("%+v", list)
	}
	state := func() (s string) {
		if err := h.DB.Reader().QueryRowContext(t.Context(), `SELECT state FROM notices WHERE channel = 'sms' AND kind = 'event-cancelled'`).Scan(&s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	if got, err := smstest.Call(t.Context(), &list[1], "delivered", 0); err != nil || got != http.StatusNoContent || state() != "delivered" {
		t.Error(got, err, state())
	}
	long := url.Values{"x": {strings.Repeat("x", 20<<10)}}
	if got, err := smstest.CallWith(t.Context(), list[1].Callback, long, "forged"); err != nil || got != http.StatusRequestEntityTooLarge {
		t.Error(got, err)
	}
	for name, form := range map[string]url.Values{"forged": {"MessageStatus": {"failed"}}, "with a card's number": {"To": {"+4242424242424242"}}} {
		if got, err := smstest.CallWith(t.Context(), list[1].Callback, form, "forged"); err != nil || got != http.StatusForbidden || state() != "delivered" {
			t.Error(name, got, err)
		}
	}
}
