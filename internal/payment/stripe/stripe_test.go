package stripe

import (
	"net/http"
	"testing"
	"time"

	"boxoffice/internal/payment/provider"
	"boxoffice/internal/payment/provider/providertest"
	"boxoffice/internal/payment/stripe/stripetest"
)

// start makes a gateway over a new double.
func start(t *testing.T) (*Gateway, *stripetest.Server) {
	t.Helper()
	double := stripetest.Start(t, time.Now)
	g, err := New(Settings{
		SecretKey: stripetest.SecretKey, PublishableKey: stripetest.PublishableKey,
		WebhookSecrets: []string{"whsec_older", stripetest.WebhookSecret}, URL: double.URL,
	})
	if err != nil {
		t.Fatal(err)
	}
	return g, double
}

// The gateway passes the suite of all gateways: with cards, where the buyer's bank asks
// for 3-D Secure, and with Stripe's own page.
func TestSuite(t *testing.T) {
	for name, elsewhere := range map[string]string{"3-D Secure": stripetest.ThreeDSecure, "Checkout": Checkout} {
		t.Run(name, func(t *testing.T) {
			providertest.Run(t, func(t *testing.T) providertest.Setup { return setup(t, elsewhere) })
		})
	}
}

func setup(t *testing.T, elsewhere string) providertest.Setup {
	g, double := start(t)
	reference := func(t *testing.T, c provider.Charge) string {
		t.Helper()
		_, o, err := g.Find(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		return o.Reference
	}
	s := providertest.Setup{
		Gateway: g, Now: time.Now,
		Approves: stripetest.Visa, Declines: stripetest.Declining, Slow: stripetest.Slow, Elsewhere: elsewhere,
		Settle: func(t *testing.T, c provider.Charge) { double.Decide(reference(t, c), true) },
		Visit: func(_ *testing.T, approve string, yes bool) {
			method := stripetest.Visa
			if !yes {
				method = stripetest.Declining
			}
			double.Visit(approve, method)
			if !yes {
				double.Leave(approve)
			}
		},
		Expire: func(t *testing.T, c provider.Charge) { double.Expire(reference(t, c)) },
		Dispute: func(t *testing.T, c provider.Charge, s provider.DisputeState) {
			if s == provider.DisputeOpen {
				double.Dispute(reference(t, c), c.Amount)
				return
			}
			double.CloseDispute(reference(t, c), s == provider.DisputeWon)
		},
		Sent: func(*testing.T) (list []providertest.Message) {
			for _, e := range double.Events() {
				list = append(list, providertest.Message{Header: stripetest.Sign(e.Body, stripetest.WebhookSecret, time.Now()), Body: e.Body})
			}
			return list
		},
		Signature: SignatureHeader,
		Faults:    map[string]func(*testing.T) func(){},
	}
	for name, kind := range map[string]stripetest.Trouble{
		"error before": stripetest.ErrorBefore, "lost: error after": stripetest.ErrorAfter, "lost: answer": stripetest.Lost, "cut": stripetest.Cut,
		"bad gateway": stripetest.BadGateway, "not found by a proxy": stripetest.ProxyMissing, "nothing": stripetest.Nothing, "a page": stripetest.Page,
		"another object": stripetest.Foreign, "key in use": stripetest.InUse, "too many requests": stripetest.TooMany, "locked": stripetest.Locked,
		"revoked key": stripetest.Revoked, "moved": stripetest.Moved,
	} {
		s.Faults[name] = func(*testing.T) func() {
			double.Weather(func(*http.Request) stripetest.Trouble { return kind })
			return func() { double.Weather(nil) }
		}
	}
	return s
}
