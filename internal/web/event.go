package web

import (
	"net/http"

	"github.com/gosimple/slug"

	"boxoffice/internal/message"
	"boxoffice/internal/page"
)

// eventPath is where an event's page is.
func eventPath(e *message.Event) string {
	name := slug.Make(e.Title)
	if name == "" {
		name = "event"
	}
	return "/e/" + e.ID + "/" + name
}

func (s *Shop) event(v *page.Visit) error {
	e, err := s.Events.Event(v.Context(), v.Caller, v.PathValue("id"))
	if err != nil {
		return err
	}
	if path := eventPath(&e); v.Request.URL.Path != path {
		http.Redirect(v.W, v.Request, path, http.StatusMovedPermanently)
		return nil
	}
	v.Public()
	return s.showEvent(v, &e, nil)
}

// missed says why seats could not be held, to be shown where they are chosen.
type missed struct {
	Text  string
	Seats []string // labels that are gone
}

// showEvent shows an event's page; m is nil unless a hold has just failed.
func (s *Shop) showEvent(v *page.Visit, e *message.Event, m *missed) error {
	return v.Show(s.set, "event", page.Meta{Title: e.Title, Description: e.Description, Canonical: eventPath(e)},
		map[string]any{"Event": e, "State": state(v, e), "Missed": m})
}
