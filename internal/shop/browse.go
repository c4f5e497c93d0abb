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

// Held is a hold of the reader's.
type Held struct {
	ID    string
	Seats []string // labels
	Until time.Time
}

// Events is what the shop needs of the event service (see eventapi.Reader).
type Events interface {
	Event(ctx context.Context, c caller.Caller, id string) (eventapi.Event, error)
	List(ctx context.Context, c caller.Caller, f eventapi.Filter) (eventapi.Page, error)
	Search(ctx context.Context, c caller.Caller, f eventapi.Filter) (eventapi.Found, error)
	Changes(ctx context.Context, ids []string) (map[string][]eventapi.Change, error)
	MapPages(ctx context.Context, size int) ([]string, error)
	MapPage(ctx context.Context, from string, size int) ([]eventapi.Listed, error)
}

// SeatMap is what the shop needs of the booking service to show free seats.
type SeatMap interface {
	// Sections returns an event's sections with their free seats; NotFound while the
	// booking service does not know the event's sale.
	Sections(ctx context.Context, caller caller.Caller, eventID string) ([]bookingapi.SectionSeats, error)
	// Rows returns the seats of a section; NotFound if there is no such section.
	Rows(ctx context.Context, caller caller.Caller, eventID, section string) ([]bookingapi.RowSeats, error)
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
