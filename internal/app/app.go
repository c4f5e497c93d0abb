// Package app wires everything together, and is the only package that does. It opens the
// database, builds the services on it, gives each what it needs of the others, and puts
// them behind the gateway.
//
//	app.go      the services, in the order in which they are built
//	mails.go    what the Notification Service needs of the others
//	node.go     a node: the services with their background jobs
//	faces.go    the API and the pages of a node, behind the gateway
//	serve.go    "boxoffice serve", from settings to the last answered request
//	gatenode.go  "boxoffice gate-node": the check-in app in the house, without the other services
//	tools.go    what the other commands of the command line need (package commands)
package app

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"boxoffice/internal/booking"
	"boxoffice/internal/booking/intake"
	"boxoffice/internal/bus"
	"boxoffice/internal/bus/natsbus"
	"boxoffice/internal/checkin"
	"boxoffice/internal/checkin/issue"
	"boxoffice/internal/checkinapi"
	"boxoffice/internal/event"
	"boxoffice/internal/invoice"
	"boxoffice/internal/jobs"
	"boxoffice/internal/notify"
	"boxoffice/internal/notify/announce"
	"boxoffice/internal/notify/desk"
	"boxoffice/internal/notify/mail"
	"boxoffice/internal/notify/occasion"
	"boxoffice/internal/notify/prefs"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/payment"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/payment/providers"
	"boxoffice/internal/shop"
	"boxoffice/internal/signing"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/ticket"
	"boxoffice/internal/user"
	"boxoffice/internal/wallet"
	"boxoffice/internal/webhook"
)

// Config configures the services.
type Config struct {
	Outside
	Log       *slog.Logger
	PublicURL string           // links in mails begin with it
	Payments  string           // the payment gateway, as --payments names it
	Mail      *MailConfig      // nil: no mail is sent
	TwoFactor bool             // organizers and administrators need a second factor
	NATS      natsbus.Config   // where NATS is; no URL: there is none
	Texts     *TextConfig      // nil: no text message is sent
	Reserve   invoice.Reserve  // of settlements, after events
	Wallets   wallet.Keys      // what passes are signed with
	Demo      bool             // webhooks may go to this machine, and without TLS; test keys will do
	Notices   occasion.Notices // instead of the Notification Service, for tests
}

// Outside holds the payment gateway, and how passwords are hashed.
type Outside struct {
	Gateway provider.Gateway // nil: the one that Config.Payments names
	Hashing user.Hashing     // zero: as passwords need it

	Webhooks http.RoundTripper                   // carries webhooks to their receivers; nil: connections
	APNs     wallet.APNs                         // notifies devices of passes; zero: Apple's
	Sales    func(*booking.Service) intake.Sales // takes the states of sales instead of the booking service, in tests; nil: no
}

// MailConfig says how mails are sent.
type MailConfig struct {
	Sender    mail.Sender
	Parallel  int // mails at a time
	PerDomain int // mails a second to the addresses of one domain; 0: no limit
}

// TextConfig says how text messages are sent.
type TextConfig struct {
	notify.Texting
	Regions []string // countries to whose numbers; none: all
}

// Parts are the services over one database.
type Parts struct {
	DB          *sqldb.DB
	Users       *user.Service
	Events      *event.Service
	Bookings    *booking.Service
	Payments    *payment.Service
	Webhooks    *webhook.Service
	Invoices    *invoice.Service
	Wallets     *wallet.Service // nil: no wallet is set up
	Door        *checkin.Service
	Tickets     ticket.Signer
	Issues      *issue.Issues   // of tickets
	Notices     *notify.Service // nil: no mail is sent
	Preferences *prefs.Service  // which mails people want
	Desk        *desk.Desk
	Announce    *announce.Service
	sent        *notify.Log
	Bus         *bus.Bus
	nats        *natsbus.Conn // nil: there is none
	signals     bus.Signals   // NATS as the services see it; nil: there is none
	runs        bus.Runs
	transport   bus.Transport
	Metrics     *prometheus.Registry
	Jobs        *jobs.Runner

	intake *intake.Intake // of the events' new states
	texts  bool           // text messages are sent
	fans   *shop.Shop     // nil: a node without pages
	bank   provider.Opened
}

// Build migrates the database and builds the services on it. If that fails, it closes
// what it has built, but not the database.
func Build(ctx context.Context, db *sqldb.DB, cfg Config) (*Parts, error) {
	p := &Parts{DB: db, Metrics: prometheus.NewRegistry(), texts: cfg.Texts != nil}
	if err := p.build(ctx, cfg); err != nil {
		return nil, errors.Join(err, p.end(ctx))
	}
	return p, nil
}

