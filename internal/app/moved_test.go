package app

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"boxoffice/internal/bus"
	"boxoffice/internal/caller"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/notify/mail"
	"boxoffice/internal/notifyapi"
)

// about lists the mails about an event to an address, by the beginning of their IDs.
func (i *inbox) about(to, prefix string) (list []mail.Mail) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, m := range i.mails[to] {
		if strings.HasPrefix(m.ID, prefix) {
			list = append(list, m)
		}
	}
	return list
}

// Whoever has tickets is told once, in their language, that the event was moved, with what
// they may do until when, and that it was cancelled. Who bought after the change knows it.
// Nothing is told of a change that is refused.
func TestMovedAndCancelledEventsAreTold(t *testing.T) {
	post := &inbox{}
	h := newHouseWith(t, Config{Mail: &MailConfig{Sender: post, Parallel: 2}, PublicURL: "https://tickets.example"})
	organizer := h.account(t, caller.Organizer)
	event := h.must(t, organizer, "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
	buy := func(name, lang string) (booking string) {
		who := h.visitor(t, name)
		h.write(t, `UPDATE users SET lang = $1 WHERE id = $2`, lang, who.UserID)
		booking = h.must(t, who, "POST", "/bookings", `{"event_id":"`+event+`","quantity":2}`, "id")
		h.must(t, who, "POST", "/payments", `{"booking_id":"`+booking+`","method":"tok_ok"}`, "id")
		return booking
	}
	ann := buy("ann", "en")
	buy("bob", "de")

	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for _, run := range []func(context.Context) error{h.Notices.Run, h.Bus.Run, h.Bookings.Run, h.Payments.Run} {
		running.Go(func() { _ = run(ctx) })
	}
	defer running.Wait()
	defer cancel()

	if w := h.ask(t, organizer, "PUT", "/events/"+event, `{"event_time":"2099-04-01T20:00","plan":{"template":"theatre","seats":60}}`); w.Code != 409 {
		t.Fatalf("a change of the plan: %d %s", w.Code, w.Body)
	}
	h.must(t, organizer, "PUT", "/events/"+event, `{"event_time":"2099-05-02T19:30"}`, "id")
	told := func(prefix string, names ...string) {
		t.Helper()
		until(t, prefix+" is told", func() bool {
			return !slices.ContainsFunc(names, func(name string) bool { return len(post.about(name+"@example.org", prefix)) == 0 })
		})
	}
	told("moved/"+event, "ann", "bob")
	buy("cleo", "en")
	told("booked/", "cleo") // tickets that are written later show the next time
	h.must(t, organizer, "PUT", "/events/"+event, `{"event_time":"2099-06-03T19:30"}`, "id")
	until(t, "the next move waits", func() bool {
		list, err := h.Notices.MailingsOf(t.Context(), event)
		return err == nil && len(list) == 2 && !list[0].Begins.IsZero()
	})
	buy("dan", "en")
	h.must(t, organizer, "DELETE", "/events/"+event, "", "id")
	told("cancelled/"+event, "ann", "bob", "cleo", "dan")
	until(t, "all mailings have ended", func() bool {
		list, err := h.Notices.MailingsOf(t.Context(), event)
		if err != nil || len(list) != 3 {
			t.Fatal(list, err)
		}
		return !slices.ContainsFunc(list, func(p notifyapi.Progress) bool { return p.Ended.IsZero() })
	})
	for name, want := range map[string]int{"ann": 1, "bob": 1, "cleo": 0, "dan": 0} {
		if n := len(post.about(name+"@example.org", "moved/")); n != want {
			t.Errorf("%s is told %d times that it was moved, want %d", name, n, want)
		}
		if n := len(post.about(name+"@example.org", "cancelled/")); n != 1 {
			t.Errorf("%s is told %d times that it was cancelled", name, n)
		}
	}
	links, err := h.Bookings.Links(t.Context(), []string{ann})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		to, prefix string
		parts      []string
	}{
		{"ann", "moved/", []string{"Sunday 1 March 2099", "Saturday 2 May 2099, 19:30", "get your money back until", "https://tickets.example" + links[ann]}},
		{"bob", "moved/", []string{"Sonntag, 1. März 2099", "Samstag, 2. Mai 2099, 19:30 Uhr"}},
		{"ann", "cancelled/", []string{"will not take place", "€100.00", "Saturday 2 May 2099"}},
		{"cleo", "cancelled/", []string{"will not take place", "Saturday 2 May 2099"}},
		{"dan", "cancelled/", []string{"Wednesday 3 June 2099"}},
	} {
		text := strings.ReplaceAll(post.about(test.to+"@example.org", test.prefix)[0].Text, "\u00a0", " ")
		for _, part := range test.parts {
			if !strings.Contains(text, part) {
				t.Errorf("%s to %s: no %q in %s", test.prefix, test.to, part, text)
			}
		}
		if strings.Contains(text, "April") {
			t.Errorf("%s is told of a change that was refused: %s", test.to, text)
		}
	}
}

