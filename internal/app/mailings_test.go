package app

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/notify/mail"
)

// inbox is a mail server that keeps what it takes, by recipient.
type inbox struct {
	mu    sync.Mutex
	mails map[string][]mail.Mail
}

func (i *inbox) Send(_ context.Context, m *mail.Mail) (string, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.mails == nil {
		i.mails = map[string][]mail.Mail{}
	}
	i.mails[m.To] = append(i.mails[m.To], *m)
	return "250 taken", nil
}

func (*inbox) Close() {}

// A day before an event, everybody with tickets is reminded with a link to their own, in
// their language: buyers, and guests of the organizer. Whoever holds seats, has given
// them back, or has blocked them is not.
func TestReminderReachesTheHolders(t *testing.T) {
	post := &inbox{}
	h := newHouseWith(t, Config{Mail: &MailConfig{Sender: post, Parallel: 2}, PublicURL: "https://tickets.example"})
	organizer := h.account(t, caller.Organizer)
	event := h.must(t, organizer, "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
	buy := func(name, lang string, pay bool) (booking string) {
		who := h.visitor(t, name)
		h.write(t, `UPDATE users SET lang = $1 WHERE id = $2`, lang, who.UserID)
		booking = h.must(t, who, "POST", "/bookings", `{"event_id":"`+event+`","quantity":2}`, "id")
		if pay {
			h.must(t, who, "POST", "/payments", `{"booking_id":"`+booking+`","method":"tok_ok"}`, "id")
		}
		return booking
	}
	ann, bob := buy("ann", "en", true), buy("bob", "de", true)
	buy("held", "en", false)
	back := buy("back", "en", true)
	if _, err := h.Bookings.Cancel(t.Context(), caller.System, bookingapi.Cancellation{BookingID: back}); err != nil {
		t.Fatal(err)
	}
	guest := h.must(t, organizer, "POST", "/events/"+event+"/complimentary", `{"quantity":1,"name":"Gus","email":"gus@guests.example"}`, "id")
	h.must(t, organizer, "POST", "/events/"+event+"/blocks", `{"quantity":1}`, "id")

	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = h.Notices.Run(ctx) })
	defer running.Wait()
	defer cancel()
	r := h.reminders(slog.New(slog.DiscardHandler))
	r.Now = func() time.Time { return time.Date(2099, 2, 28, 21, 0, 0, 0, time.UTC) }
	for range 2 {
		if err := r.Round(t.Context()); err != nil {
			t.Fatal(err)
		}
		r = h.reminders(slog.New(slog.DiscardHandler)) // another node
		r.Now = func() time.Time { return time.Date(2099, 2, 28, 21, 5, 0, 0, time.UTC) }
	}
	for {
		list, err := h.Notices.MailingsOf(t.Context(), event)
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		if !list[0].Ended.IsZero() {
			if list[0].Total != 3 || list[0].Counts["sent"] != 3 {
				t.Errorf("%+v", list[0])
			}
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if w := h.ask(t, organizer, "GET", "/events/"+event+"/mailings", ""); w.Code != 200 || !strings.Contains(w.Body.String(), `"kind":"reminder","status":"done","complete":true,"total":3,"waiting":0,"sent":3,`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	has(t, h.read(t, organizer, "/organizer/events/"+event+"/announcements"), "Sent automatically", "<h3>Reminder</h3>", "3 of 3 sent")
	has(t, h.read(t, organizer, "/organizer/events/"+event+"/announcements?lang=de"), "Automatisch verschickt", "<h3>Erinnerung</h3>", "3 von 3 gesendet")
	if w := h.ask(t, h.account(t, caller.Organizer), "GET", "/events/"+event+"/mailings", ""); w.Code != 404 {
		t.Errorf("somebody else's: %d %s", w.Code, w.Body)
	}
	texts := map[string]string{}
	for _, list := range post.mails {
		for _, m := range list {
			if strings.HasPrefix(m.ID, "reminder/") {
				texts[m.To] += m.Text
			}
		}
	}
	for booking, parts := range map[string][]string{
		ann:   {"coming up", "Sunday 1 March 2099, 21:00"},
		bob:   {"bald ist es so weit", "Sonntag, 1. März 2099, 21:00 Uhr"},
		guest: {"Gus", "coming up"},
	} {
		links, err := h.Bookings.Links(t.Context(), []string{booking})
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, text := range texts {
			if !strings.Contains(text, "https://tickets.example"+links[booking]) {
				continue
			}
			found++
			for _, part := range parts {
				if !strings.Contains(strings.ReplaceAll(text, "\u00a0", " "), part) {
					t.Errorf("no %q in %s", part, text)
				}
			}
		}
		if found != 1 {
			t.Errorf("%d mails lead to booking %s; %v", found, booking, texts)
		}
	}
	if len(texts) != 3 {
		t.Errorf("%d reminders: %v", len(texts), texts)
	}
}
