package shop

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/ledger"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/paymentapi"
)

// Letters collects what there is to tell people about their orders. The services that
// know which mails are due call it, and keep them due until the Notification Service has
// taken them.
type Letters struct {
	Orders   Orders
	Bookings ToldBookings
	People   Names
	Notices  Teller
	Base     string // the public URL, with which links begin
}

// Teller takes notices; see notifyapi.Service.
type Teller interface {
	Notify(ctx context.Context, list []notifyapi.Notice) error
}

// ToldBookings reads bookings, their ledgers, and their signed links for mails to their
// owners.
type ToldBookings interface {
	Bookings(ctx context.Context, ids []string) (map[string]bookingapi.Booking, error)
	Links(ctx context.Context, bookingIDs []string) (map[string]string, error)
	Entries(ctx context.Context, eventID string, after int64, limit int) ([]ledger.Entry, error)
	Reasons(ctx context.Context, eventID string, seqs []int64) (map[int64]string, error)
}

// toldAtOnce is how many orders are read together.
const toldAtOnce = 500

// Paid returns the notices for buyers who have paid. There is none for an order that is
// no longer booked by the payment. Orders are read together, because an on-sale has
// thousands of purchases a second; if one of them cannot be told, the error is its.
func (l *Letters) Paid(ctx context.Context, list []paymentapi.Capture) ([]notifyapi.Notice, error) {
	return inParts(list, func(list []paymentapi.Capture) ([]notifyapi.Notice, error) { return l.paid(ctx, list) })
}

// Returned returns the notices for buyers whose money comes back.
func (l *Letters) Returned(ctx context.Context, list []paymentapi.Return) ([]notifyapi.Notice, error) {
	return inParts(list, func(list []paymentapi.Return) ([]notifyapi.Notice, error) { return l.returned(ctx, list) })
}

