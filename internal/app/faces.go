package app

import (
	"log/slog"
	"net/http"
	"slices"
	"time"

	"boxoffice/internal/booking/live"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/checkinapi"
	"boxoffice/internal/console"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/gate"
	"boxoffice/internal/gateway"
	"boxoffice/internal/invoiceapi"
	"boxoffice/internal/limit"
	"boxoffice/internal/notify"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/page"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/settings"
	"boxoffice/internal/shop"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/userapi"
	"boxoffice/internal/webhookapi"
)

// faces builds the gateway with the API and, if wanted, the pages. base is the
// node's public address; inbox shows the mails of a demo.
func (p *Parts) faces(s *settings.Server, base string, pages bool, inbox http.Handler, log *slog.Logger) (*gateway.Gateway, error) {
	var site *page.Site
	orders := p.orders()
	if pages {
		var err error
		if site, err = page.New(page.Config{PublicURL: base, Demo: s.Demo, Test: p.bank.Test, FreeOnly: p.bank.Gateway == nil, Holding: orders.Holding, Now: time.Now, Log: log}); err != nil {
			return nil, err
		}
	}
	g, err := p.newGateway(s, site, log)
	if err != nil {
		return nil, err
	}
	api := g.API()
	p.Users.Register(api)
	p.Events.Register(api)
	p.Bookings.Register(api)
	p.Issues.Register(api)
	p.Payments.Register(api)
	p.Webhooks.Register(api)
	p.Invoices.Register(api)
	p.Door.Register(api)
	p.Preferences.Register(api)
	p.Desk.Register(api)
	p.Announce.Register(api)
	notify.RegisterTextStatus(api, p.Notices)
	g.Stream(live.Operation(), p.Bookings.Live)
	g.Stream(p.Door.Operation(), p.Door.Live)
	if pages {
		if err := p.mountPages(g, site, orders, log); err != nil {
			return nil, err
		}
	}
	if pages && s.Demo && inbox != nil { // on a loopback address
		g.Router().Method(http.MethodGet, "/dev/mail", inbox)
		g.Router().Method(http.MethodGet, "/dev/mail/{name}", inbox)
	}
	g.Problems(bookingapi.Problems, checkinapi.Problems, eventapi.Problems, invoiceapi.Problems, notifyapi.Problems, paymentapi.Problems, userapi.Problems, webhookapi.Problems, notifyapi.PreferenceProblems, notifyapi.AnnouncementProblems)
	g.Complete()
	return g, nil
}

// newGateway builds the gateway without routes; site is nil without pages.
func (p *Parts) newGateway(s *settings.Server, site *page.Site, log *slog.Logger) (*gateway.Gateway, error) {
	cfg := gateway.Config{
		Authenticate: p.Users.Authenticate,
		Devices:      p.Door.AuthenticateDevice,
		Log:          log,
		Metrics:      p.Metrics,
		Ready:        p.DB.Fits,
		Warnings:     p.warnings,
		AccessLog:    s.AccessLog,
		Pressure:     p.Bookings.Pressure,
		Outage:       sqldb.Outage,
		Origins:      s.AllowedOrigins(),
		PublicURL:    s.Public(),
	}
	if site != nil {
		cfg.Cookie, cfg.WantsPage, cfg.ErrorPage = page.SessionCookie(site.Secure()), page.WantsPage, site.Error
	}
	var err error
	if cfg.TrustedProxies, err = s.TrustedProxies(); err != nil {
		return nil, err
	}
	if s.Demo { // its passwords are printed, so other sites' names must not lead here
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

// mountPages registers the pages for fans and organizers.
func (p *Parts) mountPages(g *gateway.Gateway, site *page.Site, orders shop.Orders, log *slog.Logger) error {
	fans, err := shop.New(site, shop.Services{Events: p.Events, SeatMap: p.Bookings, Seats: p.Bookings, Paying: p.Payments, Form: p.Payments.Form(), Links: p.Bookings, Orders: orders, Users: p.Users, Payments: p.Payments, Tickets: p.Tickets, Issues: p.Issues, Preferences: p.Preferences, Invoices: p.Invoices, Wallets: p.Wallets, Texts: p.texts}, log)
	if err != nil {
		return err
	}
	fans.Register(g.API())
	p.fans = fans
	for _, r := range p.Wallets.Routes() {
		g.Page(r.Method, r.Path, r.Traits, r.Serve)
	}
	desk, err := console.New(site, console.Services{Events: p.Events, Editor: p.Events, Figures: p.Bookings, Bookings: p.Bookings, Orders: p.Bookings, Seats: p.Bookings, Issues: p.Issues, Payments: p.Payments, People: p.Users, Webhooks: p.Webhooks, Mails: p.Desk, Announcements: p.Announce, Money: p.Payments, Invoices: p.Invoices, Door: p.Door}, log)
	if err != nil {
		return err
	}
	door, err := gate.New(site)
	if err != nil {
		return err
	}
	site.Mount(slices.Concat(site.Routes(), fans.Routes(), desk.Routes(), door.Routes()), g.Page)
	return nil
}

// orders reads orders for pages and mails.
func (p *Parts) orders() shop.Orders {
	return shop.Orders{Bookings: p.Bookings, Events: p.Events, Payments: p.Payments, People: p.Users, Now: p.DB.Now}
}
