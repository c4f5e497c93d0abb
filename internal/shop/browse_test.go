package shop

import (
	"context"
	"encoding/xml"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/locale"
	"boxoffice/internal/page"
	"boxoffice/internal/route"
	"boxoffice/internal/seating"
)

var noon = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)

// shelf is events to show; it finds all of them, whatever is looked for.
type shelf struct {
	Events
	SeatMap
	coming, past []eventapi.Event
	asked        []eventapi.Filter
	sections     []bookingapi.SectionSeats // of the first of coming, whose page is shown when it has some
}

func (s *shelf) Search(_ context.Context, _ caller.Caller, q eventapi.Filter) (eventapi.Found, error) {
	s.asked = append(s.asked, q)
	found := eventapi.Found{Total: int64(len(s.coming)), Facets: map[string][]eventapi.Facet{}}
	for _, e := range s.coming {
		if q.City == "" || q.City == e.Venue.City {
			found.Events = append(found.Events, e)
		}
		found.Facets["city"] = append(found.Facets["city"], eventapi.Facet{Value: e.Venue.City, Count: 1})
	}
	return found, nil
}

func (s *shelf) List(_ context.Context, _ caller.Caller, f eventapi.Filter) (eventapi.Page, error) {
	if f.Status != eventapi.Past || !f.Latest {
		return eventapi.Page{}, errs.New(errs.Internal, "", "only past events are listed, the last one first")
	}
	return eventapi.Page{Events: s.past[:min(f.Limit, len(s.past))]}, nil
}

func (s *shelf) Event(context.Context, caller.Caller, string) (eventapi.Event, error) {
	if s.sections != nil {
		return s.coming[0], nil
	}
	return eventapi.Event{}, errs.Missing("event")
}

func (s *shelf) Sections(context.Context, caller.Caller, string) ([]bookingapi.SectionSeats, error) {
	return s.sections, nil
}

func (s *shelf) MapPages(_ context.Context, size int) (ids []string, _ error) {
	for i := 0; i < len(s.coming); i += size {
		ids = append(ids, s.coming[i].ID)
	}
	return ids, nil
}

func (s *shelf) MapPage(_ context.Context, from string, size int) (list []eventapi.Listed, _ error) {
	for _, e := range s.coming {
		if e.ID >= from && len(list) < size {
			list = append(list, eventapi.Listed{ID: e.ID, Title: e.Title, Changed: noon})
		}
	}
	return list, nil
}

// onSale is an event on sale with 100 seats, days from now.
func onSale(id string, days, free int) eventapi.Event {
	return eventapi.Event{ID: id, Title: "Gala " + id, Venue: eventapi.Venue{Name: "Hall", City: "City " + id}, Status: eventapi.OnSale,
		Starts: noon.AddDate(0, 0, days), Free: int32(free), Total: 100, Prices: seating.Prices{Version: 1, Currency: "EUR"}, From: 5000, To: 9000}
}