// inParts makes the notices for a long list.
func inParts[T any](list []T, tell func([]T) ([]notifyapi.Notice, error)) (all []notifyapi.Notice, err error) {
	for part := range slices.Chunk(list, toldAtOnce) {
		some, err := tell(part)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

func (l *Letters) paid(ctx context.Context, list []paymentapi.Capture) ([]notifyapi.Notice, error) {
	users, ids := make([]string, len(list)), make([]string, len(list))
	for i, p := range list {
		users[i], ids[i] = p.UserID, p.BookingID()
	}
	people, err := l.People.People(ctx, users)
	if err != nil {
		return nil, err
	}
	ids = slices.Collect(func(yield func(string) bool) {
		for i := range list { // accounts made in bulk have no address
			if who, known := people[users[i]]; (!known || who.Email != "") && !yield(ids[i]) {
				return
			}
		}
	})
	bookings, err := l.bookings(ctx, ids)
	if err != nil {
		return nil, err
	}
	var due []bookingapi.Booking
	for _, p := range list {
		if b, ok := bookings[p.BookingID()]; ok && b.Status == bookingapi.Booked && b.PaymentID == p.PaymentID {
			due = append(due, b)
		}
	}
	told, err := l.told(ctx, due)
	if err != nil {
		return nil, err
	}
	var notices []notifyapi.Notice
	for i := range told {
		o := &told[i]
		if o.to.Email == "" {
			continue
		}
		n := orderNotice(notifyapi.Booked, &o.Order, o.to, l.Base+o.link)
		n.ID = "booked/" + o.PaymentID
		if o.Amount > 0 {
			if o.Payment == nil {
				return nil, fmt.Errorf("there is no payment of booking %s", o.ID)
			}
			n.Data.Order.Amount, n.Data.Order.Currency = o.Payment.Amount, o.Payment.Currency
		}
		notices = append(notices, n)
	}
	return notices, nil
}

// bookings reads bookings; one that does not exist is an error.
func (l *Letters) bookings(ctx context.Context, ids []string) (map[string]bookingapi.Booking, error) {
	found, err := l.Bookings.Bookings(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if _, ok := found[id]; !ok {
			return nil, fmt.Errorf("booking %s: %w", id, errs.Missing("booking"))
		}
	}
	return found, nil
}

// toldOrder is an order with the person who is told of it: its owner, who is the buyer,
// or the account that has adopted the booking since.
type toldOrder struct {
	Order
	to   caller.Person // without an address if the account is gone
	link string        // signed path of the order's page
}

// told returns the orders of bookings, in their order.
func (l *Letters) told(ctx context.Context, list []bookingapi.Booking) ([]toldOrder, error) {
	if len(list) == 0 {
		return nil, nil
	}
	owners, ids := make([]string, len(list)), make([]string, len(list))
	for i := range list {
		owners[i], ids[i] = list[i].UserID, list[i].ID
	}
	links, err := l.Bookings.Links(ctx, ids) // before the addresses, since a new address gets a new link
	if err != nil {
		return nil, err
	}
	people, err := l.People.People(ctx, owners)
	if err != nil {
		return nil, err
	}
	orders, err := l.Orders.with(ctx, list)
	if err != nil {
		return nil, err
	}
	told := make([]toldOrder, len(orders))
	for i := range orders {
		told[i] = toldOrder{orders[i], people[orders[i].UserID], links[orders[i].ID]}
	}
	return told, nil
}

// Again returns the notice with which the owner of a booked order is told of it again,
// as it is now; without an ID.
func (l *Letters) Again(ctx context.Context, b *bookingapi.Booking) (notifyapi.Notice, error) {
	links, err := l.Bookings.Links(ctx, []string{b.ID}) // before the address, since a new address gets a new link
	if err != nil {
		return notifyapi.Notice{}, err
	}
	owner, err := l.People.People(ctx, []string{b.UserID})
	if err != nil {
		return notifyapi.Notice{}, err
	}
	o, err := l.Orders.Of(ctx, b)
	if err != nil {
		return notifyapi.Notice{}, err
	}
	n := orderNotice(notifyapi.Booked, &o, owner[b.UserID], l.Base+links[b.ID])
	n.Data.Order.Amount = o.Amount
	return n, nil
}

// Gift tells the recipient of complimentary seats the link to them.
func (l *Letters) Gift(ctx context.Context, g bookingapi.Gift) error {
	o, err := l.Orders.Of(ctx, &g.Booking)
	if err != nil {
		return err
	}
	n := orderNotice(notifyapi.Gift, &o, g.To.Person, l.Base+g.Link)
	n.ID = giftID(&g)
	if n.Lang == "" { // of the recipient nothing is known but name and address
		organizer, err := l.People.People(ctx, []string{o.Event.OrganizerID})
		if err != nil {
			return err
		}
		n.Lang = organizer[o.Event.OrganizerID].Lang
	}
	return l.Notices.Notify(ctx, []notifyapi.Notice{n})
}

// Moved tells the owner of an order, or the recipient of a gift, which seats it has been
// moved to.
func (l *Letters) Moved(ctx context.Context, m bookingapi.Move) error {
	n, err := l.Again(ctx, &m.Booking)
	if err != nil {
		return err
	}
	if m.UserID == "" {
		n.Kind, n.To, n.Name, n.Lang, n.Data.Link = notifyapi.Gift, m.To.Email, m.To.Name, m.To.Lang, l.Base+m.Link
	}
	if n.To == "" { // deleted, made in bulk, or nobody's address is known
		return nil
	}
	before := m.Booking
	before.Seats, before.Held = m.From, nil
	o, err := l.Orders.Of(ctx, &before)
	if err != nil {
		return err
	}
	if n.Lang == "" {
		organizer, err := l.People.People(ctx, []string{o.Event.OrganizerID})
		if err != nil {
			return err
		}
		n.Lang = organizer[o.Event.OrganizerID].Lang
	}
	n.ID = fmt.Sprintf("moved/%s/%d", m.ID, m.Seq)
	n.Data.Order.Late, n.Data.Order.Held = "", nil
	n.Data.Order.Moved = &notifyapi.Moved{From: places(o.Places), Note: m.Reason}
	return l.Notices.Notify(ctx, []notifyapi.Notice{n})
}

// places names seats, without their prices.
func places(list []bookingapi.Place) (out []notifyapi.Place) {
	for i := range list {
		out = append(out, notifyapi.Place{Section: list[i].Section, Row: list[i].Row, Number: list[i].Number})
	}
	return out
}

// giftID is the same until the gift has another address or link, or its organizer wants
// the link to be mailed again.
func giftID(g *bookingapi.Gift) string {
	sum := sha256.Sum256([]byte(g.To.Email + "\x00" + g.Link))
	return fmt.Sprintf("gift/%s/%d/%s", g.ID, g.To.Turn, hex.EncodeToString(sum[:8]))
}

// orderNotice collects what a notice says about an order, in the language in which it was
// paid, or else the one of the person.
func orderNotice(kind notifyapi.Kind, o *Order, to caller.Person, link string) notifyapi.Notice {
	about := &notifyapi.Order{Reference: o.Reference, Currency: o.Currency, Money: o.money()}
	for i := range o.Places {
		p := &o.Places[i]
		place := notifyapi.Place{Section: p.Section, Row: p.Row, Number: p.Number}
		if !o.Gift() {
			place.Price = p.Tier.Price
		}
		about.Places = append(about.Places, place)
	}
	about.Late = string(o.Late)
	about.Held = places(o.Held)
	lang := to.Lang
	if o.Payment != nil && o.Payment.Language != "" {
		lang = o.Payment.Language
	}
	return notifyapi.Notice{
		Kind: kind, To: to.Email, Name: to.Name, Lang: lang, Phone: to.Phone, UserID: o.UserID, EventID: o.Event.ID, BookingID: o.ID,
		Data: notifyapi.Data{Link: link, Event: noticeEvent(&o.Event), Order: about},
	}
}

// money says what an order was paid with, as notices tell it.
func (o *Order) money() string {
	switch p := o.Payment; {
	case p == nil || p.Gateway == "":
		return ""
	case p.Test:
		return notifyapi.TestMoney
	}
	return notifyapi.RealMoney
}

// noticeEvent is an event as notices tell of it.
func noticeEvent(e *eventapi.Event) *notifyapi.Event {
	return &notifyapi.Event{Title: e.Title, Starts: e.Starts, Date: e.Date, Zone: e.Zone, Venue: e.Venue.Name, Address: e.Venue.Address, City: e.Venue.City}
}
