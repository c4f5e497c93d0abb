package shop

import (
	"net/url"
	"strings"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/locale"
	"boxoffice/internal/page"
)

const (
	searchShown = 24
	mostWords   = 8 // words in a search
)

// Query is a search; empty fields match everything.
type Query struct {
	Text, Category, City string
	From, To             string // days, YYYY-MM-DD at the event's place, both included
	Cursor               string
	Limit                int
}

// filter converts a query to the event service's filter, for coming events.
func (q Query) filter() eventapi.Filter {
	return eventapi.Filter{Text: q.Text, Category: q.Category, City: q.City, FirstDay: q.From, LastDay: q.To, Cursor: q.Cursor, Limit: q.Limit}
}

// find finds coming events that are public.
func (s *Shop) find(v *page.Visit, q Query) (eventapi.Found, error) {
	return s.Events.Search(v.Context(), caller.Caller{}, q.filter())
}

// searchPage is the data of the search page.
type searchPage struct {
	Query
	Cards              []card
	Total              int64
	Next               string   // address of the next page; "": none
	First              string   // address of the first page; "": this is it
	Categories, Cities []choice // to narrow the search
	Filters            []choice // active ones; their address removes them
	Suggested          []card   // shown when nothing was found
	Clear              string   // address without filters
}

// choice is a link that narrows a search, or widens it again.
type choice struct {
	Label, Path string
	Count       int64
	On          bool
}

func (s *Shop) search(v *page.Visit) error {
	q := readQuery(v.Request.URL.Query())
	found, err := s.find(v, q)
	if err != nil {
		return err
	}
	p := searchPage{Query: q, Cards: s.cards(v, found.Events), Total: found.Total, Clear: (Query{Text: q.Text}).path()}
	first := q
	first.Cursor = ""
	if q.Cursor != "" {
		p.First = first.path()
	}
	if found.Next != "" {
		next := q
		next.Cursor = found.Next
		p.Next = next.path()
	}
	p.Categories = narrow(found.Facets["category"], first, func(q *Query) *string { return &q.Category })
	for i := range p.Categories {
		p.Categories[i].Label = v.Category(p.Categories[i].Label)
	}
	p.Cities = narrow(found.Facets["city"], first, func(q *Query) *string { return &q.City })
	p.Filters = s.filters(v, first)
	if found.Total == 0 {
		if p.Suggested, err = s.suggested(v); err != nil {
			return err
		}
	}
	title := v.T("search.title")
	if q.Text != "" {
		title = v.T("search.titled", "Text", q.Text)
	}
	v.Public()
	return v.Show(s.set, "search", page.Meta{Title: title, Description: v.T("search.description"), Canonical: first.path(),
		NoIndex: found.Total == 0 || q.Cursor != ""}, p)
}

// readQuery reads a search from an address. It ignores invalid values, since people
// type such addresses.
func readQuery(values url.Values) Query {
	get := func(name string, most int) string {
		text := strings.Join(strings.Fields(strings.ToValidUTF8(values.Get(name), "")), " ")
		if r := []rune(text); len(r) > most {
			text = string(r[:most])
		}
		return text
	}
	day := func(name string) string {
		if _, err := time.Parse(time.DateOnly, values.Get(name)); err != nil {
			return ""
		}
		return values.Get(name)
	}
	q := Query{Text: get("q", 200), Category: get("category", 60), City: get("city", 100), From: day("from"), To: day("to"), Cursor: get("cursor", 128), Limit: searchShown}
	if words := strings.Fields(q.Text); len(words) > mostWords {
		q.Text = strings.Join(words[:mostWords], " ")
	}
	return q
}

// path returns the address of a query's results.
func (q Query) path() string {
	values := url.Values{}
	for name, value := range map[string]string{"q": q.Text, "category": q.Category, "city": q.City, "from": q.From, "to": q.To, "cursor": q.Cursor} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if len(values) == 0 {
		return "/search"
	}
	return "/search?" + values.Encode()
}

// narrow makes links for a facet's values; the active one leads back.
func narrow(facets []eventapi.Facet, q Query, field func(*Query) *string) []choice {
	out := make([]choice, len(facets))
	for i, f := range facets {
		with := q
		on := strings.EqualFold(*field(&q), f.Value)
		if *field(&with) = f.Value; on {
			*field(&with) = ""
		}
		out[i] = choice{Label: f.Value, Path: with.path(), Count: f.Count, On: on}
	}
	return out
}

// filters lists the active filters, with links that remove them.
func (s *Shop) filters(v *page.Visit, q Query) []choice {
	var out []choice
	add := func(label string, without func(*Query)) {
		wider := q
		without(&wider)
		out = append(out, choice{Label: label, Path: wider.path()})
	}
	if q.Category != "" {
		add(v.Category(q.Category), func(q *Query) { q.Category = "" })
	}
	if q.City != "" {
		add(q.City, func(q *Query) { q.City = "" })
	}
	if day, ok := dayOf(q.From); ok {
		add(v.T("search.from", "Day", locale.When(v.Lang, day, locale.Date)), func(q *Query) { q.From = "" })
	}
	if day, ok := dayOf(q.To); ok {
		add(v.T("search.to", "Day", locale.When(v.Lang, day, locale.Date)), func(q *Query) { q.To = "" })
	}
	return out
}

// dayOf parses YYYY-MM-DD.
func dayOf(text string) (time.Time, bool) {
	t, err := time.Parse(time.DateOnly, text)
	return t, err == nil
}

// suggested returns events for readers who have found nothing.
func (s *Shop) suggested(v *page.Visit) ([]card, error) {
	found, err := s.find(v, Query{Limit: homeShown})
	if err != nil {
		return nil, err
	}
	all := s.cards(v, found.Events)
	if list := feature(all, v.Now()); len(list) > 0 {
		return list, nil
	}
	return all[:min(len(all), 3)], nil
}
