package stripe

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	stripe "github.com/stripe/stripe-go/v82"

	"boxoffice/internal/codec"
	"boxoffice/internal/payment/provider"
)

// Lines implements provider.Books. Movements of money are Stripe's balance transactions;
// releases, which move none, are events, which Stripe keeps for 30 days.
func (g *Gateway) Lines(ctx context.Context, from, to time.Time) iter.Seq2[provider.Line, error] {
	return func(yield func(provider.Line, error) bool) {
		// Stripe's times are whole seconds.
		span := &stripe.RangeQueryParams{GreaterThanOrEqual: ceil(from), LesserThan: ceil(to)}
		if !g.moved(ctx, span, yield) {
			return
		}
		g.released(ctx, span, yield)
	}
}

func ceil(t time.Time) int64 {
	if t.Nanosecond() > 0 {
		return t.Unix() + 1
	}
	return t.Unix()
}

// moved lists movements of money.
func (g *Gateway) moved(ctx context.Context, span *stripe.RangeQueryParams, yield func(provider.Line, error) bool) bool {
	params := &stripe.BalanceTransactionListParams{CreatedRange: span}
	params.Limit = stripe.Int64(100)
	params.Expand = []*string{stripe.String("data.source")}
	for t, err := range g.api.V1BalanceTransactions.List(ctx, params) {
		if err != nil {
			yield(provider.Line{}, unclear("list balance transactions", err))
			return false
		}
		line, ok, err := g.line(ctx, t)
		if err != nil {
			yield(provider.Line{}, unclear("read charge", err))
			return false
		}
		if ok && !yield(line, nil) {
			return false
		}
	}
	return true
}

// line reads a balance transaction. Those that only move money between Stripe's accounts,
// such as transfers to organizers, are none.
func (g *Gateway) line(ctx context.Context, t *stripe.BalanceTransaction) (provider.Line, bool, error) {
	l := provider.Line{ID: t.ID, At: time.Unix(t.Created, 0).UTC()}
	s := t.Source
	if s == nil {
		return l, false, nil
	}
	switch {
	case s.Charge != nil:
		l.Kind = provider.Captured
		l = of(s.Charge, l, s.Charge.AmountCaptured)
	case s.Refund != nil:
		if l.Kind = provider.Refunded; t.Amount > 0 {
			l.Kind = provider.RefundFailed
		}
		l.Currency = strings.ToUpper(string(s.Refund.Currency))
		l.Charge, l.Key, l.Amount = s.Refund.Metadata[metaCharge], s.Refund.Metadata[metaKey], fromStripe(s.Refund.Amount, l.Currency)
		if s.Refund.PaymentIntent != nil {
			l.Reference = s.Refund.PaymentIntent.ID
		}
		if l.Charge == "" && s.Refund.Charge != nil { // it was made on Stripe's pages
			ch, err := g.api.V1Charges.Retrieve(ctx, s.Refund.Charge.ID, nil)
			if err != nil {
				return l, false, err
			}
			l.Charge = ch.Metadata[metaCharge]
		}
	case s.Dispute != nil && s.Dispute.Charge != nil:
		if l.Kind = provider.Disputed; t.Amount > 0 {
			l.Kind = provider.DisputeWonBack
		}
		ch, err := g.api.V1Charges.Retrieve(ctx, s.Dispute.Charge.ID, nil)
		if err != nil {
			return l, false, err
		}
		l = of(ch, l, s.Dispute.Amount)
	case s.Payout != nil:
		l.Kind, l.Currency, l.Reference = provider.Payout, strings.ToUpper(string(t.Currency)), s.Payout.ID
		l.Amount = fromStripe(-t.Amount, l.Currency)
	default:
		return l, false, nil
	}
	if string(t.Currency) == strings.ToLower(l.Currency) { // else it is not in the currency of the charge
		l.Fee = fromStripe(t.Fee, l.Currency)
	}
	return l, true, nil
}

// of completes a line about a charge.
func of(ch *stripe.Charge, l provider.Line, amount int64) provider.Line {
	l.Currency = strings.ToUpper(string(ch.Currency))
	l.Charge, l.Amount = ch.Metadata[metaCharge], fromStripe(amount, l.Currency)
	if ch.PaymentIntent != nil {
		l.Reference = ch.PaymentIntent.ID
	}
	return l
}

// released lists authorizations that were given up, or have expired.
func (g *Gateway) released(ctx context.Context, span *stripe.RangeQueryParams, yield func(provider.Line, error) bool) {
	params := &stripe.EventListParams{CreatedRange: span, Type: stripe.String(string(stripe.EventTypePaymentIntentCanceled))}
	params.Limit = stripe.Int64(100)
	for e, err := range g.api.V1Events.List(ctx, params) {
		if err != nil {
			yield(provider.Line{}, unclear("list events", err))
			return
		}
		var pi about
		if err := codec.ReadKnown(e.Data.Raw, &pi); err != nil {
			yield(provider.Line{}, fmt.Errorf("stripe: event %s: %w", e.ID, err))
			return
		}
		if pi.LatestCharge == "" {
			continue // nothing was ever reserved
		}
		ch, err := g.api.V1Charges.Retrieve(ctx, pi.LatestCharge, nil)
		if err != nil {
			yield(provider.Line{}, unclear("read charge", err))
			return
		}
		if ch.Status != stripe.ChargeStatusSucceeded {
			continue
		}
		if !yield(of(ch, provider.Line{ID: e.ID, Kind: provider.Voided, At: time.Unix(e.Created, 0).UTC()}, ch.Amount), nil) {
			return
		}
	}
}
