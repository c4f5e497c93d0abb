package shop

import (
	"cmp"
	"math"
	"slices"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/page"
)

const (
	homeShown  = 60 // coming events to choose from
	comingMax  = 12
	weekMax    = 6
	nearMax    = 3
	pastMax    = 4
	sideMax    = 2
	cityCookie = "city"
	cityFor    = 180 * 24 * time.Hour
)

// homePage is the data of the home page.
type homePage struct {
	Featured           *card
	Side               []card // featured besides
	Week, Near, Coming []card
	Past               []card
	City               string // chosen by the reader; "": none
	NearMore           bool   // the city has more events than Near
	Cities, Categories []eventapi.Facet
	Total              int64
	Now                time.Time
}

func (s *Shop) home(v *page.Visit) error {
	found, err := s.find(v, Query{Limit: homeShown})
	if err != nil {
		return err
	}
	p := homePage{Cities: found.Facets["city"], Categories: found.Facets["category"], Total: found.Total, City: chosenCity(v, found.Facets["city"]), Now: v.Now().UTC()}
	now := v.Now()
	all := s.cards(v, found.Events)
	if featured := feature(all, now); len(featured) > 0 {
		p.Featured, p.Side = &featured[0], featured[1:]
	}
	for _, c := range p.rest(all) {
		if !c.Starts.IsZero() && c.Starts.Before(now.AddDate(0, 0, 7)) && len(p.Week) < weekMax {
			p.Week = append(p.Week, c)
		}
	}
	p.Coming = p.rest(all)
	p.Coming = p.Coming[:min(len(p.Coming), comingMax)]
	if p.City != "" {
		near, err := s.find(v, Query{City: p.City, Limit: nearMax})
		if err != nil {
			return err
		}
		p.Near, p.NearMore = s.cards(v, near.Events), near.Next != ""
	}
	past, err := s.Events.List(v.Context(), caller.Caller{}, eventapi.Filter{Status: eventapi.Past, Latest: true, Limit: pastMax})
	if err != nil {
		return err
	}
	p.Past = s.cards(v, past.Events)
	v.Public()
	return v.Show(s.set, "home", page.Meta{Title: v.T("home.title"), Description: v.T("home.description"), Canonical: "/", JSONLD: s.aboutSite(v)}, p)
}

// rest returns the events that the page does not show yet.
func (p *homePage) rest(all []card) []card {
	shown := map[string]bool{}
	if p.Featured != nil {
		shown[p.Featured.ID] = true
	}
	for _, c := range slices.Concat(p.Side, p.Week) {
		shown[c.ID] = true
	}
	return slices.DeleteFunc(slices.Clone(all), func(c card) bool { return shown[c.ID] })
}

// chosenCity returns the city that the reader has chosen, now or before. The choice
// is kept in a cookie; the reader's location is never determined.
func chosenCity(v *page.Visit, cities []eventapi.Facet) string {
	known := func(name string) bool {
		return slices.ContainsFunc(cities, func(f eventapi.Facet) bool { return f.Value == name })
	}
	if q := v.Request.URL.Query(); q.Has("city") {
		city := q.Get("city")
		if city != "" && !known(city) {
			return ""
		}
		v.Remember(cityCookie, city, cityFor)
		return city
	}
	if city := v.Remembered(cityCookie); known(city) {
		return city
	}
	return ""
}

// aboutSite describes this site and its search for search engines (schema.org).
func (s *Shop) aboutSite(v *page.Visit) any {
	return map[string]any{
		"@context": "https://schema.org", "@type": "WebSite", "name": "boxoffice", "url": v.URL("/"),
		"potentialAction": map[string]any{"@type": "SearchAction", "target": v.URL("/search?q={q}"), "query-input": "required name=q"},
	}
}

// card is an event in a list.
type card struct {
	eventapi.Event
	Path  string
	State eventapi.SaleState
	Far   bool // so far in the future that its year matters
}

func (s *Shop) cards(v *page.Visit, list []eventapi.Event) []card {
	out := make([]card, len(list))
	for i := range list {
		e := &list[i]
		out[i] = card{Event: *e, Path: eventPath(e), State: e.SaleState(v.Now()), Far: e.Starts.Sub(v.Now()).Abs() > 300*24*time.Hour}
	}
	return out
}

// OpensThere returns when the sale opens, in the venue's zone.
func (c *card) OpensThere() time.Time { return c.Opens.In(zoneOf(&c.Event)) }

// Few reports whether most seats are taken.
func (c *card) Few() bool { return c.State == eventapi.SaleOn && c.Free < c.Total/10 }

// feature chooses the events at the top of the home page, the most important one
// first.
func feature(all []card, now time.Time) []card {
	type scored struct {
		card
		score float64
	}
	var list []scored
	for _, c := range all {
		if n := appeal(&c, now); n > 0 {
			list = append(list, scored{c, n})
		}
	}
	slices.SortStableFunc(list, func(a, b scored) int { return cmp.Compare(b.score, a.score) })
	var out []card
	for _, c := range list[:min(len(list), 1+sideMax)] {
		out = append(out, c.card)
	}
	return out
}

// appeal rates how newsworthy an event's sale is: it opens soon or has just opened,
// seats are selling fast, the event is large. 0: not at all.
func appeal(c *card, now time.Time) float64 {
	const soon, fresh = 14 * 24 * time.Hour, 3 * 24 * time.Hour
	size := math.Log10(float64(max(c.Total, 1))) / 4 // an arena of 10,000: 1
	switch c.State {
	case eventapi.SaleSoon:
		if left := c.Opens.Sub(now); left < soon {
			return size + 1 - float64(left)/float64(soon)
		}
	case eventapi.SaleOn:
		score := size + float64(c.Total-c.Free)/float64(max(c.Total, 1))
		if since := now.Sub(c.Opens); !c.Opens.IsZero() && since < fresh {
			score += 1 - float64(since)/float64(fresh)
		}
		return score
	}
	return 0
}
