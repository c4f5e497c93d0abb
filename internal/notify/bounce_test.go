package notify

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"boxoffice/internal/notify/mail"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/notifyapi/notifytest"
)

// A report of a mail that came back is recorded by the mail's Message-ID, once: bounced if
// nobody has the address, else failed.
func TestBounced(t *testing.T) {
	w := newWorld(t)
	s := w.node(t, nil)
	log, err := OpenLog(t.Context(), w.db)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]string{}
	w.server.behave(func(_ context.Context, m *mail.Mail) error {
		ids[m.ID] = "<" + m.Local + "@example.org>"
		if m.ID == "no-such" {
			return &mail.Refused{Answer: "550 5.1.1 no such user", Dead: true}
		}
		return nil
	})
	end := runs(t, s)
	for _, id := range []string{"gone", "full", "fine", "no-such"} {
		notify(t, s, notifytest.Booked(id, id+"@example.org", "en"))
	}
	w.settle(t)
	end()
	notify(t, s, notifytest.Booked("waits", "waits@example.org", "en"))
	id, _, _ := strings.Cut(ids["fine"], ".")
	list := []notifyapi.Bounce{
		{MessageID: ids["gone"], Status: "5.1.1", Answer: "550 5.1.1 User unknown\x00"},
		{MessageID: ids["full"], Status: "5.2.2", Answer: "mailbox full"},
		{MessageID: "", Status: "5.1.1"}, {MessageID: "<x@example.org>", Status: "5.1.1"}, {MessageID: "<@>"},
		{MessageID: id + ".AAAAAAAAAAAAAAAA@example.org>", Status: "5.1.1"}, // forged
		{MessageID: "<" + s.ids.of("waits") + "@example.org>", Status: "5.1.1"},
		{MessageID: "<" + s.ids.of("of another site") + "@example.org>", Status: "5.1.1"},
	}
	for i, want := range []int64{2, 0} {
		if n, err := log.Bounced(t.Context(), list, time.Now()); err != nil || n != want {
			t.Errorf("%d: %d %v", i, n, err)
		}
	}
	for id, want := range map[string]string{"gone": bounced + " 550 5.1.1 User unknown", "full": failed + " 5.2.2 mailbox full", "fine": sent + " 250 2.0.0 taken",
		"waits": queued + " ", "no-such": bounced + " 550 5.1.1 no such user"} {
		if l := w.line(t, id); l.state+" "+l.answer != want {
			t.Errorf("%s: %+v", id, l)
		}
	}
	dead, err := s.store.dead(t.Context(), []string{"gone@example.org", "full@example.org", "fine@example.org", "no-such@example.org", ""})
	if err != nil || len(dead) != 2 || !dead["gone@example.org"] || !dead["no-such@example.org"] {
		t.Errorf("%v %v", dead, err)
	}
	if err := s.Forget(t.Context(), "u"); err != nil { // the owner of the address has deleted the account
		t.Fatal(err)
	}
	if dead, err := s.store.dead(t.Context(), []string{"gone@example.org"}); err != nil || len(dead) != 0 {
		t.Errorf("%v %v", dead, err)
	}
}

// The Message-ID of a notice fits on a line, is the same on every node, and of long IDs
// another kind is made.
func TestMessageIDs(t *testing.T) {
	w := newWorld(t)
	a, b := w.node(t, nil).ids, w.node(t, nil).ids
	for _, id := range []string{"booked/p", "again/06a1/1/äöü", strings.Repeat("x", longestID)} {
		local := a.of(id)
		if local != b.of(id) || local == "" || strings.Trim(local, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") != "" || len(local) > 250 {
			t.Errorf("%q", local)
		}
		if back, ok := b.notice(" <" + local + "@example.org> "); !ok || back != id {
			t.Errorf("%q %v", back, ok)
		}
	}
	if a.of(strings.Repeat("x", longestID+1)) != "" {
		t.Error("too long")
	}
}

// Reminders and announcements do not go to addresses from which a mail came back; what is
// about the order itself does.
func TestNoBulkMailToDeadAddresses(t *testing.T) {
	w := newWorld(t)
	for kind, want := range map[notifyapi.Kind]string{notifyapi.Reminder: failed, notifyapi.EventCancelled: queued} {
		s := w.node(t, nil)
		dead := notifytest.Booked(fmt.Sprint("first ", kind), "gone@example.org", "en")
		notify(t, s, dead)
		w.mark(t, dead.ID)
		m := &mailing{}
		m.ID, m.Kind, m.EventID = string(kind), kind, "e"
		rows := []row{{notice: notifyapi.Notice{To: "gone@example.org"}, state: queued}, {notice: notifyapi.Notice{To: "fine@example.org"}, state: queued}}
		if err := s.leaveOut(t.Context(), m, rows, time.Now()); err != nil {
			t.Fatal(err)
		}
		if rows[0].state != want || rows[1].state != queued || rows[0].done.IsZero() != (want == queued) {
			t.Errorf("%s: %+v", kind, rows)
		}
	}
}
