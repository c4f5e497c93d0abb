package stripe

import (
	"context"
	"strings"
	"time"

	stripe "github.com/stripe/stripe-go/v82"

	"boxoffice/internal/payment/provider"
)

// Authorize implements provider.Gateway.
func (g *Gateway) Authorize(ctx context.Context, key string, c provider.Charge) (provider.Outcome, error) {
	if c.Method != Checkout && !strings.HasPrefix(c.Method, "pm_") && !strings.HasPrefix(c.Method, "ctoken_") {
		return declined("unknown_token"), nil
	}
	if _, err := toStripe(c.Amount, c.Currency); err != nil {
		return declined("amount_not_payable"), nil
	}
	if _, err := fee(c); err != nil {
		return declined("amount_not_payable"), nil
	}
	o, err := g.resolve(ctx, c, false)
	if err != nil {
		if e, never := invalid(err); never {
			return declined(reason(string(e.Code), "")), nil
		}
		return provider.Outcome{}, unclear("create", err)
	}
	if standing, out := stand(o); standing != provider.Unknown {
		return decided(standing, out), nil
	}
	return g.confirm(ctx, key, c, o.intent.ID)
}

// decided turns a standing into the answer to an authorization.
func decided(s provider.Standing, o provider.Outcome) provider.Outcome {
	switch s {
	case provider.Waiting:
		o.Verdict = provider.Undecided
	case provider.Reserved, provider.Taken:
		o.Verdict = provider.Approved
	case provider.Released:
		if o.Reason == "" {
			o.Reason = "voided"
		}
	}
	return o
}

// confirm has the buyer's bank asked. It is only called for an intent that was not
// confirmed yet; a second confirmation of the same intent is refused by Stripe.
func (g *Gateway) confirm(ctx context.Context, key string, c provider.Charge, id string) (provider.Outcome, error) {
	pi, replayed, err := send(key, g.spare(spareStep), func(key *string) (*stripe.PaymentIntent, *stripe.APIResponse, error) {
		params := &stripe.PaymentIntentConfirmParams{UseStripeSDK: stripe.Bool(false)} // next actions are pages that one is sent to
		if c.ReturnTo != "" {
			params.ReturnURL = &c.ReturnTo
		}
		if strings.HasPrefix(c.Method, "ctoken_") {
			params.ConfirmationToken = &c.Method
		} else {
			params.PaymentMethod = &c.Method
		}
		params.AddExpand(expandCharge)
		params.IdempotencyKey = key
		pi, err := g.api.V1PaymentIntents.Confirm(ctx, id, params)
		return pi, pi.LastResponse, err
	})
	err = whole(pi, err)
	e, never := invalid(err)
	switch {
	case err == nil && !replayed:
		return decided(stand(object{intent: pi})), nil
	case never && e.Code != stripe.ErrorCodePaymentIntentUnexpectedState:
		return declined(reason(string(e.Code), "")), nil // such as a token that was used before
	case err != nil && !never && (refusal(err) == nil || refusal(err).Type != stripe.ErrorTypeCard):
		return provider.Outcome{}, unclear("confirm", err)
	}
	// It was declined, or the answer is of an earlier time: the intent knows.
	if pi, err = g.intentOf(ctx, id); err != nil {
		return provider.Outcome{}, unclear("confirm", err)
	}
	standing, out := stand(object{intent: pi})
	if standing == provider.Unknown {
		return provider.Outcome{Verdict: provider.Undecided, Reference: id}, nil
	}
	return decided(standing, out), nil
}

// Find implements provider.Gateway.
func (g *Gateway) Find(ctx context.Context, c provider.Charge) (provider.Standing, provider.Outcome, error) {
	o, err := g.resolve(ctx, c, true)
	if err != nil {
		if _, never := invalid(err); never && c.Reference == "" {
			return provider.Unknown, provider.Outcome{}, nil
		}
		return provider.Unknown, provider.Outcome{}, unclear("find", err)
	}
	standing, out := stand(o)
	if o.session != nil && o.intent != nil && o.intent.LastPaymentError != nil {
		if out.Refused, err = g.refusals(ctx, o.intent.ID); err != nil {
			return provider.Unknown, provider.Outcome{}, unclear("list charges", err)
		}
	}
	if o.intent != nil && o.intent.LatestCharge != nil && o.intent.LatestCharge.Disputed {
		if out.Disputes, err = g.disputes(ctx, o.intent.ID, c.Currency); err != nil {
			return provider.Unknown, provider.Outcome{}, unclear("find dispute", err)
		}
	}
	return standing, out, nil
}

