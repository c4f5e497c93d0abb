package shop

import (
	"embed"
	"html/template"
	"log/slog"
	"slices"
	"strings"

	"github.com/maypok86/otter/v2"

	"boxoffice/internal/notifyapi"
	"boxoffice/internal/page"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/ticket"
	"boxoffice/internal/walletapi"
)

//go:embed templates/*.html
var templates embed.FS

// Services are the parts of other services that the shop uses.
type Services struct {
	Events      Events
	SeatMap     SeatMap
	Seats       Seats
	Paying      Paying
	Form        paymentapi.Form // of the pay page
	Links       Links
	Users       Users
	Orders      Orders
	Payments    PaymentsOfUser
	Tickets     ticket.Signer
	Issues      Issues
	Preferences notifyapi.PreferenceKeeper
	Invoices    Invoices
	Wallets     walletapi.Service
	Texts       bool // people may give a mobile number, for text messages
}

// Shop serves the pages for fans.
type Shop struct {
	Services
	site *page.Site
	set  *page.Set
	log  *slog.Logger

	pictures *otter.Cache[pictureKey, []byte] // of events, for link previews
	printer  *printer
}

// New makes the shop.
func New(site *page.Site, s Services, log *slog.Logger) (*Shop, error) {
	set, err := site.Set(templates, "templates", template.FuncMap{"day": dayIn, "join": func(list []string) string { return strings.Join(list, ", ") }})
	if err != nil {
		return nil, err
	}
	return &Shop{Services: s, site: site, set: set, log: log, pictures: newPictures(), printer: newPrinter()}, nil
}

// Routes returns the shop's pages.
func (s *Shop) Routes() []page.Route {
	return slices.Concat(s.browseRoutes(), s.buyRoutes(), s.payRoutes(), s.signInRoutes(), s.orderRoutes(), s.accountRoutes())
}
