package shop

import (
	"cmp"

	"boxoffice/internal/page"
)

// developers is the page for those who write programs: where the API is described
// and, of a demo, a purchase to paste into a shell. It reads the secret that
// verifies an address from the mail, which only a demo shows.
func (s *Shop) developers(v *page.Visit) error {
	found, err := s.find(v, Query{Limit: homeShown})
	if err != nil {
		return err
	}
	event := ""
	for i := range found.Events {
		if found.Events[i].SaleState(v.Now()) == "onsale" {
			event = found.Events[i].ID
			break
		}
	}
	v.Public()
	return v.Show(s.set, "developers", page.Meta{Title: v.T("developers.title"), Canonical: "/developers"}, map[string]any{
		"Base": cmp.Or(v.URL(""), "https://tickets.example"), "Event": event, "Demo": v.Demo(),
	})
}
