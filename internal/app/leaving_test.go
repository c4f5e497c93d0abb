package app

import (
	"net/http"
	"strings"
	"testing"
)

// An organizer stays while an event of theirs is on sale or a draft, in the API
// and on the pages, and may go once it is cancelled.
func TestOrganizersStayForTheirEvents(t *testing.T) {
	for _, status := range []string{"on_sale", "draft"} {
		h := newHouse(t)
		s := h.scene(t, "", status)
		organizer := s.people[3]
		if w := h.ask(t, organizer, http.MethodDelete, "/users/"+organizer.UserID, ""); w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), "has-open-events") {
			t.Errorf("%s: %d %s", status, w.Code, w.Body)
		}
		w := h.ask(t, organizer, http.MethodPost, "/account/delete", "")
		if w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), "Please cancel them first") {
			t.Errorf("%s, on the page: %d", status, w.Code)
		}
		if w := h.ask(t, organizer, http.MethodDelete, "/events/"+s.event, ""); w.Code != http.StatusOK {
			t.Fatalf("cancel: %d %s", w.Code, w.Body)
		}
		if w := h.ask(t, organizer, http.MethodDelete, "/users/"+organizer.UserID, ""); w.Code != http.StatusNoContent {
			t.Errorf("%s, cancelled: %d %s", status, w.Code, w.Body)
		}
	}
}
