package app

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
	"unicode"

	"boxoffice/internal/message"
	"boxoffice/internal/page"
	"boxoffice/internal/payment"
	"boxoffice/internal/user"
	"boxoffice/internal/web"
)

// confirmations mails buyers what they have paid for, behind the back of the
// payments. Addresses are looked up many at a time: in an on-sale there are
// thousands of purchases a second.
type confirmations struct {
	page  onPage
	mail  user.Mailer
	base  string // the public URL
	log   *slog.Logger
	queue chan purchase
	done  sync.WaitGroup
}

// purchase is what is kept of a payment while its mail waits.
type purchase struct{ bookingID, userID string }

const (
	confirmAtOnce  = 200
	confirmGather  = 100 * time.Millisecond // nobody waits for a mail so closely
	confirmWaiting = 20_000                 // more are lost, and the log says so: the orders are on the pages
)

func newConfirmations(p *Parts, mail user.Mailer, base string, log *slog.Logger) *confirmations {
	c := &confirmations{page: onPage{p}, mail: mail, base: base, log: log, queue: make(chan purchase, confirmWaiting)}
	c.done.Go(c.run)
	return c
}

// paid takes a payment whose money was taken. It does not wait.
func (c *confirmations) paid(p payment.Payment) {
	select {
	case c.queue <- purchase{p.BookingID, p.UserID}:
	default:
		c.log.Error("a confirmation is lost: too many wait", "booking", p.BookingID)
	}
}

// close sends what waits. Nothing may be paid any more.
func (c *confirmations) close() {
	close(c.queue)
	c.done.Wait()
}

func (c *confirmations) run() {
	for first := range c.queue {
		list := c.gather(first)
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		if err := c.send(ctx, list); err != nil {
			c.log.Error("confirmations are lost", "first", first.bookingID, "payments", len(list), "error", err)
		}
		cancel()
	}
}

// gather waits a little for more payments, up to what is done at once.
func (c *confirmations) gather(first purchase) []purchase {
	list := []purchase{first}
	enough := time.After(confirmGather)
	for len(list) < confirmAtOnce {
		select {
		case p, ok := <-c.queue:
			if !ok {
				return list
			}
			list = append(list, p)
		case <-enough:
			return list
		}
	}
	return list
}

func (c *confirmations) send(ctx context.Context, list []purchase) error {
	ids, orders := make([]string, len(list)), make([]string, len(list))
	for i := range list {
		ids[i], orders[i] = list[i].userID, list[i].bookingID
	}
	to, err := c.page.Users.People(ctx, ids)
	if err != nil {
		return err
	}
	links, err := c.page.Bookings.OwnLinks(ctx, orders)
	if err != nil {
		return err
	}
	for _, p := range list {
		a := to[p.userID]
		if a.Email == "" { // made in bulk, or deleted meanwhile
			continue
		}
		b, err := c.page.Bookings.Booking(ctx, p.bookingID)
		if err != nil {
			return err
		}
		o, err := c.page.order(ctx, &b)
		if err != nil {
			return err
		}
		subject, text := c.letter(&o, a.Name, links[p.bookingID])
		c.mail.Send(a.Email, subject, text)
	}
	return nil
}

// letter is the mail about an order that is paid.
func (c *confirmations) letter(o *web.Order, name, link string) (subject, text string) {
	const lang = "en"
	var b strings.Builder
	done := "paid"
	if o.Amount == 0 {
		done = "confirmed"
	}
	fmt.Fprintf(&b, "Hello %s,\n\nthank you: your booking %s is %s, and the seats are yours.\n\n", plain(name), o.Reference, done)
	about(&b, o)
	if o.Amount > 0 {
		fmt.Fprintf(&b, "Paid, all fees included: %s\n", page.Money(lang, o.Payment.Amount, o.Payment.Currency))
	}
	fmt.Fprintf(&b, "\nTickets, a calendar file and all that can be changed are here:\n%s%s\n", c.base, link)
	b.WriteString("\nWhoever has this link can use the tickets. Keep it to yourself.\n")
	return "Your tickets for " + plain(o.Event.Title) + " (" + o.Reference + ")", b.String()
}

// about says what an order is for: the event, when and where it is, and the seats.
func about(b *strings.Builder, o *web.Order) {
	const lang = "en"
	e := &o.Event
	fmt.Fprintln(b, plain(e.Title))
	switch {
	case !e.Starts.IsZero():
		fmt.Fprintf(b, "%s (%s)\n", page.When(lang, e.Starts, page.Long), e.Zone)
	case e.Date != "":
		fmt.Fprintf(b, "%s\n", e.Date)
	}
	fmt.Fprintf(b, "%s\n\nYour seats:\n", plain(strings.Join(nonEmpty(e.Venue.Name, e.Venue.Address, e.Venue.City), ", ")))
	for _, p := range o.Places {
		fmt.Fprintf(b, "  %s", plain(seatName(&p)))
		if !o.Gift() && p.Tier.Price > 0 {
			fmt.Fprintf(b, ": %s", page.Money(lang, p.Tier.Price, o.Currency))
		}
		fmt.Fprintln(b)
	}
}

// plain is a text of somebody else's for a mail of ours, in which programs must
// not see an address: what looks like one is broken up, so that it does not
// become a link under our name.
func plain(text string) string {
	text = strings.NewReplacer("://", ": //", "@", " (at) ").Replace(text)
	var out strings.Builder
	last := ' '
	runes := []rune(text)
	for i, r := range runes {
		out.WriteRune(r)
		if strings.ContainsRune(".\u3002\uff0e\uff61", r) && !unicode.IsSpace(last) && i+1 < len(runes) && unicode.IsLetter(runes[i+1]) {
			out.WriteByte(' ') // as before the last part of a site's name; "3.5" and "St. Pauli" stay
		}
		last = r
	}
	return out.String()
}

func seatName(p *message.Place) string {
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
