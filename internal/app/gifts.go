package app

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/jobs"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/safetext"
	"boxoffice/internal/shop"
	"boxoffice/internal/sqldb"
)

// giftMails mails the links to complimentary seats. What is due stands in the
// database until the mailer has it, so that no crash loses it; one node at a time
// looks. A mail that fails is tried again, later each time, and stops no other.
type giftMails struct {
	page  onPage
	mail  notifyapi.Mailer
	base  string // the public URL
	log   *slog.Logger
	lease *sqldb.Lease
	later jobs.Retries // by booking id
}

const (
	giftsEvery  = 2 * time.Second
	giftsAtOnce = 100
	giftTime    = 10 * time.Second // for one mail
)

func newGiftMails(ctx context.Context, p *Parts, mail notifyapi.Mailer, base string, log *slog.Logger) (*giftMails, error) {
	lease, err := sqldb.NewLease(ctx, p.DB, "gift mails")
	later := jobs.Retries{First: giftsEvery, Longest: 2 * time.Minute, Most: 10_000}
	return &giftMails{onPage{p}, mail, base, log, lease, later}, err
}

// run mails what is due until ctx ends.
func (g *giftMails) run(ctx context.Context) error {
	defer func() { g.lease.Release(context.WithoutCancel(ctx)) }()
	var trouble jobs.Trouble
	return jobs.Every(ctx, giftsEvery, nil, func(ctx context.Context) error {
		if !g.lease.Held(ctx) {
			g.later.Forget()
			return nil
		}
		trouble.Log(ctx, g.log, slog.LevelWarn, "mails about complimentary seats wait", g.later.Outcome(g.send(ctx))) // they stay due
		return nil
	})
}

// send makes one attempt at every mail that is due now. It answers one of the
// failures.
func (g *giftMails) send(ctx context.Context) (failed error) {
	end := g.later.Round()
	for after := ""; ctx.Err() == nil; {
		due, err := g.page.Bookings.GiftsDue(ctx, after, giftsAtOnce)
		if err != nil {
			return err
		}
		if len(due) == 0 {
			end()
			return failed
		}
		after = due[len(due)-1]
		for _, id := range due {
			if !g.later.Due(id, time.Now()) {
				continue
			}
			if err := jobs.Catch(func() error { return g.one(ctx, id) }); err != nil {
				failed = fmt.Errorf("booking %s: %w", id, err)
				g.later.Failed(id, time.Now())
				continue
			}
			g.later.Done(id)
		}
	}
	return ctx.Err()
}

// one mails the link to one gift, if that is due still.
func (g *giftMails) one(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, giftTime)
	defer cancel()
	gift, due, err := g.page.Bookings.GiftDue(ctx, id)
	if err != nil || !due {
		return err
	}
	orders := g.page.orders()
	o, err := orders.Of(ctx, &gift.Booking)
	if err != nil {
		return err
	}
	subject, text := giftLetter(&o, gift.To, g.base+gift.Link)
	if err := g.mail.Deliver(ctx, notifyapi.Mail{To: gift.To.Email, Subject: subject, Text: text}); err != nil {
		return err
	}
	return g.page.Bookings.GiftMailed(ctx, gift)
}

// giftLetter is the mail about seats that somebody was given.
func giftLetter(o *shop.Order, to bookingapi.Recipient, link string) (subject, text string) {
	var b strings.Builder
	fmt.Fprintf(&b, "%sthe organizer has given you seats. Booking %s:\n\n", hello(to.Name), o.Reference)
	about(&b, o)
	fmt.Fprintf(&b, "\nYour tickets and a calendar file are here; you need no account:\n%s\n", link)
	b.WriteString("\nWhoever has this link can use the tickets. Keep it to yourself.\nIf you cannot come, please tell the organizer.\n")
	return "Your tickets for " + safetext.Unlinked(o.Event.Title) + " (" + o.Reference + ")", b.String()
}
