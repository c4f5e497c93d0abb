package console

import (
	"net/url"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/page"
)

// shelves are the lists of events, in the order of their tabs.
var shelves = []eventapi.Status{eventapi.Upcoming, eventapi.Draft, eventapi.Past, eventapi.Cancelled}

// eventsShown is how many events a page of the dashboard lists.
const eventsShown = 20

// shelf is a tab of the dashboard.
type shelf struct {
	Name, Path string
	Count      int64
	Here       bool
}

// entry is an event on the dashboard.
type entry struct {
	eventapi.Event
	Path    string
	State   eventapi.SaleState
	Counts  bookingapi.Counts
	Figures bookingapi.Figures
}

func (c *Console) dashboard(v *page.Visit) error {
	q := v.Request.URL.Query()
	s := eventapi.Filter{Own: true, Status: shelves[0], Text: q.Get("q"), Cursor: q.Get("after"), Limit: eventsShown}
	for _, name := range shelves {
		if q.Get("show") == string(name) {
			s.Status = name
		}
	}
	s.Latest = s.Status == eventapi.Past || s.Status == eventapi.Cancelled
	list, err := c.Events.List(v.Context(), v.Caller, s)
	if err != nil {
		return err
	}
	sum, err := c.Events.Summary(v.Context(), v.Caller)
	if err != nil {
		return err
	}
	var total int64
	tabs := make([]shelf, len(shelves))
	for i, name := range shelves {
		tabs[i] = shelf{string(name), "/organizer?show=" + string(name), sum.Counts[name], name == s.Status}
		total += sum.Counts[name]
	}
	items := make([]entry, len(list.Events))
	for i := range list.Events {
		e := &list.Events[i]
		items[i] = entry{Event: *e, Path: at(e, ""), State: e.SaleState(v.Now())}
		if items[i].Counts, items[i].Figures, err = c.sold(v, e); err != nil {
			return err
		}
	}
	next := ""
	if list.Next != "" {
		next = "/organizer?" + url.Values{"show": {string(s.Status)}, "q": {s.Text}, "after": {list.Next}}.Encode()
	}
	return v.Show(c.set, "dashboard", page.Meta{Title: v.T("console.title"), NoIndex: true}, map[string]any{
		"Shelves": tabs, "Events": items, "Search": s, "Next": next, "None": total == 0, "Opens": sum.Opens, "Admin": v.Caller.Administers(),
	})
}
