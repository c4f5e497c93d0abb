package payment

import (
	"context"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/paymentapi"
)

// amend changes the method of a payment that is not authorized yet, if it still has
// the version (0: any). Only the owner may.
func (s *Service) amend(ctx context.Context, caller caller.Caller, paymentID, method string, version int64) (record, error) {
	if reason := checkMethod(method); !reason.None() {
		return record{}, reason.Bad("method")
	}
	p, err := s.own(ctx, caller, paymentID)
	if err != nil {
		return p, err
	}
	if reason := checkOver(method, p.Amount); !reason.None() {
		return record{}, reason.Bad("method")
	}
	if p.Method == method && (version == 0 || version == p.Version) {
		return p, nil
	}
	if err := s.mayTry(ctx, p.EventID, p.UserID, method); err != nil {
		return record{}, err
	}
	w := ownerChange{id: p.ID, event: event{kind: evAmended}, method: method, version: version, by: caller.UserID, now: s.micros()}
	if err := s.store.do(ctx, &w); err != nil {
		return record{}, err
	}
	switch {
	case !w.found:
		return record{}, errs.Missing("payment")
	case w.stale:
		return record{}, errChangedMeanwhile()
	case w.late:
		return record{}, errs.New(errs.Conflict, "payment-not-pending",
			"The payment is %s: its method can be changed only until it is authorized.", w.got.Status)
	case w.many:
		return record{}, errs.New(errs.Conflict, "too-many-methods",
			"A payment can have %d methods. Void it, and pay with a new one.", paymentapi.MaxMethods).With("payment_id", p.ID)
	}
	p, refusal, err := s.await(ctx, w.got, w.drive)
	if err != nil {
		return record{}, err
	}
	return p, answer(p, refusal)
}

func errChangedMeanwhile() error {
	return errs.New(errs.Precondition, "changed-meanwhile", "The payment has changed since you read it.")
}

// void gives up a payment; see paymentapi.Paying. If the payment is authorized, its
// booking is cancelled.
func (s *Service) void(ctx context.Context, caller caller.Caller, paymentID string, version int64) (record, error) {
	seen, err := s.bookingSeq(ctx, paymentID, version)
	if err != nil {
		return record{}, err
	}
	p, err := s.own(ctx, caller, paymentID)
	switch {
	case err != nil:
		return p, err
	case version != 0 && version != p.Version:
		return p, errChangedMeanwhile()
	case p.Status == paymentapi.Captured, p.Status == paymentapi.Refunded && !p.GivenUp(): // bookings that cost nothing can still be cancelled
		return s.giveBack(ctx, caller, p, seen)
	case p.Status.Final():
		return p, nil
	}
	w := ownerChange{id: p.ID, event: event{kind: evWished}, version: version, by: caller.UserID, now: s.micros()}
	if err := s.store.do(ctx, &w); err != nil {
		return record{}, err
	}
	if w.stale {
		return record{}, errChangedMeanwhile()
	}
	if p, _, err = s.await(ctx, w.got, w.drive); err != nil {
		return record{}, err
	}
	if p.Status == paymentapi.Captured { // it already was when the request came
		return record{}, errs.New(errs.Conflict, "captured-meanwhile", "The money was taken a moment ago. Send the request again to refund it.").
			With("payment_id", p.ID).With("booking_id", p.BookingID)
	}
	return p, nil
}

// bookingSeq returns the version of the booking of a payment that is to be given up
// at a given version; 0 means any. It is read before the payment, so that everything
// that happened to the booking until then shows in the payment, or will (see
// giveBack).
func (s *Service) bookingSeq(ctx context.Context, paymentID string, version int64) (int64, error) {
	bookingID := bookingOf(paymentID)
	if version == 0 || bookingID == "" {
		return 0, nil
	}
	b, err := s.bookings.Recent(ctx, bookingID)
	if errs.KindOf(err) == errs.NotFound { // the payment's owner decides what is answered
		return 0, nil
	}
	return b.Seq, err
}

// giveBack cancels the booking of a captured payment, if it has the version seen (0:
// any), and waits a moment for the resulting refund, if money is to be returned.
//
// A captured payment changes only by refunds for cancelled seats. Seats cancelled after
// the payment's version was compared change the booking's version, which the booking
// service compares when it cancels. A refund that arrives in between, for seats
// cancelled earlier, has the same effect before and after this one.
func (s *Service) giveBack(ctx context.Context, caller caller.Caller, p record, seen int64) (record, error) {
	if _, err := s.buyers.Cancel(ctx, caller, bookingapi.Cancellation{BookingID: p.BookingID, Version: seen}); errs.Is(err, "changed-meanwhile") {
		return record{}, errChangedMeanwhile()
	} else if err != nil {
		return record{}, err
	}
	until := time.Now().Add(s.patience)
	for {
		now, err := s.store.payment(ctx, p.ID)
		if err != nil || !now.owes() || time.Now().After(until) {
			return now, err
		}
		if !sleep(ctx, refundLook, nil) {
			return record{}, ctx.Err()
		}
	}
}

// owes reports whether a payment whose booking is cancelled still has money to give
// back.
func owes(p *paymentapi.Payment) bool {
	return p.Status == paymentapi.Captured && p.Refunded < p.Amount
}

// owes is the same for a record.
func (p *record) owes() bool { return p.Status == paymentapi.Captured && p.Refunded < p.Amount }

// refundLook is the interval at which a request checks whether its refund is done.
const refundLook = 20 * time.Millisecond

// own reads a payment that the caller may change: one for their own booking, or any
// for an admin. Others get NotFound, or Forbidden if they may read it.
func (s *Service) own(ctx context.Context, caller caller.Caller, paymentID string) (record, error) {
	p, owns, err := s.read(ctx, caller, paymentID)
	if err != nil {
		return record{}, err
	}
	if !owns {
		return record{}, errs.New(errs.Forbidden, "not-yours", "Only its owner can change this payment.")
	}
	return p, nil
}
