package payment

import (
	"context"
	"fmt"

	"boxoffice/internal/payment/provider"
	"boxoffice/internal/paymentapi"
)

// Ask asks the gateway what became of a payment, whatever its row says, and goes on from
// there: one under way is taken up again, money that was taken or reserved for one that
// is over goes back, and how far a dispute is becomes part of the payment. Asking too
// often, at the same time or on several nodes does no harm. NotFound: there is no such
// payment.
func (s *Service) Ask(ctx context.Context, paymentID string) error {
	p, err := s.store.payment(ctx, paymentID)
	switch {
	case err != nil:
		return err
	case p.Amount == 0 || s.isClosing():
		return nil // nobody has money of it; recovery asks again
	case !p.Status.Final():
		s.start(p, evResume, nil)
		return nil
	}
	for try := int64(1); try <= p.try; try++ {
		standing, o, err := s.gatewayOf(&p).Find(ctx, s.charge(&p, try))
		if err != nil {
			return fmt.Errorf("ask about payment %s: %w", p.ID, err)
		}
		switch over := p.over() && p.Status != paymentapi.Refunded; {
		case over && standing == provider.Taken:
			s.start(p, evCaptured, nil)
		case over && standing == provider.Reserved:
			s.start(p, evApproved, nil)
		case standing == provider.Taken && !p.over():
			if err := s.hear(ctx, p, &o.Dispute); err != nil {
				return err
			}
		}
	}
	return nil
}

// hear makes what the gateway says of a dispute part of a captured payment.
func (s *Service) hear(ctx context.Context, p record, d *provider.Dispute) error {
	e := event{amount: d.Amount, key: d.ID, reason: d.Reason}
	switch d.State {
	case provider.NotDisputed:
		return nil
	case provider.DisputeOpen:
		e.kind = evDisputed
	case provider.DisputeWon:
		e.kind = evDisputeWon
	case provider.DisputeLost:
		e.kind = evDisputeLost
	}
	for {
		to, _, err := next(p.state(), e)
		if err != nil || to == p.state() {
			return err
		}
		m := move{from: p, to: p.moved(to, e, s.micros()), cause: e}
		if err := s.store.do(ctx, &m); err != nil {
			return err
		}
		if m.moved {
			s.log.WarnContext(ctx, "a payment is disputed", "payment", p.ID, "dispute", d.ID, "state", to.dispute, "amount", d.Amount, "reason", d.Reason)
			return nil
		}
		if p, err = s.store.payment(ctx, p.ID); err != nil {
			return err
		}
	}
}
