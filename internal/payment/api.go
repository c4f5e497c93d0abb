package payment

import (
	"context"
	"strings"

	"boxoffice/internal/caller"
	"boxoffice/internal/locale"
	"boxoffice/internal/paymentapi"
)

var _ paymentapi.Service = (*Service)(nil)

// Pay implements paymentapi.Paying.
func (s *Service) Pay(ctx context.Context, who caller.Caller, key string, r paymentapi.PayRequest) (paymentapi.Payment, error) {
	return shownTo(who)(s.pay(ctx, who, request{r, key, locale.Heard(caller.LangFrom(ctx))}))
}

// Amend implements paymentapi.Paying.
func (s *Service) Amend(ctx context.Context, caller caller.Caller, paymentID, method string, version int64) (paymentapi.Payment, error) {
	return shownTo(caller)(s.amend(ctx, caller, paymentID, method, version))
}

// Void implements paymentapi.Paying.
func (s *Service) Void(ctx context.Context, caller caller.Caller, paymentID string, version int64) (paymentapi.Payment, error) {
	return shownTo(caller)(s.void(ctx, caller, paymentID, version))
}

// Payment implements paymentapi.Reads.
func (s *Service) Payment(ctx context.Context, caller caller.Caller, paymentID string) (paymentapi.Payment, error) {
	p, owns, err := s.read(ctx, caller, paymentID)
	if err == nil && owns {
		s.nudge(&p)
	}
	return shownAs(caller, owns)(p, err)
}

// OfBooking implements paymentapi.Reads.
func (s *Service) OfBooking(ctx context.Context, caller caller.Caller, bookingID string) (paymentapi.Payment, error) {
	p, owns, err := s.ofBooking(ctx, caller, bookingID)
	if err == nil && owns {
		s.nudge(&p)
	}
	return shownAs(caller, owns)(p, err)
}

// OfUser implements paymentapi.Reads.
func (s *Service) OfUser(ctx context.Context, caller caller.Caller, userID, after string, limit int) ([]paymentapi.Payment, error) {
	return showAll(shownTo(caller))(s.ofUser(ctx, caller, userID, after, limit))
}

// OfEvent implements paymentapi.Reads.
func (s *Service) OfEvent(ctx context.Context, caller caller.Caller, eventID, after string, limit int) ([]paymentapi.Payment, error) {
	return showAll(shownAs(caller, false))(s.ofEvent(ctx, caller, eventID, after, limit))
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

func showAll(show func(record, error) (paymentapi.Payment, error)) func([]record, error) ([]paymentapi.Payment, error) {
	return func(list []record, err error) ([]paymentapi.Payment, error) {
		if err != nil {
			return nil, err
		}
		out := make([]paymentapi.Payment, len(list))
		for i := range list {
			if out[i], err = show(list[i], nil); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
}

// shownTo is show for the owner of a payment, or an admin in their place.
func shownTo(c caller.Caller) func(record, error) (paymentapi.Payment, error) {
	return shownAs(c, true)
}

// shownAs is show for a caller. Only the buyer learns where the payment is approved, and
// only others what exactly the gateway has declined it for, and which one it is.
func shownAs(c caller.Caller, owns bool) func(record, error) (paymentapi.Payment, error) {
	return func(p record, err error) (paymentapi.Payment, error) {
		out, err := show(p, err)
		if owns && !c.Administers() {
			out.Reason = forBuyers(out.Reason)
			out.Gateway, out.GatewayAccount, out.Test = "", "", false
		} else if c.UserID != p.UserID {
			out.ApproveAt = ""
		}
		return out, err
	}
}

// told are the codes of gateways that buyers can do something about. All others are one to
// them: they would tell thieves that a card is reported as stolen.
var told = map[string]bool{
	"card_declined": true, "insufficient_funds": true, "expired_card": true, "incorrect_cvc": true, "invalid_cvc": true, "incorrect_number": true,
	"invalid_number": true, "invalid_expiry_month": true, "invalid_expiry_year": true, "authentication_required": true,
	"payment_intent_authentication_failure": true, "authorization_expired": true, "card_not_supported": true, "currency_not_supported": true,
	"processing_error": true, "amount_not_payable": true, "unknown_token": true, "voided": true,
}

// forBuyers is a reason as the buyer may know it. Reasons of our own have dashes.
func forBuyers(reason string) string {
	if reason == "" || told[reason] || strings.Contains(reason, "-") {
		return reason
	}
	return "card_declined"
}
