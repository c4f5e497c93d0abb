package stripe

import (
	"context"
	"errors"
	"strings"

	stripe "github.com/stripe/stripe-go/v82"

	"boxoffice/internal/payment/provider"
)

// Checkout is the method of buyers who pay on Stripe's own page.
const Checkout = "checkout"

// Members of the metadata of our objects.
const (
	metaCharge = "boxoffice_charge"
	metaKey    = "boxoffice_key"
)

// object is what Stripe has of a charge: an intent, a session, or a session with its
// intent.
type object struct {
	intent  *stripe.PaymentIntent
	session *stripe.CheckoutSession
}

// reference is the name that is kept: of the session, if there is one, because only that
// can be expired.
func (o object) reference() string {
	if o.session != nil {
		return o.session.ID
	}
	return o.intent.ID
}

// expand asks for what a standing needs beside the intent.
const expandCharge = "latest_charge"

// resolve returns what Stripe has of a charge, as it is now. If its reference is not
// known, the object is created anew with the same key: Stripe then returns the one that
// it has, or a new one, which reserves nothing and is harmless.
//
// Stripe forgets keys after a day, and refuses them with other parameters. So what has
// never been tried to pay may not be the object of the charge, and that is searched for;
// but not to authorize, since payments do not wait that long for their authorization.
func (g *Gateway) resolve(ctx context.Context, c provider.Charge, search bool) (object, error) {
	switch {
	case strings.HasPrefix(c.Reference, "cs_"):
		return g.sessionOf(ctx, c.Reference)
	case c.Reference != "":
		pi, err := g.intentOf(ctx, c.Reference)
		return object{intent: pi}, err
	}
	made, err := g.made(ctx, c)
	if e := refusal(err); e != nil && e.Type == stripe.ErrorTypeIdempotency && e.Code != stripe.ErrorCodeIdempotencyKeyInUse {
		return g.search(ctx, c, object{}, err)
	}
	if err != nil || !search || made.intent != nil && made.intent.LatestCharge != nil {
		return made, err
	}
	return g.search(ctx, c, made, nil)
}

// made creates the object of a charge, or returns the one that was created before.
func (g *Gateway) made(ctx context.Context, c provider.Charge) (object, error) {
	if c.Method == Checkout {
		s, replayed, err := g.createSession(ctx, c)
		if err == nil && replayed {
			return g.sessionOf(ctx, s.ID)
		}
		return object{session: s}, err
	}
	pi, replayed, err := g.createIntent(ctx, c)
	if err == nil && replayed {
		pi, err = g.intentOf(ctx, pi.ID)
	}
	return object{intent: pi}, err
}

// search looks for another intent of a charge than the one that was made; err is why
// none was made. Stripe's index is behind by a minute or so.
func (g *Gateway) search(ctx context.Context, c provider.Charge, made object, err error) (object, error) {
	params := &stripe.PaymentIntentSearchParams{}
	params.Query = "metadata['" + metaCharge + "']:'" + c.ID + "'"
	var found *stripe.PaymentIntent
	for pi, unread := range g.api.V1PaymentIntents.Search(ctx, params) {
		if unread != nil {
			if _, never := invalid(unread); never && err == nil { // accounts in some countries cannot search
				return made, nil
			}
			return object{}, errors.Join(err, unread)
		}
		if pi.Metadata[metaCharge] == c.ID && pi.LatestCharge != nil || found == nil {
			found = pi
		}
	}
	switch {
	case found != nil && (err != nil || found.LatestCharge != nil):
		pi, unread := g.intentOf(ctx, found.ID)
		return object{intent: pi}, unread
	case err != nil:
		return object{}, err
	}
	return made, nil
}

func (g *Gateway) intentOf(ctx context.Context, id string) (*stripe.PaymentIntent, error) {
	params := &stripe.PaymentIntentRetrieveParams{}
	params.AddExpand(expandCharge)
	pi, err := g.api.V1PaymentIntents.Retrieve(ctx, id, params)
	return pi, whole(pi, err)
}

func (g *Gateway) sessionOf(ctx context.Context, id string) (object, error) {
	params := &stripe.CheckoutSessionRetrieveParams{}
	params.AddExpand("payment_intent." + expandCharge)
	s, err := g.api.V1CheckoutSessions.Retrieve(ctx, id, params)
	if err = wholeSession(s, err); err != nil {
		return object{}, err
	}
	return object{session: s, intent: s.PaymentIntent}, nil
}

