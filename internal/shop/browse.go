package shop

import (
	"context"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/page"
	"boxoffice/internal/route"
)

// Query is what somebody looks for; empty fields allow all.
type Query struct {
	Text, Category, City string
	From, To             string // days, YYYY-MM-DD at the event's place, both included
	Cursor               string
	Limit                int
}

// Found is a page of the coming events that a query finds.
type Found struct {
	Events             []eventapi.Event
	Total              int64
	Next               string  // cursor of the next page; "": this is the last one
	Categories, Cities []Facet // what the query can be narrowed to
}

// Facet is a value that a query can be narrowed to, with the events that have it.
type Facet struct {
	Value string
	Count int64
}

// Mapped is an event as the site map lists it.
type Mapped struct {
	ID, Title string
	Changed   time.Time
}

// Change is a change of an event that its buyers are to know.
type Change struct {
	At       time.Time
	Field    string // event_time or venue
	From, To string // RFC 3339, a day, a place; "": to be announced
}

// Held is a hold of the reader's.
type Held struct {
	ID    string
	Seats []string // labels
	Until time.Time
}

// Events is what there is to see.
type Events interface {
	// Search finds coming events, those with the words in their title first,
	// then in the order in which they take place.
	Search(ctx context.Context, q Query) (Found, error)
	// Past are the events that were over last, at most n, the last one first.
	Past(ctx context.Context, n int) ([]eventapi.Event, error)
	// Event is an event that a caller may see; NotFound for others.
	Event(ctx context.Context, caller caller.Caller, id string) (eventapi.Event, error)
	// Changes of an event since it was announced, oldest first.
	Changes(ctx context.Context, eventID string) ([]Change, error)
	// Sections of an event, with the seats that are free; none before its sale
	// is known to the booking side.
	Sections(ctx context.Context, caller caller.Caller, eventID string) ([]bookingapi.SectionSeats, error)
	// Rows are the seats of a section; NotFound when there is no such section.
	Rows(ctx context.Context, caller caller.Caller, eventID, section string) ([]bookingapi.RowSeats, error)
	// Holds are the caller's holds of an event that have not ended.
	Holds(ctx context.Context, caller caller.Caller, eventID string) ([]Held, error)
	// MapPages are the ids that begin the pages of a map of coming events, and
	// MapPage is one of them; size is the number of events of a page.
	MapPages(ctx context.Context, size int) ([]string, error)
	MapPage(ctx context.Context, from string, size int) ([]Mapped, error)
}

func (s *Shop) browseRoutes() []page.Route {
	return []page.Route{
		page.Get("/", s.home, route.Shared), page.Get("/search", s.search, route.Shared), page.Get("/developers", s.developers, route.Shared),
		page.Get("/e/{id}", s.event, route.Shared), page.Get("/e/{id}/{slug}", s.event, route.Shared),
		page.Get("/e/{id}/poster.svg", s.poster, route.Shared), page.Get("/e/{id}/og.png", s.picture, route.Shared),
		page.Get("/e/{id}/calendar.ics", s.eventCalendar, route.Shared), page.Get("/calendar.ics", s.feed, route.Shared),
		page.Get("/robots.txt", s.robots, route.Shared), page.Get("/sitemap.xml", s.sitemap, route.Shared),
	}
}
