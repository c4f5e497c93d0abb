package invoice

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/invoiceapi"
	"boxoffice/internal/money"
	"boxoffice/internal/paymentapi"
)

// settleWait is how long a settlement waits for its turn.
const settleWait = 5 * time.Second

// ownEvent returns an event that the caller organizes; to others there is none.
func (s *Service) ownEvent(ctx context.Context, c caller.Caller, id string) (eventapi.Event, error) {
	e, err := s.cfg.Events.OwnEvent(ctx, c, id)
	if errs.Is(err, "organizers-only") {
		return e, errs.Missing("event")
	}
	return e, err
}

// Settlement adds up an event's journal, without test money if this program moves real
// money, and the other way round; see invoiceapi.Settlements.
func (s *Service) Settlement(ctx context.Context, c caller.Caller, eventID string) (invoiceapi.Settlement, error) {
	e, err := s.ownEvent(ctx, c, eventID)
	if err != nil {
		return invoiceapi.Settlement{}, err
	}
	waiting, cancel := context.WithTimeout(ctx, settleWait)
	defer cancel()
	if err := s.settles.Acquire(waiting, 1); err != nil {
		if ctx.Err() != nil {
			return invoiceapi.Settlement{}, ctx.Err()
		}
		return invoiceapi.Settlement{}, errs.New(errs.Unavailable, "busy", "Another settlement is being made; please try again in a moment.").After(settleWait)
	}
	defer s.settles.Release(1)
	sellers, err := s.store.sellers(ctx, []string{sellerOf(e.OrganizerID)})
	if err != nil {
		return invoiceapi.Settlement{}, err
	}
	seller := sellers[sellerOf(e.OrganizerID)]
	now := s.cfg.Now()
	out := invoiceapi.Settlement{EventID: e.ID, Title: e.Title, Seller: seller, At: now.In(s.zone(seller.Zone)), Over: e.OverAt(now)}
	if held := e.Over.Add(s.cfg.Reserve.For); s.cfg.Reserve.Percent > 0 && e.Status != eventapi.Cancelled && !e.Over.IsZero() && now.Before(held) {
		out.Held, out.HeldUntil = s.cfg.Reserve.Percent, held.In(out.At.Location())
	}
	open, err := s.cfg.Payments.Owed(ctx, eventID)
	if err != nil {
		return out, fmt.Errorf("settle event %s: %w", eventID, err)
	}
	sums := map[string]*invoiceapi.Statement{}
	for p, err := range s.cfg.Payments.Postings(ctx, eventID, time.Time{}, time.Time{}) {
		if err != nil {
			return out, fmt.Errorf("settle event %s: %w", eventID, err)
		}
		if s.test(p.Gateway, p.Test) != s.cfg.Test {
			continue
		}
		if sums[p.Currency] == nil {
			sums[p.Currency] = &invoiceapi.Statement{Currency: p.Currency}
		}
		add(sums[p.Currency], &p)
	}
	for _, currency := range slices.Sorted(maps.Keys(sums)) {
		t := sums[currency]
		settle(t, out.Over, out.Held, open[currency], seller.TaxRate)
		if *t != (invoiceapi.Statement{Currency: currency}) { // only steps without money
			out.Items = append(out.Items, *t)
		}
	}
	return out, nil
}

// goesBack are the steps of refunds.
var goesBack = map[string]bool{string(paymentapi.PartlyRefunded): true, string(paymentapi.Refunded): true, string(paymentapi.RefundedElsewhere): true}

