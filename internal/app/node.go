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

// Substitutes stand in for what a node needs of the world outside. What is left
// out is the real thing.
type Substitutes struct {
	Gateway provider.Gateway                   // nil: the sandbox
	Mailer  notifyapi.Mailer                   // nil: a folder of files
	Hashing user.Hashing                       // zero: as passwords need it
	Sales   func(*booking.Service) event.Sales // nil: the booking service, as events see it
	NoPages bool                               // the API alone: a node then starts in half the time
}

// Node is a node at work: its services, and their background jobs.
type Node struct {
	*Parts
	set    *settings.Server
	log    *slog.Logger
	mailer notifyapi.Mailer
	folder *notify.Folder // nil: mail goes elsewhere
	door   *gateway.Gateway
}

// Start starts a node on an open database, which it closes in the end. It answers
// what is handed to its Door; links in mails begin with PublicURL.
func Start(ctx context.Context, s *settings.Server, db *sqldb.DB, sub Substitutes, log *slog.Logger) (*Node, error) {
	n, err := start(ctx, s, db, sub, log)
	if err != nil {
		return nil, err
	}
	n.work()
	if err := n.open(strings.TrimSuffix(s.PublicURL, "/")); err != nil {
		return nil, errors.Join(err, n.Close(ctx))
	}
	return n, nil
}

// start builds the services.
func start(ctx context.Context, s *settings.Server, db *sqldb.DB, sub Substitutes, log *slog.Logger) (*Node, error) {
	p, err := build(ctx, db, sub, log)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	n := &Node{Parts: p, set: s, log: log, mailer: sub.Mailer}
	if n.mailer == nil {
		if n.folder, err = notify.NewFolder(filepath.Join(s.Data, "mail"), time.Now, log); err != nil {
			return nil, errors.Join(err, p.Close(ctx))
		}
		n.mailer = n.folder
	}
	p.Users.UseMailer(n.mailer, log)
	if s.TwoFactor {
		p.Users.RequireTwoFactor()
	}
	return n, nil
}

// work starts the background jobs.
func (n *Node) work() {
	n.Jobs.Go("users", func(ctx context.Context) error { n.Users.Run(ctx); return nil })
	n.Jobs.Go("bookings", func(ctx context.Context) error { n.Bookings.Run(ctx); return nil })
	n.Jobs.Go("events", n.Events.Run)
	n.Jobs.Go("payments", n.Payments.Run)
	n.Jobs.Go("ticket keys", n.followKeys)
}

// open puts the services behind a front door, which the world reaches at base.
func (n *Node) open(base string) (err error) {
	n.Users.UsePublicURL(settings.LinksInMails(base))
	n.Payments.OnPaid(newConfirmations(n.Parts, n.mailer, settings.LinksInMails(base)).tell)
	gifts, err := newGiftMails(context.Background(), n.Parts, n.mailer, settings.LinksInMails(base), n.log)
	if err != nil {
		return err
	}
	n.Jobs.Go("gift mails", gifts.run)
	var dev http.Handler
	if n.folder != nil {
		dev = n.folder
	}
	n.door, err = n.front(n.set, base, dev, n.log)
	return err
}

// TakeCommand carries out the command that comes over a connection, as one to the
// socket of the embedded database, and closes the connection.
func (n *Node) TakeCommand(ctx context.Context, conn net.Conn) error {
	return admin.NewServer(commands, n.Parts, n.log).Take(ctx, conn)
}

// Door is the node's front door: it answers requests, and knows the document of
// its operations.
func (n *Node) Door() *gateway.Gateway { return n.door }

// Close ends the background jobs, waits for payments under way until ctx ends,
// and closes the database.
func (n *Node) Close(ctx context.Context) error {
	return n.Parts.Close(ctx)
}
