package shop

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
)

// Letters writes and sends the mails about orders. The services that know which mails
// are due call it, and keep them due until they are sent.
type Letters struct {
	Orders   Orders
	Bookings PaidBookings
	People   Names
	Mailer   notifyapi.Mailer
	Base     string // the public URL, with which links begin
}

// PaidBookings reads bookings, and their signed links for mails to their owners.
type PaidBookings interface {
	Bookings(ctx context.Context, ids []string) (map[string]bookingapi.Booking, error)
	Links(ctx context.Context, bookingIDs []string) (map[string]string, error)
}

// Paid mails buyers that they have paid. It returns the payments whose buyers must be
// told later, and one of the reasons. Addresses and links are looked up for all of them
// together: in an on-sale there are thousands of purchases a second.
func (l *Letters) Paid(ctx context.Context, list []paymentapi.Capture) (again []paymentapi.Capture, why error) {
	users, orders := make([]string, len(list)), make([]string, len(list))
	for i, p := range list {
		users[i], orders[i] = p.UserID, p.BookingID()
	}
	to, err := l.People.People(ctx, users)
	if err == nil {
		list = slices.DeleteFunc(list, func(p paymentapi.Capture) bool { // made in bulk
			who, known := to[p.UserID]
			return known && who.Email == ""
		})
	}
	var links map[string]string
	if err == nil && len(list) > 0 {
		links, err = l.Bookings.Links(ctx, orders)
	}
	if err != nil {
		return list, err
	}
	for _, p := range list {
		err := jobs.Catch(func() error { return l.paid(ctx, p, to[p.UserID], links[p.BookingID()]) })
		if err != nil {
			why = fmt.Errorf("payment %s: %w", p.PaymentID, err)
			again = append(again, p)
		}
	}
	return again, why
}

// paid mails the owner of one booking, unless it is no longer booked by this payment.
// The owner is the buyer, or the account that has adopted the booking since.
func (l *Letters) paid(ctx context.Context, p paymentapi.Capture, to caller.Person, link string) error {
	b, err := bookingapi.One(ctx, l.Bookings.Bookings, "booking", p.BookingID())
	if err != nil {
		return err
	}
	if b.Status != bookingapi.Booked || b.PaymentID != p.PaymentID {
		return nil
	}
	if b.UserID != p.UserID {
		owner, err := l.People.People(ctx, []string{b.UserID})
		if err != nil {
			return err
		}
		to = owner[b.UserID]
	}
	if to.Email == "" {
		return nil // deleted meanwhile
	}
	o, err := l.Orders.Of(ctx, &b)
	if err != nil {
		return err
	}
	subject, text := paidLetter(&o, to.Name, l.Base+link)
	return l.Mailer.Deliver(ctx, notifyapi.Mail{To: to.Email, Subject: subject, Text: text})
}

// Gift mails the link to seats that somebody was given.
func (l *Letters) Gift(ctx context.Context, g bookingapi.Gift) error {
	o, err := l.Orders.Of(ctx, &g.Booking)
	if err != nil {
		return err
	}
	subject, text := giftLetter(&o, g.To, l.Base+g.Link)
	return l.Mailer.Deliver(ctx, notifyapi.Mail{To: g.To.Email, Subject: subject, Text: text})
}

// paidLetter is the mail about an order that is paid.
func paidLetter(o *Order, name, link string) (subject, text string) {
	const lang = "en"
	var b strings.Builder
	done := "paid"
	if o.Amount == 0 {
		done = "confirmed"
	}
	fmt.Fprintf(&b, "%sthank you: your booking %s is %s, and the seats are yours.\n\n", greeting(name), o.Reference, done)
	about(&b, o)
	if o.Amount > 0 {
		fmt.Fprintf(&b, "Paid, all fees included: %s\n", page.Money(lang, o.Payment.Amount, o.Payment.Currency))
	}
	fmt.Fprintf(&b, "\nSee your tickets, add the event to your calendar, or change your booking here:\n%s\n", link)
	b.WriteString("\nAnybody with this link can use the tickets. Do not share it.\n")
	return "Your tickets for " + safetext.Unlinked(o.Event.Title) + " (" + o.Reference + ")", b.String()
}

// giftLetter is the mail about seats that somebody was given.
func giftLetter(o *Order, to bookingapi.Recipient, link string) (subject, text string) {
	var b strings.Builder
	fmt.Fprintf(&b, "%sthe organizer has invited you and booked these seats for you. Booking %s:\n\n", greeting(to.Name), o.Reference)
	about(&b, o)
	fmt.Fprintf(&b, "\nYour tickets and a calendar file are here; you do not need an account:\n%s\n", link)
	b.WriteString("\nAnybody with this link can use the tickets. Do not share it.\nIf you cannot come, please tell the organizer.\n")
	return "Your tickets for " + safetext.Unlinked(o.Event.Title) + " (" + o.Reference + ")", b.String()
}

// greeting begins a mail to somebody, whose name may not be known.
func greeting(name string) string {
	if name == "" {
		return "Hello,\n\n"
	}
	return "Hello " + safetext.Unlinked(name) + ",\n\n"
}

// about says what an order is for: the event, when and where it is, and the seats.
func about(b *strings.Builder, o *Order) {
	const lang = "en"
	e := &o.Event
	fmt.Fprintln(b, safetext.Unlinked(e.Title))
	switch {
	case !e.Starts.IsZero():
		fmt.Fprintf(b, "%s (%s)\n", page.When(lang, e.Starts, page.Long), e.Zone)
	case e.Date != "":
		fmt.Fprintf(b, "%s\n", e.Date)
	}
	fmt.Fprintf(b, "%s\n\nYour seats:\n", safetext.Unlinked(strings.Join(filled(e.Venue.Name, e.Venue.Address, e.Venue.City), ", ")))
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

func filled(texts ...string) []string {
	var out []string
	for _, t := range texts {
		if t != "" {
			out = append(out, t)
		}
	}
	return out
}
