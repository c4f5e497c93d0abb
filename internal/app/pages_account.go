package app

import (
	"context"
	"math"
	"slices"
	"time"

	"boxoffice/internal/booking"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/shop"
)

// Live are the orders for which a caller's account has to stay.
func (p onPage) Live(ctx context.Context, caller caller.Caller) ([]shop.Order, error) {
	list, err := p.live(ctx, caller.UserID, p.DB.Now().UnixMicro())
	if err != nil {
		return nil, err
	}
	out, orders := make([]shop.Order, len(list)), p.orders()
	for i := range list {
		if out[i], err = orders.Of(ctx, &list[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// live are an account's bookings that are held or sold, for events that are not
// over at a time (µs since 1970). What somebody gave the account does not count.
func (p onPage) live(ctx context.Context, userID string, at int64) ([]bookingapi.Booking, error) {
	var out []bookingapi.Booking
	known := map[string]bool{}
	for _, status := range []bookingapi.Status{bookingapi.Pending, bookingapi.Booked} {
		list, err := p.bookingsOf(ctx, userID, status, math.MaxInt)
		if err != nil {
			return nil, err
		}
		for _, b := range list {
			if b.PriceVersion == bookingapi.FreeOfCharge || b.Status == bookingapi.Pending && b.ExpiresAt <= at {
				continue
			}
			over, asked := known[b.EventID]
			if !asked {
				if over, err = p.eventOver(ctx, b.EventID, at); err != nil {
					return nil, err
				}
				known[b.EventID] = over
			}
			if !over {
				out = append(out, b)
			}
		}
	}
	return out, nil
}

// owned is the booking service as accounts see it: seats of an event that is
// over keep nobody from leaving.
type owned struct {
	*booking.Service
	page onPage
}

// clocksDiffer is by how much those of two nodes may differ, and how long a hold may
// take to be written, at most.
const clocksDiffer = time.Minute

// HasLive reports whether a user has bookings that are held, or sold for an event
// that is not over at a time (µs since 1970), or whose hold has ended while it was
// paid for.
func (o owned) HasLive(ctx context.Context, userID string, at int64) (bool, error) {
	if any, err := o.Service.HasLive(ctx, userID); err != nil || !any {
		return false, err
	}
	list, err := o.page.live(ctx, userID, at)
	if err != nil || len(list) > 0 {
		return true, err
	}
	return o.page.payingLate(ctx, userID)
}

// GiveUp gives up what a user has got since a time (µs since 1970; 0: only what has
// ended), but not for events that were over then: HasLive has passed over those, and
// whoever has been there gets nothing back for leaving.
func (o owned) GiveUp(ctx context.Context, userID string, at int64) error {
	if at == 0 {
		return o.Service.GiveUp(ctx, userID, 0, nil)
	}
	spared, err := o.page.over(ctx, userID, at)
	if err != nil {
		return err
	}
	return o.Service.GiveUp(ctx, userID, at-clocksDiffer.Microseconds(), spared)
}

// over are the events of an account's live bookings that were over at a time (µs since
// 1970).
func (p onPage) over(ctx context.Context, userID string, at int64) (eventIDs []string, err error) {
	var ids []string
	for _, status := range []bookingapi.Status{bookingapi.Pending, bookingapi.Booked} {
		list, err := p.bookingsOf(ctx, userID, status, math.MaxInt)
		if err != nil {
			return nil, err
		}
		for i := range list {
			if !slices.Contains(ids, list[i].EventID) {
				ids = append(ids, list[i].EventID)
			}
		}
	}
	events, err := p.Events.Events(ctx, ids)
	if err != nil {
		return nil, err
	}
	for id, e := range events {
		if e.OverAt(time.UnixMicro(at)) {
			eventIDs = append(eventIDs, id)
		}
	}
	return eventIDs, nil
}

// payingLate reports whether a payment is under way for a hold of an account that
// has ended: the seats may still be booked by it.
func (p onPage) payingLate(ctx context.Context, userID string) (bool, error) {
	since := p.DB.Now().UnixMicro() - bookingapi.LateConfirm
	for _, status := range []bookingapi.Status{bookingapi.Pending, bookingapi.Expired} {
		list, err := p.bookingsOf(ctx, userID, status, ordersRead)
		if err != nil {
			return false, err
		}
		var recent []string
		for i := range list {
			if list[i].ExpiresAt > since {
				recent = append(recent, list[i].ID)
			}
		}
		latest, err := p.Payments.Latest(ctx, recent)
		if err != nil {
			return false, err
		}
		for _, paid := range latest {
			if !paid.Status.Final() {
				return true, nil
			}
		}
	}
	return false, nil
}
