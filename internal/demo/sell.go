package demo

import (
	"context"
	"fmt"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/paymentapi"
)

// Bookings is what the demo needs of the booking service.
type Bookings interface {
	Counts(ctx context.Context, eventIDs []string) (map[string]bookingapi.Counts, error)
	Hold(ctx context.Context, c caller.Caller, key string, r bookingapi.HoldRequest) (bookingapi.Booking, error)
}

// Payments is what the demo needs of the payment service.
type Payments interface {
	Pay(ctx context.Context, c caller.Caller, key string, r paymentapi.PayRequest) (paymentapi.Payment, error)
	Form() paymentapi.Form
}

// shares are the percentages of seats that are sold.
var shares = map[string]int32{"Quiet Evening with Strings": 100, "A Midsummer Night's Dream": 60, "Night Shift: Modular Live": 30, "Stand-up Saturday": 70}

// sellShares sells seats of some events to made-up fans, once; but only by a simulated
// gateway, which they can pay.
func sellShares(ctx context.Context, events []eventapi.Event, bookings Bookings, payments Payments, buyerID string, now time.Time) error {
	if !payments.Form().Simulated {
		return nil
	}
	var ids []string
	for i := range events {
		ids = append(ids, events[i].ID)
	}
	counts, err := bookings.Counts(ctx, ids)
	if err != nil {
		return err
	}
	for i := range events {
		e := &events[i]
		c := counts[e.ID]
		want := c.Free*shares[e.Title]/100 - c.Sold
		if c.Sold > 0 || want <= 0 {
			continue
		}
		if err := sell(ctx, e.ID, bookings, payments, buyerID, want, now); err != nil {
			return fmt.Errorf("%s: %w", e.Title, err)
		}
	}
	return nil
}

// sell books seats of an event, the best first.
func sell(ctx context.Context, eventID string, bookings Bookings, payments Payments, buyerID string, want int32, now time.Time) error {
	for n := 0; want > 0; n++ {
		quantity := min(int(want), 1+n%4)
		fan := caller.Caller{UserID: fmt.Sprintf("demo-fan-%s-%d", buyerID, n), Role: caller.Customer, Verified: true}
		b, err := bookings.Hold(ctx, fan, fmt.Sprintf("demo-%d", now.UnixNano()), bookingapi.HoldRequest{EventID: eventID, Selection: bookingapi.Selection{Quantity: quantity}})
		if err != nil {
			return err
		}
		if _, err := payments.Pay(ctx, fan, "", paymentapi.PayRequest{BookingID: b.ID, Method: paymentapi.SandboxOK}); err != nil {
			return err
		}
		want -= int32(quantity)
	}
	return nil
}
