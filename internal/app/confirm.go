package app

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/jobs"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/page"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/safetext"
	"boxoffice/internal/shop"
)

// confirmations mails buyers what they have paid for. The payment service keeps
// what is to be mailed until it is handed over, so that none gets lost. Addresses
// are looked up many at a time: in an on-sale there are thousands of purchases a
// second.
type confirmations struct {
	page onPage
	mail notifyapi.Mailer
	base string // the public URL
}

func newConfirmations(p *Parts, mail notifyapi.Mailer, base string) *confirmations {
	return &confirmations{page: onPage{p}, mail: mail, base: base}
}

// tell mails buyers that they have paid. It implements payment.Tell.
func (c *confirmations) tell(ctx context.Context, list []paymentapi.Capture) (again []paymentapi.Capture, why error) {
	users, orders := make([]string, len(list)), make([]string, len(list))
	for i, p := range list {
		users[i], orders[i] = p.UserID, p.BookingID()
	}
	to, err := c.page.Users.People(ctx, users)
	if err == nil {
		list = slices.DeleteFunc(list, func(p paymentapi.Capture) bool { // made in bulk
			who, known := to[p.UserID]
			return known && who.Email == ""
		})
	}
	var links map[string]string
	if err == nil && len(list) > 0 {
		links, err = c.page.Bookings.Links(ctx, orders)
	}
	if err != nil {
		return list, err
	}
	for _, p := range list {
		err := jobs.Catch(func() error { return c.one(ctx, p, to[p.UserID], links[p.BookingID()]) })
		if err != nil {
			why = fmt.Errorf("payment %s: %w", p.PaymentID, err)
			again = append(again, p)
		}
	}
	return again, why
}

// one mails the owner of one booking, unless it is not booked by this payment any
// more. The owner is who paid, or the account that has adopted the booking since.
func (c *confirmations) one(ctx context.Context, p paymentapi.Capture, to caller.Person, link string) error {
	b, err := bookingapi.One(ctx, c.page.Bookings.Bookings, "booking", p.BookingID())
	if err != nil {
		return err
	}
	if b.Status != bookingapi.Booked || b.PaymentID != p.PaymentID {
		return nil
	}
	if b.UserID != p.UserID {
		owner, err := c.page.Users.People(ctx, []string{b.UserID})
		if err != nil {
			return err
		}
		to = owner[b.UserID]
	}
	if to.Email == "" {
		return nil // deleted meanwhile
	}
	orders := c.page.orders()
	o, err := orders.Of(ctx, &b)
	if err != nil {
		return err
	}
	subject, text := c.letter(&o, to.Name, link)
	return c.mail.Deliver(ctx, notifyapi.Mail{To: to.Email, Subject: subject, Text: text})
}

// letter is the mail about an order that is paid.
func (c *confirmations) letter(o *shop.Order, name, link string) (subject, text string) {
	const lang = "en"
	var b strings.Builder
	done := "paid"
	if o.Amount == 0 {
		done = "confirmed"
	}
	fmt.Fprintf(&b, "%sthank you: your booking %s is %s, and the seats are yours.\n\n", hello(name), o.Reference, done)
	about(&b, o)
	if o.Amount > 0 {
		fmt.Fprintf(&b, "Paid, all fees included: %s\n", page.Money(lang, o.Payment.Amount, o.Payment.Currency))
	}
	fmt.Fprintf(&b, "\nTickets, a calendar file and all that can be changed are here:\n%s%s\n", c.base, link)
	b.WriteString("\nWhoever has this link can use the tickets. Keep it to yourself.\n")
	return "Your tickets for " + safetext.Unlinked(o.Event.Title) + " (" + o.Reference + ")", b.String()
}

// hello begins a mail to somebody, whose name may not be known.
func hello(name string) string {
	if name == "" {
		return "Hello,\n\n"
	}
	return "Hello " + safetext.Unlinked(name) + ",\n\n"
}

// about says what an order is for: the event, when and where it is, and the seats.
func about(b *strings.Builder, o *shop.Order) {
	const lang = "en"
	e := &o.Event
	fmt.Fprintln(b, safetext.Unlinked(e.Title))
	switch {
	case !e.Starts.IsZero():
		fmt.Fprintf(b, "%s (%s)\n", page.When(lang, e.Starts, page.Long), e.Zone)
	case e.Date != "":
		fmt.Fprintf(b, "%s\n", e.Date)
	}
	fmt.Fprintf(b, "%s\n\nYour seats:\n", safetext.Unlinked(strings.Join(nonEmpty(e.Venue.Name, e.Venue.Address, e.Venue.City), ", ")))
	for _, p := range o.Places {
		fmt.Fprintf(b, "  %s", safetext.Unlinked(seatName(&p)))
		if !o.Gift() && p.Tier.Price > 0 {
			fmt.Fprintf(b, ": %s", page.Money(lang, p.Tier.Price, o.Currency))
		}
		fmt.Fprintln(b)
	}
}

func seatName(p *bookingapi.Place) string {
	words := []string{p.Section}
	if p.Row != "" {
		words = append(words, "row "+p.Row)
	}
	if p.Number != "" {
		words = append(words, "seat "+p.Number)
	}
	return strings.Join(words, ", ")
}

func nonEmpty(texts ...string) []string {
	var out []string
	for _, t := range texts {
		if t != "" {
			out = append(out, t)
		}
	}
	return out
}