// add adds a posting to a statement. Credits of the organizer, of fees and of tax are a
// sale; debits of fees, of tax and of refunds are money that went back. A refund's parts
// are rounded so that all refunds add up: one of them may be a credit of a cent.
func add(t *invoiceapi.Statement, p *paymentapi.Posting) {
	if p.Step == string(paymentapi.RefundCameBack) {
		cameBack(t, p)
		return
	}
	var sold, back int64
	for _, l := range p.Lines {
		switch l.Account {
		case paymentapi.AccountGateway:
			t.AtGateway += l.Amount
		case paymentapi.AccountBuyer:
			t.Returning -= l.Amount
		case paymentapi.AccountDifference:
			t.Difference -= l.Amount
		case paymentapi.AccountChargebacks:
			t.Chargebacks += l.Amount
		case paymentapi.AccountGatewayFees:
			if p.GatewayAccount != "" {
				t.OperatorFees += l.Amount
			} else {
				t.GatewayFees += l.Amount
			}
		case paymentapi.AccountTransferred:
			t.Transferred += l.Amount
		case paymentapi.AccountPayout:
			t.PaidOut += l.Amount
		case paymentapi.AccountOrganizer, paymentapi.AccountFees, paymentapi.AccountTax, paymentapi.AccountRefunds:
			in, out := max(-l.Amount, 0), max(l.Amount, 0)
			if goesBack[p.Step] {
				in, out = 0, l.Amount
			}
			sold, back = sold+in, back+out
			switch l.Account {
			case paymentapi.AccountFees:
				t.GrossFees, t.RefundFees = t.GrossFees+in, t.RefundFees+out
			case paymentapi.AccountTax:
				t.GrossTax, t.RefundTax = t.GrossTax+in, t.RefundTax+out
			}
		}
	}
	if sold > 0 {
		t.Payments, t.Gross = t.Payments+1, t.Gross+sold
	}
	if back > 0 {
		t.Refunded, t.Refunds = t.Refunded+1, t.Refunds+back
	}
}

// cameBack adds a refund that has failed after it was made: it is none.
func cameBack(t *invoiceapi.Statement, p *paymentapi.Posting) {
	t.Refunded--
	for _, l := range p.Lines {
		switch l.Account {
		case paymentapi.AccountGateway:
			t.AtGateway += l.Amount
			t.Refunds -= l.Amount
		case paymentapi.AccountDifference: // a part that was never taken
			t.Difference -= l.Amount
			t.Refunds -= l.Amount
		case paymentapi.AccountFees:
			t.RefundFees += l.Amount
		case paymentapi.AccountTax:
			t.RefundTax += l.Amount
		}
	}
}

// settle works out what is the organizer's. The booking fees stay with the operator. What
// the gateway has passed on to an account of the organizer's own is paid out already, and
// the gateway's fees for it are the operator's to pay. Until the
// event is over all else is held back, since it would go back to buyers if the event were
// cancelled; afterwards, what is still to be refunded, and held percent of what is due.
// Prices without a tax of their own contain the seller's.
func settle(t *invoiceapi.Statement, over bool, held, open, rate int64) {
	if t.GrossTax == 0 && t.RefundTax == 0 {
		t.GrossTax, t.RefundTax = Contained(t.Gross, rate), Contained(t.Refunds, rate)
	}
	t.Due = t.Gross - t.Refunds - t.Fees() - t.Chargebacks - t.GatewayFees
	here := t.Due - t.Transferred // with the operator
	t.Reserve = max(0, here-t.PaidOut)
	if over {
		t.Reserve = min(t.Reserve, open+money.Share(max(0, here), held*100, money.HalfUp))
	}
	t.Payout = here - t.Reserve - t.PaidOut
}

// Movements are an event's postings that moved money; see invoiceapi.Settlements.
func (s *Service) Movements(ctx context.Context, c caller.Caller, eventID string) (iter.Seq2[paymentapi.Posting, error], error) {
	if _, err := s.ownEvent(ctx, c, eventID); err != nil {
		return nil, err
	}
	return func(yield func(paymentapi.Posting, error) bool) {
		for p, err := range s.cfg.Payments.Postings(ctx, eventID, time.Time{}, time.Time{}) {
			if (err != nil || len(p.Lines) > 0) && !yield(p, err) {
				return
			}
		}
	}, nil
}

// SettlementPDF renders a settlement; see invoiceapi.Settlements.
func (s *Service) SettlementPDF(ctx context.Context, t *invoiceapi.Settlement, lang string) ([]byte, error) {
	return s.printer.Settlement(ctx, t, lang)
}
