package notify

import (
	"context"
	"strings"
	"testing"

	"boxoffice/internal/notify/mail"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/notifyapi/notifytest"
)

// links are preferences of people who want everything.
type links struct{}

func (links) Unwanted(context.Context, notifyapi.Topic, string, []string) (map[string]bool, error) {
	return nil, nil
}

func (links) Link(topic notifyapi.Topic, organizer, address string) string {
	return "https://tickets.example/" + string(topic) + "/" + organizer + "/" + address
}

// Mails of a topic have their recipient's link to unsubscribe, in the letter and in the
// header. Mails about accounts and orders, and tests of announcements, have none.
func TestMailsOfATopicCanBeUnsubscribed(t *testing.T) {
	w := newWorld(t)
	got := map[string]string{}
	w.server.behave(func(_ context.Context, m *mail.Mail) error {
		got[m.ID] = m.Unsubscribe
		return nil
	})
	s := w.node(t, func(c *Config) { c.Preferences = links{} })
	end := runs(t, s)
	said := func(id, organizer string, test bool) notifyapi.Notice {
		n := notifytest.Booked(id, id+"@example.org", "en")
		n.Kind, n.Data.Message = notifyapi.Announcement, &notifyapi.Message{Subject: "Snow", Text: "Come early.", Test: test}
		if organizer != "" {
			n.Data.Organizer = &notifyapi.Organizer{ID: organizer, Name: "Hall"}
		}
		return n
	}
	notify(t, s, said("ada", "hall", false), said("bob", "", false), said("me", "hall", true), notifytest.Booked("cy", "cy@example.org", "en"))
	w.settle(t)
	end()
	for id, want := range map[string]string{"ada": "https://tickets.example/announcements/hall/ada@example.org", "bob": "https://tickets.example/announcements//bob@example.org", "me": "", "cy": ""} {
		if got[id] != want {
			t.Errorf("%s: %q, not %q", id, got[id], want)
		}
	}
	for _, m := range w.server.arrived() {
		if in := strings.Contains(m.Text, "https://tickets.example/announcements/"); in != (m.To == "ada@example.org" || m.To == "bob@example.org") {
			t.Errorf("%s: %s", m.To, m.Text)
		}
	}
}
