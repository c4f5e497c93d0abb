package system

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"boxoffice/internal/caller"
)

// Refunds are told once each, whatever dies when: the server right after seats were given
// back, a moment later, the mail server, or the server while it cancels an event.
func TestRefundsOverSMTP(t *testing.T) {
	m := newMailServer(t)
	data := storage(t)
	organizer := accounts(t, data, 1, caller.Organizer)[0]
	s := serve(t, data, "--smtp-url", m.url())
	event := s.as(organizer).event(t, "theatre", 200)
	ada := buyer(t, s, m, "ada@example.org", "en", `your code is ([0-9A-Z-]+)`)
	var ids, references []string
	for range 5 {
		b := ada.must(t, http.StatusCreated, "POST", "/bookings", map[string]any{"event_id": event, "quantity": 1})
		ada.must(t, http.StatusCreated, "POST", "/payments", map[string]any{"booking_id": b.str("id"), "method": "tok_ok"})
		ids, references = append(ids, b.str("id")), append(references, b.str("reference"))
	}
	again := func() {
		t.Helper()
		s.kill()
		s = serve(t, data, "--smtp-url", m.url())
		ada.base = s.url
	}
	for _, wait := range []time.Duration{0, 150 * time.Millisecond, time.Second} {
		ada.must(t, 200, "DELETE", "/bookings/"+ids[0], nil)
		ids = ids[1:]
		time.Sleep(wait) // a crash at another moment each time: it waits for nothing
		again()
	}
	m.kill()
	ada.must(t, 200, "DELETE", "/bookings/"+ids[0], nil)
	again()
	m.start()
	s.as(organizer).must(t, 200, "DELETE", "/events/"+event, nil)
	again()
	for _, reference := range references {
		m.wait("ada@example.org", "Refund of €25.00 for Test Night .*"+reference)
	}
	s.stop()
	var told []string
	for _, l := range m.letters("ada@example.org") {
		if strings.HasPrefix(l.subject, "[TEST] Refund") {
			told = append(told, l.id)
		}
	}
	slices.Sort(told)
	// A node that is killed between sending a mail and noting it sends it again, as the same.
	if n := len(slices.Compact(slices.Clone(told))); n != 5 || len(told) > 5+5 {
		t.Errorf("%d mails, %d different ones, about 5 refunds: %v", len(told), n, told)
	}
}