func wholeSession(s *stripe.CheckoutSession, err error) error {
	if err == nil && (s == nil || s.ID == "" || s.Object != "checkout.session" || s.Status == "") {
		return errors.New("the answer is not a checkout session")
	}
	return err
}

// createIntent creates the intent of a charge, or returns the one that was created
// before.
func (g *Gateway) createIntent(ctx context.Context, c provider.Charge) (*stripe.PaymentIntent, bool, error) {
	amount, err := toStripe(c.Amount, c.Currency)
	if err != nil {
		return nil, false, err
	}
	pi, replayed, err := send(c.ID+".create", g.spare(spareCreate), func(key *string) (*stripe.PaymentIntent, *stripe.APIResponse, error) {
		params := &stripe.PaymentIntentCreateParams{
			Amount: &amount, Currency: currency(c), CaptureMethod: stripe.String("manual"),
			AutomaticPaymentMethods: &stripe.PaymentIntentCreateAutomaticPaymentMethodsParams{Enabled: stripe.Bool(true)},
			Metadata:                map[string]string{metaCharge: c.ID},
		}
		if c.ReturnTo == "" { // nobody can be sent away
			params.AutomaticPaymentMethods.AllowRedirects = stripe.String("never")
		}
		if c.Says != "" {
			params.Description = &c.Says
		}
		if c.Account != "" {
			params.TransferData = &stripe.PaymentIntentCreateTransferDataParams{Destination: &c.Account}
			params.ApplicationFeeAmount, err = fee(c)
			if err != nil {
				return nil, nil, err
			}
		}
		params.IdempotencyKey = key
		pi, err := g.api.V1PaymentIntents.Create(ctx, params)
		return pi, pi.LastResponse, err
	})
	return pi, replayed, whole(pi, err)
}

// createSession does the same for a session.
func (g *Gateway) createSession(ctx context.Context, c provider.Charge) (*stripe.CheckoutSession, bool, error) {
	amount, err := toStripe(c.Amount, c.Currency)
	if err != nil {
		return nil, false, err
	}
	name := c.Says
	if name == "" {
		name = c.ID
	}
	s, replayed, err := send(c.ID+".session", g.spare(spareCreate), func(key *string) (*stripe.CheckoutSession, *stripe.APIResponse, error) {
		data := &stripe.CheckoutSessionCreatePaymentIntentDataParams{
			CaptureMethod: stripe.String("manual"), Metadata: map[string]string{metaCharge: c.ID}, Description: &name,
		}
		if c.Account != "" {
			data.TransferData = &stripe.CheckoutSessionCreatePaymentIntentDataTransferDataParams{Destination: &c.Account}
			data.ApplicationFeeAmount, err = fee(c)
			if err != nil {
				return nil, nil, err
			}
		}
		params := &stripe.CheckoutSessionCreateParams{
			Mode: stripe.String("payment"), SuccessURL: &c.ReturnTo, CancelURL: &c.ReturnTo, ClientReferenceID: &c.ID,
			Metadata: map[string]string{metaCharge: c.ID}, PaymentIntentData: data,
			LineItems: []*stripe.CheckoutSessionCreateLineItemParams{{
				Quantity: stripe.Int64(1),
				PriceData: &stripe.CheckoutSessionCreateLineItemPriceDataParams{
					Currency: currency(c), UnitAmount: &amount,
					ProductData: &stripe.CheckoutSessionCreateLineItemPriceDataProductDataParams{Name: &name},
				},
			}},
		}
		params.IdempotencyKey = key
		s, err := g.api.V1CheckoutSessions.Create(ctx, params)
		return s, s.LastResponse, err
	})
	return s, replayed, wholeSession(s, err)
}

func currency(c provider.Charge) *string { return stripe.String(strings.ToLower(c.Currency)) }

func fee(c provider.Charge) (*int64, error) {
	if c.Fee == 0 {
		return nil, nil //nolint:nilnil // no fee is no parameter
	}
	f, err := toStripe(c.Fee, c.Currency)
	return &f, err
}
