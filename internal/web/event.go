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
	return v.Show(s.set, "event", page.Meta{Title: e.Title, Description: e.Description, Canonical: eventPath(&e)},
		map[string]any{"Event": &e, "State": state(v, &e)})
}