// build builds the services, each after those that it uses. Only the mails and the events'
// hand-over use what is built later: mails are sent by jobs, which start when all is built.
func (p *Parts) build(ctx context.Context, cfg Config) error {
	db, log := p.DB, cfg.Log
	p.Metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	var err error
	if p.Jobs, err = jobs.New(log, p.Metrics); err != nil {
		return err
	}
	if err := p.connect(ctx, cfg.NATS, log); err != nil {
		return err
	}
	if p.Tickets, err = ticket.Open(ctx, db); err != nil {
		return err
	}
	catalogue, err := event.OpenCatalogue(ctx, db)
	if err != nil {
		return err
	}
	directory, err := user.OpenDirectory(ctx, db)
	if err != nil {
		return err
	}
	unwanted, err := prefs.Open(ctx, db, cfg.PublicURL)
	if err != nil {
		return err
	}
	if p.bank = (provider.Opened{Name: "bank", Gateway: cfg.Gateway, Close: func() {}}); cfg.Gateway == nil {
		if p.bank, err = providers.Open(ctx, cfg.Payments, provider.Opening{DB: db, Demo: cfg.Demo, Now: db.Now, Log: log}); err != nil {
			return err
		}
	}
	notices, err := p.notices(ctx, cfg, unwanted)
	if err != nil {
		return err
	}
	p.Bookings, err = booking.New(ctx, booking.Config{
		DB: db, Plans: catalogue, Metrics: p.Metrics, Log: log, Accounts: directory.Exists, MailGift: p.mailGift(notices, cfg.PublicURL), MailMove: p.mailMove(notices, cfg.PublicURL), Runs: p.runs,
		Replace: p.replaceCodes,
		Entered: func(ctx context.Context, bookingID string, seats []int32) ([]int32, error) {
			return p.Door.Entered(ctx, bookingID, seats)
		}, // built later
	})
	if err != nil {
		return err
	}
	rules := func(ctx context.Context, eventID string) (checkinapi.Settings, error) {
		return p.Door.RulesOf(ctx, eventID)
	} // built later
	if p.Issues, err = issue.New(ctx, issue.Config{DB: db, Now: db.Now, Bookings: p.Bookings, Signer: p.Tickets, Rules: rules}); err != nil {
		return err
	}
	sales := intake.Sales(p.Bookings)
	if cfg.Sales != nil {
		sales = cfg.Sales(p.Bookings)
	}
	p.intake = intake.New(db, sales, p.Bookings, db.Now)
	deliver := func(ctx context.Context, eventID string) error {
		return p.Bus.ConsumeNow(ctx, eventID, intake.Name, event.Name)
	}
	if p.Events, err = event.New(ctx, event.Config{DB: db, Catalogue: catalogue, Sales: p.Bookings, Deliver: deliver, Signals: p.signals, Now: db.Now, Log: log}); err != nil {
		return err
	}
	p.Payments, err = payment.New(ctx, payment.Config{
		DB: db, Bookings: p.Bookings, Gateway: p.bank.Gateway, Provider: p.bank.Name, Test: p.bank.Test, PublicURL: cfg.PublicURL, Now: db.Now, Log: log, Metrics: p.Metrics,
	})
	if err != nil {
		return err
	}
	p.Users, err = user.New(ctx, user.Config{
		DB: db, Directory: directory, Now: db.Now, Log: log, Hashing: cfg.Hashing, Notices: notices, PublicURL: cfg.PublicURL, TwoFactor: cfg.TwoFactor,
		Bookings: p.Bookings, Events: p.Events, Payments: p.Payments, Texts: cfg.userTexts(), Signals: p.signals,
	})
	if err != nil {
		return err
	}
	p.Preferences = prefs.New(unwanted, p.Users)
	writes := announce.Config{DB: db, Now: db.Now, Log: log, Events: p.Events, Accounts: p.Users}
	if p.Notices != nil {
		writes.Mailer = p.Notices
	}
	if p.Announce, err = announce.New(ctx, writes); err != nil {
		return err
	}
	p.Webhooks, err = webhook.New(ctx, webhook.Config{
		DB: db, Bookings: p.Bookings, Events: p.Events, Payments: p.Payments, Accounts: p.Users, Notices: notices, Now: db.Now, Log: log, Metrics: p.Metrics,
		PublicURL: cfg.PublicURL, Local: cfg.Demo, Transport: cfg.Webhooks,
	})
	if err != nil {
		return err
	}
	p.Invoices, err = invoice.New(ctx, invoice.Config{
		DB: db, Bookings: p.Bookings, Events: p.Events, Payments: p.Payments, People: p.Users, Now: db.Now, Test: p.bank.Test, Reserve: cfg.Reserve,
	})
	if err != nil {
		return err
	}
	p.Wallets, err = wallet.New(ctx, wallet.Config{
		DB: db, Keys: cfg.Wallets, Base: cfg.PublicURL, Now: db.Now, Log: log, Bookings: p.Bookings, Events: p.Events, Issues: p.Issues, APNs: cfg.APNs,
		Tickets: func() wallet.Tickets { return p.fans },
	})
	if err != nil {
		return err
	}
	if p.Door, err = checkin.New(ctx, checkin.Config{DB: db, Bookings: p.Bookings, Events: p.Events, People: p.Users, Issues: p.Issues, Keys: p.Tickets.Keys, Signer: p.Tickets, Now: db.Now, PublicURL: cfg.PublicURL, Log: log}); err != nil {
		return err
	}
	if err := p.openDesk(ctx, cfg, notices); err != nil {
		return err
	}
	return p.openBus(ctx, cfg, notices)
}