// refusals counts what was declined on the page of a session: each attempt there is a charge
// of the same intent.
func (g *Gateway) refusals(ctx context.Context, intent string) (n int64, err error) {
	params := &stripe.ChargeListParams{PaymentIntent: &intent}
	params.Limit = stripe.Int64(100)
	for ch, err := range g.api.V1Charges.List(ctx, params) {
		if err != nil {
			return 0, err
		}
		if ch.Status == stripe.ChargeStatusFailed {
			n++
		}
	}
	return n, nil
}

// stand reads the state of a charge.
func stand(o object) (provider.Standing, provider.Outcome) {
	out := provider.Outcome{Reference: o.reference()}
	if s := o.session; s != nil && s.Status != stripe.CheckoutSessionStatusComplete {
		switch {
		case s.Status == stripe.CheckoutSessionStatusOpen: // also after a declined card: the page asks for another one
			out.Approve = s.URL
			return provider.Waiting, out
		case o.intent != nil && o.intent.LastPaymentError != nil:
			out.Reason = reason(string(o.intent.LastPaymentError.Code), string(o.intent.LastPaymentError.DeclineCode))
			return provider.Rejected, out
		}
		return provider.Released, out
	}
	pi := o.intent
	if pi == nil {
		return provider.Waiting, out // a complete session whose intent is not shown yet
	}
	switch pi.Status {
	case stripe.PaymentIntentStatusRequiresPaymentMethod:
		if pi.LastPaymentError == nil {
			return provider.Unknown, out
		}
		out.Reason = reason(string(pi.LastPaymentError.Code), string(pi.LastPaymentError.DeclineCode))
		return provider.Rejected, out
	case stripe.PaymentIntentStatusRequiresConfirmation:
		return provider.Unknown, out
	case stripe.PaymentIntentStatusRequiresAction:
		if a := pi.NextAction; a != nil && a.RedirectToURL != nil {
			out.Approve = a.RedirectToURL.URL
		}
		return provider.Waiting, out
	case stripe.PaymentIntentStatusRequiresCapture:
		out.CaptureBefore = captureBefore(pi)
		return provider.Reserved, out
	case stripe.PaymentIntentStatusSucceeded:
		if currency := strings.ToUpper(string(pi.Currency)); pi.AmountReceived > 0 {
			out.Taken = provider.Sum{Amount: fromStripe(pi.AmountReceived, currency), Currency: currency}
		}
		return provider.Taken, out
	case stripe.PaymentIntentStatusCanceled:
		if pi.CancellationReason == stripe.PaymentIntentCancellationReasonAutomatic {
			out.Reason = provider.Expired
		}
		return provider.Released, out
	}
	return provider.Waiting, out // processing
}

// captureBefore is when an authorization expires, as far as the card network says so.
func captureBefore(pi *stripe.PaymentIntent) time.Time {
	ch := pi.LatestCharge
	if ch == nil || ch.PaymentMethodDetails == nil || ch.PaymentMethodDetails.Card == nil || ch.PaymentMethodDetails.Card.CaptureBefore == 0 {
		return time.Time{}
	}
	return time.Unix(ch.PaymentMethodDetails.Card.CaptureBefore, 0).UTC()
}

// Capture implements provider.Gateway.
func (g *Gateway) Capture(ctx context.Context, key string, c provider.Charge) (provider.Outcome, error) {
	o := object{intent: &stripe.PaymentIntent{ID: c.Reference}}
	if !strings.HasPrefix(c.Reference, "pi_") {
		var err error
		if o, err = g.resolve(ctx, c, true); err != nil {
			return provider.Outcome{}, unclear("capture", err)
		}
		if standing, _ := stand(o); standing != provider.Reserved {
			return captured(o)
		}
	}
	pi, replayed, err := send(key, g.spare(spareStep), func(key *string) (*stripe.PaymentIntent, *stripe.APIResponse, error) {
		params := &stripe.PaymentIntentCaptureParams{}
		params.IdempotencyKey = key
		pi, err := g.api.V1PaymentIntents.Capture(ctx, o.intent.ID, params)
		return pi, pi.LastResponse, err
	})
	err = whole(pi, err)
	if _, never := invalid(err); err != nil && !never {
		return provider.Outcome{}, unclear("capture", err)
	}
	if err != nil || replayed {
		if pi, err = g.intentOf(ctx, o.intent.ID); err != nil {
			return provider.Outcome{}, unclear("capture", err)
		}
	}
	o.intent = pi
	return captured(o)
}

