package app

import (
	"context"
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

const ordersRead = 2000 // of one account, at most

// orders reads orders for the pages.
func (p onPage) orders() shop.Orders {
	return shop.Orders{Bookings: p.Bookings, Events: p.Events, Payments: latestPayments{p}, People: p.Users, Now: p.DB.Now}
}

// latestPayments is the payment service as orders see it.
type latestPayments struct{ onPage }

// Latest are the latest payments of bookings.
func (l latestPayments) Latest(ctx context.Context, bookingIDs []string) (map[string]shop.Payment, error) {
	out := map[string]shop.Payment{}
	for _, id := range bookingIDs {
		paid, err := l.paymentOf(ctx, &bookingapi.Booking{ID: id})
		if err != nil {
			return nil, err
		}
		if paid != nil {
			out[id] = *paid
		}
	}
	return out, nil
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
