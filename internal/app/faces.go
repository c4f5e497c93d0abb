package app

import (
	"log/slog"
	"net/http"
	"slices"
	"time"

	"boxoffice/internal/booking/live"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/console"
	"boxoffice/internal/event"
	"boxoffice/internal/gateway"
	"boxoffice/internal/limit"
	"boxoffice/internal/page"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/settings"
	"boxoffice/internal/shop"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/userapi"
)

// faces builds the gateway, with the API and, if wanted, the pages. The world reaches
// it at base; inbox shows the mails of a demo.
func (p *Parts) faces(s *settings.Server, base string, pages bool, inbox http.Handler, log *slog.Logger) (*gateway.Gateway, error) {
	var kit *page.Kit
	orders := onPage{p}.orders()
	if pages {
		var err error
		if kit, err = page.New(page.Config{PublicURL: base, Demo: s.Demo, Holding: orders.Holding, Now: time.Now, Log: log}); err != nil {
			return nil, err
		}
	}
	g, err := p.newGateway(s, kit, log)
	if err != nil {
		return nil, err
	}
	api := g.API()
	p.Users.Register(api)
	p.Events.Register(api)
	p.Bookings.Register(api)
	p.Payments.Register(api)
	g.Stream(live.Operation(), p.Bookings.Live)
	if pages {
		if err := p.mountPages(g, kit, orders, log); err != nil {
			return nil, err
		}
	}
	if pages && s.Demo { // on a loopback address
		g.Router().Method(http.MethodGet, "/dev/mail", inbox)
		g.Router().Method(http.MethodGet, "/dev/mail/{name}", inbox)
	}
	g.Problems(bookingapi.Problems, event.Problems, paymentapi.Problems, userapi.Problems)
	g.Complete()
	return g, nil
}

// newGateway builds the gateway without any routes. Without pages
// kit is nil.
func (p *Parts) newGateway(s *settings.Server, kit *page.Kit, log *slog.Logger) (*gateway.Gateway, error) {
	cfg := gateway.Config{
		Authenticate: p.Users.Authenticate,
		Log:          log,
		Metrics:      p.Metrics,
		Ready:        p.DB.Fits,
		AccessLog:    s.AccessLog,
		Pressure:     p.Bookings.Pressure,
		Outage:       sqldb.Outage,
		Origins:      s.Origins,
		PublicURL:    s.PublicURL,
	}
	if kit != nil {
		cfg.Cookie, cfg.WantsPage, cfg.ErrorPage = page.SessionCookie(kit.Secure()), page.WantsPage, kit.Error
	}
	var err error
	if cfg.TrustedProxies, err = s.TrustedProxies(); err != nil {
		return nil, err
	}
	if s.Demo { // with passwords that are printed: other sites' names must not lead here
		cfg.Hosts = []string{s.PublicHost()}
	}
	cfg.LoopbackProxy = settings.Loopback(s.Addr) && len(s.Proxies) == 0
	if s.RateLimit > 0 {
		cfg.Limits = gateway.DefaultLimits(s.RateLimit, limit.NewMemory(time.Now))
		cfg.Limits.LoopbackFactor = s.Loopback
	}
	g := gateway.New(cfg)
	if s.PublicURL != "" && len(s.Proxies) == 0 && !cfg.LoopbackProxy && s.Addr != "" {
		g.Warn("--public-url is given and --trusted-proxies is not: if the world comes through a proxy, all its clients are limited as one.")
	}
	for _, network := range cfg.TrustedProxies {
		if network.Bits() == 0 {
			g.Warn("--trusted-proxies is " + network.String() + ", which is everybody: a client may call itself what it likes, and no limit holds. Name your proxies' networks only.")
		}
	}
	return g, nil
}

// mountPages registers the pages of fans and organizers.
func (p *Parts) mountPages(g *gateway.Gateway, kit *page.Kit, orders shop.Orders, log *slog.Logger) error {
	fans, err := shop.New(kit, shop.Services{Events: p.Events, SeatMap: p.Bookings, Seats: p.Bookings, Paying: p.Payments, Links: p.Bookings, Orders: orders, Users: p.Users, Payments: p.Payments, Tickets: p.Tickets}, log)
	if err != nil {
		return err
	}
	fans.Register(g.API())
	desk, err := console.New(kit, console.Services{Events: p.Events, Editor: p.Events, Figures: p.Bookings, Bookings: p.Bookings, Orders: p.Bookings, Seats: p.Bookings, Refunds: p.Payments, People: p.Users}, log)
	if err != nil {
		return err
	}
	kit.Mount(slices.Concat(kit.Routes(), fans.Routes(), desk.Routes()), g.Page)
	return nil
}

// onPage is the services as the pages see them.
type onPage struct{ *Parts }

// orders reads orders for pages and mails.
func (p onPage) orders() shop.Orders {
	return shop.Orders{Bookings: p.Bookings, Events: p.Events, Payments: p.Payments, People: p.Users, Now: p.DB.Now}
}
