package app

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"boxoffice/internal/admin"
	"boxoffice/internal/bus/natsbus"
	"boxoffice/internal/commands"
	"boxoffice/internal/gateway"
	"boxoffice/internal/invoice"
	"boxoffice/internal/notify"
	"boxoffice/internal/notify/folder"
	"boxoffice/internal/notify/mail"
	"boxoffice/internal/notify/sms"
	"boxoffice/internal/notify/smtp"
	"boxoffice/internal/settings"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/wallet"
)

// Node is the services at work, and the gateway in front of them.
type Node struct {
	*Parts
	log     *slog.Logger
	base    string // where the world reaches the node; "": nobody knows
	gateway *gateway.Gateway
}

// Substitutes replace what a node needs of the outside world. Fields left out mean
// the real thing.
type Substitutes struct {
	Outside
	Sender  mail.Sender // nil: a mail server or a folder of files, as the settings say
	NoPages bool        // the API alone: a node then starts in half the time
}

// Start starts a node on an open database, which it closes in the end. It answers
// what its Gateway is asked; links in mails begin with the setting PublicURL.
func Start(ctx context.Context, s *settings.Server, db *sqldb.DB, sub Substitutes, log *slog.Logger) (*Node, error) {
	n, err := newNode(ctx, s, db, s.Public(), sub, log)
	if err != nil {
		return nil, err
	}
	n.work()
	return n, nil
}

// newNode builds a node whose public address is base; work starts its background
// jobs.
func newNode(ctx context.Context, s *settings.Server, db *sqldb.DB, base string, sub Substitutes, log *slog.Logger) (*Node, error) {
	mails, inbox, err := mailConfig(s, sub.Sender, log)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	keys, err := wallet.Load(s.Wallets, time.Now())
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	texts, err := textConfig(s, base, db)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	p, err := Build(ctx, db, Config{
		Outside: sub.Outside, Log: log, PublicURL: settings.LinksInMails(base), Payments: s.Gateway(), Mail: mails, Texts: texts, TwoFactor: s.TwoFactor,
		NATS: natsbus.Config{URL: s.NATSURL, Creds: s.NATSCreds, CA: s.NATSCA},
		Demo: s.Demo, Wallets: keys, Reserve: invoice.Reserve{Percent: s.Reserve, For: time.Duration(s.ReserveFor) * 24 * time.Hour},
	})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	n := &Node{Parts: p, log: log, base: base}
	if n.gateway, err = p.faces(s, base, !sub.NoPages, inbox, log); err != nil {
		return nil, errors.Join(err, p.Close(ctx))
	}
	return n, nil
}

// mailConfig says how mails are sent: over SMTP, or to files that inbox shows.
func mailConfig(s *settings.Server, sender mail.Sender, log *slog.Logger) (mails *MailConfig, inbox http.Handler, err error) {
	if sender != nil {
		return &MailConfig{Sender: sender, Parallel: 1}, nil, nil
	}
	server, err := s.Mail()
	if err != nil {
		return nil, nil, err
	}
	if server != nil {
		sender, err := smtp.New(smtp.Config{
			Host: server.Host, Port: server.Port, TLS: server.TLS, Clear: server.Clear, User: server.User, Password: server.Password,
			From: mail.Address{Name: server.Name, Address: server.From}, Bounces: server.Bounces, Connections: server.Connections,
		})
		return &MailConfig{Sender: sender, Parallel: server.Connections, PerDomain: server.PerDomain}, nil, err
	}
	files, err := folder.New(filepath.Join(s.Data, "mail"), log)
	return &MailConfig{Sender: files, Parallel: 1}, files, err
}

// textConfig says how text messages are sent; nil: none are.
func textConfig(s *settings.Server, base string, db *sqldb.DB) (*TextConfig, error) {
	t, err := s.Texts()
	if err != nil || t == nil {
		return nil, err
	}
	sender := sms.New(sms.Config{URL: t.URL, Account: t.Account, Token: t.Token, From: t.From, Public: base, Now: db.Now})
	return &TextConfig{Texting: notify.Texting{Sender: sender, PerSecond: t.PerSecond}, Regions: t.Regions}, nil
}

// work starts the background jobs of the services. Close ends them and waits.
func (n *Node) work() {
	n.Jobs.Go("users", n.Users.Run)
	n.Jobs.Go("bookings", n.Bookings.Run)
	n.Jobs.Go("events", n.Events.Run)
	n.Jobs.Go("payments", n.Payments.Run)
	if n.Notices != nil {
		n.Jobs.Go("mails", n.Notices.Run)
		n.Jobs.Go("reminders", n.reminders(n.log).Run)
	}
	n.Jobs.Go("bus", n.Bus.Run)
	n.Jobs.Go("webhooks", n.Webhooks.Run)
	n.Jobs.Go("wallets", n.Wallets.Run)
	n.Jobs.Go("ticket keys", func(ctx context.Context) error { return n.Tickets.Follow(ctx, n.DB) })
}

// TakeCommand runs the command that arrives over a connection, as if it came to the
// socket of the embedded database, and closes the connection.
func (n *Node) TakeCommand(ctx context.Context, conn net.Conn) error {
	return admin.NewServer(commands.All, n.forCommands(), n.log).Take(ctx, conn)
}

// Gateway answers the node's requests, and knows the OpenAPI document.
func (n *Node) Gateway() *gateway.Gateway { return n.gateway }
