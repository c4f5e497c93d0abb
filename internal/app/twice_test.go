package app

import (
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"boxoffice/internal/booking"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/paymentapi"
)

// Forms are sent twice: by a double click where scripts are off, by the back
// button, by a network that comes back. What they make they make once.

// A gift to a recipient who is refused takes no seats. A form that is sent twice
// gives once, even if the gift was changed in between.
func TestGiftFormGivesOnce(t *testing.T) {
	h := newHouse(t)
	mail := &letters{}
	gifts, err := booking.NewGiftMails(t.Context(), h.Bookings, h.letters(mail, "https://tickets.example").Gift, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	organizer := h.account(t, caller.Organizer)
	event := h.must(t, organizer, "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
	at := "/organizer/events/" + event
	sold := func(want int32) {
		t.Helper()
		if counts, err := bookingapi.One(t.Context(), h.Bookings.Counts, "event", event); err != nil || counts.Sold != want || counts.Held != 0 {
			t.Errorf("%+v %v, want %d sold", counts, err, want)
		}
	}
	mails := func(want int) {
		t.Helper()
		if err := gifts.Send(t.Context()); err != nil || len(mail.all) != want {
			t.Errorf("%d mails, want %d: %v", len(mail.all), want, err)
		}
	}
	form := url.Values{"kind": {"complimentary"}, "quantity": {"2"}, "nonce": {"first"}, "name": {"Ada Byron"}, "email": {"ada@@example.org"}}
	for range 2 { // refused, and sent again as it is shown again
		body := h.page(t, organizer, "POST", at+"/seats", form, 422)
		has(t, body, "email address")
		form.Set("nonce", field(t, body, "nonce"))
		sold(0)
	}
	form.Set("email", "ada@example.org")
	to := h.page(t, organizer, "POST", at+"/seats", form, 303)
	mails(1)
	page, _, _ := strings.Cut(to, "#")
	_, given, _ := strings.Cut(h.read(t, organizer, page), `action="`+at+`/gift"`)
	booking := field(t, given, "booking")
	change := url.Values{"booking": {booking}, "name": {"Ada King"}, "email": {"ada@example.com"}, "mailed": {field(t, given, "mailed")}}
	h.page(t, organizer, "POST", at+"/gift", change, 303)
	mails(2)
	h.page(t, organizer, "POST", at+"/gift", change, 303) // sent again
	mails(2)
	if again := h.page(t, organizer, "POST", at+"/seats", form, 303); again != to {
		t.Errorf("sent again, it leads to %s, not %s", again, to)
	}
	mails(2)
	sold(2)
	if known, err := h.Bookings.Recipients(t.Context(), []string{booking}); err != nil || known[booking].Name != "Ada King" {
		t.Errorf("the form sent again undoes what was changed since: %v %v", known, err)
	}
	change.Set("mailed", field(t, h.read(t, organizer, page), "mailed"))
	h.page(t, organizer, "POST", at+"/gift", change, 303) // by its button: once more, please
	mails(3)

	form.Set("name", "Bo") // the back button, and something else
	body := h.page(t, organizer, "POST", at+"/seats", form, 422)
	has(t, body, "You have already sent this form with other details")
	sold(2)
	form.Set("nonce", field(t, body, "nonce"))
	h.page(t, organizer, "POST", at+"/seats", form, 303)
	sold(4)
}

// The form of a new event makes one event, however often it is sent.
func TestEventFormMakesOne(t *testing.T) {
	h := newHouse(t)
	organizer := h.account(t, caller.Organizer)
	form := newEventForm()
	form.Set("key", field(t, h.page(t, organizer, "GET", "/organizer/events/new", nil, 200), "key"))
	form.Set("title", "")
	if key := field(t, h.page(t, organizer, "POST", "/organizer/events/new", form, 422), "key"); key != form.Get("key") {
		t.Error("a form that was refused has another key, and made nothing yet")
	}
	form.Set("title", "Night of the Violins")
	made := h.page(t, organizer, "POST", "/organizer/events/new", form, 303)
	if again := h.page(t, organizer, "POST", "/organizer/events/new", form, 303); again != made {
		t.Errorf("sent twice, it makes %s and %s", made, again)
	}
	form.Set("title", "Day of the Violins")
	body := h.page(t, organizer, "POST", "/organizer/events/new", form, 409)
	has(t, body, "You have already sent this form with other details")
	form.Set("key", field(t, body, "key"))
	if other := h.page(t, organizer, "POST", "/organizer/events/new", form, 303); other == made {
		t.Error("another event cannot be made")
	}
}

// A new link to an order replaces the one that the page shows: sent again, the
// form does not end the link that has been handed on since.
func TestLinkFormRenewsOnce(t *testing.T) {
	h := newHouse(t)
	ann := h.visitor(t, "ann")
	booking, _ := h.bought(t, ann, 1, paymentapi.SandboxOK)
	shown := regexp.MustCompile(`name="link" value="([^"]*)"`).FindStringSubmatch(h.read(t, ann, "/orders/"+booking))
	if shown == nil {
		t.Fatal("the form does not say which link it replaces")
	}
	form := url.Values{"link": {html.UnescapeString(shown[1])}}
	before := h.linkOf(t, ann, booking)
	h.page(t, ann, "POST", "/orders/"+booking+"/link", form, 303)
	after := h.linkOf(t, ann, booking)
	h.page(t, ann, "POST", "/orders/"+booking+"/link", form, 303)
	if now := h.linkOf(t, ann, booking); after == before || now != after {
		t.Errorf("%s, %s, %s", before, after, now)
	}
}

// Signing up within the checkout once more, by the back button, goes on with the
// account that has the seats by now; signing in once more leaves one session.
func TestEntryFormsEnterOnce(t *testing.T) {
	f := newFair(t)
	b := newBrowser(t, f.base)
	b.post(t, f.hold(), "quantity=2")
	id := b.held(t)
	form := "name=Ann&email=ann@example.org&password=" + url.QueryEscape(password)
	for range 2 {
		b.post(t, "/checkout/"+id+"/sign-up", form)
		b.at(t, 200, "/checkout/"+id, "Check your email")
	}
	var n int
	if err := f.DB.Reader().QueryRowContext(t.Context(), `SELECT count(*) FROM users WHERE role = 'customer'`).Scan(&n); err != nil || n != 1 {
		t.Errorf("%d accounts, %v", n, err)
	}
	ann := f.visitor(t, "bob")
	c := newBrowser(t, f.base)
	for range 3 {
		c.post(t, "/sign-in", "name=bob@example.org&password=velvet+curtain")
	}
	if list, err := f.Users.Sessions(t.Context(), caller.Caller{UserID: ann.UserID, Role: caller.Customer}, ann.UserID, ""); err != nil || len(list) != 2 {
		t.Errorf("%d sessions, want that of the API and that of the browser: %v", len(list), err)
	}
}
