package payment

import (
	"context"

	"boxoffice/internal/caller"
	"boxoffice/internal/locale"
	"boxoffice/internal/paymentapi"
)

var _ paymentapi.Service = (*Service)(nil)

// Pay implements paymentapi.Paying.
func (s *Service) Pay(ctx context.Context, who caller.Caller, key string, r paymentapi.PayRequest) (paymentapi.Payment, error) {
	return show(s.pay(ctx, who, request{r, key, locale.Heard(caller.LangFrom(ctx))}))
}

// Amend implements paymentapi.Paying.
func (s *Service) Amend(ctx context.Context, caller caller.Caller, paymentID, method string, version int64) (paymentapi.Payment, error) {
	return show(s.amend(ctx, caller, paymentID, method, version))
}

// Void implements paymentapi.Paying.
func (s *Service) Void(ctx context.Context, caller caller.Caller, paymentID string, version int64) (paymentapi.Payment, error) {
	return show(s.void(ctx, caller, paymentID, version))
}

// Payment implements paymentapi.Reads.
func (s *Service) Payment(ctx context.Context, caller caller.Caller, paymentID string) (paymentapi.Payment, error) {
	p, _, err := s.read(ctx, caller, paymentID)
	return show(p, err)
}

// OfBooking implements paymentapi.Reads.
func (s *Service) OfBooking(ctx context.Context, caller caller.Caller, bookingID string) (paymentapi.Payment, error) {
	return show(s.ofBooking(ctx, caller, bookingID))
}

// OfUser implements paymentapi.Reads.
func (s *Service) OfUser(ctx context.Context, caller caller.Caller, userID, after string, limit int) ([]paymentapi.Payment, error) {
	return showAll(s.ofUser(ctx, caller, userID, after, limit))
}

// OfEvent implements paymentapi.Reads.
func (s *Service) OfEvent(ctx context.Context, caller caller.Caller, eventID, after string, limit int) ([]paymentapi.Payment, error) {
	return showAll(s.ofEvent(ctx, caller, eventID, after, limit))
}

// Latest implements paymentapi.Reads.
func (s *Service) Latest(ctx context.Context, bookingIDs []string) (map[string]paymentapi.Payment, error) {
	found, err := s.store.latestOf(ctx, bookingIDs)
	if err != nil {
		return nil, err
	}
	out := make(map[string]paymentapi.Payment, len(found))
	for id, p := range found {
		if out[id], err = p.shown(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Refunds implements paymentapi.Reads.
func (s *Service) Refunds(ctx context.Context, eventIDs []string) (map[string]paymentapi.Refunds, error) {
	out := make(map[string]paymentapi.Refunds, len(eventIDs))
	for _, id := range eventIDs {
		var err error
		if out[id], err = s.refundsOf(ctx, id); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// show converts a record for use outside this package; without a record it returns
// none.
func show(p record, err error) (paymentapi.Payment, error) {
	if p.ID == "" {
		return paymentapi.Payment{}, err
	}
	shown, unreadable := p.shown()
	if err == nil {
		err = unreadable
	}
	return shown, err
}

func showAll(list []record, err error) ([]paymentapi.Payment, error) {
	if err != nil {
		return nil, err
	}
	out := make([]paymentapi.Payment, len(list))
	for i := range list {
		if out[i], err = list[i].shown(); err != nil {
			return nil, err
		}
	}
	return out, nil
}