// A message about a moved event that comes twice, for example because the process was
// killed, begins one mailing; and none if what records the message as taken is not
// committed.
func TestMovedEventIsToldOnce(t *testing.T) {
	h := newHouseWith(t, Config{Mail: &MailConfig{Sender: &inbox{}, Parallel: 1}, PublicURL: "https://tickets.example"})
	organizer := h.account(t, caller.Organizer)
	event := h.must(t, organizer, "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
	h.must(t, organizer, "PUT", "/events/"+event, `{"event_time":"2099-05-02T19:30"}`, "id")
	consumers, err := h.occasions(t.Context(), h.Notices, "https://tickets.example")
	if err != nil {
		t.Fatal(err)
	}
	list, err := h.Events.Outbox().Pending(t.Context(), bus.Ref{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(list, func(m bus.Message) bool { return m.Type == eventapi.TypeSettled }) {
		t.Fatalf("nobody is told: %+v", list)
	}
	for i, want := range []int{0, 1, 1} {
		write, err := consumers[0].Consume(t.Context(), list)
		if err != nil {
			t.Fatal(err)
		}
		err = h.DB.Write(t.Context(), func(tx *sql.Tx) error {
			err := write(t.Context(), tx)
			if err == nil && i == 0 {
				err = context.DeadlineExceeded // killed before the commit
			}
			return err
		})
		if (err == nil) != (i > 0) {
			t.Fatal(err)
		}
		if list, err := h.Notices.MailingsOf(t.Context(), event); err != nil || len(list) != want {
			t.Errorf("after %d: %+v %v", i, list, err)
		}
	}
}

// Whoever held seats before a change and paid after it has a confirmation with the new time.
// When the change is taken back while its news waits, they are told, and nobody else is.
func TestPaidWhileNewsWaits(t *testing.T) {
	post := &inbox{}
	h := newHouseWith(t, Config{Mail: &MailConfig{Sender: post, Parallel: 2}, PublicURL: "https://tickets.example"})
	organizer := h.account(t, caller.Organizer)
	event := h.must(t, organizer, "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
	hold := func(name string) (pay func()) {
		who := h.visitor(t, name)
		booking := h.must(t, who, "POST", "/bookings", `{"event_id":"`+event+`","quantity":2}`, "id")
		return func() { h.must(t, who, "POST", "/payments", `{"booking_id":"`+booking+`","method":"tok_ok"}`, "id") }
	}
	hold("ann")()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for _, run := range []func(context.Context) error{h.Notices.Run, h.Bus.Run, h.Bookings.Run, h.Payments.Run} {
		running.Go(func() { _ = run(ctx) })
	}
	defer running.Wait()
	defer cancel()
	ended := func(list []notifyapi.Progress) bool { return list[0].Complete && !list[0].Ended.IsZero() }
	move := func(to string, n int, so func([]notifyapi.Progress) bool) {
		t.Helper()
		h.must(t, organizer, "PUT", "/events/"+event, `{"event_time":"`+to+`"}`, "id")
		until(t, "a mailing about "+to, func() bool {
			list, err := h.Notices.MailingsOf(t.Context(), event)
			return err == nil && len(list) == n && so(list)
		})
	}
	waits := func(list []notifyapi.Progress) bool { return !list[0].Begins.IsZero() }
	move("2099-05-02T19:30", 1, ended)
	pay := hold("dan")
	move("2099-06-03T19:30", 2, waits)
	pay()
	until(t, "dan has tickets", func() bool { return len(post.about("dan@example.org", "booked/")) > 0 })
	move("2099-05-02T19:30", 3, waits)
	h.write(t, `UPDATE mailings SET pass_at = 1 WHERE pass_at <> 0 AND state = 'running'`) // it has waited
	until(t, "what is so now was told", func() bool {
		list, err := h.Notices.MailingsOf(t.Context(), event)
		return err == nil && ended(list)
	})
	for name, was := range map[string]bool{"ann": true, "dan": false} { // what dan knows is not sure
		list := post.about(name+"@example.org", "moved/")
		if len(list) != 1 {
			t.Fatalf("%s has %d mails about moves", name, len(list))
		}
		text := strings.ReplaceAll(list[0].Text, "\u00a0", " ")
		if !strings.Contains(text, "Saturday 2 May 2099, 19:30") || strings.Contains(text, "Time until now") != was {
			t.Errorf("%s: %s", name, text)
		}
	}
}
