package web

import (
	"boxoffice/internal/page"
)

// developers is the page for those who write programs: a purchase to paste into
// a shell, and where the API is described.
func (s *Shop) developers(v *page.Visit) error {
	coming, _, err := s.Events.Listed(v.Context())
	if err != nil {
		return err
	}
	event := ""
	for i := range coming {
		if state(v, &coming[i]) == "onsale" {
			event = coming[i].ID
			break
		}
	}
	v.Public()
	return v.Show(s.set, "developers", page.Meta{Title: v.T("developers.title"), Canonical: "/developers"}, map[string]any{
		"Base": v.URL(""), "Event": event,
	})
}
