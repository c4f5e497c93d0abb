package app

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/notify/prefs"
	"boxoffice/internal/userapi"
)

// verify gives an account an address that is its owner's.
func (h *house) verify(t *testing.T, f userapi.Fan, name, email string) {
	t.Helper()
	h.write(t, `UPDATE users SET name = $1, email = $2, email_verified = TRUE WHERE id = $3`, name, email, f.UserID)
}

// An organizer drafts an announcement in the console, looks at it, tries it on themselves,
// and sends it: everybody with tickets gets it once, in their language, except for those
// who have unsubscribed. The page says what has become of it.
func TestAnnouncementReachesTheAudience(t *testing.T) {
	post := &inbox{}
	h := newHouseWith(t, Config{Mail: &MailConfig{Sender: post, Parallel: 2}, PublicURL: "https://tickets.example"})
	organizer := h.account(t, caller.Organizer)
	h.verify(t, organizer, "Old Hall", "hall@example.org")
	event := h.must(t, organizer, "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
	buy := func(who userapi.Fan) {
		t.Helper()
		booking := h.must(t, who, "POST", "/bookings", `{"event_id":"`+event+`","quantity":1}`, "id")
		h.must(t, who, "POST", "/payments", `{"booking_id":"`+booking+`","method":"tok_ok"}`, "id")
	}
	ann, bob, cy := h.visitor(t, "ann"), h.visitor(t, "bob"), h.visitor(t, "cy")
	h.write(t, `UPDATE users SET lang = 'de' WHERE id = $1`, bob.UserID)
	for _, who := range []userapi.Fan{ann, ann, bob, cy} {
		buy(who)
	}
	h.must(t, h.visitor(t, "held"), "POST", "/bookings", `{"event_id":"`+event+`","quantity":1}`, "id")
	h.must(t, organizer, "POST", "/events/"+event+"/complimentary", `{"quantity":1,"name":"Gus","email":"gus@guests.example"}`, "id")
	unwanted, err := prefs.Open(t.Context(), h.DB, "https://tickets.example")
	if err != nil {
		t.Fatal(err)
	}
	link := unwanted.Link("announcements", organizer.UserID, "CY@example.org")
	if w := h.ask(t, userapi.Fan{}, "POST", strings.TrimPrefix(link, "https://tickets.example"), "List-Unsubscribe=One-Click", "Accept", "text/html"); w.Code != 200 {
		t.Fatal(w.Code, w.Body)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = h.Notices.Run(ctx) })
	defer running.Wait()
	defer cancel()

	all := "/organizer/events/" + event + "/announcements"
	has(t, h.read(t, organizer, "/organizer/events/"+event), all)
	bad := h.page(t, organizer, "POST", all, url.Values{"subject": {"Doors"}, "text": {"See http://hall.example"}}, 422)
	has(t, bad, "The address http://hall.example cannot be a link.", `value="Doors"`)
	here := h.page(t, organizer, "POST", all, url.Values{"subject": {"Doors open at 6"}, "text": {"Come <b>early</b>:\r\nhttps://hall.example/way"}}, 303)
	page := h.read(t, organizer, here)
	has(t, page, "Doors open at 6 (Gala)", "Old Hall writes to everybody", "Come &lt;b&gt;early&lt;/b&gt;:", "There are 4 paid orders.", "Draft")
	has(t, h.read(t, organizer, here+"?lang=de"), "Old Hall schreibt an alle", "Es gibt 4 bezahlte Buchungen.", "Entwurf")
	version := regexp.MustCompile(`name="version" value="(\d+)"`).FindStringSubmatch(page)
	h.page(t, organizer, "POST", here, url.Values{"do": {"test"}}, 303)
	has(t, h.page(t, organizer, "POST", here, url.Values{"do": {"send"}, "version": {version[1]}}, 422), "Please tick the box first.")
	has(t, h.page(t, organizer, "POST", here, url.Values{"do": {"send"}, "sure": {"1"}, "version": {"7"}}, 409), "changed")
	for range 2 { // sent twice, it goes out once
		h.page(t, organizer, "POST", here, url.Values{"do": {"send"}, "sure": {"1"}, "version": {version[1]}}, 303)
	}
	id := here[strings.LastIndex(here, "/")+1:]
	var got struct {
		Status   string
		Progress struct{ Total, Sent, Unwanted, Waiting int }
	}
	for got.Status != "sent" {
		w := h.ask(t, organizer, "GET", "/events/"+event+"/announcements/"+id, "")
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got.Status == "draft" {
			t.Fatal(w.Body, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
	if got.Progress.Total != 4 || got.Progress.Sent != 3 || got.Progress.Unwanted != 1 || got.Progress.Waiting != 0 {
		t.Errorf("%+v", got)
	}
	has(t, h.read(t, organizer, here), "Have unsubscribed", "Sent")
	has(t, h.read(t, organizer, all), "Doors open at 6", "4 recipients")
	post.mu.Lock()
	defer post.mu.Unlock()
	texts := map[string][]string{}
	for to, list := range post.mails {
		for _, m := range list {
			if strings.Contains(m.Subject, "Doors open at 6") {
				texts[to] = append(texts[to], m.Subject+"\n"+m.Text+"\n"+m.Unsubscribe)
			}
		}
	}
	for to, part := range map[string]string{"ann@example.org": "Hello ann,", "bob@example.org": "Guten Tag, bob,", "gus@guests.example": "Gus", "hall@example.org": "Test: Doors open at 6"} {
		if len(texts[to]) != 1 || !strings.Contains(texts[to][0], part) || !strings.Contains(texts[to][0], "https://hall.example/way") {
			t.Errorf("%s: %q", to, texts[to])
		}
		if leaves := len(texts[to]) > 0 && strings.Contains(texts[to][0], unwanted.Link("announcements", organizer.UserID, to)); leaves != (to != "hall@example.org") {
			t.Errorf("%s may unsubscribe: %v", to, leaves)
		}
	}
	if len(texts) != 4 {
		t.Errorf("%d people got it: %v", len(texts), texts)
	}
}
