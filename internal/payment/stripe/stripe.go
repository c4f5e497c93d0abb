// Package stripe takes payments by Stripe.
//
// Each charge is a PaymentIntent with manual capture, which has the charge's id in its
// metadata. A method is one of three:
//
//   - ctoken_…: a confirmation token, which Stripe's Payment Element makes on the pay
//     page (form.go), Apple Pay and Google Pay included
//   - pm_…: a payment method, for clients of the API
//   - checkout: the buyer pays on Stripe's own page, without scripts of ours. Then the
//     charge is a Checkout Session, which makes the PaymentIntent
//
// Creating an intent and confirming it are two requests, because creating must not depend
// on the method: whoever does not know whether an intent was created repeats the request
// with the same idempotency key and learns its id. So a charge that Stripe may or may not
// have heard of can be found, and voided for good.
//
//	stripe.go    the gateway and its units of money
//	kind.go      its name, and how it is opened; settings.go checks the settings
//	steps.go     authorize, capture, void, find
//	refund.go    refunds and disputes
//	resolve.go   from a charge to its intent or session
//	answer.go    what Stripe's answers mean; idempotency keys
//	books.go     the day's movements
//	notice.go    webhooks
//	form.go      the pay page's form; pay.js is its script
//
// Package stripetest is a double of Stripe's API for tests.
package stripe

import (
	"fmt"
	"io"
	"net/http"
	"time"

	stripe "github.com/stripe/stripe-go/v82"

	"boxoffice/internal/money"
)

// Settings are the account and its keys.
type Settings struct {
	SecretKey      string // sk_… or rk_…
	PublishableKey string // pk_…, for the pay page; "": buyers pay on Stripe's page
	WebhookSecrets []string
	Accounts       map[string]string // connected accounts, acct_…, by the ids of organizers
	URL            string            // of the API; "": Stripe's. For tests
}

// Test reports whether the keys move no money.
func (s Settings) Test() bool { return !isLive(s.SecretKey) }

// Gateway is an account at Stripe. It implements provider.Gateway, Books and Notifier.
type Gateway struct {
	api      *stripe.Client
	settings Settings
	now      func() time.Time // for spare keys
	spent    spentKeys
}

// requestTimeout bounds one request. What a step may take is bounded by the payment service.
const requestTimeout = 20 * time.Second

// maxAnswer bounds the body of an answer: a page of a list has a few hundred kB.
const maxAnswer = 16 << 20

// New makes a gateway. It does not ask Stripe for anything.
func New(s Settings) (*Gateway, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64
	config := &stripe.BackendConfig{
		HTTPClient: &http.Client{
			Timeout:       requestTimeout,
			Transport:     bounded{transport},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // only proxies redirect
		},
		LeveledLogger:     &stripe.LeveledLogger{Level: stripe.LevelNull}, // errors are logged by the payment service
		MaxNetworkRetries: stripe.Int64(0),                                // the payment service repeats steps
		EnableTelemetry:   stripe.Bool(false),
	}
	if s.URL != "" {
		config.URL = stripe.String(s.URL)
	}
	return &Gateway{api: stripe.NewClient(s.SecretKey, stripe.WithBackends(stripe.NewBackendsWithConfig(config))), settings: s, now: time.Now}, nil
}

// Accounts implements provider.Accounts.
func (g *Gateway) Accounts() map[string]string { return g.settings.Accounts }

// bounded limits the size of answers.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		res.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(res.Body, maxAnswer), res.Body}
	}
	return res, err
}

// scales are the currencies whose amounts Stripe takes in other units than those of
// ISO 4217: for reasons of its own history, with two decimal places that must be 00, or
// without those that nobody uses.
var scales = map[string]struct{ times, by int64 }{
	"ISK": {100, 1}, "UGX": {100, 1}, "MGA": {1, 100},
}

// toStripe converts an amount to Stripe's units.
func toStripe(amount int64, currency string) (int64, error) {
	s, ok := scales[currency]
	switch {
	case ok && amount%s.by != 0, money.Exponent(currency) == 3 && amount%10 != 0:
		return 0, fmt.Errorf("stripe takes no amount of %s", money.Format(amount, currency))
	case ok:
		return amount * s.times / s.by, nil
	}
	return amount, nil
}

// fromStripe converts an amount from Stripe's units.
func fromStripe(amount int64, currency string) int64 {
	if s, ok := scales[currency]; ok {
		return amount * s.by / s.times
	}
	return amount
}
