package app

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"boxoffice/internal/caller"
	"boxoffice/internal/notify/mail"
	"boxoffice/internal/notify/prefs"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/userapi"
)

// box is a mail server that keeps what it is sent.
type box struct {
	mu    sync.Mutex
	mails []mail.Mail
	more  chan struct{}
}

func newBox() *box { return &box{more: make(chan struct{}, 1000)} }

func (b *box) Send(_ context.Context, m *mail.Mail) (string, error) {
	b.mu.Lock()
	b.mails = append(b.mails, *m)
	b.mu.Unlock()
	b.more <- struct{}{}
	return "250 taken", nil
}

func (*box) Close() {}

// to waits for n mails to an address.
func (b *box) to(t *testing.T, address string, n int) (list []mail.Mail) {
	t.Helper()
	for {
		b.mu.Lock()
		list = nil
		for _, m := range b.mails {
			if m.To == address {
				list = append(list, m)
			}
		}
		b.mu.Unlock()
		if len(list) >= n {
			return list
		}
		select {
		case <-b.more:
		case <-t.Context().Done():
			t.Fatalf("%d mails to %s", len(list), address)
		}
	}
}

// Whoever gets an announcement unsubscribes by their mail program's button, without
// signing in and without a cookie; following the link changes nothing. The owner of the
// address finds it in the account, and subscribes again.
func TestOneClickUnsubscribe(t *testing.T) {
	mails := newBox()
	h := newHouseWith(t, Config{Mail: &MailConfig{Sender: mails, Parallel: 1}, PublicURL: "https://tickets.example"})
	h.Jobs.Go("mails", h.Notices.Run)
	ada, nobody, organizer := h.visitor(t, "ada"), userapi.Fan{}, h.account(t, caller.Organizer)
	h.write(t, `UPDATE users SET name = 'Old Hall' WHERE id = $1`, organizer.UserID)
	err := h.Notices.Notify(t.Context(), []notifyapi.Notice{{ID: "1", Kind: notifyapi.Announcement, To: "ada@example.org", Lang: "en", Data: notifyapi.Data{
		Event: &notifyapi.Event{Title: "Gala"}, Organizer: &notifyapi.Organizer{ID: organizer.UserID, Name: "Old Hall"}, Message: &notifyapi.Message{Subject: "Snow", Text: "Come early."},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	m := mails.to(t, "ada@example.org", 1)[0]
	path, ok := strings.CutPrefix(m.Unsubscribe, "https://tickets.example")
	if !ok || !strings.Contains(m.Text, m.Unsubscribe) {
		t.Fatal(m.Unsubscribe, m.Text)
	}
	unwanted, err := prefs.Open(t.Context(), h.DB, "")
	if err != nil {
		t.Fatal(err)
	}
	off := func() bool {
		t.Helper()
		list, err := unwanted.Unwanted(t.Context(), notifyapi.Announcements, organizer.UserID, []string{"ada@example.org"})
		if err != nil {
			t.Fatal(err)
		}
		return list["ada@example.org"]
	}
	for range 2 { // a scanner of links, and the reader
		has(t, h.read(t, nobody, path), "Unsubscribe", "You get messages from Old Hall", "Unsubscribe from Old Hall", "Unsubscribe from all organizers")
	}
	has(t, h.read(t, nobody, path+"&lang=de"), "Abbestellen", "Sie bekommen Nachrichten von Old Hall")
	if off() {
		t.Fatal("following the link has unsubscribed")
	}
	oneClick := func(body, kind string, header ...string) int {
		t.Helper()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
		r.Header.Set("Content-Type", kind)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		h.door.Handler().ServeHTTP(w, r)
		return w.Code
	}
	// Another site's page cannot make a reader's browser do it.
	if got := oneClick("List-Unsubscribe=One-Click", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"); got != 403 || off() {
		t.Errorf("from another site: %d, unsubscribed: %v", got, off())
	}
	for range 2 {
		if got := oneClick("List-Unsubscribe=One-Click", "application/x-www-form-urlencoded"); got != 200 || !off() {
			t.Errorf("one click: %d, unsubscribed: %v", got, off())
		}
	}
	has(t, h.read(t, ada, "/account"), "You have unsubscribed from", "Old Hall", "Subscribe again")
	h.page(t, ada, "POST", "/account/emails", map[string][]string{"again": {"announcements:" + organizer.UserID}}, 303)
	if off() {
		t.Error("still unsubscribed")
	}
	const multipart = "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n"
	if got := oneClick(multipart, "multipart/form-data; boundary=b"); got != 200 || !off() {
		t.Errorf("one click as multipart: %d, unsubscribed: %v", got, off())
	}
	// The page offers to undo it, and to switch off more.
	token := strings.TrimPrefix(path, "/unsubscribe?token=")
	if w := h.ask(t, nobody, "POST", "/unsubscribe", "token="+token+"&scope=none", "Accept", "text/html"); w.Code != 200 || off() {
		t.Errorf("undone: %d, unsubscribed: %v", w.Code, off())
	}
	if w := h.ask(t, nobody, "POST", "/unsubscribe", "token="+token+"&scope=all", "Accept", "text/html"); w.Code != 200 || !off() || !strings.Contains(w.Body.String(), "You no longer get messages from organizers.") {
		t.Errorf("all: %d, unsubscribed: %v", w.Code, off())
	}
	if w := h.ask(t, ada, "GET", "/users/"+ada.UserID+"/email-preferences", ""); w.Code != 200 || !strings.Contains(w.Body.String(), `"announcements":false,"reminders":true,"muted":[]`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	// Without a box ticked, nothing is wanted.
	h.page(t, ada, "POST", "/account/emails", map[string][]string{"announcements": {"1"}}, 303)
	if w := h.ask(t, ada, "GET", "/users/"+ada.UserID+"/email-preferences", ""); !strings.Contains(w.Body.String(), `"announcements":true,"reminders":false`) || off() {
		t.Errorf("%s", w.Body)
	}
	for _, bad := range []string{"/unsubscribe", "/unsubscribe?token=x", path + "A"} {
		if w := h.ask(t, nobody, "GET", bad, "", "Accept", "text/html"); w.Code != 404 {
			t.Errorf("%s: %d", bad, w.Code)
		}
		if w := h.ask(t, nobody, "POST", bad, "List-Unsubscribe=One-Click", "Accept", "text/html"); w.Code != 404 {
			t.Errorf("%s: %d", bad, w.Code)
		}
	}
}
