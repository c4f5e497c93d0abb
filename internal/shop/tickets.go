package shop

import (
	"context"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/checkinapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/locale"
	"boxoffice/internal/page"
	"boxoffice/internal/ticket"
	"boxoffice/internal/walletapi"
)

// ticketCard is the ticket for one seat. It has a code that never changes, or belongs to a
// phone, or neither: then it is for a phone that is yet to come.
type ticketCard struct {
	bookingapi.Place
	This    int // from 1
	Issue   uint16
	Token   string        // the code; "": it has none that never changes
	Code    template.HTML // QR code of the token (SVG)
	BoundTo string        // public key of the phone, base64url; "": none
	Part    string        // what the phone needs to make codes
	Wallet  *walletapi.Rotating
}

// readTickets returns an order that the reader may read, with a ticket for each
// seat, whose QR code is not drawn yet; none while the order has no tickets.
// Organizers may read the orders for their events, but get no tickets that would let
// others in.
func (s *Shop) readTickets(v *page.Visit) (*orderPage, []ticketCard, error) {
	o, err := s.readOrder(v)
	if err != nil {
		return nil, nil, err
	}
	if !o.Mine {
		return nil, nil, errs.Missing("ticket")
	}
	if !o.Ticketed() {
		return o, nil, nil
	}
	cards, err := s.sign(v.Context(), o)
	return o, cards, err
}

// sign makes the current ticket for each seat of an order, without its QR code.
func (s *Shop) sign(ctx context.Context, o *orderPage) ([]ticketCard, error) {
	issues, err := s.Issues.Issues(ctx, []string{o.ID})
	if err != nil {
		return nil, err
	}
	if o.Showing, err = s.Issues.Showing(ctx, o.Event.ID); err != nil {
		return nil, err
	}
	cards := make([]ticketCard, len(o.Places))
	for i, p := range o.Places {
		issue := issues[o.ID][p.Seat]
		cards[i] = ticketCard{Place: p, This: i + 1, Issue: issue.Number}
		if err := s.code(&cards[i], ticket.Ticket{BookingID: o.ID, Seat: p.Seat, PlanVersion: o.PlanVersion, Issue: issue.Number}, issue.BoundKey, o.Showing); err != nil {
			return nil, err
		}
	}
	o.Rev = latest(issues[o.ID])
	return cards, nil
}

// code gives a card what its ticket is shown with.
func (s *Shop) code(c *ticketCard, t ticket.Ticket, phone []byte, may checkinapi.Showing) (err error) {
	if len(phone) > 0 {
		c.BoundTo = base64.RawURLEncoding.EncodeToString(phone)
		c.Part, err = s.Tickets.Part(t, ticket.PhoneKey(phone))
		return err
	}
	if may.Paper {
		if c.Token, err = s.Tickets.Sign(t); err != nil {
			return err
		}
	}
	if may.Rotating && s.offers().Google {
		c.Wallet = &walletapi.Rotating{Period: ticket.WalletPeriod, Digits: ticket.WalletDigits}
		c.Wallet.Token, c.Wallet.Secret, err = s.Tickets.Wallet(t)
	}
	return err
}

// drawing returns a QR code as SVG, to be embedded in a page.
func drawing(text string) (template.HTML, error) {
	svg, err := ticket.Inline(text)
	return template.HTML(svg), err //nolint:gosec // made of rectangles
}

func (s *Shop) tickets(v *page.Visit) error {
	o, cards, err := s.readTickets(v)
	if err != nil {
		return err
	}
	if len(cards) == 0 {
		return v.Go(o.Link(""))
	}
	for i := range cards {
		if err := v.Context().Err(); err != nil {
			return err
		}
		if cards[i].Token == "" {
			continue
		}
		if cards[i].Code, err = drawing(cards[i].Token); err != nil {
			return err
		}
	}
	meta := page.Meta{Title: v.T("tickets.title", "Event", o.Event.Title), NoIndex: true}
	live := s.live(v, o, cards)
	if live != nil {
		meta.Scripts = []string{"tickets.js"}
	}
	return v.Show(s.set, "tickets", meta, map[string]any{"Order": o, "Cards": cards, "Test": o.Tests(v.Test()), "Wallets": s.offers(), "Live": live})
}

