package app

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"boxoffice/internal/admin"
	"boxoffice/internal/booking"
	"boxoffice/internal/event"
	"boxoffice/internal/gateway"
	"boxoffice/internal/notify"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/settings"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/user"
)

// Node is the services at work, and the gateway through which the world reaches them.
type Node struct {
	*Parts
	log     *slog.Logger
	mailer  notifyapi.Mailer
	base    string // where the world reaches the node; "": nobody knows
	gateway *gateway.Gateway
}

// Substitutes stand in for what a node needs of the world outside. What is left out
// is the real thing.
type Substitutes struct {
	Gateway provider.Gateway                   // nil: the sandbox
	Mailer  notifyapi.Mailer                   // nil: a folder of files
	Hashing user.Hashing                       // zero: as passwords need it
	Sales   func(*booking.Service) event.Sales // nil: the booking service, as events see it
	NoPages bool                               // the API alone: a node then starts in half the time
}

// Start starts a node on an open database, which it closes in the end. It answers
// what its Door is asked; links in mails begin with the setting PublicURL.
func Start(ctx context.Context, s *settings.Server, db *sqldb.DB, sub Substitutes, log *slog.Logger) (*Node, error) {
	n, err := newNode(ctx, s, db, strings.TrimSuffix(s.PublicURL, "/"), sub, log)
	if err != nil {
		return nil, err
	}
	if err := n.work(ctx); err != nil {
		return nil, errors.Join(err, n.Close(ctx))
	}
	return n, nil
}

// newNode builds a node; work begins its background jobs. The world reaches it at base.
func newNode(ctx context.Context, s *settings.Server, db *sqldb.DB, base string, sub Substitutes, log *slog.Logger) (*Node, error) {
	mailer, inbox := sub.Mailer, http.Handler(nil)
	if mailer == nil {
		folder, err := notify.NewFolder(filepath.Join(s.Data, "mail"), time.Now, log)
		if err != nil {
			return nil, errors.Join(err, db.Close())
		}
		mailer, inbox = folder, folder
	}
	p, err := Build(ctx, db, Config{
		Log: log, PublicURL: settings.LinksInMails(base), Mailer: mailer, TwoFactor: s.TwoFactor,
		Gateway: sub.Gateway, Hashing: sub.Hashing, Sales: sub.Sales,
	})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	n := &Node{Parts: p, log: log, mailer: mailer, base: base}
	if n.gateway, err = p.faces(s, base, !sub.NoPages, inbox, log); err != nil {
		return nil, errors.Join(err, p.Close(ctx))
	}
	return n, nil
}

// work begins the background jobs of the services. Close ends them, and waits.
func (n *Node) work(ctx context.Context) error {
	gifts, err := booking.NewGiftMails(ctx, n.Bookings, n.letters(n.mailer, settings.LinksInMails(n.base)).Gift, time.Now)
	if err != nil {
		return err
	}
	n.Jobs.Go("users", n.Users.Run)
	n.Jobs.Go("bookings", n.Bookings.Run)
	n.Jobs.Go("events", n.Events.Run)
	n.Jobs.Go("payments", n.Payments.Run)
	n.Jobs.Go("ticket keys", func(ctx context.Context) error { return n.Tickets.Follow(ctx, n.DB) })
	n.Jobs.Go("gift mails", gifts.Run)
	return nil
}

// TakeCommand carries out the command that comes over a connection, as one to the
// socket of the embedded database, and closes the connection.
func (n *Node) TakeCommand(ctx context.Context, conn net.Conn) error {
	return admin.NewServer(commands, n.Parts, n.log).Take(ctx, conn)
}

// Door is the node's gateway: it answers requests, and knows the document of its
// operations.
func (n *Node) Door() *gateway.Gateway { return n.gateway }
