package booking

import (
	"context"
	"fmt"
	"time"

	"boxoffice/internal/booking/tables"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/id"
	"boxoffice/internal/ledger"
	"boxoffice/internal/sqldb"
)

// Orders adds seats, prices and the events' refund terms to bookings.
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
	if out.Places, out.Held, err = s.places(ctx, b); err != nil {
		return out, err
	}
	v, err := s.views.get(ctx, b.EventID)
	if err != nil {
		return out, err
	}
	v.mu.RLock()
	terms := v.sale.CancellingOf(b.CreatedAt)
	v.mu.RUnlock()
	if end := terms.End(); end != 0 {
		out.RefundsEnd = time.UnixMicro(end).UTC()
	}
	if b.Status == bookingapi.Pending || b.Status == bookingapi.Booked {
		out.Refunds = terms.Back(pricesOf(out.Places), s.now().UnixMicro())
	}
	for i := range out.Refunds {
		if b.Status == bookingapi.Booked {
			out.Refunds[i].Amount = min(out.Refunds[i].Amount, b.Left)
		}
	}
	return out, nil
}

// sqlSoldUnder finds the state of a sale before a booking was made, by the ledger's primary
// key: it reads backwards from the booking's first entry.
const sqlSoldUnder = `SELECT sale FROM ledger WHERE event_id = $1 AND kind = 'sale' AND at <= $2
	AND seq < COALESCE((SELECT min(seq) FROM ledger WHERE event_id = $1 AND booking_id = $3), 0) ORDER BY seq DESC LIMIT 1`

// SoldUnder returns the state of the sale when a booking was made; see bookingapi.Orders.
func (s *Service) SoldUnder(ctx context.Context, b *bookingapi.Booking) (sale bookingapi.Sale, err error) {
	texts, err := sqldb.Texts(ctx, s.db.Reader(), sqlSoldUnder, b.EventID, b.CreatedAt, b.ID)
	switch {
	case err != nil:
		return sale, fmt.Errorf("read the terms of booking %s: %w", b.ID, err)
	case len(texts) == 0:
		return sale, errs.Missing("booking")
	}
	if err := codec.ReadKnown([]byte(texts[0]), &sale); err != nil {
		return sale, fmt.Errorf("read the terms of booking %s: %w", b.ID, err)
	}
	return sale, nil
}

func pricesOf(places []bookingapi.Place) []int64 {
	out := make([]int64, len(places))
	for i := range places {
		out[i] = places[i].Tier.Price
	}
	return out
}

// Refund returns, in minor units, what Cancel would refund now for the named seats of
// a booking, or for all; or the error with which Cancel would refuse. It decides like
// the writer, on what this node knows.
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
	if err := s.unused(ctx, caller, &b, c.seats); err != nil {
		return 0, err
	}
	st := newState(b.EventID)
	v.mu.RLock()
	st.sale = v.sale
	v.mu.RUnlock()
	st.exists, st.now, st.plan = true, s.now().UnixMicro(), p.plan
	st.prices[bookingKey(&b)] = p
	st.bookings[b.ID] = &record{Row: tables.Row{Booking: b}}
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
