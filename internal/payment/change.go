package payment

import (
	"context"

	"boxoffice/internal/errs"
	"boxoffice/internal/message"
)

// Amend changes the method of a payment that is not authorized yet, if it still
// has the version (0: any). Only its owner may.
func (s *Service) Amend(ctx context.Context, caller message.Caller, paymentID, method string, version int64) (Payment, error) {
	if reason := checkMethod(method); reason != "" {
		return Payment{}, errs.Bad("method", "%s", reason)
	}
	p, err := s.own(ctx, caller, paymentID)
	if err != nil {
		return p, err
	}
	if p.Method == method && (version == 0 || version == p.Version) {
		return p, nil
	}
	w := wish{id: p.ID, event: event{kind: evAmended}, method: method, version: version, now: s.micros()}
	if err := s.store.do(ctx, &w); err != nil {
		return Payment{}, err
	}
	switch {
	case !w.found:
		return Payment{}, errs.Missing("payment")
	case w.stale:
		return Payment{}, errs.New(errs.Precondition, "version-differs", "The payment has changed. Read it again.")
	case w.late:
		return Payment{}, errs.New(errs.Conflict, "payment-not-pending",
			"The payment is %s: its method can be changed only until it is authorized.", w.got.Status)
	}
	p, refusal, err := s.await(ctx, w.got, w.drive)
	if err != nil {
		return Payment{}, err
	}
	return p, answer(p, refusal)
}

// Void gives up a payment that is not captured yet: no money is taken, and if
// its booking was confirmed for it already, that is cancelled. It answers the
// payment as it is after a moment; a status that is not final means that it
// will be voided, or captured if it was too late.
func (s *Service) Void(ctx context.Context, caller message.Caller, paymentID string) (Payment, error) {
	p, err := s.own(ctx, caller, paymentID)
	if err != nil {
		return p, err
	}
	if !p.Status.Final() {
		w := wish{id: p.ID, event: event{kind: evWished}, now: s.micros()}
		if err := s.store.do(ctx, &w); err != nil {
			return Payment{}, err
		}
		if p, _, err = s.await(ctx, w.got, w.drive); err != nil {
			return Payment{}, err
		}
	}
	if p.Status == Captured {
		return Payment{}, errs.New(errs.Conflict, "cancel-the-booking",
			"The money was taken. Cancel the booking to get it back.").
			With("payment_id", p.ID).With("booking_id", p.BookingID)
	}
	return p, nil
}

// own reads a payment that the caller may change: one's own, or any for an
// admin. Others get NotFound, or Forbidden if they may read it.
func (s *Service) own(ctx context.Context, caller message.Caller, paymentID string) (Payment, error) {
	p, err := s.Payment(ctx, caller, paymentID)
	if err != nil {
		return Payment{}, err
	}
	if !caller.MayRead(p.UserID) {
		return Payment{}, errs.New(errs.Forbidden, "not-yours", "Only its owner can change a payment.")
	}
	return p, nil
}
