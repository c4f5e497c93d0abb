package shop

import (
	"embed"
	"html/template"
	"log/slog"
	"slices"
	"strings"

	"github.com/maypok86/otter/v2"

	"boxoffice/internal/page"
	"boxoffice/internal/ticket"
)

//go:embed templates/*.html
var templates embed.FS

// Services are what the shop needs of the ticket office.
type Services struct {
	Events   Events
	SeatMap  SeatMap
	Seats    Seats
	Paying   Paying
	Links    Links
	Users    Users
	Orders   Orders
	Payments PaymentsOfUser
	Tickets  ticket.Signer
}

// Shop is the pages for fans.
type Shop struct {
	Services
	kit  *page.Kit
	set  *page.Set
	till Till
	log  *slog.Logger

	pictures *otter.Cache[pictureKey, []byte] // of events, for links to them
	printer  *printer
}

// New makes the shop.
func New(kit *page.Kit, s Services, log *slog.Logger) (*Shop, error) {
	set, err := kit.Set(templates, "templates", template.FuncMap{"day": dayIn, "join": func(list []string) string { return strings.Join(list, ", ") }})
	if err != nil {
		return nil, err
	}
	return &Shop{Services: s, kit: kit, set: set, till: sandboxTill{}, log: log, pictures: newPictures(), printer: newPrinter()}, nil
}

// Routes are the shop's pages.
func (s *Shop) Routes() []page.Route {
	return slices.Concat(s.browseRoutes(), s.buyRoutes(), s.signInRoutes(), s.orderRoutes(), s.accountRoutes())
}