func (s *Shop) ticketsPDF(v *page.Visit) error {
	o, cards, err := s.readTickets(v)
	if err != nil {
		return err
	}
	if len(cards) == 0 {
		return errs.Missing("ticket")
	}
	file, err := s.printer.pdf(v.Context(), printClient(v.Context(), o), document(v, o, cards))
	if err != nil {
		return err
	}
	return sendFile(v, "application/pdf", "private, no-store", "tickets-"+o.Reference+".pdf", file)
}

// document returns the tickets of an order in the reader's language.
func document(v *page.Visit, o *orderPage, cards []ticketCard) ticket.Document {
	date, hour := v.T("event.tba"), ""
	switch e := &o.Event; {
	case !e.Starts.IsZero():
		date = locale.When(v.Lang, e.Starts, locale.Day) + untilDay(v, e)
		hour = locale.When(v.Lang, e.Starts, locale.Clock)
	case e.Date != "":
		hour = v.T("tickets.hour-tba")
		if day, ok := dayOf(e.Date); ok {
			date = locale.When(v.Lang, day, locale.Day) + untilDay(v, e)
		}
	}
	d := ticket.Document{
		Event: o.Event.Title, Date: date, Time: hour, Venue: o.Event.Venue.Name, Address: addressLine(&o.Event.Venue),
		Holder: o.Holder, Reference: o.Reference, Terms: v.T("tickets.terms"),
		Words: ticket.Words{Section: v.T("seat.section"), Row: v.T("seat.row"), Seat: v.T("seat.seat"), Holder: v.T("tickets.holder"),
			Tier: v.T("seat.tier"), Price: v.T("seat.price"), Reference: v.T("order.reference"), Page: v.T("tickets.page")},
	}
	if o.Tests(v.Test()) {
		d.Test = v.T("tickets.test")
	}
	for _, c := range cards {
		price := locale.Money(v.Lang, c.Tier.Price, o.Currency)
		if o.Gift() {
			price = v.T("order.gift")
		}
		seat := ticket.Seat{Token: c.Token, Section: c.Section, Row: c.Row, Number: c.Number, Tier: c.Tier.Name, Price: price}
		if c.Token == "" {
			seat.Note = v.T("tickets.no-code")
		}
		d.Seats = append(d.Seats, seat)
	}
	return d
}

// addressLine returns a venue's address in one line.
func addressLine(v *eventapi.Venue) string {
	var parts []string
	for _, p := range []string{v.Address, v.City} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, ", ")
}

// calendar serves a calendar file with an order's event.
func (s *Shop) calendar(v *page.Visit) error {
	o, err := s.readOrder(v)
	if err != nil {
		return err
	}
	file := ticket.Calendar(orderEntry(v, &o.Order))
	if file == nil {
		return errs.Missing("date of this event yet")
	}
	return sendFile(v, calendarType, "private, no-store", "event-"+o.Reference+".ics", file)
}

// orderEntry converts an order's event for calendars.
func orderEntry(v *page.Visit, o *Order) ticket.Entry {
	e := &o.Event
	entry := ticket.Entry{
		UID: o.ID + "@" + hostOf(v), Revision: int(e.Version), Stamp: v.Now().UTC(), Start: e.Starts,
		Summary: e.Title, Location: strings.Join(append([]string{e.Venue.Name}, nonEmpty(addressLine(&e.Venue))...), ", "),
		Description: v.T("calendar.text", "Reference", o.Reference, "Seats", v.Seats(o.Places)), URL: v.URL(eventPath(e)),
		Cancelled: e.Status == eventapi.Cancelled || o.Status == bookingapi.Cancelled,
	}
	if e.Starts.IsZero() {
		entry.Start, entry.DayOnly = dayOf(e.Date)
	}
	entry.Duration = lasts(e)
	return entry
}

func nonEmpty(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

// hostOf returns this server's host name, for globally unique ids.
func hostOf(v *page.Visit) string {
	if u, err := url.Parse(v.URL("/")); err == nil && u.Hostname() != "" {
		return u.Hostname()
	}
	return "boxoffice"
}

// sendFile answers with a file; a file with a name is downloaded under it.
func sendFile(v *page.Visit, contentType, caching, name string, body []byte) error {
	h := v.W.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", caching)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if name != "" {
		h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	}
	v.W.WriteHeader(http.StatusOK)
	_, _ = v.W.Write(body) // fails when the client has gone
	return nil
}
