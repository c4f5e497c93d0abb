package payment

import (
	"context"
	"time"

	"boxoffice/internal/errs"
	"boxoffice/internal/message"
)

// request is who wants to pay, and what.
type request struct {
	caller message.Caller
	order  Order
}

// insert begins a payment, or finds the one that there is. With instead it is begun
// anew, in that one's place: see costsOther.
func (s *Service) insert(ctx context.Context, r request, instead *Payment) (*insertion, error) {
	o := r.order
	b, believed := s.believed(&r, instead)
	if !believed {
		var err error
		if b, err = s.bookings.Booking(ctx, o.BookingID); err != nil {
			return nil, err
		}
	}
	if b.UserID != r.caller.UserID {
		return nil, errs.Missing("booking")
	}
	if err := s.mayPay(ctx, r.caller, b.EventID); err != nil {
		return nil, err
	}
	if err := s.settlePerson(ctx, r.caller, &b); err != nil {
		return nil, err
	}
	switch {
	case b.Amount == 0:
		o.Method = Free
	case o.Method == "" || o.Method == Free:
		return nil, errs.Bad("method", noMethod)
	}
	now := s.micros()
	w := &insertion{want: Payment{
		BookingID: b.ID, EventID: b.EventID, UserID: b.UserID, Amount: b.Amount, Currency: b.Currency,
		Status: Pending, Method: o.Method, CreatedAt: now, UpdatedAt: now, StartedAt: b.ReadAt,
	}}
	if s.sure(&w.want) {
		w.want.Status = Authorized
	}
	w.believed = believed
	if instead != nil {
		w.instead, w.want.StartedAt = instead.ID, instead.StartedAt
	}
	if o.Key != "" {
		w.keyHash = digest(r.caller.UserID, o.Key)
		w.fingerprint = digest(o.BookingID, o.Method)
	}
	switch {
	case b.Status != message.Pending && b.Status != message.Expired:
		return w, s.seek(ctx, w, b)
	case instead == nil && s.isClosing():
		return w, errs.New(errs.Unavailable, "shutting-down", "The server is stopping. Please try again.").After(time.Second)
	}
	return w, s.store.do(ctx, w)
}

// believed is a booking that other nodes may have changed and that is not read
// before it is paid: this node remembers it, and the gateway is sure of the method,
// so that the booking service confirms it, or refuses, before the gateway is asked
// for anything. What would be refused by what is remembered is read.
func (s *Service) believed(r *request, instead *Payment) (b message.Booking, ok bool) {
	if g, sure := s.gateway.(Sure); !s.shared || instead != nil || !sure || !g.Sure(r.order.Method) {
		return b, false
	}
	b, ok = s.bookings.Remembered(r.order.BookingID)
	return b, ok && b.UserID == r.caller.UserID && b.Amount > 0 && b.Status == message.Pending && b.ReadAt < b.ExpiresAt
}

// againFor is how long after its end a payment over a believed amount may be begun
// anew by a request that is sent again.
const againFor = 5 * time.Second

// costsOther reports whether a request is to be carried out anew, once: the booking
// that was believed costs something else, and its payment has come to nothing by that.
// Nobody has been told so yet, or whoever was asks again just now.
func (w *insertion) costsOther(p *Payment, now int64) bool {
	return w.believed && p.ID == w.got.ID && p.Status == Voided && p.Reason == amountDiffers &&
		(w.result == inserted || w.result == replayed && now-p.UpdatedAt < againFor.Microseconds())
}
