package app

import (
	"cmp"
	"context"
	"slices"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/payment"
	"boxoffice/internal/shop"
)

// office is the ticket office itself: it sees everything.
var office = caller.System

const (
	ordersShown = 20                 // on a page
	ordersRead  = 2000               // of one account, at most
	lapsedShown = 7 * 24 * time.Hour // how long holds that came to nothing are listed
)

// Orders is a page of a caller's orders, and how many pages there are. They are
// sorted here, since bookings know nothing of their events' dates.
func (p onPage) Orders(ctx context.Context, caller caller.Caller, page int) ([]shop.Order, int, error) {
	all, err := p.bookingsOf(ctx, caller.UserID, "", ordersRead)
	if err != nil {
		return nil, 0, err
	}
	now := p.DB.Now()
	events := map[string]eventapi.Event{}
	var list []shop.Order
	for i := range all {
		b := &all[i]
		if b.PaymentID == "" && b.Status != bookingapi.Booked && now.Sub(time.UnixMicro(b.CreatedAt)) > lapsedShown {
			continue
		}
		o := shop.Order{Order: bookingapi.Order{Booking: *b}}
		if o.Event, err = p.eventOnce(ctx, events, b.EventID); err != nil {
			return nil, 0, err
		}
		list = append(list, o)
	}
	slices.SortStableFunc(list, func(a, b shop.Order) int { return inOrder(&a, &b, now) })
	pages := max(1, (len(list)+ordersShown-1)/ordersShown)
	from := min((page-1)*ordersShown, len(list))
	list = list[from:min(from+ordersShown, len(list))]
	bookings := make([]bookingapi.Booking, len(list))
	for i := range list {
		bookings[i] = list[i].Booking
	}
	orders, err := p.Bookings.Orders(ctx, bookings)
	if err != nil {
		return nil, 0, err
	}
	for i := range list {
		list[i].Order = orders[i]
		if list[i].Payment, err = p.paymentOf(ctx, &list[i].Booking); err != nil {
			return nil, 0, err
		}
	}
	return list, pages, nil
}

// inOrder sorts what is coming up by date, soonest first, and after it what is
// over, latest first. What has no date yet is far away.
func inOrder(a, b *shop.Order, now time.Time) int {
	far := time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	when := func(o *shop.Order) time.Time {
		if o.Event.Starts.IsZero() {
			if day, err := time.Parse(time.DateOnly, o.Event.Date); err == nil {
				return day
			}
			return far
		}
		return o.Event.Starts
	}
	switch up, too := a.Upcoming(now), b.Upcoming(now); {
	case up && too:
		return cmp.Or(when(a).Compare(when(b)), cmp.Compare(a.CreatedAt, b.CreatedAt))
	case up:
		return -1
	case too:
		return 1
	}
	return cmp.Or(when(b).Compare(when(a)), cmp.Compare(b.CreatedAt, a.CreatedAt))
}

// bookingsOf are an account's bookings, of one status or of all, up to a limit.
func (p onPage) bookingsOf(ctx context.Context, userID string, status bookingapi.Status, limit int) ([]bookingapi.Booking, error) {
	var all []bookingapi.Booking
	f := bookingapi.Filter{UserID: userID, Status: status, Limit: 200}
	for len(all) < limit {
		list, err := p.Bookings.List(ctx, f)
		if err != nil {
			return nil, err
		}
		if all = append(all, list...); len(list) < f.Limit {
			break
		}
		f.After = list[len(list)-1].ID
	}
	return all, nil
}

// eventOnce is an event, looked up once for several orders.
func (p onPage) eventOnce(ctx context.Context, known map[string]eventapi.Event, id string) (eventapi.Event, error) {
	if e, ok := known[id]; ok {
		return e, nil
	}
	e, err := p.eventOf(ctx, id)
	known[id] = e
	return e, err
}

// eventOf is an event that somebody has booked, whoever may see it now.
func (p onPage) eventOf(ctx context.Context, id string) (eventapi.Event, error) {
	events, err := p.Events.Events(ctx, []string{id})
	if err != nil {
		return eventapi.Event{}, err
	}
	e, ok := events[id]
	if !ok {
		return e, errs.Missing("event")
	}
	return e, nil
}

