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

// insert creates a payment, or finds the existing one.
func (s *Service) insert(ctx context.Context, caller caller.Caller, r request) (*insertion, error) {
	b, cached := s.cached(caller, r)
	if !cached {
		var err error
		if b, err = s.bookings.Recent(ctx, r.BookingID); err != nil {
			return nil, err
		}
	}
	if b.UserID != caller.UserID {
		return nil, errs.Missing("booking")
	}
	w := &insertion{want: record{EventID: b.EventID}, cached: cached && r.Amount == nil, agreed: r.Amount} // an amount that was agreed to does not become another
	if r.Key != "" {
		w.keyHash, w.fingerprint = digest(caller.UserID, r.Key), r.fingerprint()
	}
	method, err := s.allowed(ctx, caller, &b, r.Method)
	if err != nil {
		if found, unread := s.seekKey(ctx, w); found || unread != nil { // it was allowed when the same request first arrived
			return w, unread
		}
		return nil, err
	}
	now := s.micros()
	w.want = record{
		BookingID: b.ID, EventID: b.EventID, UserID: b.UserID, Amount: b.Amount, Fees: b.Fees, Tax: b.Tax, Currency: b.Currency,
		Status: paymentapi.Pending, Method: method, CreatedAt: now, UpdatedAt: now, StartedAt: b.ReadAt, Lang: r.Lang, Alternatives: r.Alternatives,
	}
	if err := s.begunWith(ctx, &w.want); err != nil {
		return nil, err
	}
	if s.sure(&w.want) {
		w.want.Status = paymentapi.Authorized
	}
	switch {
	case b.Status != bookingapi.Pending && b.Status != bookingapi.Expired:
		return w, s.seek(ctx, w, b)
	case !r.agrees(b.Amount):
		return w, s.differs(ctx, w)
	case s.isClosing():
		return w, errs.New(errs.Unavailable, "shutting-down", "The server is stopping. Please try again.").After(time.Second)
	}
	return w, s.tried(ctx, w)
}

// allowed refuses a payment that the caller may not make, and returns its method.
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
	if s.gateway == nil {
		return "", errs.New(errs.Conflict, "no-payments", "This ticket office takes no payments at present: only what costs nothing can be booked.")
	}
	if reason := checkOver(method, b.Amount); !reason.None() {
		return "", reason.Bad("method")
	}
	return method, nil
}

// tried refuses another payment method when too many of this person's have failed. It lets
// through a request that was made before, or that a payment under way answers: those try none.
func (s *Service) tried(ctx context.Context, w *insertion) error {
	var refusal error
	if w.want.Amount > 0 {
		refusal = s.mayTry(ctx, w.want.EventID, w.want.UserID, w.want.Method)
	}
	switch {
	case refusal == nil:
		return s.store.do(ctx, w)
	case !errs.Is(refusal, "too-many-failed-payments"):
		return refusal
	}
	if found, err := s.seekKey(ctx, w); found || err != nil {
		return err
	}
	p, err := s.store.ofBooking(ctx, w.want.BookingID)
	if errs.KindOf(err) == errs.NotFound || err == nil && p.over() {
		return refusal
	}
	if err != nil {
		return err
	}
	return s.store.do(ctx, w)
}

// cached returns a booking from this node's memory, without reading it, although
// other nodes may have changed it. It does so only if the gateway is sure of the
// method: then the booking service confirms or refuses before the gateway is asked
// for anything. If the booking turns out to cost something else, the payment takes
// on that amount before it is confirmed, unless the buyer has agreed to an amount:
// see evCosts. A booking that would be refused by its remembered state is read.
func (s *Service) cached(caller caller.Caller, r request) (b bookingapi.Booking, ok bool) {
	if g, sure := s.gateway.(provider.Sure); !s.shared || !sure || !g.Sure(r.Method) {
		return b, false
	}
	b, ok = s.bookings.Remembered(r.BookingID)
	return b, ok && b.UserID == caller.UserID && b.Amount > 0 && b.Status == bookingapi.Pending && b.ReadAt < b.ExpiresAt &&
		r.agrees(b.Amount)
}

// differs refuses a payment of an amount that the buyer has not agreed to, unless
// the same request was made before.
func (s *Service) differs(ctx context.Context, w *insertion) error {
	if found, err := s.seekKey(ctx, w); found || err != nil {
		return err
	}
	return differing(&w.want)
}

// differing is the error for a payment whose amount the buyer has not agreed to.
func differing(p *record) error {
	return errs.New(errs.Conflict, amountDiffers, "The booking now costs a different amount. Nothing was charged.").
		With("amount", p.Amount).With("currency", p.Currency)
}

// seekKey finds the payment that was made with the same key, without writing.
func (s *Service) seekKey(ctx context.Context, w *insertion) (found bool, err error) {
	if w.keyHash == nil {
		return false, nil
	}
	return w.byKey(s.store.byKey.QueryRowContext(s.store.db.Quick(ctx), w.want.EventID, w.keyHash))
}
