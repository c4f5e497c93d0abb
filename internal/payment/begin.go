package payment

import (
	"context"
	"time"

	"boxoffice/internal/errs"
	"boxoffice/internal/message"
)

// insert begins a payment, or finds the one that there is.
func (s *Service) insert(ctx context.Context, caller message.Caller, o Order) (*insertion, error) {
	b, believed := s.believed(caller, o)
	if !believed {
		var err error
		if b, err = s.bookings.Booking(ctx, o.BookingID); err != nil {
			return nil, err
		}
	}
	if b.UserID != caller.UserID {
		return nil, errs.Missing("booking")
	}
	if err := s.mayPay(ctx, caller, b.EventID); err != nil {
		return nil, err
	}
	if err := s.settlePerson(ctx, caller, &b); err != nil {
		return nil, err
	}
	asked := o.Method
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
	if o.Key != "" {
		w.keyHash = digest(caller.UserID, o.Key)
		w.fingerprint = digest(o.BookingID, asked)
	}
	switch {
	case b.Status != message.Pending && b.Status != message.Expired:
		return w, s.seek(ctx, w, b)
	case s.isClosing():
		return w, errs.New(errs.Unavailable, "shutting-down", "The server is stopping. Please try again.").After(time.Second)
	}
	return w, s.store.do(ctx, w)
}

// believed is a booking that other nodes may have changed and that is not read
// before it is paid: this node remembers it, and the gateway is sure of the method,
// so that the booking service confirms it, or refuses, before the gateway is asked
// for anything. If it costs something else, the payment comes to that before it is
// confirmed: see evCosts. What would be refused by what is remembered is read.
func (s *Service) believed(caller message.Caller, o Order) (b message.Booking, ok bool) {
	if g, sure := s.gateway.(Sure); !s.shared || !sure || !g.Sure(o.Method) {
		return b, false
	}
	b, ok = s.bookings.Remembered(o.BookingID)
	return b, ok && b.UserID == caller.UserID && b.Amount > 0 && b.Status == message.Pending && b.ReadAt < b.ExpiresAt
}
