package payment

import (
	"context"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
)

// insert begins a payment, or finds the one that there is.
func (s *Service) insert(ctx context.Context, caller caller.Caller, o order) (*insertion, error) {
	b, believed := s.believed(caller, o)
	if !believed {
		var err error
		if b, err = s.bookings.Recent(ctx, o.BookingID); err != nil {
			return nil, err
		}
	}
	if b.UserID != caller.UserID {
		return nil, errs.Missing("booking")
	}
	w := &insertion{want: record{EventID: b.EventID}, believed: believed && o.Amount == nil, agreed: o.Amount} // an amount that was agreed to does not become another
	if o.Key != "" {
		w.keyHash, w.fingerprint = digest(caller.UserID, o.Key), o.fingerprint()
	}
	method, err := s.allowed(ctx, caller, &b, o.Method)
	if err != nil {
		if found, unread := s.seekKey(ctx, w); found || unread != nil { // it was allowed when the same request came first
			return w, unread
		}
		return nil, err
	}
	now := s.micros()
	w.want = record{
		BookingID: b.ID, EventID: b.EventID, UserID: b.UserID, Amount: b.Amount, Currency: b.Currency,
		Status: paymentapi.Pending, Method: method, CreatedAt: now, UpdatedAt: now, StartedAt: b.ReadAt,
	}
	if s.sure(&w.want) {
		w.want.Status = paymentapi.Authorized
	}
	switch {
	case b.Status != bookingapi.Pending && b.Status != bookingapi.Expired:
		return w, s.seek(ctx, w, b)
	case !o.agrees(b.Amount):
		return w, s.differs(ctx, w)
	case s.isClosing():
		return w, errs.New(errs.Unavailable, "shutting-down", "The server is stopping. Please try again.").After(time.Second)
	}
	return w, s.store.do(ctx, w)
}

// allowed refuses a payment that a caller may not begin, and answers the method that
// it goes by.
func (s *Service) allowed(ctx context.Context, caller caller.Caller, b *bookingapi.Booking, method string) (string, error) {
	if err := s.mayPay(ctx, caller, b.EventID); err != nil {
		return "", err
	}
	if err := s.settlePerson(ctx, caller, b); err != nil {
		return "", err
	}
	if b.Amount == 0 {
		return paymentapi.Free, nil
	}
	if reason := checkOver(method, b.Amount); reason != "" {
		return "", errs.Bad("method", "not-a-token", "%s", reason)
	}
	return method, nil
}

// believed is a booking that other nodes may have changed and that is not read
// before it is paid: this node remembers it, and the gateway is sure of the method,
// so that the booking service confirms it, or refuses, before the gateway is asked
// for anything. If it costs something else, the payment comes to that before it is
// confirmed, unless its buyer has agreed to an amount: see evCosts. What would be
// refused by what is remembered is read.
func (s *Service) believed(caller caller.Caller, o order) (b bookingapi.Booking, ok bool) {
	if g, sure := s.gateway.(provider.Sure); !s.shared || !sure || !g.Sure(o.Method) {
		return b, false
	}
	b, ok = s.bookings.Remembered(o.BookingID)
	return b, ok && b.UserID == caller.UserID && b.Amount > 0 && b.Status == bookingapi.Pending && b.ReadAt < b.ExpiresAt &&
		o.agrees(b.Amount)
}

// differs refuses a payment over an amount that its buyer has not agreed to, unless
// it was asked for before.
func (s *Service) differs(ctx context.Context, w *insertion) error {
	if found, err := s.seekKey(ctx, w); found || err != nil {
		return err
	}
	return differing(&w.want)
}

// differing refuses a request because of the amount that a payment would be over.
func differing(p *record) error {
	return errs.New(errs.Conflict, amountDiffers, "The booking costs another amount by now. Nothing was charged.").
		With("amount", p.Amount).With("currency", p.Currency)
}

// seekKey finds the payment that was made with the same key, without writing.
func (s *Service) seekKey(ctx context.Context, w *insertion) (found bool, err error) {
	if w.keyHash == nil {
		return false, nil
	}
	return w.byKey(s.store.byKey.QueryRowContext(s.store.db.Quick(ctx), w.want.EventID, w.keyHash))
}