// openDesk makes the desk, where organizers see the mails about their orders.
func (p *Parts) openDesk(ctx context.Context, cfg Config, notices notifyapi.Service) error {
	var err error
	if p.sent, err = notify.OpenLog(ctx, p.DB); err != nil {
		return err
	}
	d := desk.Config{
		Events: p.Events, Log: p.sent, Bookings: p.Bookings, Accounts: p.Users, Letters: p.letters(notices, cfg.PublicURL), Notices: notices, Now: p.DB.Now, Slog: cfg.Log,
		CheckEmail: checkEmail,
	}
	if p.Notices != nil {
		d.Mailings = p.Notices
	}
	p.Desk = desk.New(d)
	return nil
}

// openBus makes the bus: the services' outboxes and their consumers.
func (p *Parts) openBus(ctx context.Context, cfg Config, notices occasion.Notices) error {
	told, err := p.occasions(ctx, notices, cfg.PublicURL)
	if err != nil {
		return err
	}
	p.Bus, err = bus.New(ctx, bus.Config{
		DB: p.DB, Outboxes: p.outboxes(),
		Consumers: append([]bus.Consumer{p.intake.Consumer(), p.Events.Consumer(), p.Webhooks.Consumer(), p.Invoices.Consumer()}, append(told, p.Wallets.Consumers()...)...),
		Now:       p.DB.Now, Log: cfg.Log, Metrics: p.Metrics, Transport: p.transport,
	})
	return err
}

// connect connects to NATS, if there is one, and does not wait for that.
func (p *Parts) connect(ctx context.Context, cfg natsbus.Config, log *slog.Logger) error {
	cfg.Metrics = natsbus.NewMetrics()
	if err := cfg.Metrics.Register(p.Metrics); err != nil || cfg.URL == "" {
		return err
	}
	var err error
	if cfg.Secret, err = signing.Secret(ctx, p.DB, "bus", p.DB.Now); err != nil {
		return err
	}
	cfg.Log = log
	if p.nats, err = natsbus.Open(cfg); err == nil {
		p.signals, p.runs, p.transport = p.nats.Signals(), p.nats.Runs(), p.nats
	}
	return err
}

// warnings lists what /readyz warns of now. Without NATS a node still serves.
func (p *Parts) warnings() []string {
	list := p.Wallets.Warnings()
	if p.nats == nil || p.nats.Connected() {
		return list
	}
	return append(list, "NATS (--nats-url) does not answer. Sales go on; this node reads the database more often.")
}

// Close drains the services: payments under way become final or pause, the writers
// finish their queues, and the database is closed.
func (p *Parts) Close(ctx context.Context) error {
	return errors.Join(p.end(ctx), p.DB.Close())
}

// end closes the services that are built, and leaves the database open.
func (p *Parts) end(ctx context.Context) (err error) {
	if p.Jobs != nil {
		p.Jobs.Stop()
	}
	if p.Door != nil {
		p.Door.Close()
	}
	if p.Payments != nil {
		err = p.Payments.Close(ctx)
	}
	if p.bank.Close != nil {
		p.bank.Close()
	}
	if p.Bookings != nil {
		p.Bookings.Close()
	}
	if p.Users != nil {
		p.Users.Close()
	}
	if p.nats != nil {
		p.nats.Close()
	}
	return err
}
