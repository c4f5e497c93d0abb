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

// Console serves the organizer's pages.
type Console struct {
	Services
	site  *page.Site
	set   *page.Set
	log   *slog.Logger
	halls halls
}

func New(site *page.Site, s Services, log *slog.Logger) (*Console, error) {
	set, err := site.Set(templates, "templates", funcs)
	if err != nil {
		return nil, err
	}
	return &Console{Services: s, site: site, set: set, log: log, halls: newHalls()}, nil
}

// Routes returns the console's pages. Forms that may contain a seating plan are
// large.
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
		page.Get(one+"/refunds", c.ownEvent(c.refunds), route.Organizers),
		page.Post(one+"/refunds", c.ownEvent(c.refunds), route.Organizers),
		page.Get(one+"/settlement", c.ownEvent(c.settlement), route.Organizers),
		page.Get(one+"/settlement.csv", c.ownEvent(c.movements), route.Organizers),
		page.Get(one+"/settlement.pdf", c.ownEvent(c.settlementPDF), route.Organizers),
		page.Get(one+"/attendees.csv", c.ownEvent(c.attendees), route.Organizers),
		page.Get(one+"/orders/{booking}", c.ownEvent(c.order), route.Organizers),
		page.Post(one+"/orders/{booking}", c.ownEvent(c.order), route.Organizers),
		page.Post(one+"/orders/{booking}/refund", c.ownEvent(c.refund), route.Organizers),
		page.Post(one+"/orders/{booking}/seats", c.ownEvent(c.reseat), route.Organizers),
		page.Post(one+"/orders/{booking}/list", c.ownEvent(c.setList), route.Organizers),
		page.Post(one+"/orders/{booking}/tickets", c.ownEvent(c.replaceTickets), route.Organizers),
		page.Get(one+"/orders/{booking}/evidence.zip", c.ownEvent(c.dispute), route.Organizers),
		page.Get(one+"/announcements", c.ownEvent(c.announcements), route.Organizers),
		page.Post(one+"/announcements", c.ownEvent(c.announcements), route.Organizers),
		page.Get(one+"/announcements/{announcement}", c.ownEvent(c.announcement), route.Organizers),
		page.Post(one+"/announcements/{announcement}", c.ownEvent(c.announcement), route.Organizers, route.Entry),
		page.Get(one+"/door", c.ownEvent(c.door), route.Organizers),
		page.Get(one+"/door/figures", c.ownEvent(c.doorFigures), route.Organizers),
		page.Get(one+"/door/attendance.csv", c.ownEvent(c.attendance), route.Organizers),
		page.Get(one+"/door/log", c.ownEvent(c.doorLog), route.Organizers),
		page.Get(one+"/door/log.csv", c.ownEvent(c.doorLogCSV), route.Organizers),
		page.Get(one+"/door/settings", c.ownEvent(c.doorSettings), route.Organizers),
		page.Post(one+"/door/settings", c.ownEvent(c.doorSettings), route.Organizers),
		page.Get(one+"/door/devices", c.ownEvent(c.doorDevices), route.Organizers),
		page.Post(one+"/door/devices", c.ownEvent(c.doorDevices), route.Organizers),
		page.Get(one+"/door/devices/{device}", c.ownEvent(c.doorDevice), route.Organizers),
		page.Post(one+"/door/devices/{device}", c.ownEvent(c.doorDevice), route.Organizers),
		page.Get(one+"/door/guests", c.ownEvent(c.doorGuests), route.Organizers),
		page.Get(one+"/door/guests/{booking}", c.ownEvent(c.doorGuest), route.Organizers),
		page.Post(one+"/door/guests/{booking}", c.ownEvent(c.doorGuest), route.Organizers),
		page.Get("/organizer/seller", c.organizers(c.seller), route.Organizers),
		page.Post("/organizer/seller", c.organizers(c.seller), route.Organizers),
		page.Get("/organizer/invoices", c.organizers(c.invoices), route.Organizers),
		page.Get("/organizer/invoices.csv", c.organizers(c.invoicesCSV), route.Organizers),
		page.Get("/organizer/webhooks", c.organizers(c.webhooks), route.Organizers),
		page.Post("/organizer/webhooks", c.organizers(c.webhooks), route.Organizers),
		page.Get("/organizer/webhooks/{webhook}", c.organizers(c.webhook), route.Organizers),
		page.Post("/organizer/webhooks/{webhook}", c.organizers(c.webhook), route.Organizers),
		page.Get("/organizer/webhooks/{webhook}/{message}", c.organizers(c.delivery), route.Organizers),
		page.Get("/organizer/reconciliation", c.organizers(c.reconciliation), route.Organizers),
		page.Get("/organizer/reconciliation/{day}", c.organizers(c.reconciledDay), route.Organizers),
	}
}

// organizers restricts a page to organizers.
func (c *Console) organizers(fn func(*page.Visit) error) func(*page.Visit) error {
	return func(v *page.Visit) error {
		if err := organizes(v); err != nil {
			return err
		}
		return fn(v)
	}
}

// ownEvent restricts a page to the organizer of the event in the address.
func (c *Console) ownEvent(fn func(*page.Visit, *eventapi.Event) error) func(*page.Visit) error {
	return func(v *page.Visit) error {
		e, err := c.own(v)
		if err != nil {
			return err
		}
		return fn(v, &e)
	}
}

// organizes returns an error for callers who are not organizers.
func organizes(v *page.Visit) error {
	switch {
	case !v.Caller.SignedIn():
		return errs.New(errs.Unauthenticated, "sign-in-required", "Please sign in first.")
	case !v.Caller.Organizes():
		return errs.New(errs.Forbidden, "organizers-only", "Only organizers may do this.")
	}
	return nil
}

// own returns the event in the address; NotFound if it belongs to somebody else.
func (c *Console) own(v *page.Visit) (eventapi.Event, error) {
	if err := organizes(v); err != nil {
		return eventapi.Event{}, err
	}
	return c.Events.OwnEvent(v.Context(), v.Caller, v.PathValue("event"))
}

// at returns the address of an event's page in the console.
func at(e *eventapi.Event, more string) string { return "/organizer/events/" + e.ID + more }
