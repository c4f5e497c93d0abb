package app

import (
	"log/slog"
	"net/http"
	"slices"

	"boxoffice/internal/console"
	"boxoffice/internal/gateway"
	"boxoffice/internal/page"
	"boxoffice/internal/settings"
	"boxoffice/internal/shop"
)

// pages mounts the pages.
func (p *Parts) pages(g *gateway.Gateway, kit *page.Kit, s *settings.Server, mail http.Handler, log *slog.Logger) error {
	all := onPage{p}
	fans, err := shop.New(kit, shop.Services{Events: p.Events, SeatMap: p.Bookings, Seats: p.Bookings, Paying: all, Links: p.Bookings, Orders: all.orders(), Users: p.Users, Leaving: all, Tickets: p.Tickets}, log)
	if err != nil {
		return err
	}
	fans.Register(g.API())
	desk, err := console.New(kit, console.Services{Events: p.Events, Editor: p.Events, Figures: p.Bookings, Bookings: p.Bookings, Orders: p.Bookings, Seats: p.Bookings, Refunds: p.Payments, People: p.Users}, log)
	if err != nil {
		return err
	}
	kit.Mount(slices.Concat(kit.Routes(), fans.Routes(), desk.Routes()), g.Page)
	if s.Demo { // on a loopback address
		g.Router().Method(http.MethodGet, "/dev/mail", mail)
		g.Router().Method(http.MethodGet, "/dev/mail/{name}", mail)
	}
	return nil
}

// onPage is the services as the pages see them.
type onPage struct{ *Parts }
