package console

import (
	"embed"
	"log/slog"

	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/page"
	"boxoffice/internal/route"
)

//go:embed templates/*.html
var templates embed.FS

// Console is the organizer's pages.
type Console struct {
	Services
	kit   *page.Kit
	set   *page.Set
	log   *slog.Logger
	halls halls
}

// New makes the console.
func New(kit *page.Kit, s Services, log *slog.Logger) (*Console, error) {
	set, err := kit.Set(templates, "templates", funcs)
	if err != nil {
		return nil, err
	}
	return &Console{Services: s, kit: kit, set: set, log: log, halls: newHalls()}, nil
}

// Routes are the console's pages. Forms that may bring a seating plan are large.
func (c *Console) Routes() []page.Route {
	const one = "/organizer/events/{event}"
	return []page.Route{
		page.Get("/organizer", c.organizers(c.dashboard), route.Organizers),
		page.Get("/organizer/events/new", c.organizers(c.create), route.Organizers),
		page.Post("/organizer/events/new", c.organizers(c.create), route.Organizers, route.LargeBody),
		page.Get(one, c.ownEvent(c.live), route.Organizers),
		page.Get(one+"/figures", c.ownEvent(c.figures), route.Organizers),
		page.Get(one+"/edit", c.ownEvent(c.edit), route.Organizers),
		page.Post(one+"/edit", c.ownEvent(c.edit), route.Organizers, route.LargeBody),
		page.Get(one+"/sale", c.ownEvent(c.sale), route.Organizers),
		page.Post(one+"/sale", c.ownEvent(c.sale), route.Organizers),
		page.Get(one+"/cancel", c.ownEvent(c.cancel), route.Organizers),
		page.Post(one+"/cancel", c.ownEvent(c.cancel), route.Organizers),
		page.Post(one+"/seats", c.ownEvent(c.grant), route.Organizers),
		page.Post(one+"/gift", c.ownEvent(c.gift), route.Organizers),
		page.Post(one+"/release", c.ownEvent(c.release), route.Organizers),
		page.Get(one+"/attendees.csv", c.ownEvent(c.attendees), route.Organizers),
	}
}

// organizers is a page for organizers only.
func (c *Console) organizers(fn func(*page.Visit) error) func(*page.Visit) error {
	return func(v *page.Visit) error {
		if err := organizes(v); err != nil {
			return err
		}
		return fn(v)
	}
}

// ownEvent is a page about an event of the reader's own, which the address names.
func (c *Console) ownEvent(fn func(*page.Visit, *eventapi.Event) error) func(*page.Visit) error {
	return func(v *page.Visit) error {
		e, err := c.own(v)
		if err != nil {
			return err
		}
		return fn(v, &e)
	}
}

// organizes refuses visitors who have no business here.
func organizes(v *page.Visit) error {
	switch {
	case !v.Caller.SignedIn():
		return errs.New(errs.Unauthenticated, "sign-in-required", "Please sign in first.")
	case !v.Caller.Organizes():
		return errs.New(errs.Forbidden, "organizers-only", "Only organizers may do this.")
	}
	return nil
}

// own is the event of the address; NotFound when it is somebody else's.
func (c *Console) own(v *page.Visit) (eventapi.Event, error) {
	if err := organizes(v); err != nil {
		return eventapi.Event{}, err
	}
	return c.Events.OwnEvent(v.Context(), v.Caller, v.PathValue("event"))
}

// at is the page of an event in the console.
func at(e *eventapi.Event, more string) string { return "/organizer/events/" + e.ID + more }