// eventOver reports whether nobody needs a seat of an event any more at a time, µs since 1970.
func (p onPage) eventOver(ctx context.Context, eventID string, at int64) (bool, error) {
	e, err := p.eventOf(ctx, eventID)
	return err == nil && e.OverAt(time.UnixMicro(at)), err
}

// Order is an order that a caller may read, or whoever has its token.
func (p onPage) Order(ctx context.Context, caller caller.Caller, id, token string) (shop.Order, error) {
	b, err := p.Bookings.Readable(ctx, caller, id, token)
	if err != nil {
		return shop.Order{}, err
	}
	return p.order(ctx, &b)
}

func (p onPage) order(ctx context.Context, b *bookingapi.Booking) (shop.Order, error) {
	var out shop.Order
	orders, err := p.Bookings.Orders(ctx, []bookingapi.Booking{*b})
	if err != nil {
		return out, err
	}
	out.Order = orders[0]
	if out.Event, err = p.eventOf(ctx, b.EventID); err != nil {
		return out, err
	}
	if out.Payment, err = p.paymentOf(ctx, b); err != nil {
		return out, err
	}
	if since := time.UnixMicro(b.CreatedAt); out.Event.Changed.After(since) {
		changes, err := p.Events.Changes(ctx, []string{b.EventID})
		if err != nil {
			return out, err
		}
		for _, c := range changes[b.EventID] {
			if c.At.After(since) {
				out.Changes = append(out.Changes, c)
			}
		}
	}
	if b.UserID == "" {
		to, err := p.Bookings.Recipients(ctx, []string{b.ID})
		out.Holder = to[b.ID].Name
		return out, err
	}
	owner, err := p.Users.Account(ctx, office, b.UserID)
	if errs.KindOf(err) == errs.NotFound { // a visitor who is gone
		return out, nil
	}
	out.Holder = owner.Name
	return out, err
}

// paymentOf is a booking's latest payment as its owner sees it; nil: there is none.
func (p onPage) paymentOf(ctx context.Context, b *bookingapi.Booking) (*shop.Payment, error) {
	if b.PriceVersion == bookingapi.FreeOfCharge {
		return nil, nil
	}
	paid, err := p.Payments.OfBooking(ctx, office, b.ID)
	if errs.KindOf(err) == errs.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return asPayment(&paid)
}

func asPayment(paid *payment.Payment) (*shop.Payment, error) {
	steps, err := paid.Steps()
	if err != nil {
		return nil, err
	}
	out := &shop.Payment{Attempt: paid.Attempt, Reason: paid.Reason, Status: string(paid.Status), GivenUp: paid.GaveUp(), Amount: paid.Amount, Refunded: paid.Refunded, Currency: paid.Currency}
	for _, s := range steps {
		out.Steps = append(out.Steps, shop.Step{Status: string(s.Status), At: time.UnixMicro(s.At).UTC(), Amount: s.Amount})
	}
	return out, nil
}

// Refund is what comes back for seats of an order.
func (p onPage) Refund(ctx context.Context, caller caller.Caller, id string, seats []string) (int64, error) {
	return p.Bookings.Refund(ctx, caller, id, seats)
}

// Link is the signed link to an order, for those who may have it.
func (p onPage) Link(ctx context.Context, caller caller.Caller, id string) (string, error) {
	b, err := bookingapi.One(ctx, p.Bookings.Bookings, "booking", id)
	if err != nil {
		return "", err
	}
	links, err := p.Bookings.LinksFor(ctx, caller, []bookingapi.Booking{b})
	return links[id], err
}

// RenewLink makes a new link to an order in place of the one with the token seen,
// or of whichever it is with "".
func (p onPage) RenewLink(ctx context.Context, caller caller.Caller, id, seen string) error {
	_, err := p.Bookings.RenewLink(ctx, caller, id, seen)
	return err
}

// GiveBack cancels seats of an order.
func (p onPage) GiveBack(ctx context.Context, caller caller.Caller, id string, seats []string) error {
	_, err := p.Bookings.Cancel(ctx, caller, bookingapi.Cancellation{BookingID: id, Seats: seats})
	return err
}
