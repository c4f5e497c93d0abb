package booking

import (
	"context"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/id"
	"boxoffice/internal/ledger"
)

// Orders joins bookings with their plans, their prices and the events' refund terms.
func (s *Service) Orders(ctx context.Context, list []bookingapi.Booking) ([]bookingapi.Order, error) {
	out := make([]bookingapi.Order, len(list))
	for i := range list {
		var err error
		if out[i], err = s.order(ctx, &list[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s *Service) order(ctx context.Context, b *bookingapi.Booking) (bookingapi.Order, error) {
	out := bookingapi.Order{Booking: *b, Reference: id.Reference(b.ID), Kind: bookingapi.Sold}
	if b.PriceVersion == bookingapi.FreeOfCharge {
		out.Kind, out.PaymentID = b.PaymentID, ""
	}
	var err error
	if out.Places, err = s.places(ctx, b); err != nil {
		return out, err
	}
	v, err := s.views.get(ctx, b.EventID)
	if err != nil {
		return out, err
	}
	v.mu.RLock()
	end := refundableUntil(b, &v.sale)
	v.mu.RUnlock()
	if end != 0 {
		out.RefundsEnd = time.UnixMicro(end).UTC()
	}
	return out, nil
}

// Refund is what Cancel would give back now for seats of a booking, those named
// or all, in minor units; or why it would refuse. It decides as the writer does,
// on what this node knows.
func (s *Service) Refund(ctx context.Context, caller caller.Caller, bookingID string, labels []string) (int64, error) {
	b, err := s.mine(ctx, caller, bookingID)
	if err != nil {
		return 0, err
	}
	p, err := s.catalog.load(ctx, bookingKey(&b))
	if err != nil {
		return 0, err
	}
	v, err := s.views.get(ctx, b.EventID)
	if err != nil {
		return 0, err
	}
	c := command{do: doCancel, eventID: b.EventID, bookingID: b.ID, caller: caller}
	if err := named(p.plan, &b, labels, &c); err != nil {
		return 0, err
	}
	st := newState(b.EventID)
	v.mu.RLock()
	st.sale = v.sale
	v.mu.RUnlock()
	st.exists, st.now, st.plan = true, s.now().UnixMicro(), p.plan
	st.prices[bookingKey(&b)] = p
	st.bookings[b.ID] = &record{Booking: b}
	effects, a := decide(st, &c)
	if a.err != nil {
		return 0, a.err
	}
	amount := int64(0)
	for _, e := range effects {
		if e.kind == ledger.Cancelled {
			amount += e.amount
		}
	}
	return amount, nil
}
