package app

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"boxoffice/internal/booking"
	"boxoffice/internal/caller"
	"boxoffice/internal/id"
	"boxoffice/internal/notify/letter/lettertest"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/userapi"
)

// Seats that are given away reach somebody: the guest gets a mail whose link
// opens tickets with their name, without an account; the organizer sees that,
// can hand the link on, and can correct the address, which ends the old link.
func TestGiftReachesSomebody(t *testing.T) {
	h := newHouse(t)
	mail := &letters{}
	gifts, err := booking.NewGiftMails(t.Context(), h.Bookings, h.letters(mail, "https://tickets.example").Gift, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	send := func(want int) {
		t.Helper()
		for range 2 { // the second time nothing is due
			if err := gifts.Send(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if len(mail.all) != want {
			t.Fatalf("%d mails, want %d: %q", len(mail.all), want, mail.all)
		}
	}
	organizer, rival, nobody := h.account(t, caller.Organizer), h.account(t, caller.Organizer), userapi.Fan{}
	event := h.must(t, organizer, "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
	at := "/organizer/events/" + event
	form := url.Values{"kind": {"complimentary"}, "quantity": {"2"}, "nonce": {"n"}, "name": {"Ada Byron"}, "email": {"ada@example.org"}}
	to := h.page(t, organizer, "POST", at+"/seats", form, 303)
	if again := h.page(t, organizer, "POST", at+"/seats", form, 303); again != to {
		t.Errorf("sent twice, it leads to %s and %s", to, again)
	}
	reference := regexp.MustCompile(`booking=([0-9A-Z-]+)#found$`).FindStringSubmatch(to)
	if reference == nil {
		t.Fatal(to)
	}
	list, err := h.Bookings.ByReference(t.Context(), event, reference[1])
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	booking := list[0].ID
	live, _, _ := strings.Cut(to, "#")
	send(1)
	link := regexp.MustCompile(`https://tickets\.example(/orders/\S+)`).FindStringSubmatch(mail.all[0])
	if link == nil || !strings.HasPrefix(mail.all[0], "ada@example.org\n") || !strings.Contains(mail.all[0], "Ada Byron") || !strings.Contains(mail.all[0], id.Reference(booking)) {
		t.Fatal(mail.all[0])
	}
	below := func(page string) string { return strings.Replace(link[1], "?", "/"+page+"?", 1) }
	body := h.read(t, nobody, link[1])
	has(t, body, "Ada Byron", "Complimentary", "please tell the organizer")
	hasNot(t, body, "sign in with the account")
	has(t, h.read(t, nobody, below("tickets")), "Ada Byron", "<svg")
	if w := h.ask(t, nobody, "GET", below("tickets.pdf"), ""); w.Code != 200 {
		t.Errorf("%d", w.Code)
	}
	has(t, h.read(t, organizer, live), "Ada Byron", "The link was emailed to ada@example.org.", link[1])
	has(t, h.read(t, organizer, at+"/attendees.csv"), "Ada Byron,ada@example.org")

	change := url.Values{"booking": {booking}, "name": {"Ada Byron"}, "email": {"ada@example.com"}}
	h.page(t, rival, "POST", at+"/gift", change, 404)
	issued := func(want uint16) {
		t.Helper()
		issues, err := h.Issues.Issues(t.Context(), []string{booking})
		for _, seat := range list[0].Seats {
			if got := issues[booking][seat].Number; got != want || err != nil {
				t.Errorf("seat %d has issue %d, want %d: %v", seat, got, want, err)
			}
		}
	}
	issued(0)
	h.page(t, organizer, "POST", at+"/gift", change, 303)
	send(2)
	issued(1) // whoever had the first address may have saved the codes
	h.page(t, organizer, "POST", at+"/gift", change, 303)
	issued(1)
	if w := h.ask(t, nobody, "GET", link[1], ""); w.Code != 404 {
		t.Errorf("the link of the wrong address opens the tickets: %d", w.Code)
	}
	change.Set("email", "nonsense")
	h.page(t, organizer, "POST", at+"/gift", change, 422)

	h.must(t, organizer, "POST", "/events/"+event+"/complimentary", `{"quantity":1,"name":"Bo","email":"bo@example.org"}`, "id")
	alone := h.must(t, organizer, "POST", "/events/"+event+"/complimentary", `{"quantity":1}`, "id")
	send(3)
	has(t, h.read(t, organizer, at+"?booking="+id.Reference(alone)), "The link has not been sent to anybody yet", h.linkOf(t, organizer, alone)[len("/bookings"):])
	for _, bad := range []string{`{"quantity":1,"email":"x"}`, `{"quantity":1,"name":"x","user_id":"` + organizer.UserID + `"}`} {
		if w := h.ask(t, organizer, "POST", "/events/"+event+"/complimentary", bad); w.Code != 422 {
			t.Errorf("%s: %d", bad, w.Code)
		}
	}
	h.page(t, organizer, "POST", at+"/release", url.Values{"booking": {booking}}, 303)
	if left, err := h.Bookings.Recipients(t.Context(), []string{booking}); err != nil || len(left) != 0 {
		t.Errorf("%v %v", left, err)
	}
}

// stubborn takes no notices for one address, and panics at another.
type stubborn struct {
	letters
	refused, panics string
}

func (s *stubborn) Notify(ctx context.Context, list []notifyapi.Notice) error {
	for i := range list {
		switch list[i].To {
		case s.refused:
			return errors.New("the service is out of order")
		case s.panics:
			panic("planned")
		}
	}
	return s.letters.Notify(ctx, list)
}

// A gift's mail stays due until the mailer has it; one that fails stops no other,
// however many of them there are, and is tried again.
func TestGiftMailsAreDelivered(t *testing.T) {
	h := newHouse(t)
	mail := &stubborn{refused: "full@example.org", panics: "odd@example.org"}
	now := time.Now()
	gifts, err := booking.NewGiftMails(t.Context(), h.Bookings, h.letters(mail, "https://tickets.example").Gift, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	organizer := h.account(t, caller.Organizer)
	event := h.must(t, organizer, "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
	give := func(email string) string {
		return h.must(t, organizer, "POST", "/events/"+event+"/complimentary", `{"quantity":1,"name":"Ada","email":"`+email+`"}`, "id")
	}
	give("full@example.org")
	give("odd@example.org")
	for i := range 3 {
		give(fmt.Sprintf("guest%d@example.org", i))
	}
	if err := gifts.Send(t.Context()); err == nil || len(mail.all) != 3 {
		t.Fatalf("%v: %d mails, want 3", err, len(mail.all))
	}
	if due, err := h.Bookings.GiftsDue(t.Context(), "", 10); err != nil || len(due) != 2 {
		t.Errorf("%v are due (%v), want those two that were not taken", due, err)
	}
	if err := gifts.Send(t.Context()); err != nil || len(mail.all) != 3 {
		t.Errorf("%v: it is tried again at once", err)
	}
	mail.refused, mail.panics = "", ""
	now = now.Add(time.Minute)
	if err := gifts.Send(t.Context()); err != nil || len(mail.all) != 5 {
		t.Errorf("%v: %d mails, want 5", err, len(mail.all))
	}
	if due, err := h.Bookings.GiftsDue(t.Context(), "", 10); err != nil || len(due) != 0 {
		t.Errorf("%v are due (%v)", due, err)
	}
}

// A gift whose link is renewed while its mail is being delivered is mailed again, with
// the link that works.
func TestGiftRenewedWhileItIsMailed(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	organizer := h.account(t, caller.Organizer)
	who, err := h.Users.Authenticate(ctx, organizer.Token)
	if err != nil {
		t.Fatal(err)
	}
	event := h.must(t, organizer, "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
	gift := h.must(t, organizer, "POST", "/events/"+event+"/complimentary", `{"quantity":1,"name":"Ada","email":"ada@example.org"}`, "id")
	mail := &letters{}
	mail.then = func() {
		if _, err := h.Bookings.RenewLink(ctx, who, gift, ""); err != nil {
			t.Error(err)
		}
		mail.then = nil
	}
	gifts, err := booking.NewGiftMails(ctx, h.Bookings, h.letters(mail, "https://tickets.example").Gift, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := gifts.Send(ctx); err != nil {
			t.Fatal(err)
		}
	}
	links, err := h.Bookings.Links(ctx, []string{gift})
	if err != nil || len(mail.all) != 2 || !strings.Contains(mail.all[1], links[gift]) {
		t.Errorf("%d mails, the last without %s, %v: %q", len(mail.all), links[gift], err, mail.all)
	}
}

// The booking service mails gifts as long as it runs.
func TestGiftMailsRun(t *testing.T) {
	sent := make(chan string, 1)
	h := newHouseWith(t, Config{Notices: lettertest.New(func(_ context.Context, to, _, _ string) error { sent <- to; return nil }), PublicURL: "https://tickets.example"})
	organizer := h.account(t, caller.Organizer)
	event := h.must(t, organizer, "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
	h.must(t, organizer, "POST", "/events/"+event+"/complimentary", `{"quantity":1,"name":"Ada","email":"ada@example.org"}`, "id")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.Bookings.Run(ctx) }()
	if to := <-sent; to != "ada@example.org" {
		t.Errorf("mailed to %s", to)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
