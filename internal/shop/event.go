package shop

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gosimple/slug"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/locale"
	"boxoffice/internal/page"
)

// eventPath returns the address of an event's page.
func eventPath(e *eventapi.Event) string { return pathOf(e.ID, e.Title) }

func pathOf(id, title string) string {
	name := slug.Make(title)
	if name == "" {
		name = "event"
	}
	return "/e/" + id + "/" + name
}

func (s *Shop) event(v *page.Visit) error {
	e, err := s.Events.Event(v.Context(), v.Caller, v.PathValue("id"))
	if errs.KindOf(err) == errs.NotFound {
		return s.noEvent(v)
	}
	if err != nil {
		return err
	}
	if path := eventPath(&e); v.Request.URL.Path != path {
		if v.Request.URL.RawQuery != "" {
			path += "?" + v.Request.URL.RawQuery
		}
		http.Redirect(v.W, v.Request, path, http.StatusMovedPermanently)
		return nil
	}
	v.Public()
	return s.showEvent(v, &e, nil)
}

// noEvent says that there is no such event, and suggests others.
func (s *Shop) noEvent(v *page.Visit) error {
	list, err := s.suggested(v)
	if err != nil {
		return err
	}
	v.Status(http.StatusNotFound)
	return v.Show(s.set, "missing", page.Meta{Title: v.T("missing.title"), NoIndex: true}, map[string]any{"Suggested": list})
}

// missed says why seats could not be held. It is shown where seats are selected and
// keeps the selection, so that nobody has to repeat it.
type missed struct {
	Text          string
	Seats         []string // labels that are gone
	Chosen        []string // labels that were chosen and are not gone
	Near          []string // labels proposed in place of the whole selection
	NearNames     string   // Near, in words
	RestNames     string   // Chosen, in words
	Quantity      int      // the request for a number of places instead of seats, and its section and tier
	Section, Tier string
}

// eventView is the data of an event's page.
type eventView struct {
	Event    *eventapi.Event
	Path     string
	State    eventapi.SaleState
	Few      bool
	Now      time.Time
	Zone     string // short name of the event's zone at its time, such as CET
	Opens    time.Time
	Closes   time.Time
	Refunds  time.Time // end of refunds; zero: no end
	Refunded bool      // the time for refunds is over
	Terms    []string  // what is kept of cancelled seats, in words; nil: nothing
	Changes  []eventapi.Change
	Changed  []string // the changes in words
	Place    string   // address of the venue
	MapLink  string
	Text     []string // paragraphs
	FeeRules bool     // prices distinguish face value, fee and tax

	Holds      []Held
	Missed     *missed
	Buyable    bool  // seats can be held now
	FreeOnly   bool  // seats with a price cannot be paid
	Quantities []int // numbers of seats to choose from
	Minutes    int   // duration of a hold
	Sections   []bookingapi.SectionSeats
	Section    *bookingapi.SectionSeats // the section whose seats are shown; nil: none
	Rows       []bookingapi.RowSeats
	Map        *seatmap // nil: no map
}

// showEvent shows an event's page; m is nil unless a hold has just failed.
func (s *Shop) showEvent(v *page.Visit, e *eventapi.Event, m *missed) error {
	p := &eventView{Event: e, Path: eventPath(e), State: e.SaleState(v.Now()), Now: v.Now().UTC(), Missed: m, Minutes: int(e.HoldFor / time.Minute)}
	c := card{Event: *e, State: p.State}
	p.Few, p.Buyable = c.Few(), p.State == eventapi.SaleOn
	if p.FreeOnly = v.FreeOnly() && e.To > 0; p.FreeOnly && e.From > 0 {
		p.Buyable = false
	}
	s.tell(v, p)
	var err error
	if !e.Changed.IsZero() {
		changes, err := s.Events.Changes(v.Context(), []string{e.ID})
		if err != nil {
			return err
		}
		p.Changes = changes[e.ID]
		for _, c := range p.Changes {
			p.Changed = append(p.Changed, changed(v, zoneOf(e), c))
		}
	}
	if v.Caller.SignedIn() {
		if p.Holds, err = s.Orders.holds(v.Context(), v.Caller, e.ID); err != nil {
			return err
		}
	}
	if err := s.seats(v, p); err != nil {
		return err
	}
	meta := page.Meta{Title: e.Title, Description: summary(v, e), Canonical: p.Path, Wide: true,
		NoIndex: p.State == eventapi.SaleDraft, Image: "/e/" + e.ID + "/og.png", JSONLD: s.structured(v, p)}
	return v.Show(s.set, "event", meta, p)
}

// tell fills in what follows from the event alone.
func (s *Shop) tell(v *page.Visit, p *eventView) {
	e := p.Event
	zone := zoneOf(e)
	if !e.Starts.IsZero() {
		p.Zone = locale.Zone(v.Lang, e.Starts)
	}
	local := func(t time.Time) time.Time {
		if t.IsZero() {
			return t
		}
		return t.In(zone)
	}
	p.Opens, p.Closes, p.Refunds = local(e.Opens), local(e.Closes), local(e.RefundsEnd)
	p.Terms = termsOf(v, e, zone)
	p.Refunded = !p.Refunds.IsZero() && p.Refunds.Before(p.Now)
	for _, part := range []string{e.Venue.Address, e.Venue.City, e.Venue.Country} {
		if part != "" {
			p.Place += ", " + part
		}
	}
	p.Place = strings.TrimPrefix(p.Place, ", ")
	p.MapLink = "https://www.openstreetmap.org/search?query=" + url.QueryEscape(strings.TrimSuffix(e.Venue.Name+", "+p.Place, ", "))
	for text := range strings.SplitSeq(strings.ReplaceAll(e.Description, "\r\n", "\n"), "\n\n") {
		if text = strings.TrimSpace(text); text != "" {
			p.Text = append(p.Text, text)
		}
	}
	p.FeeRules = e.Prices.Rules != nil
}

// zoneOf returns the zone of an event's venue, in which times are shown.
func zoneOf(e *eventapi.Event) *time.Location {
	if !e.Starts.IsZero() {
		return e.Starts.Location()
	}
	if zone, err := time.LoadLocation(e.Zone); err == nil {
		return zone
	}
	return time.UTC
}

// dayIn parses YYYY-MM-DD for templates; zero if the text is not a date.
func dayIn(text string) time.Time {
	t, _ := dayOf(text)
	return t
}

// changed describes a change in words.
func changed(v *page.Visit, zone *time.Location, c eventapi.Change) string {
	if c.Field == "venue" {
		return v.T("policy.changed.venue", "From", c.From, "To", c.To)
	}
	key := "policy.changed.time"
	if c.Field == "end_time" {
		key = "policy.changed.end"
	}
	words := func(text string) string {
		if t, err := time.Parse(time.RFC3339, text); err == nil {
			return locale.When(v.Lang, t.In(zone), locale.Full)
		}
		if day, ok := dayOf(text); ok {
			return locale.When(v.Lang, day, locale.Day)
		}
		return v.T("event.tba")
	}
	return v.T(key, "From", words(c.From), "To", words(c.To))
}

// summary describes an event in one sentence, for link previews.
func summary(v *page.Visit, e *eventapi.Event) string {
	text := whenOf(v, e) + " · " + placeOf(e)
	if e.Priced() {
		text += " · " + v.T("event.from", "Price", locale.Money(v.Lang, e.From, e.Prices.Currency))
	}
	if first, _, _ := strings.Cut(e.Description, "\n"); first != "" {
		text += ". " + first
	}
	if r := []rune(text); len(r) > 200 {
		text = string(r[:199]) + "…"
	}
	return text
}
