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
// anew, in that one's place: see restart.
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
	if believed {
		again := r
		w.again = &again
	}
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

// restartFor is how long after its end a payment over the wrong amount may be begun
// anew. Whoever asks about it meanwhile is not told that it came to nothing: see
// goesOn.
const restartFor = 5 * time.Second

// restart pays again, once, for a booking that was believed and costs something
// else: as if the request had come now. The payment over the wrong amount has come
// to nothing then. Whoever waits for it waits for the next one. It stops when the
// payment is given up, or has ended too long ago.
func (d *drive) restart(ctx context.Context) {
	for d.again != nil && d.p.Status == Voided && d.p.Reason == amountDiffers && !d.forgone.Load() {
		if d.s.micros()-d.p.UpdatedAt > restartFor.Microseconds() {
			return
		}
		d.next, d.failed = d.s.insert(ctx, *d.again, &d.p)
		if d.failed == nil || forGood(d.failed) || !d.pause(ctx, longestOff) {
			return
		}
	}
}

// goesOn reports whether a payment that has come to nothing may be begun anew by the
// node that drove it, as far as others know: clocks may differ by some seconds.
func (s *Service) goesOn(p *Payment) bool {
	return s.shared && p.Status == Voided && p.Reason == amountDiffers && s.sure(p) &&
		s.micros()-p.UpdatedAt < 3*restartFor.Microseconds()
}

// errGoesOn answers whoever asks about a payment that goes on: nothing is known yet.
func errGoesOn() error {
	return errs.New(errs.Unavailable, "busy", "The payment is just being made for another amount. Please ask again in a moment.").After(time.Second)
}

// forgo keeps a payment from being begun anew by this node.
func (s *Service) forgo(paymentID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.drives[paymentID]; d != nil {
		d.forgone.Store(true)
	}
}
