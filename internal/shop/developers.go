package shop

import (
	"cmp"

	"boxoffice/internal/eventapi"
	"boxoffice/internal/page"
)

// developers serves the page for programmers: where the API is documented and, on a
// demo, a purchase to paste into a shell. Its commands read the secret that verifies
// an address from the mail, which only a demo exposes.
func (s *Shop) developers(v *page.Visit) error {
	found, err := s.find(v, Query{Limit: homeShown})
	if err != nil {
		return err
	}
	event := ""
	for i := range found.Events {
		if found.Events[i].SaleState(v.Now()) == eventapi.SaleOn {
			event = found.Events[i].ID
			break
		}
	}
	v.Public()
	return v.Show(s.set, "developers", page.Meta{Title: v.T("developers.title"), Canonical: "/developers"}, map[string]any{
		"Base": cmp.Or(v.URL(""), "https://tickets.example"), "Event": event, "Demo": v.Demo(),
	})
}
