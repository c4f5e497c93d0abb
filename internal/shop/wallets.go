package shop

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/locale"
	"boxoffice/internal/page"
	"boxoffice/internal/walletapi"
)

// house names the organizer of events that have none.
const house = "boxoffice"

// offers says which wallets the shop makes passes for.
func (s *Shop) offers() walletapi.Offers {
	if s.Wallets == nil {
		return walletapi.Offers{}
	}
	return s.Wallets.Offers()
}

// applePass sends the pass for one seat, which the address names by its ordinal in the
// seating plan. Devices show it when it is not sent as a download.
func (s *Shop) applePass(v *page.Visit) error {
	o, seat, err := s.passFor(v)
	if err != nil {
		return err
	}
	if !s.offers().Apple {
		return errs.Missing("pass")
	}
	file, err := s.Wallets.ApplePass(v.Context(), o, seat)
	if err != nil {
		return err
	}
	v.W.Header().Set("Content-Disposition", `inline; filename="ticket-`+o.Reference+"-"+strconv.Itoa(int(seat))+`.pkpass"`)
	return sendFile(v, walletapi.PassType, "private, no-store", "", file)
}

// googleWallet leads to Google with the ticket for one seat.
func (s *Shop) googleWallet(v *page.Visit) error {
	o, seat, err := s.passFor(v)
	if err != nil {
		return err
	}
	if !s.offers().Google {
		return errs.Missing("pass")
	}
	link, err := s.Wallets.GoogleLink(o, seat)
	if err != nil {
		return err
	}
	v.W.Header().Set("Referrer-Policy", "no-referrer")
	http.Redirect(v.W, v.Request, link, http.StatusSeeOther)
	return nil
}

// passFor returns what the pass says that a page is about, if the reader gets its ticket.
func (s *Shop) passFor(v *page.Visit) (*walletapi.Order, int32, error) {
	o, cards, err := s.readTickets(v)
	if err != nil {
		return nil, 0, err
	}
	content, err := s.walletOrder(v.Context(), o, cards)
	if err != nil {
		return nil, 0, err
	}
	n, err := strconv.ParseInt(v.PathValue("seat"), 10, 32)
	if err != nil || content.Seat(int32(n)) == nil {
		return nil, 0, errs.Missing("ticket")
	}
	return content, int32(n), nil
}

// WalletOrder returns what the passes of a booking say now.
func (s *Shop) WalletOrder(ctx context.Context, bookingID string) (*walletapi.Order, error) {
	if s == nil {
		return nil, errs.New(errs.Unavailable, "no-pages", "A node without pages has no passes.")
	}
	b, err := bookingapi.One(ctx, s.Links.Bookings, "booking", bookingID)
	if err != nil {
		return nil, err
	}
	o, err := s.Orders.Of(ctx, &b)
	if err != nil {
		return nil, err
	}
	p := &orderPage{Order: o}
	var cards []ticketCard
	if o.Ticketed() {
		if cards, err = s.sign(ctx, p); err != nil {
			return nil, err
		}
	}
	return s.walletOrder(ctx, p, cards)
}

// walletOrder converts an order with its tickets. It does not depend on the reader, or
// passes would seem to change.
func (s *Shop) walletOrder(ctx context.Context, o *orderPage, cards []ticketCard) (*walletapi.Order, error) {
	v := s.site.Speak("")
	e := &o.Event
	w := &walletapi.Order{
		BookingID: o.ID, Reference: o.Reference, Holder: o.Holder, Test: o.Tests(v.Test()), Event: e.Title, EventVersion: e.Version, Organizer: house,
		Starts: e.Starts, Date: e.Date, Venue: e.Venue.Name, Address: addressLine(&e.Venue), Words: map[string]walletapi.Words{},
	}
	if page := v.URL("/orders/" + o.ID + "/tickets"); strings.Contains(page, "://") { // the site knows its address
		w.Page = page
	}
	if e.OrganizerID != "" {
		people, err := s.Orders.People.People(ctx, []string{e.OrganizerID})
		if err != nil {
			return nil, err
		}
		if name := people[e.OrganizerID].Name; name != "" {
			w.Organizer = name
		}
	}
	for i := range cards {
		c := &cards[i]
		if c.BoundTo != "" {
			continue // only its phone shows it
		}
		w.Seats = append(w.Seats, walletapi.Seat{Ordinal: c.Seat, Issue: c.Issue, Token: c.Token, Rotates: c.Wallet, Section: c.Section, Row: c.Row, Number: c.Number, Tier: c.Tier.Name})
	}
	for _, lang := range locale.Languages {
		w.Words[lang] = walletWords(s.site.Speak(lang))
	}
	return w, nil
}

// walletWords are the texts on a pass in a language.
func walletWords(v *page.Visit) walletapi.Words {
	return walletapi.Words{
		Ticket: v.T("wallet.ticket"), When: v.T("wallet.when"), Venue: v.T("wallet.venue"), Address: v.T("wallet.address"),
		Section: v.T("seat.section"), Row: v.T("seat.row"), Seat: v.T("seat.seat"), Holder: v.T("tickets.holder"), Tier: v.T("seat.tier"),
		Reference: v.T("order.reference"), Status: v.T("wallet.status"), Page: v.T("wallet.page"), Unknown: v.T("event.tba"),
		Valid: v.T("wallet.valid"), Void: v.T("wallet.void"), Test: v.T("wallet.test"), Terms: v.T("tickets.terms"),
		NewDate: v.T("wallet.new-date"), NewVenue: v.T("wallet.new-venue"), NewSeat: v.T("wallet.new-seat"), NewSection: v.T("wallet.new-section"),
	}
}
