package shop

import (
	"embed"
	"html/template"
	"log/slog"
	"maps"
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
	Buying   Buying
	People   People
	Orders   Orders
	Accounts Accounts
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

// routes are pages by method and pattern.
type routes = map[string]func(*page.Visit) error

// Routes are the shop's addresses, by method and pattern.
func (s *Shop) Routes() map[string]page.Handler {
	all := routes{}
	for _, part := range []routes{s.buyRoutes(), s.signInRoutes(), s.orderRoutes(), s.accountRoutes()} {
		maps.Copy(all, part)
	}
	out := map[string]page.Handler{}
	for at, fn := range all {
		out[at] = s.kit.Page(fn)
	}
	for at, fn := range s.browseRoutes() {
		out[at] = page.Shared(s.kit.Page(fn))
	}
	return out
}
