package app

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"boxoffice/internal/message"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/user"
	"boxoffice/internal/web"
)

// giftMails mails the links to complimentary seats. What is due stands in the
// database, so that no crash loses it; one node at a time looks.
type giftMails struct {
	page  onPage
	mail  user.Mailer
	base  string // the public URL
	log   *slog.Logger
	lease *sqldb.Lease
}

const (
	giftsEvery  = 2 * time.Second
	giftsAtOnce = 100
)

func newGiftMails(ctx context.Context, p *Parts, mail user.Mailer, base string, log *slog.Logger) (*giftMails, error) {
	lease, err := sqldb.NewLease(ctx, p.DB, "gift mails")
	return &giftMails{onPage{p}, mail, base, log, lease}, err
}

// run mails what is due until ctx ends.
func (g *giftMails) run(ctx context.Context) error {
	tick := time.NewTicker(giftsEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if !g.lease.Held(ctx) {
			continue
		}
		if err := g.send(ctx); err != nil && ctx.Err() == nil {
			g.log.WarnContext(ctx, "mails about complimentary seats wait", "error", err) // they stay due
		}
	}
}

// send mails what is due now.
func (g *giftMails) send(ctx context.Context) error {
	due, err := g.page.Bookings.GiftsDue(ctx, giftsAtOnce)
	if err != nil || len(due) == 0 {
		return err
	}
	ids := make([]string, 0, len(due))
	for id := range due {
		ids = append(ids, id)
	}
	links, err := g.page.Bookings.OwnLinks(ctx, ids)
	if err != nil {
		return err
	}
	for id, to := range due {
		b, err := g.page.Bookings.Booking(ctx, id)
		if err != nil {
			return err
		}
		o, err := g.page.order(ctx, &b)
		if err != nil {
			return err
		}
		subject, text := giftLetter(&o, to, g.base+links[id])
		g.mail.Send(to.Email, subject, text)
		if err := g.page.Bookings.GiftMailed(ctx, id, to.Email); err != nil {
			return err
		}
	}
	return nil
}

// giftLetter is the mail about seats that somebody was given.
func giftLetter(o *web.Order, to message.Recipient, link string) (subject, text string) {
	var b strings.Builder
	fmt.Fprintf(&b, "Hello %s,\n\nthe organizer has given you seats. Booking %s:\n\n", message.Unlinked(to.Name), o.Reference)
	about(&b, o)
	fmt.Fprintf(&b, "\nYour tickets and a calendar file are here; you need no account:\n%s\n", link)
	b.WriteString("\nWhoever has this link can use the tickets. Keep it to yourself.\nIf you cannot come, please tell the organizer.\n")
	return "Your tickets for " + message.Unlinked(o.Event.Title) + " (" + o.Reference + ")", b.String()
}
