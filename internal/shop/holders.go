package shop

import (
	"context"
	"strings"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/notifyapi"
)

// Holders are the recipients of mailings.
type Holders struct {
	Bookings HolderBookings
	Payments LatestPayments
	People   Names
	Letters  LettersShown
	Base     string // the public URL, with which links begin
}

// HolderBookings reads the orders of recipients.
type HolderBookings interface {
	List(ctx context.Context, f bookingapi.Filter) ([]bookingapi.Booking, error)
	Orders(ctx context.Context, list []bookingapi.Booking) ([]bookingapi.Order, error)
	Recipients(ctx context.Context, bookingIDs []string) (map[string]bookingapi.Recipient, error)
	Links(ctx context.Context, bookingIDs []string) (map[string]string, error)
}

// LettersShown reads what letters about orders have shown of their event since a time, by
// booking id, the oldest letter first.
type LettersShown interface {
	Shown(ctx context.Context, bookingIDs []string, since time.Time) (map[string][]notifyapi.Shown, error)
}

// Page returns what a mailing tells the holders of up to limit orders after a booking
// id, but for what it tells all of them, and the last id; "": there are no more. Holders
// without an address are left out.
func (h *Holders) Page(ctx context.Context, m *notifyapi.Mailing, after string, limit int) (list []notifyapi.Notice, last string, err error) {
	bookings, err := h.Bookings.List(ctx, bookingapi.Filter{EventID: m.EventID, Ticketed: true, MadeUntil: m.MadeUntil.UnixMicro(), After: after, Limit: limit})
	if err != nil || len(bookings) == 0 {
		return nil, "", err
	}
	if len(bookings) == limit {
		last = bookings[limit-1].ID
	}
	ids, owners := make([]string, len(bookings)), make([]string, 0, len(bookings))
	for i := range bookings {
		ids[i] = bookings[i].ID
		if u := bookings[i].UserID; u != "" {
			owners = append(owners, u)
		}
	}
	owners = append(owners, bookings[0].OrganizerID) // gifts without an account are in their organizer's language
	links, err := h.Bookings.Links(ctx, ids)         // before the addresses, since a new address gets a new link
	if err != nil {
		return nil, "", err
	}
	people, err := h.People.People(ctx, owners)
	if err != nil {
		return nil, "", err
	}
	gifts, err := h.Bookings.Recipients(ctx, ids)
	if err != nil {
		return nil, "", err
	}
	orders, err := h.Bookings.Orders(ctx, bookings)
	if err != nil {
		return nil, "", err
	}
	payments, err := h.Payments.Latest(ctx, sold(bookings)) // for their languages
	if err != nil {
		return nil, "", err
	}
	var shown map[string][]notifyapi.Shown
	if known := m.Data.Known; len(known) > 0 { // before, everybody was shown the first of them
		if shown, err = h.Letters.Shown(ctx, ids, known[0].Until); err != nil {
			return nil, "", err
		}
	}
	for i := range orders {
		o := Order{Order: orders[i]}
		to := h.holder(&o.Order, people, gifts)
		if to.Email == "" {
			continue
		}
		if p, ok := payments[o.ID]; ok {
			o.Payment = &p
		}
		n := orderNotice(m.Kind, &o, to, h.Base+links[o.ID])
		n.Data.Event, n.Data.Order.Amount = nil, o.Amount
		if asKnown(&n, m, time.UnixMicro(o.CreatedAt), readBy(to.Email, shown[o.ID])) {
			list = append(list, n)
		}
	}
	return list, last, nil
}

// readBy returns what letters have shown to the holder of an address. What went to another
// address, which may have been theirs or a wrong one, they have perhaps not read.
func readBy(to string, shown []notifyapi.Shown) []notifyapi.Shown {
	for i := range shown {
		shown[i].Sent = shown[i].Sent && strings.EqualFold(shown[i].To, to)
	}
	return shown
}

// holder returns who holds an order.
func (*Holders) holder(o *bookingapi.Order, people map[string]caller.Person, gifts map[string]bookingapi.Recipient) caller.Person {
	if o.UserID != "" {
		return people[o.UserID]
	}
	to := gifts[o.ID].Person
	if to.Lang == "" {
		to.Lang = people[o.OrganizerID].Lang
	}
	return to
}