// captured is the answer to a capture, by what became of the charge.
func captured(o object) (provider.Outcome, error) {
	standing, is := stand(o)
	out := provider.Outcome{Reference: o.reference()}
	switch standing {
	case provider.Taken:
		out.Verdict, out.Taken = provider.Approved, is.Taken
	case provider.Reserved:
		return provider.Outcome{}, unclear("capture", errNotDone)
	case provider.Released:
		if out.Reason = is.Reason; out.Reason == "" {
			out.Reason = "voided"
		}
	default:
		out.Reason = "not_authorized"
	}
	return out, nil
}

// Void implements provider.Gateway.
func (g *Gateway) Void(ctx context.Context, key string, c provider.Charge) (provider.Outcome, error) {
	o, err := g.resolve(ctx, c, true)
	if err != nil {
		if _, never := invalid(err); never && c.Reference == "" {
			return provider.Outcome{Verdict: provider.Approved}, nil // Stripe would never create it
		}
		return provider.Outcome{}, unclear("void", err)
	}
	out, err := g.letGo(ctx, key, o)
	if err != nil || out.Verdict != provider.Approved || c.Reference != "" || c.Method != "" {
		return out, err
	}
	c.Method = Checkout // an earlier method, of which nothing is known: it may have been this one, too
	if o, err = g.resolve(ctx, c, true); err != nil {
		if _, never := invalid(err); never {
			return out, nil
		}
		return provider.Outcome{}, unclear("void", err)
	}
	return g.letGo(ctx, key+".session", o)
}

// letGo expires a session and cancels an intent.
func (g *Gateway) letGo(ctx context.Context, key string, o object) (provider.Outcome, error) {
	if o.session != nil && o.session.Status == stripe.CheckoutSessionStatusOpen {
		_, _, err := send(key+".expire", g.spare(spareStep), func(key *string) (*stripe.CheckoutSession, *stripe.APIResponse, error) {
			params := &stripe.CheckoutSessionExpireParams{}
			params.IdempotencyKey = key
			s, err := g.api.V1CheckoutSessions.Expire(ctx, o.session.ID, params)
			return s, s.LastResponse, err
		})
		if _, never := invalid(err); err != nil && !never { // refused: it was just completed
			return provider.Outcome{}, unclear("expire", err)
		}
		if o, err = g.sessionOf(ctx, o.session.ID); err != nil {
			return provider.Outcome{}, unclear("expire", err)
		}
		if o.session.Status == stripe.CheckoutSessionStatusOpen {
			return provider.Outcome{}, unclear("expire", errNotDone)
		}
	}
	out := provider.Outcome{Verdict: provider.Approved, Reference: o.reference()}
	pi := o.intent
	if pi == nil || pi.Status == stripe.PaymentIntentStatusCanceled {
		return out, nil
	}
	_, _, err := send(key, g.spare(spareStep), func(key *string) (*stripe.PaymentIntent, *stripe.APIResponse, error) {
		params := &stripe.PaymentIntentCancelParams{CancellationReason: stripe.String("abandoned")}
		params.IdempotencyKey = key
		pi, err := g.api.V1PaymentIntents.Cancel(ctx, o.intent.ID, params)
		return pi, pi.LastResponse, err
	})
	if _, never := invalid(err); err != nil && !never {
		return provider.Outcome{}, unclear("cancel", err)
	}
	if pi, err = g.intentOf(ctx, pi.ID); err != nil {
		return provider.Outcome{}, unclear("cancel", err)
	}
	switch pi.Status {
	case stripe.PaymentIntentStatusCanceled:
		return out, nil
	case stripe.PaymentIntentStatusSucceeded:
		return provider.Outcome{Reason: "captured", Reference: o.reference()}, nil
	}
	return provider.Outcome{}, unclear("cancel", errNotDone)
}
