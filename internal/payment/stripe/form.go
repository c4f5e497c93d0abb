package stripe

import (
	_ "embed"

	"boxoffice/internal/paymentapi"
)

// script puts the Payment Element into the pay page.
//
//go:embed pay.js
var script []byte

// library is Stripe.js of the release that belongs to the API's version. Stripe asks that
// it be loaded from there.
const library = "https://js.stripe.com/basil/stripe.js"

// Form implements provider.Former: the Payment Element, if there is a publishable key, and
// a button that leads to Stripe's own page.
func (g *Gateway) Form() paymentapi.Form {
	f := paymentapi.Form{Buttons: []string{Checkout}}
	if g.settings.PublishableKey == "" {
		return f
	}
	f.Fields = &paymentapi.Fields{
		Library: library, Script: script, Public: map[string]string{"key": g.settings.PublishableKey},
		// docs.stripe.com/security/guide: what Stripe.js needs
		Scripts: []string{"https://js.stripe.com", "https://*.js.stripe.com"},
		Frames:  []string{"https://js.stripe.com", "https://*.js.stripe.com", "https://hooks.stripe.com"},
		Hosts:   []string{"https://api.stripe.com"},
		Images:  []string{"https://*.stripe.com"},
	}
	return f
}
