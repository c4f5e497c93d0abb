package console

import (
	"embed"
	"log/slog"

	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/page"
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

// Routes are the console's addresses, by method and pattern.
func (c *Console) Routes() map[string]page.Handler {
	out := map[string]page.Handler{}
	for at, fn := range map[string]func(*page.Visit) error{
		"GET /organizer":             c.dashboard,
		"GET /organizer/events/new":  c.create,
		"POST /organizer/events/new": c.create,
	} {
		out[at] = c.kit.Page(func(v *page.Visit) error {
			if err := organizes(v); err != nil {
				return err
			}
			return fn(v)
		})
	}
	const one = " /organizer/events/{event}"
	for at, fn := range map[string]func(*page.Visit, *eventapi.Event) error{
		"GET" + one: c.live, "GET" + one + "/figures": c.figures,
		"GET" + one + "/edit": c.edit, "POST" + one + "/edit": c.edit,
		"GET" + one + "/sale": c.sale, "POST" + one + "/sale": c.sale,
		"GET" + one + "/cancel": c.cancel, "POST" + one + "/cancel": c.cancel,
		"POST" + one + "/seats":        c.grant,
		"POST" + one + "/gift":         c.gift,
		"POST" + one + "/release":      c.release,
		"GET" + one + "/attendees.csv": c.attendees,
	} {
		out[at] = c.kit.Page(func(v *page.Visit) error {
			e, err := c.own(v)
			if err != nil {
				return err
			}
			return fn(v, &e)
		})
	}
	return out
}

// TakesPlan reports whether the form at an address may bring a seating plan, and
// so may be large.
func TakesPlan(at string) bool {
	return at == "POST /organizer/events/new" || at == "POST /organizer/events/{event}/edit"
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
	e, err := c.Events.Event(v.Context(), v.Caller, v.PathValue("event"))
	if err == nil && !v.Caller.MayOrganize(e.OrganizerID) {
		err = errs.Missing("event")
	}
	return e, err
}

// at is the page of an event in the console.
func at(e *eventapi.Event, more string) string { return "/organizer/events/" + e.ID + more }
