package web

import (
	"context"

	"boxoffice/internal/message"
	"boxoffice/internal/page"
)

// Events is what there is to see.
type Events interface {
	// Listed is what is coming up, in the order in which it takes place, and a
	// few events that are over.
	Listed(ctx context.Context) (coming, past []message.Event, err error)
	// Event is an event that a caller may see; NotFound for others.
	Event(ctx context.Context, caller message.Caller, id string) (message.Event, error)
}

func (s *Shop) browseRoutes() routes {
	return routes{"GET /": s.home, "GET /e/{id}": s.event, "GET /e/{id}/{slug}": s.event, "GET /developers": s.developers}
}

func (s *Shop) home(v *page.Visit) error {
	coming, past, err := s.Events.Listed(v.Context())
	if err != nil {
		return err
	}
	v.Public()
	return v.Show(s.set, "home", page.Meta{Title: v.T("home.title"), Description: v.T("home.description"), Canonical: "/"}, map[string]any{
		"Coming": s.cards(v, coming), "Past": s.cards(v, past),
	})
}

// card is an event in a list.
type card struct {
	message.Event
	Path  string
	State string // onsale, soon, soldout, announced, cancelled, past
}

func (s *Shop) cards(v *page.Visit, list []message.Event) []card {
	out := make([]card, len(list))
	for i := range list {
		e := &list[i]
		out[i] = card{Event: *e, Path: eventPath(e), State: state(v, e)}
	}
	return out
}

// state is what a reader wants to know about an event's sale first.
func state(v *page.Visit, e *message.Event) string {
	now := v.Now()
	switch {
	case e.Status == "past" || e.Status == "cancelled" || e.Status == "draft":
		return e.Status
	case e.Waiting(now):
		return "soon"
	case e.Selling(now) && e.Free == 0:
		return "soldout"
	case e.Selling(now):
		return "onsale"
	case e.Status == "on_sale":
		return "closed"
	}
	return "announced"
}