func shopOf(t *testing.T, s *shelf) *Shop {
	t.Helper()
	site, err := page.New(page.Config{PublicURL: "https://example.org", Now: func() time.Time { return noon }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	shop, err := New(site, Services{Events: s, SeatMap: s}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return shop
}

func get(t *testing.T, s *Shop, at, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	found := false
	s.site.Mount(s.Routes(), func(method, path string, _ route.Traits, h page.Handler) {
		if method+" "+path != at {
			return
		}
		found = true
		if err := h(w, r); err != nil {
			t.Fatal(err)
		}
	})
	if !found {
		t.Fatalf("there is no page %s", at)
	}
	return w
}

// A section is there only when it has events.
func TestHomeSections(t *testing.T) {
	empty := get(t, shopOf(t, &shelf{}), "GET /", "/").Body.String()
	for _, word := range []string{"This week", "Near you", "Coming up", ">Over<", `class="hero"`} {
		if strings.Contains(empty, word) {
			t.Errorf("without events there is %q", word)
		}
	}
	var coming []eventapi.Event
	for i, id := range []string{"a", "b", "c", "d", "e"} {
		coming = append(coming, onSale(id, 3+i, 50+i))
	}
	coming = append(coming, onSale("f", 30, 90))
	s := &shelf{coming: coming, past: []eventapi.Event{{ID: "p", Title: "Gone by", Status: "past"}}}
	full := get(t, shopOf(t, s), "GET /", "/").Body.String()
	for _, word := range []string{"This week", "Near you", "Coming up", "Gone by", `class="hero"`, "/e/a/poster.svg"} {
		if !strings.Contains(full, word) {
			t.Errorf("there is no %q", word)
		}
	}
	if strings.Index(full, "Gone by") < strings.Index(full, "Coming up") {
		t.Error("what is over is not at the end")
	}
}

// However few events there are, none is shown twice.
func TestHomeShowsEventsOnce(t *testing.T) {
	for n := 1; n <= 8; n++ {
		var list []eventapi.Event
		for i := range n {
			list = append(list, onSale(string(rune('a'+i)), 1+2*i, 50))
		}
		body := get(t, shopOf(t, &shelf{coming: list}), "GET /", "/").Body.String()
		for _, e := range list {
			if shown := strings.Count(body, "/e/"+e.ID+"/poster.svg"); shown != 1 {
				t.Errorf("of %d events, %q is shown %d times", n, e.ID, shown)
			}
		}
		if n == 1 && strings.Contains(body, "Near you") {
			t.Error("there is a choice of one city")
		}
	}
}

// The time when a sale opens is told with its zone, the one of the venue.
func TestHomeTellsZones(t *testing.T) {
	vienna, err := time.LoadLocation("Europe/Vienna")
	if err != nil {
		t.Fatal(err)
	}
	timed := onSale("a", 30, 100)
	timed.Starts, timed.Opens = timed.Starts.In(vienna), noon.Add(48*time.Hour)
	dated := onSale("b", 30, 100)
	dated.Starts, dated.Date, dated.Zone, dated.Opens = time.Time{}, "2099-01-01", "Europe/Vienna", noon.Add(48*time.Hour)
	for _, e := range []eventapi.Event{timed, dated} {
		body := get(t, shopOf(t, &shelf{coming: []eventapi.Event{e}}), "GET /", "/").Body.String()
		want := locale.When("en", e.Opens.In(vienna), locale.Listed)
		if !strings.Contains(want, "CE") || !strings.Contains(body, want) {
			t.Errorf("%s: the opening is not told as %q", e.ID, want)
		}
	}
}

// The chosen city is kept by the reader, and the answer that does so by nobody
// else.
func TestCity(t *testing.T) {
	s := shopOf(t, &shelf{coming: []eventapi.Event{onSale("ä", 9, 50), onSale("b", 30, 90)}})
	w := get(t, s, "GET /", "/?city="+url.QueryEscape("City ä"))
	cookie := w.Result().Cookies()[0]
	if cc := w.Header().Get("Cache-Control"); strings.Contains(cc, "public") {
		t.Errorf("an answer with a cookie may be kept by caches: %s", cc)
	}
	if w = get(t, s, "GET /", "/", "Cookie", cookie.Name+"="+cookie.Value); !strings.Contains(w.Body.String(), "In City ä") {
		t.Error("the city was forgotten")
	}
	if cc := w.Header().Get("Cache-Control"); !strings.Contains(cc, "public") {
		t.Errorf("the page is not cacheable: %s", cc)
	}
	if w = get(t, s, "GET /", "/?city=Nowhere"); len(w.Result().Cookies()) > 0 || strings.Contains(w.Body.String(), "Nowhere") {
		t.Error("a city without events was taken")
	}
}

// What is the talk of the day comes first; what cannot be bought does not come.
func TestFeature(t *testing.T) {
	far := onSale("far", 60, 100)
	far.Opens = noon.AddDate(0, 1, 0)
	soon := onSale("soon", 60, 100)
	soon.Opens = noon.Add(time.Hour)
	fresh := onSale("fresh", 60, 90)
	fresh.Opens = noon.Add(-time.Hour)
	big := onSale("big", 60, 20_000)
	big.Total = 20_000
	s := shopOf(t, &shelf{})
	v := visitOf(t, s)
	var ids []string
	for _, c := range feature(s.cards(v, []eventapi.Event{far, onSale("full", 3, 0), onSale("idle", 5, 100), big, soon, fresh}), noon) {
		ids = append(ids, c.ID)
	}
	if got := strings.Join(ids, " "); got != "fresh soon big" {
		t.Errorf("%s", got)
	}
}

// visitOf is a visit, for what needs one.
func visitOf(t *testing.T, s *Shop) *page.Visit {
	t.Helper()
	var out *page.Visit
	if err := s.site.Page(func(v *page.Visit) error { out = v; return nil })(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestState(t *testing.T) {
	v := visitOf(t, shopOf(t, &shelf{}))
	with := func(fn func(*eventapi.Event)) eventapi.Event {
		e := onSale("a", 9, 50)
		fn(&e)
		return e
	}
	for want, e := range map[eventapi.SaleState]eventapi.Event{
		"onsale":    onSale("a", 9, 1),
		"soldout":   onSale("a", 9, 0),
		"soon":      with(func(e *eventapi.Event) { e.Opens = noon.Add(1) }),
		"closed":    with(func(e *eventapi.Event) { e.Closes = noon }),
		"announced": with(func(e *eventapi.Event) { e.Status = "published" }),
		"draft":     with(func(e *eventapi.Event) { e.Status = "draft" }),
		"cancelled": with(func(e *eventapi.Event) { e.Status = "cancelled" }),
		"past":      with(func(e *eventapi.Event) { e.Status = "past" }),
	} {
		if got := e.SaleState(v.Now()); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// An address that somebody has typed is read as well as it goes.
func TestReadQuery(t *testing.T) {
	for in, want := range map[string]Query{
		"":                                {},
		"q=+two++words+&city=Wien":        {Text: "two words", City: "Wien"},
		"from=2027-02-30&to=2027-02-28":   {To: "2027-02-28"},
		"q=a+b+c+d+e+f+g+h+i+j":           {Text: "a b c d e f g h"},
		"q=%ff%feok&category=Music&x=y":   {Text: "ok", Category: "Music"},
		"q=" + strings.Repeat("x", 300):   {Text: strings.Repeat("x", 200)},
		"cursor=0-1-abc&from=not+a+day&q": {Cursor: "0-1-abc"},
	} {
		values, err := url.ParseQuery(in)
		if err != nil {
			t.Fatal(err)
		}
		want.Limit = searchShown
		if got := readQuery(values); got != want {
			t.Errorf("%q: %+v, want %+v", in, got, want)
		}
	}
}

// A filter that is on leads back to the search without it, and keeps the others.
func TestNarrow(t *testing.T) {
	list := narrow([]eventapi.Facet{{Value: "Music", Count: 3}, {Value: "Dance", Count: 1}}, Query{Text: "a&b", Category: "music", City: "Wien"}, func(q *Query) *string { return &q.Category })
	if !list[0].On || list[0].Path != "/search?city=Wien&q=a%26b" {
		t.Errorf("%+v", list[0])
	}
	if list[1].On || list[1].Path != "/search?category=Dance&city=Wien&q=a%26b" {
		t.Errorf("%+v", list[1])
	}
}

// Nothing found is not the end: there are suggestions.
func TestNothing(t *testing.T) {
	s := &shelf{}
	if body := get(t, shopOf(t, s), "GET /search", "/search?q=zzz").Body.String(); !strings.Contains(body, "Nothing found") {
		t.Error("it does not say that nothing was found")
	}
	s.coming = []eventapi.Event{onSale("a", 3, 50)}
	w := get(t, shopOf(t, s), "GET /e/{id}/{slug}", "/e/nope/x")
	if w.Code != 404 || !strings.Contains(w.Body.String(), `action="/search"`) || !strings.Contains(w.Body.String(), "Gala a") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// Many events come in several maps, which together have each of them once.
func TestSitemap(t *testing.T) {
	s := &shelf{}
	for i := range 5 {
		s.coming = append(s.coming, onSale(fmt.Sprintf("e%d", i), 3, 50))
	}
	shop := shopOf(t, s)
	read := func(path string) (locs []string) {
		w := httptest.NewRecorder()
		if err := shop.site.Page(func(v *page.Visit) error { return shop.mapOf(v, 2) })(w, httptest.NewRequest("GET", path, nil)); err != nil {
			t.Fatal(err)
		}
		var doc struct {
			XMLName xml.Name
			Maps    []mapEntry `xml:"sitemap"`
			URLs    []mapEntry `xml:"url"`
		}
		if err := xml.Unmarshal(w.Body.Bytes(), &doc); err != nil {
			t.Fatal(err)
		}
		if doc.XMLName.Space != "http://www.sitemaps.org/schemas/sitemap/0.9" {
			t.Errorf("%v", doc.XMLName)
		}
		for _, m := range append(doc.Maps, doc.URLs...) {
			locs = append(locs, m.Loc)
		}
		return locs
	}
	seen := map[string]int{}
	maps := read("/sitemap.xml")
	for _, m := range maps {
		for _, loc := range read(strings.TrimPrefix(m, "https://example.org")) {
			seen[loc]++
		}
	}
	if len(maps) != 3 || len(seen) != 5 || seen["https://example.org/e/e4/gala-e4"] != 1 {
		t.Errorf("%v, %v", maps, seen)
	}
}

// Search engines are told what to read, and what not.
func TestRobots(t *testing.T) {
	s := shopOf(t, &shelf{coming: []eventapi.Event{onSale("a", 3, 50)}})
	if body := get(t, s, "GET /robots.txt", "/robots.txt").Body.String(); !strings.Contains(body, "Sitemap: https://example.org/sitemap.xml") || strings.Contains(body, "Disallow: /e") {
		t.Error(body)
	}
	for path, hidden := range map[string]bool{"/search": false, "/search?q=a": false, "/search?cursor=x": true} {
		if got := strings.Contains(get(t, s, "GET /search", path).Body.String(), `content="noindex"`); got != hidden {
			t.Errorf("%s: noindex %v", path, got)
		}
	}
	if !strings.Contains(get(t, shopOf(t, &shelf{}), "GET /search", "/search?q=a").Body.String(), `content="noindex"`) {
		t.Error("a page that says that nothing was found is to be indexed")
	}
}
